"""Ends a forward that nobody has used for long: a port must not stay open for ever because somebody forgot it."""

import asyncio
import math
from collections.abc import Callable

CHECKS = 20
"""Within one limit: an end comes late by at most this part of it."""
LONGEST_PERIOD = 60.0


class IdleLimit:
    """Calls `on_idle` once, when there was no connection for `seconds`; infinity means never.

    `busy` says whether there are connections now; a connection that comes and goes between two looks counts by `used`.
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
        """Take in that there is a connection."""
        self._used_at = self._loop.time()

    def close(self) -> None:
        """Look no more; idempotent."""
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
