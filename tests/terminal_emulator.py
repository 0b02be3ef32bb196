"""A terminal emulator whose screen can be read: pyte, plus the alternate screen, which pyte lacks."""

import copy
from typing import Any

import pyte
from pyte.modes import DECTCEM

ALTERNATE_SCREEN = 1049


class Emulator:
    """A terminal of `columns` by `rows` that is written to with `feed`."""

    def __init__(self, columns: int, rows: int) -> None:
        self._screen: Any = pyte.Screen(columns, rows)
        self._primary: tuple[Any, Any] | None = None
        self._set_mode, self._reset_mode = self._screen.set_mode, self._screen.reset_mode
        vars(self._screen).update(set_mode=self._on_set_mode, reset_mode=self._on_reset_mode)
        self._stream = pyte.ByteStream(self._screen)

    def feed(self, data: bytes) -> None:
        self._stream.feed(data)

    def resize(self, columns: int, rows: int) -> None:
        self._screen.resize(rows, columns)
        cursor = self._screen.cursor  # which pyte leaves outside
        cursor.x, cursor.y = min(cursor.x, columns - 1), min(cursor.y, rows - 1)

    def copy(self) -> "Emulator":
        """Another terminal with the same content, between two sequences."""
        other = Emulator(self._screen.columns, self._screen.lines)
        for name, value in vars(self._screen).items():
            if not name.endswith("set_mode"):
                setattr(other._screen, name, copy.deepcopy(value))
        other._primary = copy.deepcopy(self._primary)
        return other

    def _on_set_mode(self, *modes: int, **options: Any) -> None:
        self._set_mode(*modes, **options)
        if options.get("private") and ALTERNATE_SCREEN in modes and self._primary is None:
            self._primary = copy.deepcopy(self._screen.buffer), copy.copy(self._screen.cursor)
            self._screen.erase_in_display(2)

    def _on_reset_mode(self, *modes: int, **options: Any) -> None:
        self._reset_mode(*modes, **options)
        if options.get("private") and ALTERNATE_SCREEN in modes and self._primary is not None:
            (self._screen.buffer, self._screen.cursor), self._primary = self._primary, None

    @property
    def lines(self) -> list[str]:
        """The visible lines, without blanks at their ends."""
        return [line.rstrip() for line in self._screen.display]

    @property
    def cursor(self) -> tuple[int, int]:
        """Row and column."""
        return self._screen.cursor.y, self._screen.cursor.x

    def underlined(self) -> str:
        """The characters of the cursor's row that are underlined."""
        row = self._screen.buffer[self._screen.cursor.y]
        return "".join(row[at].data for at in range(self._screen.columns) if row[at].underscore)

    def content(self) -> dict[str, Any]:
        """The whole visible state, and the attributes of the next character, for comparisons."""
        screen = self._screen
        rows = [[tuple(screen.buffer[y][x]) for x in range(screen.columns)] for y in range(screen.lines)]
        return {
            "rows": rows,
            "cursor": self.cursor,
            "pen": tuple(screen.cursor.attrs),
            "hidden": DECTCEM not in screen.mode,
        }
