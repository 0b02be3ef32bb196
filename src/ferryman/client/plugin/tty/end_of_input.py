"""Tells a remote shell that its input has ended, when nobody is at a terminal.

A terminal has no end of file, only a key for it, Ctrl-D. While a shell such as bash switches its line editor on or off,
the key has no effect, so it is pressed again whenever the far end has been silent for a while, at growing intervals,
until the session ends or it is clear that nothing reacts to it.
"""

import asyncio
import time
from collections.abc import Callable

END_OF_FILE = b"\x04"
FIRST_PAUSE = 0.25
GROWTH = 1.5
LONGEST_PAUSE = 30.0
"""The pause grows only in silence that outlasts it, so the wait at the end is at most half as long as the longest
silence before."""
PRESSES = 50
"""After these, which take about 20 minutes, the session's own idle timeout decides."""


class EndOfInput:
    """Presses Ctrl-D by `press` until `stop`.

    `may_press` says whether the far end has acknowledged everything sent before, so that presses do not pile up.
    """

    def __init__(self, press: Callable[[bytes], None], may_press: Callable[[], bool], *, within_line: bool) -> None:
        self._press = press
        self._may_press = may_press
        self._pause = FIRST_PAUSE
        self._left = PRESSES
        self._silent_since = time.monotonic()
        self._loop = asyncio.get_running_loop()
        self._timer: asyncio.TimerHandle | None = None
        # Within a line, the key only submits the line so far.
        self._press_now(b"\n" + END_OF_FILE if within_line else END_OF_FILE)

    def output_arrived(self) -> None:
        """Note that the far end is not silent."""
        self._silent_since = time.monotonic()

    def stop(self) -> None:
        """Stop pressing; idempotent."""
        if self._timer is not None:
            self._timer.cancel()

    def _press_now(self, keys: bytes) -> None:
        self._left -= 1
        self._silent_since = time.monotonic()
        self._press(keys)
        if self._left:
            self._timer = self._loop.call_later(self._pause, self._look)

    def _look(self) -> None:
        remaining = self._silent_since + self._pause - time.monotonic()
        if remaining > 0 or not self._may_press():
            self._timer = self._loop.call_later(max(remaining, FIRST_PAUSE), self._look)
            return
        self._pause = min(GROWTH * self._pause, LONGEST_PAUSE)
        self._press_now(END_OF_FILE)
