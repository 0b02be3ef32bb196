"""Removes from recorded output what must not reach the terminal of whoever plays it.

A node decides what a recording contains. Played back, it could set the viewer's clipboard or window title (OSC), load
keys or macros (DCS), or ask the terminal questions whose answers would be typed into the viewer's shell (CSI … c, n, t,
and others). Everything that draws remains.
"""

import re

_STRINGS = rb"\x1b[\]PX^_].*?(?:\x07|\x1b\\|\x9c)"
"""OSC, DCS, SOS, PM and APC with their contents, up to BEL or ST."""
_QUESTIONS = rb"\x1b\[[0-?]*[ -/]*[cntxq]|\x1b\[[0-?]*\$[pw]|\x1bZ|\x05"
"""Device attributes and status, window operations and reports, DECRQM, DECID, ENQ."""
_REMOVED = re.compile(_STRINGS + rb"|" + _QUESTIONS, re.DOTALL)
_CURSOR_STYLE = re.compile(rb"\x1b\[[0-9]* q")
_UNFINISHED = re.compile(rb"\x1b(?:[\]PX^_](?:(?!\x07|\x1b\\|\x9c).)*|\[[0-?]*[ -/]*)?\Z", re.DOTALL)
LONGEST = 4096
"""Bytes of a sequence that has not ended; a longer one is dropped up to here."""


class TerminalFilter:
    """Filters one stream of output; sequences may be cut in two by the end of a piece."""

    def __init__(self) -> None:
        self._rest = b""

    def filtered(self, data: bytes) -> bytes:
        """Return what may be shown of all data so far and was not returned yet."""
        data = self._rest + data
        self._rest = b""
        unfinished = _UNFINISHED.search(data)
        if unfinished is not None:
            data, self._rest = data[: unfinished.start()], data[unfinished.start() :]
            if len(self._rest) > LONGEST:
                self._rest = self._rest[:2]
        return _REMOVED.sub(lambda found: found[0] if _CURSOR_STYLE.fullmatch(found[0]) else b"", data)
