"""The server's end of a WebSocket: whole messages in and out, backpressure, and one way to close."""

import asyncio
from collections.abc import Callable, Sequence

import aiohttp
from aiohttp import WSCloseCode, WSMsgType, web
from aiohttp.abc import AbstractStreamWriter

from ferryman.server.channels.sockets.frame_writer import FrameWriter
from ferryman.server.channels.sockets.peer_socket import ABNORMAL, Departure, PeerGone, PeerSocket, Violation
from ferryman.server.channels.sockets.turns import ReadTurns
from ferryman.server.listener.connection import Connection, drop_frames
from ferryman.server.listener.transports import close_at_once
from ferryman.server.timeouts import Timeouts
from ferryman.wire.moving import MOVE_PING

CONTROL_BURST = 100
"""Pings and unsolicited pongs that a peer may send in a burst. AWS's ends send one every few minutes, Ferryman's every
15 s."""
CONTROL_PER_SECOND = 10
"""How many more it may send per second after that; a peer that exceeds both is disconnected."""

OWN_ENDS = "ferryman-"
"""The prefix of the User-Agent of Ferryman's own agent and clients."""

_OUT_OF_REACH = 1 << 62
_QUESTION = b"read?"
"""The payload of a ping whose pong somebody waits for; the heartbeat's pings have none."""


