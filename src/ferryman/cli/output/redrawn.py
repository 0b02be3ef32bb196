"""A block of lines on a terminal that is drawn again in place, at the end of what is there."""

from collections.abc import Sequence
from types import TracebackType
from typing import Self, TextIO

_HIDE_CURSOR, _SHOW_CURSOR = "\x1b[?25l", "\x1b[?25h"
_DO_NOT_WRAP, _WRAP = "\x1b[?7l", "\x1b[?7h"
_CLEAR_BELOW = "\x1b[J"


class Redrawn:
    """Draws lines over those before them while the context lasts, and leaves the last ones and the terminal as it was.

    Lines longer than the terminal is wide are not wrapped, so that the block keeps its height.
    """

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream
        self._height = 0

    def __enter__(self) -> Self:
        self._stream.write(_HIDE_CURSOR + _DO_NOT_WRAP)
        self._stream.flush()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._stream.write(_WRAP + _SHOW_CURSOR)
        self._stream.flush()

    def draw(self, lines: Sequence[str]) -> None:
        """Draw printable lines, which may hold colours, in place of those drawn before."""
        up = f"\x1b[{self._height}A" if self._height else ""
        # \r\n, because the terminal may be raw.
        self._stream.write(f"{up}\r{_CLEAR_BELOW}" + "".join(f"{line}\r\n" for line in lines))
        self._stream.flush()
        self._height = len(lines)

    def clear(self) -> None:
        """Remove the lines."""
        self.draw([])
