"""One accepted connection, from the first byte to the last, and how long its peer may take for each part.

aiohttp waits for the complete head of a request as long as it keeps an idle connection, and forever for a response to
be read. Here both are limited: an unauthenticated peer gets `Timeouts.request` for each request, an authenticated one
may be idle for `Timeouts.idle`. While a request is being answered or a channel is open, their own limits apply.
"""

import asyncio
from collections.abc import Callable, Hashable

import structlog
from aiohttp import web
from aiohttp.base_protocol import BaseProtocol
from aiohttp.http_exceptions import HttpProcessingError
from aiohttp.web_protocol import RequestPayloadError

from ferryman.model.errors import ServiceError
from ferryman.server.listener.connection_limits import ConnectionLimits
from ferryman.server.listener.pacing import Bursts
from ferryman.server.listener.request_memory import RequestMemories, RequestMemory
from ferryman.server.listener.transports import close_at_once
from ferryman.server.listener.unauthenticated import Origin
from ferryman.server.timeouts import Timeouts

LINGERING = 2.0
"""Seconds in which a refused body is read and discarded, so that the refusal reaches its sender."""

HEAD_BYTES = 32 * 1024
"""The head of a connection's first request is refused if it is longer."""

SERVER_NAME = "Ferryman"
"""What responses say in Server. Versions only help attackers."""
_NOT_HTTP = "This is not valid HTTP.\n"
_REFUSED_HEAD = (
    "HTTP/1.1 400 Bad Request\r\nContent-Type: text/plain; charset=utf-8\r\n"
    f"Content-Length: {len(_NOT_HTTP)}\r\nServer: {SERVER_NAME}\r\nConnection: close\r\n\r\n{_NOT_HTTP}"
).encode()
PEERS_FAULTS = (HttpProcessingError, RequestPayloadError, ConnectionError)
"""Errors that a peer causes by what it sends or by leaving; the log does not warn about them."""

_log = structlog.get_logger("ferryman.server.listener.connection")


def drop_frames(fault: BaseException | None) -> None:
    """Remove the frames from an error that was answered, and from its causes.

    The frames would keep the request and its connection in memory until a full garbage collection. A flood of refused
    requests would trigger one every few seconds, and each stops the server for about 50 ms.
    """
    while fault is not None and fault.__traceback__ is not None:
        fault.__traceback__ = None
        fault = fault.__cause__ or fault.__context__


