"""Turns output into the lines that a person saw: a terminal emulator applies line editing and control sequences.

A line is complete when the program goes on to another row, or when it scrolls away or is erased. Programs that draw
whole screens, such as editors, yield each row whenever it has changed. The emulator is slow, so plain lines bypass it,
and so does everything behind the first EMULATED_BYTES, or EMULATED_SECONDS, of other output. It is not used before the
terminal has a size either: a command whose output went to a pipe, such as a file that was copied, had no terminal.
"""

import codecs
import re
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from typing import Any, NamedTuple
from unicodedata import combining

import pyte

EMULATED_BYTES = 8 * 1024 * 1024
"""Characters that one recording may put through the emulator, which needs about six seconds for a mebibyte."""
EMULATED_SECONDS = 240.0
"""Processor time that the emulator may need for one recording: some sequences keep it busy for 50 ms each."""
MOST_MARKS = 16
"""Combining characters on one cell; the emulator needs time in proportion to the square of their number."""
MOST_CHARACTERS = 256 * 1024 * 1024
"""Characters of all lines of one recording; the rest is not searched."""
LONGEST_LINE = 4096
"""Characters; the rest of a line is cut off."""
SIZE = (80, 24)
MOST_COLUMNS, MOST_ROWS = 1000, 500
REDRAWN_MILLIS = 60_000
"""How long the same text in the same row counts as the same line, since programs redraw it."""

_PLAIN = re.compile(r"(?:(?:[^\x00-\x1f\x7f-\x9f]++|\t|\x1b\[[0-9;]*+[mK])*+\r?\n)++")
"""Whole lines without line editing; colours are allowed."""
_COLOURS = re.compile(r"\x1b\[[0-9;]*[mK]")
_SEQUENCES = re.compile(
    r"\x1b\][^\x07\x1b]*(?:\x07|\x1b\\)?|\x1b[PX^_][^\x1b]*(?:\x1b\\)?|\x1b\[[0-?]*[ -/]*[@-~]?|\x1b[ -/]*[0-~]?"
    r"|[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f]"
)


class Line(NamedTuple):
    """A line, and when it was shown, in milliseconds since the recording began."""

    at: int
    text: str


