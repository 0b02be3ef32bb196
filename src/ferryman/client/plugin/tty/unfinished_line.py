"""Where the cursor stands: what was written since the last line feed, so that a notice can have a line of its own."""

import re
import unicodedata

MOST_BYTES = 4096
"""Of a line without an end. Of a longer one the column is not known."""
TAB = 8
_COLOURS = re.compile(r"\x1b\[[0-9;:]*[mK]|\x1b\](?:[^\x07\x1b])*(?:\x07|\x1b\\)|\x1b\[\?[0-9;]*[hl]")
"""Sequences that leave the cursor where it is: colours, window titles, modes."""


class UnfinishedLine:
    """Follows what goes to a terminal or a file. `empty` says whether the cursor is at a line's beginning."""

    def __init__(self) -> None:
        self._line = b""

    @property
    def empty(self) -> bool:
        """Whether nothing was written since the last line feed."""
        return not self._line

    def feed(self, data: bytes) -> None:
        """Take in what was written."""
        end = data.rfind(b"\n")
        if end >= 0:
            self._line = data[end + 1 : end + 2 + MOST_BYTES]
        elif len(self._line) <= MOST_BYTES:
            self._line += data[: MOST_BYTES + 1]

    def column(self, width: int) -> int | None:
        """Return where on a line of `width` columns the cursor is, from 0; None if programs have moved it about."""
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
