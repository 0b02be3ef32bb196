"""Output as lines: what a person saw, after line editing and control sequences."""

import random
import re

import pyte
import pytest

from ferryman.recording.search import lines
from ferryman.recording.search.lines import LONGEST_LINE, MOST_MARKS, LineReader


def read(*pieces: bytes, plain: bool = False, size: tuple[int, int] | None = (80, 24)) -> list[str]:
    return [text for _, text in timed(*pieces, plain=plain, size=size)]


def timed(*pieces: bytes, plain: bool = False, size: tuple[int, int] | None = (80, 24)) -> list[tuple[int, str]]:
    reader = LineReader(plain=plain)
    found = list(reader.resized(*size)) if size else []
    for at, piece in enumerate(pieces):
        found += reader.output(at, piece)
    return [(line.at, line.text) for line in [*found, *reader.end()]]


def test_line_editing_is_applied() -> None:
    assert read(b"$ rm -rf /tm\x08 \x08mp/x\r\nremoved\r\n") == ["$ rm -rf /tmp/x", "removed"]


def test_progress_that_is_overwritten_is_one_line() -> None:
    assert read(b" 10%\r 20%\r100%\r\n") == ["100%"]


def test_line_has_the_time_at_which_it_was_completed() -> None:
    assert timed(b"$ ls", b" -l\r\n", b"total 0\r\n") == [(1, "$ ls -l"), (2, "total 0")]


def test_lines_that_end_without_carriage_return_begin_at_the_margin() -> None:
    assert read(b"first\n  second\nthird\n" * 10) == ["first", "  second", "third"] * 10


def test_line_wider_than_the_terminal_is_one_line() -> None:
    text = " ".join(f"word{number}" for number in range(60))
    assert read(text.encode() + b"\r\nnext\r\n", size=(40, 5)) == [text, "next"]


def test_line_higher_than_the_terminal_is_one_line() -> None:
    text = "ab" * 300
    assert read(b"$ " + text.encode() + b"\r\nnext\r\n", size=(20, 4)) == [f"$ {text}", "next"]


def test_rows_of_a_full_screen_program_are_lines_once() -> None:
    screen = b"\x1b[H%d up\x1b[2;1HPID COMMAND\x1b[3;1H1 init"
    assert sorted(read(b"\x1b[2J", *(screen % number for number in (10, 11, 12)))) == [
        "1 init",
        "10 up",
        "11 up",
        "12 up",
        "PID COMMAND",
    ]


def test_command_typed_twice_is_found_twice() -> None:
    assert read(b"$ ls\r\n$ ls\r\n") == ["$ ls", "$ ls"]


def test_what_was_on_the_screen_before_it_was_cleared_is_found() -> None:
    assert read(b"$ secret", b"\x1b[2J\x1b[H$ clear") == ["$ secret", "$ clear"]


def test_characters_cut_in_two_are_joined_and_colours_removed() -> None:
    assert read(b"\x1b[1;31m\xc3", b"\xbcber\x1b[0m\r\n") == ["über"]


def test_many_plain_lines_are_the_same_with_and_without_the_emulator(monkeypatch: pytest.MonkeyPatch) -> None:
    output = b"".join(b"\x1b[32mfile-%d.c\x1b[0m:\t%d warnings\r\n" % (number, number) for number in range(300))
    fast = read(b"$ make\r\n", output, b"$ exit\r\n")
    monkeypatch.setattr(lines, "_PLAIN", re.compile(r"(?!)"))
    assert read(b"$ make\r\n", output, b"$ exit\r\n") == fast
    assert len(fast) == 302


def test_behind_its_allowance_output_is_read_without_the_emulator(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(lines, "EMULATED_BYTES", 10)
    found = read(b"$ first\x08\x08st\r\n", b"\x1b[31msecond\x1b[0m\x1b]0;title\x07\r\nth", b"ird")
    assert found == ["$ first", "second", "third"]


@pytest.mark.parametrize("plain", [False, True])
def test_hostile_output_makes_bounded_lines_and_no_error(*, plain: bool) -> None:
    chance = random.Random(7)  # noqa: S311 not for secrets
    for _ in range(60):
        pieces = [
            b"\x1b[",
            b"9999",
            b";",
            b"H",
            b"L",
            b"M",
            b"r",
            b"?7l",
            b"\r",
            b"\n",
            b"\x9b",
            b"\x1bD",
            b"\xff",
            b"x" * 50,
        ]
        pieces += [
            b"\x1bM",
            b"\x1b]0;",
            b"\x07",
            b"@",
            b"P",
            b"\xe4\xbd\xa0",
            b"\xcc\x81",
            b"\x1bc",
            b"J",
            b"2J",
            b"4h",
            b"A",
        ]
        data = b"".join(chance.choice(pieces) for _ in range(400))
        size = (chance.choice([1, 2, 80, 5000]), chance.choice([1, 3, 24, 5000]))
        assert all(len(text) <= LONGEST_LINE and "\x1b" not in text for text in read(data, plain=plain, size=size))


def test_lines_of_one_recording_are_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(lines, "MOST_CHARACTERS", 20)
    assert read(*[b"0123456789\r\n"] * 5) == ["0123456789"] * 2


@pytest.mark.parametrize("hidden", ["\u200b", "\u200d", "\ufe0f", "\u2064", "\x01", "\u0301" * 1000])
def test_characters_without_width_do_not_hide_what_follows(hidden: str) -> None:
    (line,) = read(f"a{hidden}rm -rf /\r\n".encode())
    assert line.endswith("rm -rf /")


def test_marks_on_one_cell_are_bounded() -> None:
    marks = "\u0301\u0316" * 20
    (line,) = read(f"a{marks}".encode(), *[f"\x1b[m{marks}".encode()] * 20)
    assert len(line) <= 1 + MOST_MARKS
    (line,) = read(f"\x1b[80Gz{marks}".encode(), *[marks.encode()] * 20)
    assert len(line.strip()) <= 1 + MOST_MARKS


def test_emulator_is_not_used_when_its_time_is_used_up(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(lines, "EMULATED_SECONDS", -1.0)
    reader = LineReader()
    found = list(reader.resized(80, 24))
    found += reader.output(0, b"first\x1b[2J\r\n")
    monkeypatch.setattr(reader._screen, "draw", None)
    monkeypatch.setattr(reader._screen, "resize", None)
    found += reader.resized(100, 30)
    found += reader.output(1, b"second\r\n")
    assert [line.text for line in [*found, *reader.end()]] == ["first", "second"]


def test_emulator_is_not_used_without_a_terminal(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pyte.Stream, "feed", None)
    assert read(b"\x1b[1mone\x1b[m\r\n 10%\r100%\n", b"th", b"ree", size=None) == ["one", "100%", "three"]
    chance = random.Random(1)  # noqa: S311 any bytes, the same in every run
    assert read(*[chance.randbytes(4096) for _ in range(16)], size=None)


def test_prompt_before_the_size_of_the_terminal_is_part_of_its_line() -> None:
    reader = LineReader()
    found = [*reader.output(1, b"welcome\r\n$ "), *reader.resized(80, 24), *reader.output(2, b"lz\x08s\r\n")]
    assert [tuple(line) for line in [*found, *reader.end()]] == [(1, "welcome"), (2, "$ ls")]
