"""Foreign text cannot steer a terminal, forge a line or hide."""

import json
import sys
import time
import unicodedata

from hypothesis import given
from hypothesis import strategies as st

from ferryman.model.values.text import one_line, output_line, printable, printable_json, printable_lines

HOSTILE = (
    *map(chr, range(0x20)),
    *map(chr, range(0x7F, 0xA1)),
    *map(chr, range(0x202A, 0x202F)),
    *map(chr, range(0x2066, 0x206A)),
    *"\u00ad\u061c\u115f\u200b\u200c\u200d\u200e\u200f\u2028\u2029\u2060\u3164\ufe0f\ufeff\uffa0",
    "\U000e0001",
    "\U000e0100",
    "\ud800",
    "\udc80",
)
ANYTHING = st.text(st.one_of(st.characters(), st.sampled_from(HOSTILE), st.sampled_from("\n\t\x1b[31mm")))


def test_every_character_that_steers_is_escaped() -> None:
    for character in HOSTILE:
        shown = printable(f"a{character}b")
        if character != " ":
            assert character not in shown, ascii(character)
        assert shown.startswith("a"), ascii(character)
        assert shown.endswith("b"), ascii(character)


def test_no_character_of_unicode_is_forgotten() -> None:
    """Whatever the category, only letters, marks, numbers, punctuation, symbols and the space stay."""
    kept = [chr(point) for point in range(sys.maxunicode + 1) if printable(chr(point)) == chr(point)]
    assert {unicodedata.category(each)[0] for each in kept if each != " "} == set("LMNPS")


def test_plain_text_is_left_alone() -> None:
    for text in ("", "web-1.example.org", "Größe: 5 µm, 日本語, naïve, 🚀", "[bold]not markup[/bold]", "C:\\new"):
        assert printable(text) == one_line(text) == printable_lines(text) == output_line(text) == text


def test_how_it_is_shown() -> None:
    assert printable("a\x1b]0;title\x07\n\u202eb é") == "a\\x1b]0;title\\x07\\n\\u202eb é"
    assert one_line(" a\r\n\tb\u2028c\x1b[2J ") == "a b c\\x1b[2J"
    assert printable_lines("a\n\tb\r\n\x9b2J") == "a\n\tb\\r\n\\x9b2J"


@given(ANYTHING)
def test_one_line_stays_one_line(text: str) -> None:
    for shown in (printable(text), one_line(text)):
        assert shown.isprintable()
        assert len(shown.splitlines()) <= 1
        shown.encode()


@given(ANYTHING)
def test_a_line_stays_one_line(text: str) -> None:
    shown = printable_lines(text)
    assert shown.count("\n") == text.count("\n")
    assert shown.replace("\n", "").replace("\t", "").isprintable()


@given(st.dictionaries(ANYTHING, ANYTHING), st.sampled_from([None, 2]), st.booleans())
def test_json_has_the_same_value(value: dict[str, str], indent: int | None, ascii_only: bool) -> None:
    shown = printable_json(json.dumps(value, indent=indent, ensure_ascii=ascii_only))
    assert json.loads(shown) == json.loads(json.dumps(value))  # two halves of a pair become one character
    assert shown.replace("\n", "").isprintable()
    assert indent or "\n" not in shown


def test_output_keeps_its_colours_and_cannot_leave_its_line() -> None:
    assert output_line("\x1b[1;31mred\x1b[0m\tplain") == "\x1b[1;31mred\x1b[0m\tplain\x1b[0m"
    assert output_line("\rdb-1: fine\x1b[A\x1b[2K\x9b2J") == "\\rdb-1: fine\\x1b[A\\x1b[2K\\x9b2J"


def test_a_megabyte_is_read_in_linear_time() -> None:
    hostile = "\x1b[" * 500_000
    started = time.process_time()
    for make in (printable, one_line, printable_lines, printable_json, output_line):
        make(hostile)
    assert time.process_time() - started < 30
