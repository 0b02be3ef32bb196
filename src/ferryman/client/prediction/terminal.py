"""Follows a terminal's output as far as predictions on the row of the cursor need it."""

import re
from collections.abc import Callable

from ferryman.client.prediction.characters import is_narrow
from ferryman.client.prediction.current_row import CurrentRow
from ferryman.client.prediction.pen import changed
from ferryman.client.prediction.sequences import (
    CSI,
    SHIFTS,
    STRING_END,
    STRING_STARTS,
    SWITCHES,
    TOKEN,
    UNFINISHED,
    numbers,
)

KEPT_BYTES = 4096
"""Only this much of a flood is read, its end: more than a screenful in most terminals. Reading it takes about 2 ms."""
BACKLOG_BYTES = KEPT_BYTES + 2048
LONGEST_SEQUENCE = 4096
_ALTERNATE_SCREENS = (47, 1047, 1049)
_HINDRANCES = {1: "cursor keys", 3: "132 columns", 6: "origin", 45: "reverse wrap", 69: "side margins"}
"""Private modes in which nothing is predicted."""
_HARMLESS = frozenset({5, 12, 25, 66, 67, 1000, 1002, 1003, 1004, 1005, 1006, 1007, 1015, 1034, 2004, 2026, 2031})
"""Private modes that move nothing: blinking, the cursor's looks, the mouse, bracketed paste and the like."""
_AUTOMATIC_WRAP = 7
_ANSI_HINDRANCES = {3: "visible controls", 4: "insertion", 20: "new line"}
_HARMLESS_ANSI = frozenset({2, 12, 33, 34})
"""The keyboard's lock, the terminal's own echo, and the cursor's looks."""