class Socket(PeerSocket):
    """One peer's WebSocket. A single task receives and closes; anyone may send and ask it to leave."""

    __slots__ = (
        "_asked",
        "_connection",
        "_control_allowance",
        "_control_counted_at",
        "_draining",
        "_hearing",
        "_outgoing",
        "_patience",
        "_pongs_due",
        "_prepared",
        "_response",
        "_taken",
        "_taken_bytes",
        "_time",
        "_transport",
        "_turns",
        "_writer",
        "heard_at",
        "on_sent",
        "reading",
    )

    def __init__(
        self,
        request: web.Request,
        response: web.WebSocketResponse,
        writer: AbstractStreamWriter,
        patience: float,
        turns: ReadTurns,
    ) -> None:
        if request.transport is None:
            raise ConnectionResetError("the peer left during the upgrade")
        super().__init__(request.remote, own_end=request.headers.get("User-Agent", "").startswith(OWN_ENDS))
        self._response = response
        self._writer = writer
        self._transport = request.transport
        self._connection = request.protocol
        self._outgoing = FrameWriter(request.protocol, request.transport)
        self._draining: asyncio.Task[None] | None = None
        self._asked: Callable[[], None] | None = None
        self._prepared: Callable[[], None] | None = None
        self._hearing: asyncio.Event | None = None
        self._turns = turns
        self._taken = self._taken_bytes = 0
        self._patience = patience
        self._pongs_due = 0
        self._control_allowance = float(CONTROL_BURST)
        self._control_counted_at = asyncio.get_running_loop().time()
        self._time = asyncio.get_running_loop().time
        self.heard_at = self._time()
        """When something was last received, by the event loop's clock."""
        self.reading = True
        """Whether the peer is being read from; not while its receiver is behind."""
        self.on_sent: Callable[[bytes], None] | None = None
        """Called with each frame that is sent."""

    @classmethod
    async def upgrade(
        cls, request: web.Request, frame_bytes: int, timeouts: Timeouts, turns: ReadTurns, protocols: Sequence[str] = ()
    ) -> "Socket":
        """Answer a WebSocket upgrade; a longer message than `frame_bytes` will end the channel with 1009.

        `protocols` are the sub-protocols it may have; one that the peer does not ask for is not used. Compression is
        never negotiated. Raises `web.HTTPBadRequest` if the request is not an upgrade.
        """
        response = web.WebSocketResponse(
            autoping=False,
            autoclose=False,
            compress=False,
            protocols=protocols,
            max_msg_size=frame_bytes,
            timeout=timeouts.close,
            writer_limit=_OUT_OF_REACH,
        )
        writer = await response.prepare(request)
        return cls(request, response, writer, timeouts.close, turns)

    @property
    def response(self) -> web.WebSocketResponse:
        """What the aiohttp handler must return."""
        return self._response

    def recognised(self, caller: str) -> None:
        """Note that the peer acts for `caller`, and close the channel if the caller has too many connections."""
        if isinstance(self._connection, Connection) and not self._connection.recognised(caller):
            self.leave(WSCloseCode.TRY_AGAIN_LATER, "too many connections of one caller")

    def joined(self) -> None:
        """Note that this is a channel now, which is not closed to make room for others."""
        if isinstance(self._connection, Connection):
            self._connection.joined()

    async def receive_frame(self) -> bytes:
        """Return the next binary message; raises `PeerGone`, and `Violation` (1003) for a text message."""
        received = await self.receive()
        if isinstance(received, str):
            raise Violation(WSCloseCode.UNSUPPORTED_DATA, "text frames are not expected after the opening")
        return received

    async def receive(self) -> bytes | str:
        """Return the next message, text as str; answer pings in between.

        Raises `PeerGone`, and `Violation` (1008) for more pings and pongs than a peer may send.
        """
        while True:
            if self._turns.is_over(self._taken, self._taken_bytes):
                self._taken = self._taken_bytes = 0
                await asyncio.sleep(0)
            self._taken += 1
            self.reading = True
            message = await self._response.receive()
            self.reading = False
            self.heard_at = self._time()
            if self._hearing is not None:
                self._hearing.set()
                self._hearing = None
            kind = message.type
            if kind is WSMsgType.BINARY or kind is WSMsgType.TEXT:
                data: bytes | str = message.data
                self._taken_bytes += len(data)
                return data
            if kind is WSMsgType.PING:
                self._count_control()
                self._outgoing.pong(message.data)
            elif kind is WSMsgType.PONG:
                self._pong(message.data)
            else:
                if kind is WSMsgType.CLOSE:
                    self._outgoing.close(WSCloseCode.OK)
                    self._transport.close()
                raise PeerGone(self._response.close_code or ABNORMAL)

    def _count_control(self) -> None:
        now = asyncio.get_running_loop().time()
        refilled = self._control_allowance + (now - self._control_counted_at) * CONTROL_PER_SECOND
        self._control_counted_at = now
        self._control_allowance = min(float(CONTROL_BURST), refilled) - 1
        if self._control_allowance < 0:
            raise Violation(WSCloseCode.POLICY_VIOLATION, "too many pings or pongs")

    def send(self, frame: bytes) -> bool:
        """Send a whole binary message; a closing socket ignores it.

        Returns True if the peer is behind: then `drain` before sending more.
        """
        if self.on_sent is not None:
            self.on_sent(frame)
        return self._open and self._outgoing.add(frame)

    @property
    def behind(self) -> bool:
        """Whether more than 64 KiB wait for the peer to read."""
        return self._outgoing.behind

    @property
    def waiting_bytes(self) -> int:
        """How many bytes wait for the peer to read, not counting the kernel's buffers."""
        return self._outgoing.waiting_bytes

    async def drain(self) -> None:
        """Wait until the peer has caught up, or is gone. May be cancelled, unlike aiohttp's own `drain`, whose waiters
        share one future: cancelling it there fails all who wait for it, then and later."""
        if self._draining is None or self._draining.done():
            self._draining = asyncio.create_task(self._drain())
        await asyncio.shield(self._draining)

    async def _drain(self) -> None:
        try:
            await self._writer.drain()
        except (ConnectionError, aiohttp.ClientError):
            return  # the task that receives from this socket notices

    def ping(self) -> None:
        """Send a ping."""
        if self._open and self._outgoing.ping():
            self._pongs_due += 1

    def ask(self, answered: Callable[[], None]) -> None:
        """Call `answered` once the peer has read what was sent so far, if it ever does; ignored if one is pending."""
        if self._open and self._asked is None and not self._outgoing.behind:
            self._asked = answered
            if self._outgoing.ping(_QUESTION):
                self._pongs_due += 1

    def ask_to_move(self, prepared: Callable[[], None]) -> None:
        """Call `prepared` once the peer has another connection ready; immediately if it cannot be asked."""
        self._prepared = prepared
        if self.own_end and self._open and self._outgoing.ping(MOVE_PING):
            self._pongs_due += 1
        else:
            prepared()

    async def answers(self, seconds: float) -> bool:
        """Ping the peer; return whether it sends anything within `seconds`. Any number of tasks may wait."""
        if self._hearing is None:
            self._hearing = asyncio.Event()
        hearing = self._hearing
        self.ping()
        try:
            async with asyncio.timeout(seconds):
                await hearing.wait()
        except TimeoutError:
            return False
        return self.gone is None  # that the peer left is also noticed here

    def _pong(self, payload: bytes) -> None:
        if self._pongs_due:
            self._pongs_due -= 1
        else:
            self._count_control()
        if payload == _QUESTION and self._asked is not None:
            answered, self._asked = self._asked, None
            answered()
        if payload == MOVE_PING and self._prepared is not None:
            self._prepared()

    def abort(self) -> None:
        """Drop the connection immediately."""
        self._open = False
        self._transport.abort()

    async def close(self) -> None:
        """Finish the closing handshake, in at most `Timeouts.close` seconds; the connection is gone afterwards.

        aiohttp's own `close` would read what the peer still sends without letting other tasks run.
        """
        departure = self.departure or Departure(WSCloseCode.OK, "")
        self._open = False
        if isinstance(self._connection, Connection):
            self._connection.parting()
        self._outgoing.flush()
        try:
            if (
                self.gone is None
                and not self._response.closed
                and self._outgoing.close(departure.code, departure.reason)
            ):
                await self._until_answered()
        finally:
            drop_frames(self._response.exception())
            if self._connection.transport is not None:  # it is not lost yet
                close_at_once(self._transport)

    async def _until_answered(self) -> None:
        """Skip what the peer had sent before the close frame reached it, up to its own close frame."""
        try:
            async with asyncio.timeout(self._patience):
                while True:
                    await self.receive()
        except PeerGone as gone:
            self.gone = gone
            drop_frames(gone)
        except (TimeoutError, Violation):
            return
