"""One accepted connection, from the first byte to the last, and how long its peer may take over what.

aiohttp waits for the whole head of a request as long as it keeps an idle connection, and for ever until an answer is
taken. Here both have an end: a peer that has not shown who it is gets `Timing.request` for each request, one that is
known may be idle for `Timing.idle`. While a request is being answered or a channel is open, their own limits hold.
"""

import asyncio
from collections.abc import Callable

from aiohttp import web

from ferryman.server.newcomers import Newcomers, Origin
from ferryman.server.timing import Timing

LINGERING = 2.0
"""Seconds in which a refused body is read and thrown away, so that the refusal reaches its sender."""


class Connection(web.RequestHandler):
    """aiohttp's connection, with an end to patience. `left` is called once it is gone, or if it never came about."""

    __slots__ = ("_due", "_left", "_newcomers", "_origin", "_timing")

    def __init__(
        self,
        server: web.Server,
        newcomers: Newcomers,
        origin: Origin | None,
        timing: Timing,
        left: Callable[["Connection"], None],
    ) -> None:
        loop = asyncio.get_running_loop()
        super().__init__(
            server,
            loop=loop,
            access_log=None,  # type: ignore[arg-type] # what turns it off; `server.middleware` logs
            keepalive_timeout=timing.idle,
            lingering_time=LINGERING,
            auto_decompress=False,  # what is signed is what is on the wire; nothing is unpacked for who is unknown
        )
        self._newcomers: Newcomers | None = newcomers
        self._origin = origin
        self._timing = timing
        self._left: Callable[[Connection], None] | None = left
        self._due: asyncio.TimerHandle | None = loop.call_later(timing.request, self._expire)

    def recognised(self) -> None:
        """The peer has shown who it is: no newcomer any more."""
        if self._newcomers is not None:
            self._newcomers.leave(self._origin)
            self._newcomers = None

    def request_began(self) -> None:
        """The head of a request is complete."""
        if self._due is not None:
            self._due.cancel()
            self._due = None

    def request_ended(self) -> None:
        """A request has its answer: it must be taken, and the next one be here, in time."""
        if self._left is not None:
            seconds = self._timing.request if self._newcomers is not None else self._timing.idle
            self._due = self._loop.call_later(seconds, self._expire)

    def connection_lost(self, exc: BaseException | None) -> None:
        """As `asyncio.Protocol` has it."""
        super().connection_lost(exc)
        self.end()

    def end(self) -> None:
        """Count it out; idempotent. For a connection that was never made, too."""
        self.request_began()
        self.recognised()
        if self._left is not None:
            left, self._left = self._left, None
            left(self)

    def _expire(self) -> None:
        self._due = None
        transport = self.transport
        if transport is None:
            return
        if transport.get_write_buffer_size():
            transport.abort()  # closing would wait for a peer that does not read
        else:
            transport.close()


def recognise(request: web.BaseRequest) -> None:
    """Note that the peer of a request has shown who it is."""
    if isinstance(request.protocol, Connection):
        request.protocol.recognised()