class Terminal:
    """A terminal's current row, and whether it is in a state in which predictions can be drawn.

    Pushed output is read only by `catch_up`, and only the end of a flood.
    """

    def __init__(self, columns: int, rows: int) -> None:
        self.row = CurrentRow(columns, rows)
        self._hindrances: set[str] = set()
        self._primary: CurrentRow | None = None
        """The row as it was when a program switched to the alternate screen."""
        self._backlog: list[bytes] = []
        self._backlog_bytes = 0
        self._rest = b""
        """A sequence or a character whose end has not arrived."""

    @property
    def is_ready(self) -> bool:
        """Whether the column and the attributes are known and a character would go into the row as it is."""
        row = self.row
        known = row.column is not None and row.column < row.columns and row.pen is not None
        return known and not self._rest and not self._hindrances and not self._backlog

    def push(self, data: bytes) -> None:
        """Note output on the terminal; of more than BACKLOG_BYTES at a time, only the end is kept."""
        self._backlog.append(data)
        self._backlog_bytes += len(data)
        if self._backlog_bytes > BACKLOG_BYTES:
            flood = b"".join(self._backlog)
            # A sequence contains no line feed, so one cannot be cut there.
            end = (flood.find(b"\n", len(flood) - KEPT_BYTES) + 1) or len(flood)
            self._skip(self._rest + flood[:end])
            self._backlog = [flood[end:]]
            self._backlog_bytes = len(flood) - end

    def catch_up(self) -> None:
        """Read the pushed output."""
        if self._backlog:
            data = self._rest + b"".join(self._backlog)
            self._backlog.clear()
            self._backlog_bytes = 0
            self._read(data)

    def lose(self) -> None:
        """Forget the row, because something else has used the terminal."""
        self.catch_up()
        self.row.lose()
        self._primary = None

    def resize(self, columns: int, rows: int) -> None:
        """Note the new size, which applies after the output pushed before."""
        self.catch_up()
        self.row.resize(columns, rows)
        if self._primary is not None:
            self._primary.resize(columns, rows)

    def _skip(self, flood: bytes) -> None:
        """Update the row after `flood`, of which only the end is looked at."""
        self._rest = b""
        shift = max(SHIFTS, key=flood.rfind)
        is_shifted = shift in flood
        if b"\x1b" not in flood and not is_shifted and flood.endswith(b"\n"):
            self.row.skip_lines(flood.count(b"\n"))
            self.row.column = 0 if flood.endswith(b"\r\n") else None
            return
        for switch in SWITCHES.finditer(flood):
            self._read(switch[0])
        if is_shifted:
            self._control(shift)
        self.row.lose()
        string = max(map(flood.rfind, STRING_STARTS))
        if string >= 0 and not STRING_END.search(flood, string + 2):
            self._rest = flood[string : string + 2]

    def _read(self, data: bytes) -> None:
        self._rest = b""
        position = 0
        while position < len(data):
            token = TOKEN.match(data, position)
            if token is not None:
                position = token.end()
                self._interpret(token, at_end=position == len(data))
            elif UNFINISHED.fullmatch(data, position):
                self._hold(data[position:])
                return
            else:
                self.row.lose()
                position += 1

    def _hold(self, rest: bytes) -> None:
        # The end of a longer string is enough to find where it ends.
        self._rest = rest if len(rest) <= LONGEST_SEQUENCE else rest[:2] + rest[-1:]

    def _interpret(self, token: re.Match[bytes], *, at_end: bool) -> None:
        content = token[token.lastgroup or 0]
        match token.lastgroup:
            case "text":
                self._write(content, at_end=at_end)
            case "control":
                self._control(content)
            case "csi":
                self._control_sequence(content)
            case "escape":
                self._escape(content)
            case "osc":
                if content.startswith(b"8;"):
                    self._set("link", on=content[2:].partition(b";")[2] != b"")
            case _:
                self.row.lose()  # it may be a picture

    def _write(self, content: bytes, *, at_end: bool) -> None:
        try:
            text = content.decode()
        except UnicodeDecodeError as error:
            text = content[: error.start].decode()
            if at_end and error.reason == "unexpected end of data":
                self._rest = content[error.start :]
            else:
                self.row.lose()
                return
        if is_narrow(text):
            self.row.write(text, known="graphics" not in self._hindrances)
        elif any("\x80" <= each <= "\x9f" for each in text):
            self.row.lose()  # controls, for some terminals
        else:
            self.row.lose_column()

    def _control(self, content: bytes) -> None:
        row = self.row
        match content:
            case b"\r":
                row.column = 0
            case b"\n" | b"\x0b" | b"\x0c":
                row.line_feed()
            case b"\b":
                row.go_by(-1)
            case b"\t":
                row.tab()
            case b"\x0e" | b"\x0f":
                self._set("shift", on=content == b"\x0e")
            case b"\a" | b"\x00" | b"\x05" | b"\x7f":
                pass
            case _:
                row.lose()

    def _escape(self, content: bytes) -> None:
        row = self.row
        match content:
            case b"7" | b"=" | b">" | b"\\" | b"%G":
                pass  # saves the cursor, changes the keypad, ends a string, chooses UTF-8
            case b"c":
                self._hindrances.clear()
                self._primary = None
                row.lose()
            case b"M":
                row.go_up(1)
            case b"D":
                row.line_feed()
            case b"E":
                row.line_feed()
                row.column = 0
            case _ if content[:1] == b"(":
                self._set("graphics", on=content != b"(B")
            case _ if content[:1] in b")*+-./":
                pass  # without effect until it is shifted in
            case b"n" | b"o":
                self._set("shift", on=True)
            case b"H":
                self._set("tab stops", on=True)
            case _:
                row.lose()

    def _control_sequence(self, content: bytes) -> None:
        parsed = CSI.fullmatch(content)
        if parsed is None:
            self.row.lose()
            return
        prefix, parameters, between, final = parsed.groups()
        if final in b"hl" and not between:
            self._modes(prefix, numbers(parameters), on=final == b"h")
        elif prefix or between:
            if prefix + between + final not in _HARMLESS_SEQUENCES:
                self.row.lose()
        elif final == b"m":
            self.row.pen = changed(self.row.pen, parameters)
        elif final == b"r":
            self._margins(numbers(parameters))
        elif final == b"g":
            self._set("tab stops", on=True)
        elif final not in _QUERIES:
            _ACTIONS.get(final, _lose)(self.row, numbers(parameters))

    def _margins(self, values: list[int]) -> None:
        top, bottom = values[0], values[1] if len(values) > 1 else 0
        self._set("margins", on=top > 1 or bottom not in (0, self.row.rows))
        self.row.go_to_row(1)
        self.row.column = 0

    def _modes(self, prefix: bytes, values: list[int], *, on: bool) -> None:
        for value in values:
            if prefix == b"":
                self._ansi_mode(value, on=on)
            elif prefix != b"?":
                self.row.lose()
            elif value in _ALTERNATE_SCREENS:
                self._switch_screen(on=on, restores=value == 1049)
            elif value == _AUTOMATIC_WRAP:
                self._set("no wrap", on=not on)
            elif value in _HINDRANCES:
                self._set(_HINDRANCES[value], on=on)
            elif value not in _HARMLESS:
                self.row.lose()

    def _ansi_mode(self, value: int, *, on: bool) -> None:
        if value in _ANSI_HINDRANCES:
            self._set(_ANSI_HINDRANCES[value], on=on)
        elif value not in _HARMLESS_ANSI:
            self.row.lose()

    def _switch_screen(self, *, on: bool, restores: bool) -> None:
        if on and "alternate screen" not in self._hindrances:
            if restores:
                self._primary = CurrentRow(self.row.columns, self.row.rows)
                self._primary.copy_from(self.row)
            pen = self.row.pen
            self.row.lose()
            self.row.pen = pen
        elif not on and "alternate screen" in self._hindrances:
            pen = self.row.pen
            primary, self._primary = self._primary, None
            if primary is None or not restores:
                self.row.lose()
            else:
                self.row.copy_from(primary)
                if pen not in (None, primary.pen):
                    self.row.pen = None  # not every terminal restores it
        self._set("alternate screen", on=on)

    def _set(self, hindrance: str, *, on: bool) -> None:
        if on:
            self._hindrances.add(hindrance)
        else:
            self._hindrances.discard(hindrance)


