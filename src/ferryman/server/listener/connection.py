"""One accepted connection, from the first byte to the last, and how long its peer may take over what.

aiohttp waits for the whole head of a request as long as it keeps an idle connection, and for ever until an answer is
taken. Here both have an end: a peer that has not shown who it is gets `Timing.request` for each request, one that is
known may be idle for `Timing.idle`. While a request is being answered or a channel is open, their own limits hold.
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
from ferryman.server.listener.request_memory import RequestMemory
from ferryman.server.listener.unauthenticated import Origin
from ferryman.server.timeouts import Timing

LINGERING = 2.0
"""Seconds in which a refused body is read and thrown away, so that the refusal reaches its sender."""

HEAD_BYTES = 16 * 1024
"""A longer head is given to aiohttp unfinished, whose limits refuse it."""

SERVER_NAME = "Ferryman"
"""All that answers say of what answers: versions help nobody but those who look for holes in them."""
PEERS_FAULTS = (HttpProcessingError, RequestPayloadError, ConnectionError)
"""What a peer brings about by what it sends, or by leaving: nothing that the log should warn of."""

_log = structlog.get_logger("ferryman.server.listener.connection")


def drop_frames(fault: BaseException | None) -> None:
    """Take the frames off an error that was answered, and off those that led to it.

    They would hold the request and its connection until a full garbage collection, which a flood of refused requests
    then brings about every few seconds, and which stops everything for some 50 ms.
    """
    while fault is not None and fault.__traceback__ is not None:
        fault.__traceback__ = None
        fault = fault.__cause__ or fault.__context__


class Memory:
    """What is held of requests: of strangers', and of those whose peers have shown who they are."""

    __slots__ = ("known", "strangers")

    def __init__(self, most_bytes: int) -> None:
        self.strangers = RequestMemory(most_bytes)
        self.known = RequestMemory(most_bytes)


