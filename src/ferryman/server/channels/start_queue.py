"""Session starts on one node, one at a time: AWS's agent stops listening when many arrive together."""

import asyncio
from collections.abc import Callable

LIMIT = 1000
"""How many starts may wait; AWS's agent runs at most this many sessions (`protocol/agent.md` §1.5)."""


class StartQueue:
    """Sends `interactive_shell` frames: the next when the node has started the one before, or after `pace` seconds.

    The first waits until `first_at` (event-loop time). Uses timers only, so an idle node costs no task.
    """

    __slots__ = ("_first_at", "_pace", "_send", "_starting", "_timer", "_waiting")

    def __init__(self, send: Callable[[bytes], object], pace: float, first_at: float) -> None:
        self._send = send
        self._pace = pace
        self._first_at = first_at
        self._waiting: dict[str, bytes] = {}
        self._starting: str | None = None
        self._timer: asyncio.TimerHandle | None = None

    def __len__(self) -> int:
        return len(self._waiting)

    def add(self, session_id: str, frame: bytes) -> bool:
        """Send `frame` when its turn comes; False if too many are waiting."""
        if len(self._waiting) >= LIMIT:
            return False
        self._waiting[session_id] = frame
        if self._timer is None:
            self._next()
        return True

    def cancel(self, session_id: str) -> bool:
        """Cancel a start that has not been sent; False if there is none."""
        return self._waiting.pop(session_id, None) is not None

    def started(self, session_id: str) -> None:
        """Note that the node has started this session."""
        if session_id == self._starting:
            self.close()
            self._next()

    def close(self) -> None:
        """Stop sending from the timer."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        self._starting = None

    def _next(self) -> None:
        loop = asyncio.get_running_loop()
        self._timer = None
        self._starting = None
        if not self._waiting:
            return
        early = self._first_at - loop.time()
        if early > 0:
            self._timer = loop.call_later(early, self._next)
            return
        self._starting = next(iter(self._waiting))
        frame = self._waiting.pop(self._starting)
        self._send(frame)
        self._timer = loop.call_later(self._pace, self._next)
