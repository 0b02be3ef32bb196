"""Tracks the cursor's column from what was written since the last line feed, so that a notice can have its own line."""

import re
import unicodedata

MOST_BYTES = 4096
"""How much of an unfinished line is kept; the column of a longer one is unknown."""
TAB = 8
_COLOURS = re.compile(r"\x1b\[[0-9;:]*[mK]|\x1b\](?:[^\x07\x1b])*(?:\x07|\x1b\\)|\x1b\[\?[0-9;]*[hl]")
"""Sequences that leave the cursor where it is: colours, window titles, modes."""


class UnfinishedLine:
    """Follows the output on a terminal or in a file. `empty` says whether the cursor is at the start of a line."""

    def __init__(self) -> None:
        self._line = b""

    @property
    def empty(self) -> bool:
        """Whether nothing was written since the last line feed."""
        return not self._line

    def feed(self, data: bytes) -> None:
        """Record output."""
        end = data.rfind(b"\n")
        if end >= 0:
            self._line = data[end + 1 : end + 2 + MOST_BYTES]
        elif len(self._line) <= MOST_BYTES:
            self._line += data[: MOST_BYTES + 1]

    def column(self, width: int) -> int | None:
        """Return the cursor's column on lines of `width` columns, from 0; None if a program has moved it."""
        if len(self._line) > MOST_BYTES:
            return None
        column = 0
        for character in _COLOURS.sub("", self._line.decode(errors="replace")):
            if character == "\x1b":
                return None
            if character == "\r":
                column = 0
            elif character == "\b":
                column = max(0, column - 1)
            elif character == "\t":
                column += TAB - column % TAB
            elif character.isprintable() and not unicodedata.combining(character):
                column += 2 if unicodedata.east_asian_width(character) in "WF" else 1
        return (column - 1) % width + 1 if column else 0
