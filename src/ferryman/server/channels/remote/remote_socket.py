"""The socket of an end that another server carries, as the relay sees it."""

import asyncio
from collections import deque
from collections.abc import Callable

from aiohttp import WSCloseCode

from ferryman.core.messages import JoinRelay
from ferryman.core.ports.bus import Bus
from ferryman.server.channels.remote.link import AskRead, Gone, Leave, Link, Note, Read, Side
from ferryman.server.channels.sockets.peer_socket import ABNORMAL, Departure, PeerGone, PeerSocket

BEHIND_BYTES = 64 * 1024
"""What may wait on this server, in each direction, beside what is on its way to the other one."""
LAPSE_SECONDS = 5.0
"""An end whose server has said nothing for this long is gone."""


class RemoteSocket(PeerSocket):
    """An end on another server. `renew` it at least every `LAPSE_SECONDS`."""

    __slots__ = (
        "_arrived",
        "_asked",
        "_drained",
        "_incoming",
        "_incoming_bytes",
        "_lapse",
        "_left_with",
        "_link",
        "_outgoing",
        "_outgoing_bytes",
        "_patience",
        "_room",
        "_sending",
        "_wake",
    )

    def __init__(self, bus: Bus, request: JoinRelay, patience: float) -> None:
        super().__init__(request.peer_address, own_end=request.own_end)
        self._link = Link(bus, request.link_id, Side.RELAY, self._on_frame, self._on_note)
        self._patience = patience
        self._incoming: deque[bytes] = deque()
        self._outgoing: deque[bytes | Note] = deque()
        self._incoming_bytes = self._outgoing_bytes = 0
        self._arrived, self._room = asyncio.Event(), asyncio.Event()
        self._wake, self._drained = asyncio.Event(), asyncio.Event()
        self._asked: Callable[[], None] | None = None
        self._left_with: int | None = None
        self._lapse: asyncio.TimerHandle | None = None
        self._sending: asyncio.Task[None] | None = None

    async def open(self) -> None:
        """Start receiving what the other server sends."""
        await self._link.open()
        self._sending = asyncio.create_task(self._send_all())
        self.renew()

    def renew(self) -> None:
        """Note that the other server still has the end."""
        if self._lapse is not None:
            self._lapse.cancel()
        self._lapse = asyncio.get_running_loop().call_later(LAPSE_SECONDS, self._has_left, ABNORMAL)

    def joined(self) -> None:
        """Do nothing: the other server has noted it."""

    async def receive_frame(self) -> bytes:
        """Return the next frame; raises `PeerGone`."""
        while not self._incoming:
            if self._left_with is not None:
                raise PeerGone(self._left_with)
            self._arrived.clear()
            await self._arrived.wait()
        frame = self._incoming.popleft()
        self._incoming_bytes -= len(frame)
        if self._incoming_bytes <= BEHIND_BYTES:
            self._room.set()
        return frame

    def send(self, frame: bytes) -> bool:
        """Send a frame; return whether much waits on this server."""
        if not self._open or self._left_with is not None:
            return False
        self._outgoing.append(frame)
        self._outgoing_bytes += len(frame)
        self._wake.set()
        return self._outgoing_bytes > BEHIND_BYTES

    @property
    def waiting_bytes(self) -> int:
        """What waits on this server or is on its way."""
        return self._outgoing_bytes + self._link.on_their_way

    async def drain(self) -> None:
        """Wait until little waits on this server, or the end is gone."""
        while self._outgoing_bytes > BEHIND_BYTES and self._left_with is None:
            self._drained.clear()
            await self._drained.wait()

    def ask(self, answered: Callable[[], None]) -> None:
        """Call `answered` once the end has read what was sent so far."""
        if self._open and self._asked is None:
            self._asked = answered
            self._outgoing.append(AskRead())
            self._wake.set()

    def ask_to_move(self, prepared: Callable[[], None]) -> None:
        """Call `prepared` immediately: the end's server stays, so its next connection will be there soon."""
        prepared()

    async def close(self) -> None:
        """Send what is left, have the other server close its WebSocket, and forget the link."""
        departure = self.departure or Departure(WSCloseCode.OK, "")
        self._open = False
        self._room.set()
        try:
            if self._left_with is None:
                self._outgoing.append(Leave(departure.code, departure.reason))
                self._wake.set()
                await self._until_gone()
        finally:
            if self._lapse is not None:
                self._lapse.cancel()
            if self._sending is not None:
                self._sending.cancel()
                await asyncio.wait([self._sending])
            await self._link.close()

    async def _until_gone(self) -> None:
        try:
            async with asyncio.timeout(self._patience):
                while self._left_with is None:
                    self._incoming.clear()
                    self._arrived.clear()
                    await self._arrived.wait()
        except TimeoutError:
            return
        self.gone = PeerGone(self._left_with)

    async def _send_all(self) -> None:
        while True:
            while self._outgoing:
                item = self._outgoing.popleft()
                if isinstance(item, bytes):
                    await self._link.send(item)
                    self._outgoing_bytes -= len(item)
                    if self._outgoing_bytes <= BEHIND_BYTES:
                        self._drained.set()
                else:
                    await self._link.note(item)
            self._wake.clear()
            await self._wake.wait()

    async def _on_frame(self, frame: bytes) -> None:
        if not self._open:
            return
        self._incoming.append(frame)
        self._incoming_bytes += len(frame)
        self._arrived.set()
        while self._open and self._incoming_bytes > BEHIND_BYTES:
            self._room.clear()
            await self._room.wait()

    def _on_note(self, note: Note) -> None:
        match note:
            case Gone(code):
                self._has_left(code)
            case Read() if self._asked is not None:
                answered, self._asked = self._asked, None
                answered()
            case _:
                pass

    def _has_left(self, code: int) -> None:
        if self._left_with is None:
            self._left_with = code
        self._arrived.set()
        self._drained.set()
