"""The person's terminal: raw mode while a session runs, its restoration afterwards, and its size."""

import os
import sys
from dataclasses import dataclass

if sys.platform == "win32":
    from ferryman.client.plugin.tty.windows_console import RawTerminal
else:
    from ferryman.client.plugin.tty.posix_terminal import RawTerminal

__all__ = ["RawTerminal", "WindowSize", "is_terminal", "window_size"]

FALLBACK_COLUMNS = 300
FALLBACK_ROWS = 100
"""AWS's client reports 300 by 100 without a terminal, which keeps long lines in captured output whole."""
UNKNOWN_COLUMNS = 80
UNKNOWN_ROWS = 24
"""For a terminal that does not know its size."""


@dataclass(frozen=True, slots=True)
class WindowSize:
    """Columns and rows of the window, both positive."""

    columns: int
    rows: int


def window_size(*descriptors: int) -> WindowSize:
    """Return the size of the first descriptor that is a terminal, 300 by 100 if none is."""
    for descriptor in descriptors:
        try:
            size = os.get_terminal_size(descriptor)
        except OSError:
            continue
        if size.columns > 0 and size.lines > 0:
            return WindowSize(size.columns, size.lines)
        return WindowSize(UNKNOWN_COLUMNS, UNKNOWN_ROWS)
    return WindowSize(FALLBACK_COLUMNS, FALLBACK_ROWS)


def is_terminal(descriptor: int) -> bool:
    """Whether `descriptor` is open and a terminal."""
    try:
        return os.isatty(descriptor)
    except OSError:
        return False