class Connection(web.RequestHandler):
    """aiohttp's connection, with timeouts. `left` is called once it is gone, or if it was never established.

    `limits` counts it and `memory` what it sends, until its peer has left and its last request has been dealt with.
    aiohttp learns about a connection only when the head of its first request is complete, so a flood of unfinished
    requests costs no tasks and is cheap to drop.
    """

    __slots__ = (
        "_answering",
        "_answers",
        "_arrival",
        "_begun",
        "_bursts",
        "_due",
        "_head",
        "_holder",
        "_leaving",
        "_left",
        "_limits",
        "_memory",
        "_origin",
        "_reading",
        "_requests",
        "_started",
        "_stopping",
        "_timeouts",
        "refused",
    )

    def __init__(
        self,
        server: web.Server,
        limits: ConnectionLimits,
        memory: RequestMemories,
        timeouts: Timeouts,
        bursts: Bursts,
        left: Callable[["Connection"], None],
    ) -> None:
        loop = asyncio.get_running_loop()
        super().__init__(
            server,
            loop=loop,
            access_log=None,  # type: ignore[arg-type] # what turns it off; `http.middleware` logs
            keepalive_timeout=timeouts.idle,
            lingering_time=LINGERING,
            auto_decompress=False,  # signatures cover the bytes as sent; nothing is unpacked before they are verified
        )
        self._limits = limits
        self._memory = memory
        self._requests: RequestMemory | None = memory.unauthenticated
        self._holder: Hashable = None
        self._timeouts = timeouts
        self._bursts = bursts
        self._left: Callable[[Connection], None] | None = left
        self._due: asyncio.TimerHandle | None = loop.call_later(timeouts.request, self._expire)
        self._arrival: asyncio.Task[None] | None = None
        self._reading: asyncio.Timeout | None = None
        self._leaving: asyncio.Future[None] | None = None
        self._begun = False
        self._started = False
        self._stopping = False
        self._answering = False
        self._answers = 0
        self._head = bytearray()
        self.refused = False
        """Whether the rest of the request is not read; the response is the connection's last."""

    def arriving(self, origin: Origin | None, arrival: "asyncio.Task[None]") -> None:
        """Set where the connection comes from, and the task that establishes it."""
        self._holder = origin
        self._arrival = arrival

    def recognised(self, caller: str, *, node: bool = False) -> bool:
        """Note that the peer is `caller`; False if that caller has too many connections, all of them busy, or too many
        bytes of unanswered requests."""
        has_room = self._move_memory(self._memory.authenticated, caller)
        fits = self._limits.identify(self, caller, node=node) and has_room
        self.refused |= not fits
        return fits

    async def pause(self, seconds: float, *, evictable: bool = False) -> bool:
        """Let the peer wait for its turn; False, and immediately, if it leaves or the server stops.

        Meanwhile the connection counts as busy, so that waiting ones have a limit; if it is `evictable` it counts as
        idle, may be closed to make room for another, and its request, which must be small, is not counted any longer.
        """
        if self._left is None:
            return False
        if evictable:
            self._limits.mark_refused(self)
            self._release_requests()
        else:
            self._limits.mark_busy(self)
        stays = False
        if not self._stopping:
            self._leaving = self._loop.create_future()
            try:
                async with asyncio.timeout(seconds):
                    await self._leaving
            except TimeoutError:
                stays = True
            finally:
                self._leaving = None
        await self._bursts.refusals.turn()
        return stays

    def may_stay(self, *, refused: bool) -> bool:
        """Count a request whose sender did not say who they are; False if the connection must end with its response.

        Otherwise one connection could bring any number of them, which new connections cannot.
        """
        return not self._limits.is_counted(self) or (
            not refused and (self._answers == 1 or self._limits.count_request(self))
        )

    def working(self) -> bool:
        """Note that a whole request has arrived; False if its sender has too many bytes of unanswered ones."""
        self._reading = None
        self._limits.mark_busy(self)
        return self._requests is None or self._requests.complete(self._holder, self)

    def joined(self) -> None:
        """Note that this is a channel now; its relay limits what is held."""
        self._move_memory(None, None)
        self._limits.mark_channel(self)

    def parting(self) -> None:
        """Note that this is no longer a channel and is about to be closed."""
        self._limits.unmark_channel(self)

    def _move_memory(self, to: RequestMemory | None, holder: Hashable) -> bool:
        if self._requests is to and self._holder == holder:
            return True
        held = 0 if self._requests is None else self._requests.release(self._holder, self)
        self._requests, self._holder = to, holder
        return to is None or to.add_complete(holder, self, held)

    def reading(self, patience: asyncio.Timeout) -> None:
        """Note that a body is being read within `patience`, which ends immediately if the request is refused."""
        self._reading = patience

    def refuse(self) -> None:
        """See `request_memory.Sender`."""
        self.refused = True
        if self._reading is None:
            self.evict()
        elif not self._reading.expired():
            self._reading.reschedule(self._loop.time())

    def evict(self) -> None:
        """See `connection_limits.CountedConnection`."""
        if self.transport is not None:
            self.transport.abort()
        elif self._arrival is not None:
            self._arrival.cancel()

    @property
    def begun(self) -> bool:
        """Whether the head of a request was ever complete."""
        return self._begun

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Implement `asyncio.Protocol`."""
        BaseProtocol.connection_made(self, transport)  # aiohttp's handler starts with the first complete head

    def data_received(self, data: bytes) -> None:
        """Implement `asyncio.Protocol`."""
        if self.refused:
            return
        if self._requests is not None:
            self._requests.add(self._holder, self, len(data))
            if self.refused:
                return
        if not self._begun:
            searched = max(0, len(self._head) - 2)  # a head sent byte by byte is not searched from its start each time
            self._head += data
            if self.transport is None or not self._head_is_complete(searched):
                return
            self._begun = True
            self._bursts.requests.soon(self._start, self._holder)
        elif self._started:
            super().data_received(data)
        else:
            self._head += data

    def _start(self) -> None:
        """Have aiohttp answer what has arrived, unless the peer has left meanwhile."""
        if self.transport is None or self.transport.is_closing() or self._left is None:
            return
        data, self._head = bytes(self._head), bytearray()
        self._started = True
        super().connection_made(self.transport)
        super().data_received(data)

    def close(self) -> None:
        """Do as aiohttp does when the server stops: no further request is accepted. What waits need not wait longer."""
        super().close()
        self._stopping = True
        self._stop_waiting()

    def _head_is_complete(self, searched: int) -> bool:
        """Return whether the head of the first request is here; refuses what cannot become one.

        What is before `searched` is known to hold no end of it.
        """
        head = self._head
        if not searched:
            del head[: len(head) - len(head.lstrip(b"\r\n"))]  # RFC 9112, section 2.2
        if head and not head[:1].isupper():
            self._refuse_head()
            return False
        if head.find(b"\n\r\n", searched) >= 0 or head.find(b"\n\n", searched) >= 0:
            return True
        if len(head) > HEAD_BYTES:
            self._refuse_head()
        return False

    def _refuse_head(self) -> None:
        assert self.transport is not None  # noqa: S101 bytes arrived on it
        peer = self.transport.get_extra_info("peername")
        _log.info("request malformed", peer=peer[0] if peer else None, reason="no head of a request")
        self.refused = True
        self._head.clear()
        self.transport.write(_REFUSED_HEAD)
        self.transport.close()

    def request_began(self) -> None:
        """Note that the head of a request is complete."""
        self._answering = True
        self._answers += 1
        self._cancel_due()

    def request_ended(self) -> None:
        """Note that a request was answered: the response must be read, and the next request arrive, in time."""
        self._reading = None
        self._answering = False
        if self._left is None:
            self._release()
            return
        self._release_requests()
        self._limits.mark_idle(self)
        seconds = self._timeouts.request if self._limits.is_unauthenticated(self) else self._timeouts.idle
        self._due = self._loop.call_later(seconds, self._expire)

    def handle_error(
        self,
        request: web.BaseRequest,
        status: int = 500,
        exc: BaseException | None = None,
        message: str | None = None,
    ) -> web.StreamResponse:
        """Answer a request that is not HTTP, or a fault outside the application.

        aiohttp's `message` is not used because it quotes the request.
        """
        if request.writer.output_size > 0:
            raise ConnectionError("the answer has begun; the connection is closed instead")
        if status >= web.HTTPInternalServerError.status_code:
            _log.error("answer failed", exc_info=exc)
        else:
            _log.info("request malformed", peer=request.remote, reason=type(exc).__name__)
        drop_frames(exc)
        text = "The server failed.\n" if status >= web.HTTPInternalServerError.status_code else _NOT_HTTP
        response = web.Response(status=status, text=text, headers={"Server": SERVER_NAME})
        response.force_close()
        return response

    async def finish_response(
        self, request: web.BaseRequest, resp: web.StreamResponse, start_time: float | None
    ) -> tuple[web.StreamResponse, bool]:
        """Do as aiohttp does, but replace its own refusals, such as of an unknown Expect: they quote the request."""
        if isinstance(resp, web.HTTPException):
            resp = web.Response(status=resp.status, text=f"{resp.reason}\n", headers={"Server": SERVER_NAME})
        try:
            return await super().finish_response(request, resp, start_time)
        finally:
            if isinstance(resp, web.WebSocketResponse):  # its second close frame fails on the closed transport
                drop_frames(resp.exception())

    def log_exception(self, *args: object, **details: object) -> None:
        """Log an error that aiohttp did not expect, unless the peer caused it."""
        fault = details.get("exc_info")
        if not isinstance(fault, PEERS_FAULTS):
            _log.error("connection failed", reason=str(args[0]) if args else "", exc_info=fault)

    def connection_lost(self, exc: BaseException | None) -> None:
        """Implement `asyncio.Protocol`."""
        if self._started:
            super().connection_lost(exc)
        else:
            BaseProtocol.connection_lost(self, exc)
            self._parser = None  # refers to this connection; aiohttp does the same for connections that it knows
        self.end()

    def end(self) -> None:
        """Note that the connection has ended or was never established; idempotent.

        A request that is still being dealt with is counted until `request_ended`.
        """
        self._cancel_due()
        self._stop_waiting()
        if self._left is not None:
            left, self._left = self._left, None
            left(self)
        if not self._answering:
            self._release()

    def _stop_waiting(self) -> None:
        if self._leaving is not None and not self._leaving.done():
            self._leaving.set_result(None)

    def _release_requests(self) -> None:
        if self._requests is not None and not self._messages:  # further requests may wait behind this one
            self._requests.release(self._holder, self)

    def _release(self) -> None:
        self._limits.remove(self)
        if self._requests is not None:
            self._requests.release(self._holder, self)

    def _cancel_due(self) -> None:
        if self._due is not None:
            self._due.cancel()
            self._due = None

    def _expire(self) -> None:
        self._due = None
        transport = self.transport
        if transport is not None:
            close_at_once(transport)


def recognise(request: web.BaseRequest, caller: str, *, node: bool = False) -> None:
    """Count the connection of a request as `caller`'s.

    Raises ThrottlingException, which SDKs retry, if all connections that one caller may have are busy, or if its
    unanswered requests use too much memory.
    """
    connection = request.protocol
    if isinstance(connection, Connection) and not connection.recognised(caller, node=node):
        message = (
            "This caller or address has too many open connections or too large unanswered requests. Make fewer calls "
            "at a time, or wait until some are answered."
        )
        raise ServiceError("ThrottlingException", message)