class _Screen(pyte.Screen):
    """An emulator that yields its rows as lines before they change or go."""

    def __init__(self, columns: int, rows: int) -> None:
        self.at = 0
        self.found: list[Line] = []
        self._touched: dict[int, int] = {}
        """Rows drawn since they were yielded, and when."""
        self._continued: set[int] = set()
        """Rows that continue the row above: a line that is wider than the screen."""
        self._shown: dict[int, Line] = {}
        self._margin: dict[int, int] = {}
        """The column in which a row begins: not 0 after a line feed without a carriage return, as pipes send them."""
        self._carried = ""
        """The beginning of a line whose first rows have scrolled away."""
        self._is_drawing = False
        super().__init__(columns, rows)
        for name in set(pyte.Stream.csi.values()):
            setattr(self, name, _tolerant(getattr(self, name)))

    def draw(self, data: str) -> None:
        self._is_drawing = True
        self._touched[self.cursor.y] = self.at
        super().draw(data if data.isascii() and data.isprintable() else "".join(self._drawable(data)))
        self._touched[self.cursor.y] = self.at
        self._is_drawing = False

    def _drawable(self, data: str) -> Iterator[str]:
        """Yield what the emulator can draw: at a character without width, it would ignore everything behind it."""
        x, y = (self.cursor.x, self.cursor.y) if self.cursor.x else (self.columns, self.cursor.y - 1)
        marks = len(self.buffer[y][x - 1].data) - 1 if y >= 0 else 0
        for character in data:
            if combining(character):
                marks += 1
                if marks <= MOST_MARKS:
                    yield character
            elif pyte.screens.wcwidth(character) > 0:
                marks = 0
                yield character

    def linefeed(self) -> None:
        wraps = self._is_drawing
        if not wraps:
            self.finish(self.cursor.y)
        super().linefeed()
        if wraps:
            self._continued.add(self.cursor.y)
            self._touched[self.cursor.y] = self.at
        else:
            self._continued.discard(self.cursor.y)
            self._margin[self.cursor.y] = self.cursor.x

    def index(self) -> None:
        if self.margins is not None:
            self.finish_all()
            self._shown.clear()
        elif self.cursor.y == self.lines - 1:
            self._scroll()
        super().index()

    def _scroll(self) -> None:
        if 1 in self._continued and 0 in self._touched:
            self._carried = (self._carried + self._text(0))[:LONGEST_LINE]
            self._touched.setdefault(1, self._touched.get(0, self.at))
        else:
            self.finish(0)
        self._touched = {row - 1: at for row, at in self._touched.items() if row}
        self._continued = {row - 1 for row in self._continued if row}
        self._shown = {row - 1: line for row, line in self._shown.items() if row}
        self._margin = {row - 1: column for row, column in self._margin.items() if row}

    def reverse_index(self) -> None:
        self.finish_all()
        self._shown.clear()
        super().reverse_index()

    def insert_lines(self, count: int | None = None) -> None:
        self.finish_all()
        self._shown.clear()
        super().insert_lines(count)

    def delete_lines(self, count: int | None = None) -> None:
        self.finish_all()
        self._shown.clear()
        super().delete_lines(count)

    def erase_in_display(self, how: int = 0, *args: Any, **kwargs: Any) -> None:
        y = self.cursor.y
        for row in list(self._touched):
            if how >= 2 or (how == 0 and row > y) or (how == 1 and row < y):
                self.finish(row)
        super().erase_in_display(how, *args, **kwargs)

    def reset(self) -> None:
        self.finish_all()
        super().reset()

    def resize(self, lines: int | None = None, columns: int | None = None) -> None:
        self.finish_all()
        self._shown.clear()
        super().resize(lines, columns)

    def cursor_position(self, line: int | None = None, column: int | None = None) -> None:
        before = self.cursor.y
        super().cursor_position(line, column)
        self._left(before)

    def cursor_to_line(self, line: int | None = None) -> None:
        before = self.cursor.y
        super().cursor_to_line(line)
        self._left(before)

    def cursor_up(self, count: int | None = None) -> None:
        before = self.cursor.y
        super().cursor_up(count)
        self._left(before)

    def cursor_down(self, count: int | None = None) -> None:
        before = self.cursor.y
        super().cursor_down(count)
        self._left(before)

    def restore_cursor(self) -> None:
        before = self.cursor.y
        super().restore_cursor()
        self._left(before)

    def finish(self, row: int) -> None:
        """Yield the line that a row is part of, if it was drawn."""
        first = last = row
        while first and first in self._continued:
            first -= 1
        while last + 1 in self._continued:
            last += 1
        times = [self._touched.pop(each) for each in range(first, last + 1) if each in self._touched]
        if not times:
            return
        text = "".join(map(self._text, range(first, last + 1)))
        margin = self._margin.get(first, 0)
        if not text[:margin].strip():
            text = text[margin:]
        if first == 0:
            text, self._carried = self._carried + text, ""
        line = Line(max(times), text.rstrip()[:LONGEST_LINE])
        before = self._shown.get(first)
        if line.text and (before is None or before.text != line.text or line.at - before.at > REDRAWN_MILLIS):
            self._shown[first] = line
            self.found.append(line)

    def finish_all(self) -> None:
        """Yield every row that was drawn."""
        for row in sorted(self._touched):
            self.finish(row)
        self._continued.clear()
        self._carried = ""

    def _left(self, row: int) -> None:
        if self.cursor.y != row and not self._is_drawing:
            self.finish(row)

    def _text(self, row: int) -> str:
        cells = self.buffer[row]
        return "".join(cells[column].data for column in range(max(cells) + 1)) if cells else ""


def _tolerant(method: Callable[..., None]) -> Callable[..., None]:
    """Return a method that ignores parameters it cannot read: for some, the emulator raises whatever it runs into."""

    def call(*parameters: Any, **options: Any) -> None:
        with suppress(TypeError, ValueError, LookupError, NameError):
            method(*parameters, **options)

    return call


