"""Forms are read as the standard library reads them, only quicker."""

import time
from urllib.parse import parse_qsl, quote_plus

from hypothesis import given
from hypothesis import strategies as st

from ferryman.awsapi.query import fields
from ferryman.model.errors import ServiceError

PIECES = [
    "a",
    "B",
    "0",
    "%41",
    "%c3%A9",
    "%C3",
    "%",
    "%4",
    "%zz",
    "%25",
    "+",
    "&",
    "=",
    "\\",
    "\\x41",
    "\\u00e9",
    "é",
    " ",
]
PIECES += [
    "\n",
    "\x00",
    "%00",
    "%5C",
    "%5cx41",
    "%u0041",
    ";",
    "\N{GRINNING FACE}",
    "%f0%9f%98%80",
    "\x7f",
    "'",
    '"',
    "\\N{DIGIT ONE}",
]


def expected(form: bytes) -> dict[str, str] | None:
    try:
        pairs = parse_qsl(form.decode(), keep_blank_values=True, max_num_fields=1000, errors="strict")
    except ValueError:
        return None
    return dict(pairs) if len(dict(pairs)) == len(pairs) else None


def read(form: bytes) -> dict[str, str] | None:
    try:
        return fields(form)
    except ServiceError as error:
        assert error.code == "SerializationException"  # noqa: PT017 any other error is a failure
        return None


@given(st.lists(st.sampled_from(PIECES)).map("".join).map(str.encode) | st.binary())
def test_any_form_is_read_as_by_the_standard_library(form: bytes) -> None:
    assert read(form) == expected(form)


@given(st.dictionaries(st.text(), st.text()))
def test_what_is_quoted_is_read(form: dict[str, str]) -> None:
    assert read("&".join(f"{quote_plus(name)}={quote_plus(value)}" for name, value in form.items()).encode()) == form


def test_a_megabyte_of_escapes_is_read_quicker_than_by_the_standard_library() -> None:
    form = b"a=" + b"%22" * 330_000
    times = []
    for reader in (read, expected):
        began = time.process_time()
        assert reader(form) == {"a": '"' * 330_000}
        times.append(time.process_time() - began)
    assert times[0] < times[1] / 3  # a tenth
