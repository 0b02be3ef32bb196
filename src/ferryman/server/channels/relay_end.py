"""One end of a session while it is here, and what is kept of it when the other is not."""

import asyncio
from collections import deque
from collections.abc import Mapping
from dataclasses import dataclass, field

from aiohttp import WSCloseCode

from ferryman.server.channels.frames import ACKNOWLEDGE, AGENT_STATE, INPUT, OUTPUT, outline_of
from ferryman.server.channels.websocket import Socket, Violation
from ferryman.wire.agent_message import HEADER_SIZE, MalformedFrame, MessageType, peek

KEPT_BYTES = 256 * 1024
"""How much of what a client sent is kept for an agent that is away; the oldest go first."""

FROM_CLIENT: Mapping[str, bytes] = {MessageType.INPUT_STREAM_DATA: INPUT, MessageType.ACKNOWLEDGE: ACKNOWLEDGE}
"""What a client may send, and how it begins."""

FROM_AGENT: Mapping[str, bytes] = {
    MessageType.OUTPUT_STREAM_DATA: OUTPUT,
    MessageType.ACKNOWLEDGE: ACKNOWLEDGE,
    MessageType.AGENT_SESSION_STATE: AGENT_STATE,
}
"""What an agent may send on a data channel, and how it begins."""


@dataclass(eq=False, slots=True)
class Attached:
    """One end that is here. `name` is the client's ClientId or the node's id.

    `handshake`: the client expects one also in a shell. `ready`: the agent reported Connected, or had before.
    `stalled`: it does not read, and nothing is sent to it.
    """

    socket: Socket
    name: str
    allowed: Mapping[str, bytes]
    ferryman: bool = False
    handshake: bool = True
    ready: bool = True
    stalled: bool = False
    terminating: bool = False
    recovery: asyncio.Task[None] | None = None
    frames: int = 0
    size: int = 0
    """Bytes of the frames, headers included."""
    dropped: int = 0
    refused: int = 0

    _prefixes: frozenset[bytes] = frozenset()

    def __post_init__(self) -> None:
        self._prefixes = frozenset(self.allowed.values())
        self.socket.joined()

    def outline(self, frame: bytes) -> tuple[bytes, int]:
        """Return how a frame begins, one of the values of `allowed`, and its sequence number; count the frame.

        What may not come from this end begins with b"". Raises `Violation` (1002) for what is no agent message: passed
        on, it could kill the other end's reader.
        """
        self.frames += 1
        self.size += len(frame)
        if len(frame) >= HEADER_SIZE:
            prefix, sequence, size = outline_of(frame)
            if size == len(frame) - HEADER_SIZE and prefix in self._prefixes:
                return prefix, sequence
        try:
            header = peek(frame)  # another padding of the type, another type, or garbage
        except MalformedFrame as error:
            self.refused += 1
            raise Violation(WSCloseCode.PROTOCOL_ERROR, str(error)) from error
        prefix = self.allowed.get(header.message_type, b"")
        self.refused += not prefix
        return prefix, header.sequence_number


@dataclass(slots=True)
class KeptFrames:
    """Frames of a client that an agent has yet to get; bounded."""

    client_id: str = ""
    frames: deque[bytes] = field(default_factory=deque)
    size: int = 0

    def add(self, client_id: str, frame: bytes) -> None:
        """Keep one, dropping the oldest if there are too many, and all of another client's."""
        if client_id != self.client_id:
            self.clear()
            self.client_id = client_id
        self.frames.append(frame)
        self.size += len(frame)
        while self.size > KEPT_BYTES:
            self.size -= len(self.frames.popleft())

    def clear(self) -> None:
        """Forget all."""
        self.frames.clear()
        self.size = 0
