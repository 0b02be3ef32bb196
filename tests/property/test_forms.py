"""Forms are read as the standard library reads them, only quicker."""

import time
from urllib.parse import parse_qsl, quote_plus

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ferryman.awsapi.forms import fields, named_fields
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


@given(st.lists(st.sampled_from([*PIECES, "Action", "%41ction", "Version"]), max_size=20))
def test_named_fields_are_those_of_the_whole_form(pieces: list[str]) -> None:
    form = "".join(pieces).encode()
    whole = read(form)
    if whole is not None:
        named = named_fields(form, "Action", "Version")
        assert named == {name: value for name, value in whole.items() if name in ("Action", "Version")}


def test_a_named_field_that_comes_twice_is_refused_however_it_is_spelled() -> None:
    with pytest.raises(ServiceError, match="'Action' more than once"):
        named_fields(b"Action=a&Other=%zz&%41%63tion=b", "Action", "Version")
