"""One connected end of a session, and the frames that are kept while the other end is away."""

import asyncio
from collections import Counter, deque
from collections.abc import Mapping
from dataclasses import dataclass, field

import structlog
from aiohttp import WSCloseCode

from ferryman.core.audit.records import EndLeft, end_left
from ferryman.core.authorization.admission import End
from ferryman.core.service import Service
from ferryman.model.identifiers import SessionId
from ferryman.server.channels.frames import (
    ACKNOWLEDGE,
    AGENT_STATE,
    INPUT,
    OUTPUT,
    channel_closed,
    peek_header,
)
from ferryman.server.channels.sockets.peer_socket import PeerSocket, Violation
from ferryman.wire.agent_message import HEADER_SIZE, MalformedFrame, MessageType, peek

KEPT_BYTES = 256 * 1024
"""How many bytes from a client are kept for an agent that is away; the oldest frames are dropped first."""

FROM_CLIENT: Mapping[str, bytes] = {MessageType.INPUT_STREAM_DATA: INPUT, MessageType.ACKNOWLEDGE: ACKNOWLEDGE}
"""The message types that a client may send, and their prefixes."""

FROM_AGENT: Mapping[str, bytes] = {
    MessageType.OUTPUT_STREAM_DATA: OUTPUT,
    MessageType.ACKNOWLEDGE: ACKNOWLEDGE,
    MessageType.AGENT_SESSION_STATE: AGENT_STATE,
}
"""The message types that an agent may send on a data channel, and their prefixes."""


@dataclass(eq=False, slots=True)
class RelayEnd:
    """One connected end. `name` is the client's ClientId or the node's id.

    `handshake`: the client expects one even in a shell. `ready`: the agent has reported Connected. `stalled`: the end
    does not read, so nothing is sent to it.
    """

    socket: PeerSocket
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

    def peek_header(self, frame: bytes) -> tuple[bytes, int]:
        """Return a frame's prefix, one of the values of `allowed`, and its sequence number; count the frame.

        The prefix is b"" if this end may not send such a frame. Raises `Violation` (1002) for what is not an agent
        message: forwarded, it could crash the other end's reader.
        """
        self.frames += 1
        self.size += len(frame)
        if len(frame) >= HEADER_SIZE:
            prefix, sequence, size = peek_header(frame)
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
class Traffic:
    """The bytes of all frames that the ends of a session have sent."""

    ends: dict[RelayEnd, End] = field(default_factory=dict)
    """Those that have not left yet, replaced ones included."""
    past: Counter[End] = field(default_factory=Counter)

    def left(self, which: End, end: RelayEnd) -> None:
        """Note that an end is gone."""
        del self.ends[end]
        self.past[which] += end.size

    def sent(self) -> Counter[End]:
        """Return the bytes from each end so far."""
        total = self.past.copy()
        for end, which in self.ends.items():
            total[which] += end.size
        return total


@dataclass(slots=True)
class KeptFrames:
    """Frames of a client that wait for the agent; bounded."""

    client_id: str = ""
    frames: deque[bytes] = field(default_factory=deque)
    size: int = 0

    def add(self, client_id: str, frame: bytes) -> None:
        """Keep a frame. Drops the oldest if there are too many, and all frames of another client."""
        if client_id != self.client_id:
            self.clear()
            self.client_id = client_id
        self.frames.append(frame)
        self.size += len(frame)
        while self.size > KEPT_BYTES:
            self.size -= len(self.frames.popleft())

    def clear(self) -> None:
        """Drop all frames."""
        self.frames.clear()
        self.size = 0


def close_replaced_client(service: Service, session_id: SessionId, replaced: RelayEnd, by: RelayEnd) -> None:
    """Close the older socket, and for good if it is another client's: otherwise the two would compete forever."""
    last = None
    if replaced.name != by.name:
        last = channel_closed(service, session_id, "The session was resumed by another client.")
    replaced.socket.leave(WSCloseCode.OK, "replaced by a newer connection", last)


def record_departure(
    service: Service, session_id: SessionId, which: str, end: RelayEnd, log: structlog.stdlib.BoundLogger
) -> None:
    """Record and log that an end, `client` or `agent`, is gone; its socket is closed."""
    departure, gone = end.socket.departure, end.socket.gone
    code = departure.code if departure else gone.code if gone else None
    reason = departure.reason if departure else ""
    end_left(service, session_id, EndLeft(which, end.name, end.size, end.frames, code, reason))
    log.info(
        f"{which} detached",
        close_code=code,
        reason=reason,
        frames=end.frames,
        dropped=end.dropped,
        refused=end.refused,
    )
