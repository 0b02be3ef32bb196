"""What stands in for WebSockets: whole messages, in order, each after LATENCY, while both ends are alive."""

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable
from typing import Protocol

from ferryman.server.channels.sockets.peer_socket import ABNORMAL, Departure, PeerGone, PeerSocket
from ferryman.transport.errors import ConnectionLost

LATENCY = 0.02
"""Seconds that a message takes from one end to the other."""
NORMAL = 1000

Message = bytes | str


class Peer(Protocol):
    """The far end of a server's socket."""

    def arrived(self, message: bytes) -> None:
        """Get a message."""

    def lost(self, code: int, reason: str) -> None:
        """Notice that the connection is gone."""


class Host(Protocol):
    """The server that a socket belongs to."""

    dead: bool
    messages: int

    def reserve(self) -> float:
        """Return when the server has processed one more message, by the loop's time."""

    def forget(self, socket: "ServerSocket") -> None:
        """Note that a socket is closed."""


class ServerSocket(PeerSocket):
    """The server's end. Its peer reads everything immediately, and answers every ping."""

    __slots__ = (
        "_arrival",
        "_coming",
        "_going",
        "_host",
        "_left_with",
        "_loop",
        "_peer",
        "_unread",
        "heard_at",
        "heartbeat",
    )
    behind = False
    waiting_bytes = 0
    reading = True

    def __init__(self, host: Host, peer: Peer, heartbeat: float) -> None:
        super().__init__(None, own_end=True)
        self.heartbeat = heartbeat
        """Seconds after which the peer pings a server of which it hears nothing."""
        self._host = host
        self._peer: Peer | None = peer
        self._loop = asyncio.get_running_loop()
        self._coming: deque[Message] = deque()
        self._going: deque[bytes] = deque()
        self._unread: deque[Message] = deque()
        self._arrival: asyncio.Future[None] | None = None
        self._left_with: int | None = None
        self.heard_at = self._loop.time()

    @property
    def is_connected(self) -> bool:
        """Whether both ends are there, whatever they know."""
        return self._open and self._peer is not None and not self._host.dead

    # The peer's side

    def from_peer(self, message: Message) -> None:
        """Carry a message to the server."""
        self._coming.append(message)
        self._loop.call_later(LATENCY, self._reach_server)

    def peer_left(self, code: int) -> None:
        """Carry to the server that the peer is gone."""
        self._peer = None
        self._loop.call_later(LATENCY, self._leave_with, code)

    def cut(self, after: float) -> None:
        """Have the peer notice after so many seconds that the server is gone."""
        self._loop.call_later(after, self._lose_peer, ABNORMAL, "the server is gone")

    # The server's side

    def joined(self) -> None:
        """Do nothing: no connection limits are simulated."""

    async def receive(self) -> Message:
        """Return the next message; raises `PeerGone`."""
        while not self._unread:
            if self._left_with is not None:
                raise PeerGone(self._left_with)
            self._arrival = self._loop.create_future()
            try:
                await self._arrival
            finally:
                self._arrival = None
        return self._unread.popleft()

    async def receive_frame(self) -> bytes:
        """Return the next binary message; raises `PeerGone`."""
        message = await self.receive()
        assert isinstance(message, bytes)
        return message

    def send(self, frame: bytes) -> bool:
        """Carry a message to the peer."""
        if self._open and not self._host.dead:
            self._host.messages += 1
            self._going.append(frame)
            self._loop.call_later(LATENCY, self._reach_peer)
        return False

    async def drain(self) -> None:
        """Do nothing: the peer reads everything."""

    def ping(self) -> None:
        """Hear from the peer, if it is there. That takes no time: nothing depends on a ping's round trip."""
        self._host.messages += 2
        if self._peer is not None:
            self.heard_at = self._loop.time()

    def ask(self, answered: Callable[[], None]) -> None:
        """Call back a round trip later."""
        self._host.messages += 2
        self._loop.call_later(2 * LATENCY, self._answered, answered)

    def ask_to_move(self, prepared: Callable[[], None]) -> None:
        """Call back immediately: no server is drained here."""
        prepared()

    async def answers(self, seconds: float) -> bool:
        """Return whether the peer is there."""
        self.ping()
        await asyncio.sleep(2 * LATENCY)
        return self._peer is not None

    def abort(self) -> None:
        """Drop the connection."""
        self._open = False
        self._leave_with(ABNORMAL)
        self._loop.call_later(LATENCY, self._lose_peer, ABNORMAL, "")

    async def close(self) -> None:
        """Tell the peer why the server leaves."""
        departure = self.departure or Departure(NORMAL, "")
        self._open = False
        self._host.forget(self)
        if not self._host.dead:
            self._loop.call_later(LATENCY, self._lose_peer, departure.code, departure.reason)

    def _reach_server(self) -> None:
        if not self._host.dead:
            self._loop.call_at(self._host.reserve(), self._read)

    def _read(self) -> None:
        if not self._host.dead:
            self.heard_at = self._loop.time()
            self._unread.append(self._coming.popleft())
            self._wake()

    def _leave_with(self, code: int) -> None:
        if self._left_with is None and not self._host.dead:
            self._left_with = code
            self._wake()

    def _wake(self) -> None:
        if self._arrival is not None and not self._arrival.done():
            self._arrival.set_result(None)

    def _reach_peer(self) -> None:
        frame = self._going.popleft()
        if self._peer is not None:
            self._peer.arrived(frame)

    def _lose_peer(self, code: int, reason: str) -> None:
        peer, self._peer = self._peer, None
        if peer is not None:
            peer.lost(code, reason)

    def _answered(self, answered: Callable[[], None]) -> None:
        if self._peer is not None and not self._host.dead:
            answered()