def _lose(row: CurrentRow, _values: list[int]) -> None:
    row.lose()


def _to_position(row: CurrentRow, values: list[int]) -> None:
    row.go_to_row(values[0] or 1)
    row.go_to((values[1] if len(values) > 1 else 1) - 1)


def _to_line(row: CurrentRow, values: list[int]) -> None:
    row.go_to_row(values[0] or 1)


def _down(row: CurrentRow, _values: list[int]) -> None:
    row.go_by(0)
    row.leave(row.below)


def _next_line(row: CurrentRow, values: list[int]) -> None:
    _down(row, values)
    row.column = 0


def _previous_line(row: CurrentRow, values: list[int]) -> None:
    row.go_up(values[0] or 1)
    row.column = 0


def _move_rows(row: CurrentRow, _values: list[int]) -> None:
    row.leave(row.rows - 1)
    row.column = None


_ACTIONS: dict[bytes, Callable[[CurrentRow, list[int]], None]] = {
    b"A": lambda row, values: row.go_up(values[0] or 1),
    b"B": _down,
    b"C": lambda row, values: row.go_by(values[0] or 1),
    b"D": lambda row, values: row.go_by(-(values[0] or 1)),
    b"E": _next_line,
    b"F": _previous_line,
    b"G": lambda row, values: row.go_to((values[0] or 1) - 1),
    b"H": _to_position,
    b"J": lambda row, values: row.erase_in_display(values[0]),
    b"K": lambda row, values: row.erase_in_line(values[0]),
    b"L": _move_rows,
    b"M": _move_rows,
    b"P": lambda row, values: row.delete_characters(values[0] or 1),
    b"S": _move_rows,
    b"T": _move_rows,
    b"X": lambda row, values: row.erase_characters(values[0] or 1),
    b"@": lambda row, values: row.insert_characters(values[0] or 1),
    b"`": lambda row, values: row.go_to((values[0] or 1) - 1),
    b"a": lambda row, values: row.go_by(values[0] or 1),
    b"d": _to_line,
    b"f": _to_position,
}
"""The effects of control sequences without a prefix; after any other, the row is unknown."""
_QUERIES = frozenset({b"c", b"i", b"n", b"q", b"s", b"t", b"x"})
"""Finals of control sequences without a prefix that move and change nothing: questions, lamps, saving the cursor."""
_HARMLESS_SEQUENCES = frozenset(
    {b">c", b"=c", b"?n", b">n", b">q", b" q", b"?$p", b"$p", b">m", b"?m", b">t", b"?u", b">u", b"<u", b"=u", b'"q'}
)
