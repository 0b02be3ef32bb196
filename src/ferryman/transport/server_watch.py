"""Notices within seconds that the server of a session in use no longer answers, without giving up a slow one.

A machine that is lost sends nothing, not even a reset, and heartbeats are rare. So an end that was just used and hears
nothing asks by a ping, then has another connection made, and moves there if that works while the old one still says
nothing. If the network is slow or interrupted, another connection does not help, and the old one is kept: only its
heartbeat ends it then.
"""

import asyncio
from collections.abc import Callable

from ferryman.transport.errors import ConnectionLost
from ferryman.transport.websocket import ABNORMAL, WebSocket

QUIET_SECONDS = 3.0
"""How long after the last message a ping is sent."""
ANSWER_SECONDS = 3.0
"""How long to wait for its answer. By satellite it takes one second, on a bad line two or three."""
USED_SECONDS = 30.0
"""How long after its last use a session is watched. Then nobody waits for it, and its heartbeat is enough."""
MUCH_BYTES = 64 * 1024
"""When more than this was sent and not answered, the server may be reading nothing because the far end is behind:"""
MUCH_ANSWER_SECONDS = 8.0
"""then it is given as long as it waits for the far end itself (`server.timeouts.Timeouts.stall`)."""


class ServerWatch:
    """Watches one connection; calls `gone` once there is a better one. Call `used` at every use, and `close` it."""

    def __init__(self, websocket: WebSocket, gone: Callable[[ConnectionLost], None]) -> None:
        self._websocket = websocket
        self._gone = gone
        self._loop = asyncio.get_running_loop()
        self._used_at = 0.0
        self._timer: asyncio.TimerHandle | None = None
        self._doubting: asyncio.Task[None] | None = None

    def used(self) -> None:
        """Note that the session is in use; cheap."""
        self._used_at = self._loop.time()
        if self._timer is None and self._doubting is None and self._websocket.prepare_next is not None:
            self._timer = self._loop.call_later(QUIET_SECONDS, self._look)

    async def close(self) -> None:
        """Stop watching."""
        if self._timer is not None:
            self._timer.cancel()
        if self._doubting is not None:
            self._doubting.cancel()
            await asyncio.wait({self._doubting})

    def _look(self) -> None:
        self._timer = None
        now = self._loop.time()
        left = self._websocket.heard_at + QUIET_SECONDS - now
        if left > 0:
            self._timer = self._loop.call_later(left, self._look)
        elif self._websocket.unanswered_bytes or now < self._used_at + USED_SECONDS:
            self._doubting = asyncio.create_task(self._doubt())

    async def _doubt(self) -> None:
        websocket = self._websocket
        heard_at = websocket.heard_at
        much = websocket.unanswered_bytes > MUCH_BYTES
        if not much:
            await websocket.ping()
        await asyncio.sleep(MUCH_ANSWER_SECONDS if much else ANSWER_SECONDS)
        if heard_at == websocket.heard_at and await websocket.has_next() and heard_at == websocket.heard_at:
            self._gone(ConnectionLost(ABNORMAL, "the server does not answer"))
            return
        self._doubting = None
        self._timer = self._loop.call_later(QUIET_SECONDS, self._look)
