"""Keeps a session's data channel open: connects, carries frames, reconnects, and gives up after a bounded time."""

import asyncio
import os
import time
from collections.abc import Awaitable, Callable

from ferryman.agent.logs import logger
from ferryman.channel.backoff import Attempts, Backoff
from ferryman.channel.events import AgentEvent
from ferryman.model.errors import ServiceError
from ferryman.transport.errors import ConnectionLost, Unreachable
from ferryman.transport.pump import Pump
from ferryman.transport.standby import Standby, UnopenedChannel
from ferryman.transport.websocket import WebSocket

RECONNECT = Backoff(initial=0.1, ratio=2.0, cap=5.0, jitter=0.5)
_LOG = logger("data_channel")


class ServerLost(Exception):
    """No connection could be made within the time limit."""


class DataLink:
    """One session's connection to the server, reconnected whenever it is lost.

    `dial` connects a data channel. `outage_limit` is how many seconds may pass without a connection, `first_limit` the
    same before the first.
    """

    def __init__(
        self,
        dial: Callable[[], Awaitable[UnopenedChannel]],
        pump: Pump[AgentEvent],
        *,
        first_limit: float,
        outage_limit: float,
        backoff: Backoff = RECONNECT,
    ) -> None:
        self._dial = dial
        self._pump = pump
        self._first_limit = first_limit
        self._outage_limit = outage_limit
        self._attempts = Attempts(backoff, os.urandom)
        self._standby = Standby(dial)

    async def run(self) -> None:
        """Keep the session connected until cancelled; raises `ServerLost`, and `SessionOver` from `dial`."""
        limit = self._first_limit
        try:
            while True:
                websocket = await self._connect(limit)
                websocket.prepare_next = self._standby.prepare
                connected_at = time.monotonic()
                try:
                    lost = await self._pump.run(websocket)
                finally:
                    await websocket.close()
                _LOG.info("data channel lost", code=lost.code, reason=lost.reason)
                limit = self._outage_limit
                self._attempts.lost(time.monotonic() - connected_at)
        finally:
            await self._standby.close()

    async def _connect(self, limit: float) -> WebSocket:
        """Return a new socket: one that is ready, or else a new one, immediately after a connection that held."""
        try:
            async with asyncio.timeout(limit):
                unopened = await self._standby.acquire()
                while True:
                    try:
                        if unopened is None:
                            if self._attempts.made:
                                await asyncio.sleep(self._attempts.wait())
                            unopened = await self._dial()
                        return await unopened.open()
                    except (Unreachable, ServiceError, ConnectionLost) as error:
                        unopened = None
                        self._attempts.failed()
                        _LOG.warning("data channel refused", error=str(error), attempt=self._attempts.made)
        except TimeoutError as error:
            raise ServerLost(f"no connection to the server for {limit:.0f} s") from error
