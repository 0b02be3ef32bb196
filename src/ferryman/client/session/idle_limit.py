"""Ends a forward that has not been used for long, so that a forgotten port does not stay open forever."""

import asyncio
import math
from collections.abc import Callable

CHECKS = 20
"""Checks per limit: the end is late by at most limit / CHECKS."""
LONGEST_PERIOD = 60.0


class IdleLimit:
    """Calls `on_idle` once, after `seconds` without a connection; infinity means never.

    `busy` says whether there are connections now; `used` counts one that comes and goes between two checks.
    Made in a running loop.
    """

    def __init__(self, seconds: float, busy: Callable[[], bool], on_idle: Callable[[], None]) -> None:
        self._seconds = seconds
        self._busy = busy
        self._on_idle = on_idle
        self._loop = asyncio.get_running_loop()
        self._used_at = self._loop.time()
        self._timer: asyncio.TimerHandle | None = None
        if seconds != math.inf:
            self._wait()

    def used(self) -> None:
        """Record that there is a connection."""
        self._used_at = self._loop.time()

    def close(self) -> None:
        """Stop checking; idempotent."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def _wait(self) -> None:
        self._timer = self._loop.call_later(min(self._seconds / CHECKS, LONGEST_PERIOD), self._look)

    def _look(self) -> None:
        if self._busy():
            self.used()
        if self._loop.time() - self._used_at >= self._seconds:
            self._on_idle()
        else:
            self._wait()