class PeerWebSocket:
    """The far end of a session's channel, with what `ferryman.transport.websocket.WebSocket` offers to a pump."""

    def __init__(self, host: Host, heartbeat: float) -> None:
        self.far_end = ServerSocket(host, self, heartbeat)
        self._unread: deque[bytes] = deque()
        self._arrival = asyncio.Event()
        self._lost: ConnectionLost | None = None
        self._loop = asyncio.get_running_loop()
        self.heard_at = self._loop.time()
        self.unanswered_bytes = 0
        self.prepare_next: Callable[[], Awaitable[bool]] | None = None

    def arrived(self, message: bytes) -> None:
        """Keep a message until it is read."""
        self._hear()
        self._unread.append(message)
        self._arrival.set()

    def lost(self, code: int, reason: str) -> None:
        """Note that the connection is gone."""
        self._lost = self._lost or ConnectionLost(code, reason)
        self._arrival.set()

    async def receive(self) -> bytes:
        """Return the next message; raises `ConnectionLost`."""
        while not self._unread:
            if self._lost is not None:
                raise self._lost
            self._arrival.clear()
            await self._arrival.wait()
        return self._unread.popleft()

    def begin_sending(self, data: bytes) -> Awaitable[None] | None:
        """Send a message; raises `ConnectionLost`."""
        if self._lost is not None:
            raise self._lost
        self.unanswered_bytes += len(data)
        self.far_end.from_peer(data)
        return None

    async def send(self, data: Message) -> None:
        """Send a message; raises `ConnectionLost`."""
        if self._lost is not None:
            raise self._lost
        self.far_end.from_peer(data)

    async def ping(self) -> None:
        """Hear from the server a round trip later, if it is there."""
        self.far_end.ask(self._hear)

    async def has_next(self) -> bool:
        """Make another connection ready; return whether there is one."""
        return self.prepare_next is not None and await self.prepare_next()

    def _hear(self) -> None:
        self.heard_at = self._loop.time()
        self.unanswered_bytes = 0

    async def close(self, code: int = NORMAL, reason: str = "") -> None:
        """Leave."""
        if self._lost is None:
            self._lost = ConnectionLost(code, reason)
            self.far_end.peer_left(code)