class Connection(web.RequestHandler):
    """aiohttp's connection, with an end to patience. `left` is called once it is gone, or if it never came about.

    Before that, `limits` counts it and `memory` what it sends. aiohttp hears of a connection when the head of its first
    request is complete: a stranger's flood of unfinished requests costs no tasks, and can be dropped at little cost.
    """

    __slots__ = (
        "_arrival",
        "_begun",
        "_due",
        "_head",
        "_holder",
        "_left",
        "_limits",
        "_memory",
        "_origin",
        "_reading",
        "_requests",
        "_timing",
        "refused",
    )

    def __init__(
        self,
        server: web.Server,
        limits: ConnectionLimits,
        memory: Memory,
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
        self._limits = limits
        self._memory = memory
        self._requests: RequestMemory | None = memory.strangers
        self._holder: Hashable = None
        self._timing = timing
        self._left: Callable[[Connection], None] | None = left
        self._due: asyncio.TimerHandle | None = loop.call_later(timing.request, self._expire)
        self._arrival: asyncio.Task[None] | None = None
        self._reading: asyncio.Timeout | None = None
        self._begun = False
        self._head = b""
        self.refused = False
        """Whether what was being sent is not read to its end; the answer is the connection's last."""

    def arriving(self, origin: Origin | None, arrival: "asyncio.Task[None]") -> None:
        """It comes from `origin`, and `arrival` makes it."""
        self._holder = origin
        self._arrival = arrival

    def recognised(self, caller: str, *, node: bool = False) -> bool:
        """The peer has shown who it is; False if it has too many connections, all of them busy, or if its unanswered
        requests hold too much."""
        has_room = self._move_memory(self._memory.known, caller)
        fits = self._limits.identify(self, caller, node=node) and has_room
        self.refused |= not fits
        return fits

    def working(self) -> bool:
        """A whole request is here; False if its sender's unanswered ones hold too much."""
        self._reading = None
        self._limits.working(self)
        return self._requests is None or self._requests.complete(self._holder, self)

    def joined(self) -> None:
        """It is a channel now, whose relay bounds what is held."""
        self._move_memory(None, None)
        self._limits.joined(self)

    def parting(self) -> None:
        """It is a channel no longer, and about to be closed."""
        self._limits.parting(self)

    def _move_memory(self, to: RequestMemory | None, holder: Hashable) -> bool:
        if self._requests is to and self._holder == holder:
            return True
        held = 0 if self._requests is None else self._requests.release(self._holder, self)
        self._requests, self._holder = to, holder
        return to is None or to.add_complete(holder, self, held)

    def reading(self, patience: asyncio.Timeout) -> None:
        """A body is being read within `patience`, which ends at once if it is refused."""
        self._reading = patience

    def refuse(self) -> None:
        """See `request_memory.Sender`."""
        self.refused = True
        if self._reading is None:
            self.evict()
        elif not self._reading.expired():
            self._reading.reschedule(self._loop.time())

    def evict(self) -> None:
        """See `connection_limits.Occupant`."""
        if self.transport is not None:
            self.transport.abort()
        elif self._arrival is not None:
            self._arrival.cancel()

    @property
    def begun(self) -> bool:
        """Whether the head of a request was ever complete."""
        return self._begun

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """As `asyncio.Protocol` has it."""
        BaseProtocol.connection_made(self, transport)  # aiohttp's handler begins with the first whole head

    def data_received(self, data: bytes) -> None:
        """As `asyncio.Protocol` has it."""
        if self.refused:
            return
        if self._requests is not None:
            self._requests.add(self._holder, self, len(data))
            if self.refused:
                return
        if not self._begun:
            data = self._head + data
            if _unfinished(data):
                self._head = data
                return
            if self.transport is None:
                return
            self._begun, self._head = True, b""
            super().connection_made(self.transport)
        super().data_received(data)

    def request_began(self) -> None:
        """The head of a request is complete."""
        if self._due is not None:
            self._due.cancel()
            self._due = None

    def request_ended(self) -> None:
        """A request has its answer: it must be taken, and the next one be here, in time."""
        self._reading = None
        if self._requests is not None and not self._messages:  # further requests may wait behind this one
            self._requests.release(self._holder, self)
        self._limits.waiting(self)
        if self._left is not None:
            seconds = self._timing.request if self._limits.is_stranger(self) else self._timing.idle
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
        drop_frames(exc)
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
        try:
            return await super().finish_response(request, resp, start_time)
        finally:
            if isinstance(resp, web.WebSocketResponse):  # its second farewell fails on the closed transport
                drop_frames(resp.exception())

    def log_exception(self, *args: object, **details: object) -> None:
        """Log what aiohttp did not expect, unless it is the peer's doing."""
        fault = details.get("exc_info")
        if not isinstance(fault, PEERS_FAULTS):
            _log.error("connection failed", reason=str(args[0]) if args else "", exc_info=fault)

    def connection_lost(self, exc: BaseException | None) -> None:
        """As `asyncio.Protocol` has it."""
        if self._begun:
            super().connection_lost(exc)
        else:
            BaseProtocol.connection_lost(self, exc)
            self._parser = None  # refers to this connection; aiohttp does the same for connections that it knows
        self.end()

    def end(self) -> None:
        """Count it out; idempotent. For a connection that was never made, too."""
        self.request_began()
        self._limits.leave(self)
        if self._requests is not None:
            self._requests.release(self._holder, self)
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


def _unfinished(head: bytes) -> bool:
    """Whether more of a request's head is to come. What cannot be one is finished: it is answered at once."""
    return len(head) < HEAD_BYTES and head[:1].isupper() and b"\n\r\n" not in head and b"\n\n" not in head


def recognise(request: web.BaseRequest, caller: str, *, node: bool = False) -> None:
    """Note that the peer of a request has shown to be `caller`.

    Raises ThrottlingException, which SDKs retry, if all the connections that one caller may have are busy, or if its
    unanswered requests hold too much memory.
    """
    connection = request.protocol
    if isinstance(connection, Connection) and not connection.recognised(caller, node=node):
        message = (
            "This caller, or this address, has too many connections open or too large requests unanswered; make fewer "
            "calls at a time, or wait until some are answered."
        )
        raise ServiceError("ThrottlingException", message)
