"""Both directions between the server of an end and the server of its relay: frames, and notes in between.

Frames may be larger than a message of the bus, so they go in pieces. A frame of which a piece was lost is dropped.
"""

import asyncio
from collections.abc import Awaitable, Callable
from enum import Enum

import msgspec

from ferryman.core.ports.bus import Bus
from ferryman.server.channels.remote.frame_link import FrameReceiver, FrameSender

PIECE_BYTES = 256 * 1024

_FIRST, _LAST, _NOTE = 1, 2, 4


class Side(Enum):
    """The two sides of a link."""

    RELAY = "relay"
    END = "end"


class Gone(msgspec.Struct, frozen=True, tag=True):
    """The end has left with this close code (to the relay)."""

    code: int


class Leave(msgspec.Struct, frozen=True, tag=True):
    """Close the end's WebSocket with this code and reason (to the end)."""

    code: int
    reason: str


class AskRead(msgspec.Struct, frozen=True, tag=True):
    """Send `Read` once the end has read everything sent so far (to the end)."""


class Read(msgspec.Struct, frozen=True, tag=True):
    """The end has read everything that was sent before `AskRead` (to the relay)."""


Note = Gone | Leave | AskRead | Read

_encode = msgspec.json.Encoder().encode
_notes: msgspec.json.Decoder[Note] = msgspec.json.Decoder(Note)


class Link:
    """One side's view. `on_frame` gives credit for a frame by returning; `on_note` gets notes in their order."""

    def __init__(
        self,
        bus: Bus,
        link_id: str,
        side: Side,
        on_frame: Callable[[bytes], Awaitable[None]],
        on_note: Callable[[Note], None],
    ) -> None:
        to_relay, to_end = f"to-relay.{link_id}", f"to-end.{link_id}"
        outwards, inwards = (to_end, to_relay) if side is Side.RELAY else (to_relay, to_end)
        self._sender = FrameSender(bus, outwards)
        self._receiver = FrameReceiver(bus, inwards, self._received)
        self._on_frame = on_frame
        self._on_note = on_note
        self._pieces: list[bytes] = []
        self._lost = 0

    @property
    def on_their_way(self) -> int:
        """What the other side has not used yet, in bytes."""
        return self._sender.on_their_way

    async def open(self) -> None:
        """Start receiving."""
        await asyncio.gather(self._receiver.open(), self._sender.open())

    async def close(self) -> None:
        """Stop receiving; idempotent."""
        await self._receiver.close()
        await self._sender.close()

    async def send(self, frame: bytes) -> None:
        """Send a frame; waits while the window is full."""
        starts = range(0, max(len(frame), 1), PIECE_BYTES)
        for start in starts:
            kind = (_FIRST if start == 0 else 0) | (_LAST if start == starts[-1] else 0)
            await self._sender.send(bytes((kind,)) + frame[start : start + PIECE_BYTES])

    async def note(self, note: Note) -> None:
        """Send a note, after what was sent before."""
        await self._sender.send(bytes((_NOTE,)) + _encode(note))

    async def _received(self, body: bytes) -> None:
        kind, content = body[0], body[1:]
        if self._lost != self._receiver.lost:
            self._lost = self._receiver.lost
            self._pieces.clear()
        if kind == _NOTE:
            self._on_note(_notes.decode(content))
        elif kind == _FIRST | _LAST:
            await self._on_frame(content)
        else:
            await self._add(kind, content)

    async def _add(self, kind: int, piece: bytes) -> None:
        if kind & _FIRST:
            self._pieces.clear()
        elif not self._pieces:  # an earlier piece was lost
            return
        self._pieces.append(piece)
        if kind & _LAST:
            frame = b"".join(self._pieces)
            self._pieces.clear()
            await self._on_frame(frame)
