"""A connection that is made while the one before it still carries the session: see `wire.moving`."""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass

from ferryman.transport.websocket import WebSocket

HELD_SECONDS = 8.0
"""How long a connection is held ready. A server waits 10 s for its opening frame."""


@dataclass(frozen=True, slots=True)
class UnopenedChannel:
    """A connected WebSocket whose opening frame, JSON with a token, has not been sent."""

    websocket: WebSocket
    opening: str

    async def open(self) -> WebSocket:
        """Send the opening frame; raises `ConnectionLost`."""
        try:
            await self.websocket.send(self.opening)
        except BaseException:
            await self.websocket.close()
            raise
        return self.websocket


class Standby:
    """At most one connection that is ready to be used. `dial` makes it; an exception only means that there is none.

    Use it in one running loop, and `close` it.
    """

    def __init__(self, dial: Callable[[], Awaitable[UnopenedChannel]]) -> None:
        self._dial = dial
        self._held: asyncio.Task[None] | None = None
        self._ready: UnopenedChannel | None = None
        self._dialled = asyncio.Event()

    async def prepare(self) -> bool:
        """Make a connection unless there is one; return whether there is."""
        if self._held is None or self._held.done():
            self._dialled = asyncio.Event()
            self._held = asyncio.create_task(self._hold())
        await self._dialled.wait()
        return self._ready is not None

    async def acquire(self) -> UnopenedChannel | None:
        """Return the connection, waiting for it if it is being made; None if there is none."""
        if self._held is None:
            return None
        await self._dialled.wait()
        taken, self._ready = self._ready, None
        await self.close()
        return taken

    async def close(self) -> None:
        """Close the connection, if there is one, and stop making one; idempotent."""
        held, self._held = self._held, None
        if held is not None:
            held.cancel()
            await asyncio.wait({held})

    async def _hold(self) -> None:
        """Dial, keep the connection for a while, and close it unless it was taken."""
        try:
            self._ready = await self._dial()
            self._dialled.set()
            await asyncio.sleep(HELD_SECONDS)
        except Exception:  # noqa: BLE001 whatever it is, the end connects again and then finds out
            return
        finally:
            self._dialled.set()
            unused, self._ready = self._ready, None
            if unused is not None:
                await unused.websocket.close()