class LineReader:
    """Reads one recording's output. `plain`: without the emulator, so line editing is not applied.

    Nor is it as long as `resized` was not called.
    """

    def __init__(self, *, plain: bool = False) -> None:
        self._decoder = codecs.getincrementaldecoder("utf-8")("replace")
        self._screen = _Screen(*SIZE)
        self._stream = pyte.Stream(self._screen)
        self._has_terminal = False
        self._emulated = EMULATED_BYTES if plain else 0
        self._seconds = 0.0
        self._characters = 0
        self._rest = ""

    def output(self, at: int, data: bytes) -> Iterator[Line]:
        """Yield the lines that `data`, shown `at` milliseconds, completes."""
        text = self._decoder.decode(data)
        if not self._has_terminal or self._emulated >= EMULATED_BYTES:
            self._screen.at = at
            yield from self._bounded(self._stripped(at, text))
            return
        start = 0
        while start < len(text):
            lines = self._plain_lines(text, start)
            if lines:
                self._screen.finish_all()
                yield from self._taken()
                kept = lines[-self._screen.lines :]
                yield from self._bounded(Line(at, _without_colours(line)) for line in lines[: -len(kept)])
                yield from self._emulate(at, "".join(kept))
                start += sum(map(len, lines))
                continue
            end = text.find("\n", start) + 1 or len(text)
            yield from self._emulate(at, text[start:end])
            start = end
        if self._emulated >= EMULATED_BYTES:
            self._screen.finish_all()
            yield from self._taken()

    def resized(self, columns: int, rows: int) -> Iterator[Line]:
        """Change the terminal's size."""
        if self._emulated >= EMULATED_BYTES:
            return
        since = time.process_time()
        columns, rows = min(max(columns, 1), MOST_COLUMNS), min(max(rows, 1), MOST_ROWS)
        self._screen.resize(rows, columns)
        self._count_time(since)
        yield from self._taken()
        if not self._has_terminal:
            self._has_terminal = True
            shown, self._rest = self._rest, ""
            yield from self._emulate(self._screen.at, shown)

    def end(self) -> Iterator[Line]:
        """Yield what is left on the screen."""
        self._screen.finish_all()
        yield from self._taken()
        yield from self._bounded(self._stripped(self._screen.at, "\n"))

    def _emulate(self, at: int, text: str) -> Iterator[Line]:
        self._emulated += len(text)
        self._screen.at = at
        since = time.process_time()
        self._stream.feed(text)
        self._count_time(since)
        yield from self._taken()

    def _count_time(self, since: float) -> None:
        """Count processor time of the emulator; it is not used any longer once the recording's is used up."""
        self._seconds += time.process_time() - since
        if self._seconds > EMULATED_SECONDS:
            self._emulated = EMULATED_BYTES

    def _plain_lines(self, text: str, start: int) -> list[str]:
        """Return the whole plain lines at `start`, if they are more than the screen holds twice."""
        screen = self._screen
        if screen.cursor.x or screen.margins is not None or not self._stream._taking_plain_text:
            return []
        found = _PLAIN.match(text, start)
        lines = [] if found is None else found[0].splitlines(keepends=True)
        return lines if len(lines) > 2 * screen.lines else []

    def _stripped(self, at: int, text: str) -> Iterator[Line]:
        """Yield lines without control sequences; of what a carriage return overwrites, only the last is kept."""
        *lines, self._rest = (self._rest + text).split("\n")
        self._rest = self._rest[-LONGEST_LINE:]
        for line in lines:
            yield Line(at, _SEQUENCES.sub("", line.rstrip("\r")).rpartition("\r")[2])

    def _taken(self) -> Iterator[Line]:
        found, self._screen.found = self._screen.found, []
        yield from self._bounded(found)

    def _bounded(self, lines: "Iterator[Line] | list[Line]") -> Iterator[Line]:
        for at, text in lines:
            kept = text.rstrip()[:LONGEST_LINE]
            if kept and self._characters < MOST_CHARACTERS:
                self._characters += len(kept)
                yield Line(at, kept)


def _without_colours(line: str) -> str:
    return _COLOURS.sub("", line).rstrip("\r\n").expandtabs()
