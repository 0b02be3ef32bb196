"""What is known of the row of the cursor."""

import pytest

from ferryman.client.prediction.terminal import BACKLOG_BYTES, Terminal

COLUMNS, ROWS = 20, 5


def after(*parts: bytes) -> Terminal:
    terminal = Terminal(COLUMNS, ROWS)
    for part in parts:
        terminal.push(part)
        terminal.catch_up()
    return terminal


def text(terminal: Terminal) -> str:
    """The row, `?` for unknown cells."""
    return "".join("?" if cell is None else cell.text or " " for cell in terminal.row.cells).rstrip()


@pytest.mark.parametrize(
    ("written", "row", "column"),
    [
        (b"one\r\ntwo", "two", 3),
        (b"abc\b\bX", "aXc", 2),
        (b"abc\rX", "Xbc", 1),
        (b"a\tb", "a       b", 9),
        (b"abcdef\x1b[3D\x1b[K", "abc", 3),
        (b"abcdef\x1b[3D\x1b[1K", "    ef", 3),
        (b"abcdef\x1b[3D\x1b[P", "abcef", 3),
        (b"abcdef\x1b[3D\x1b[2@", "abc  def", 3),
        (b"abcdef\x1b[3D\x1b[2X", "abc  f", 3),
        (b"abc\x1b[10Gd", "abc      d", 10),
        (b"x" * COLUMNS + b"y", "y", 1),
        ("æ✓λ".encode(), "æ✓λ", 3),
        (b"\x1b]0;title\x07$ ", "$", 2),
        (b"\x1b[38;5;12;1mab\x1b[0m", "ab", 2),
        (b"\x1b[H\x1b[2J$ ", "$", 2),
        (b"\x1b[?2004h\x1b[?25l\x1b[34h\x1b[>4;1m\x1b[6n$ ", "$", 2),
    ],
)
def test_what_every_terminal_does_is_followed(written: bytes, row: str, column: int) -> None:
    terminal = after(written)
    assert (text(terminal), terminal.row.column) == (row, column)
    assert terminal.is_ready


@pytest.mark.parametrize(
    "written",
    [
        "漢".encode(),
        "e\u0301".encode(),
        b"\xff",
        b"x" * (COLUMNS - 2),
        b"\x1b8",
        b"\x1b[?6h",
        b"\x1b[2;3r",
        b"\x1b[4h",
        b"\x1b(0",
        b"\x0e",
        b"\x1b]8;;http://example.com\x07",
        b"\x1b[?1h",
        b"\x1b[?1049h\x1b[H\x1b[2J\x1b[m",
        b"\x1b[12z",
        b"\x1bPq#0~\x1b\\",
        b"\x1b[3",
        b"\xc3",
    ],
)
def test_where_terminals_differ_or_programs_draw_it_is_not_ready(written: bytes) -> None:
    assert not after(b"$ ", written).is_ready


def test_what_was_unknown_is_known_again_once_it_is_certain() -> None:
    assert text(after("漢字".encode(), b"\r\x1b[K$ ")) == "$"
    assert text(after("漢字".encode(), b"\r\n$ ")) == "$"
    below = after(b"\x1b[H$ ")
    assert "?" in text(below)  # whatever was there
    below.push(b"\r\n" * ROWS + b"$ ")
    below.catch_up()
    assert text(below) == "$"


def test_a_sequence_may_arrive_in_pieces() -> None:
    whole = b"\x1b[1;31m\xc3\xa6\x1b]0;t\x1b\\\x1b[0m\x1b[K"
    terminal = after(*(whole[at : at + 1] for at in range(len(whole))))
    assert (text(terminal), terminal.row.column, terminal.is_ready) == ("æ", 1, True)


def test_the_primary_screen_is_known_again_after_the_alternate_one() -> None:
    terminal = after(b"$ vi", b"\x1b[?1049h\x1b[H\x1b[2J~\r\n~", b"\x1b[?1049l")
    assert (text(terminal), terminal.row.column, terminal.is_ready) == ("$ vi", 4, True)


@pytest.mark.parametrize("line", [b"a line of output\r\n", b"\x1b[32ma\x1b[0m line\r\n"], ids=["plain", "coloured"])
def test_the_end_of_a_flood_is_known(line: bytes) -> None:
    terminal = Terminal(COLUMNS, ROWS)
    terminal.push(line * (3 * BACKLOG_BYTES // len(line)) + b"$ ")
    terminal.catch_up()
    assert (text(terminal), terminal.row.column, terminal.is_ready) == ("$", 2, True)


@pytest.mark.parametrize("switch", [b"\x1b[?1049h", b"\x1b[?1h", b"\x1b(0", b"\x0e", b"\x1b[2;3r"])
def test_a_switch_in_a_flood_is_not_overlooked(switch: bytes) -> None:
    terminal = Terminal(COLUMNS, ROWS)
    terminal.push(b"line\r\n" + switch + b"line\r\n" * BACKLOG_BYTES)
    terminal.catch_up()
    assert not terminal.is_ready


def test_a_picture_in_a_flood_is_not_text() -> None:
    terminal = Terminal(COLUMNS, ROWS)
    terminal.push(b"\x1bPq" + b"#0~~\n" * BACKLOG_BYTES)
    terminal.catch_up()
    assert not terminal.is_ready
    terminal.push(b"\x1b\\\x1b[m\x1b[H\x1b[2J$ ")
    terminal.catch_up()
    assert (text(terminal), terminal.is_ready) == ("$", True)
