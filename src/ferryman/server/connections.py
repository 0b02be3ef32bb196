"""One accepted connection, from the first byte to the last, and how long its peer may take over what.

aiohttp waits for the whole head of a request as long as it keeps an idle connection, and for ever until an answer is
taken. Here both have an end: a peer that has not shown who it is gets `Timing.request` for each request, one that is
known may be idle for `Timing.idle`. While a request is being answered or a channel is open, their own limits hold.
"""

import asyncio
from collections.abc import Callable

import structlog
from aiohttp import web
from aiohttp.http_exceptions import HttpProcessingError
from aiohttp.web_protocol import RequestPayloadError

from ferryman.server.newcomers import Newcomers, Origin
from ferryman.server.timing import Timing

LINGERING = 2.0
"""Seconds in which a refused body is read and thrown away, so that the refusal reaches its sender."""

SERVER_NAME = "Ferryman"
"""All that answers say of what answers: versions help nobody but those who look for holes in them."""
PEERS_FAULTS = (HttpProcessingError, RequestPayloadError, ConnectionError)
"""What a peer brings about by what it sends, or by leaving: nothing that the log should warn of."""

_log = structlog.get_logger("ferryman.server.connections")


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

    def handle_error(
        self,
        request: web.BaseRequest,
        status: int = 500,
        exc: BaseException | None = None,
        message: str | None = None,
    ) -> web.StreamResponse:
        """Answer what is not HTTP, or a fault outside the application; aiohttp's `message` quotes the request, so
        it is not used."""
        if request.writer.output_size > 0:
            raise ConnectionError("the answer has begun; the connection is closed instead")
        if status >= web.HTTPInternalServerError.status_code:
            _log.error("answer failed", exc_info=exc)
        else:
            _log.info("request malformed", peer=request.remote, reason=type(exc).__name__)
        text = (
            "The server failed.\n" if status >= web.HTTPInternalServerError.status_code else "This is not valid HTTP.\n"
        )
        response = web.Response(status=status, text=text, headers={"Server": SERVER_NAME})
        response.force_close()
        return response

    async def finish_response(
        self, request: web.BaseRequest, resp: web.StreamResponse, start_time: float | None
    ) -> tuple[web.StreamResponse, bool]:
        """As aiohttp has it, but for its own refusals, such as of an unknown Expect, which quote the request."""
        if isinstance(resp, web.HTTPException):
            resp = web.Response(status=resp.status, text=f"{resp.reason}\n", headers={"Server": SERVER_NAME})
        return await super().finish_response(request, resp, start_time)

    def log_exception(self, *args: object, **details: object) -> None:
        """Log what aiohttp did not expect, unless it is the peer's doing."""
        fault = details.get("exc_info")
        if not isinstance(fault, PEERS_FAULTS):
            _log.error("connection failed", reason=str(args[0]) if args else "", exc_info=fault)

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
