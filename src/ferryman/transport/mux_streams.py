"""Connects TCP connections to the streams of one smux session (`protocol/client.md` §10.4, `agent.md` §5.5).

The caller decides which connection belongs to which stream and what the end of either means. This module
moves the bytes in both directions, no faster than both sides accept them.
"""

import asyncio
from collections import deque
from collections.abc import Callable
from typing import Protocol

from ferryman.channel.mux.events import (
    MuxEvent,
    MuxFailed,
    StreamClosed,
    StreamData,
    StreamFinished,
    StreamOpened,
    StreamWritable,
)
from ferryman.channel.mux.session import MuxSession, Role
from ferryman.transport.tcp_connection import TcpConnection
from ferryman.wire.agent_message import PayloadType
from ferryman.wire.smux import MAX_DATA, MAX_SENT, WINDOWED_VERSION

WORTHWHILE_BYTES = 64 * 1024
"""With less room than this in the channel's window nothing is sent: small messages cost as much as large ones."""

Change = StreamOpened | StreamClosed | MuxFailed
"""The changes of streams that the caller is notified of."""


class FarSide(Protocol):
    """The other end of the session."""

    def capacity(self) -> int:
        """Return how many bytes may be sent now."""

    def send(self, payload_type: PayloadType, payload: bytes) -> None:
        """Send a message; keep to `capacity`."""

    def consumed(self, number: int) -> None:
        """Report that the message of this number, and all before it, have been delivered."""


class MuxStreams:
    """The streams of one session and their connections, whose `Owner` it is.

    `payload` is the most bytes of a message to the far side. `on_connected` gets a connection that is up and `on_lost`
    one that is gone, with the reason; `on_change` what the far side does to streams.
    """

    def __init__(
        self,
        far_side: FarSide,
        role: Role,
        version: int,
        payload: int,
        *,
        on_connected: Callable[[TcpConnection], None],
        on_lost: Callable[[TcpConnection, str], None],
        on_change: Callable[[Change], None],
    ) -> None:
        self._far_side = far_side
        self._payload = payload
        # The largest frames that a receiver takes; AWS's ends are only sent what their own library would send.
        self._mux = MuxSession(role, version, MAX_DATA if version >= WINDOWED_VERSION else MAX_SENT)
        self._on_connected = on_connected
        self._on_lost = on_lost
        self._on_change = on_change
        self._arrived: deque[tuple[int, bytes]] = deque()
        self._connections: dict[int, TcpConnection] = {}
        self._moving = False
        self._move_due = False
        self._closed = False
        self._loop = asyncio.get_running_loop()

    def __len__(self) -> int:
        """Return how many connections there are."""
        return len(self._connections)

    def open(self, connection: TcpConnection) -> None:
        """Open a stream for a connection. The far side is notified immediately, as its end may speak first."""
        if self._closed:
            connection.abort()
            return
        self.join(self._mux.open(), connection)
        self._move_soon()

    def join(self, stream_id: int, connection: TcpConnection) -> None:
        """Join a connection to a stream that the far side has opened."""
        connection.stream_id = stream_id
        self._connections[stream_id] = connection

    def part(self, stream_id: int) -> TcpConnection | None:
        """Detach the connection of a stream that has ended and return it; data that still arrives for it is dropped."""
        return self._connections.pop(stream_id, None)

    def on_input(self, number: int, payload: bytes) -> None:
        """Accept bytes of the smux session. Bytes that do not fit yet wait, unacknowledged.

        An empty payload is only acknowledged, in its turn.
        """
        self._arrived.append((number, payload))
        self.move()

    def move(self) -> None:
        """Move waiting data in both directions."""
        if self._moving or self._closed:  # moving: connections call back while the loop below runs
            return
        self._moving = True
        try:
            while self._send_some() or self._receive_some():
                pass
        finally:
            self._moving = False

    def finish(self, stream_id: int) -> None:
        """End this side's output; what the far side sends still arrives."""
        self._mux.finish(stream_id)
        self._move_soon()

    def reset(self, stream_id: int, reason: str) -> None:
        """Reset a stream in both directions; the far side gets the reason."""
        self._mux.reset(stream_id, reason)
        self._move_soon()

    def close(self) -> None:
        """Reset every connection and stop moving bytes."""
        self._closed = True
        self._arrived.clear()
        for connection in list(self._connections.values()):
            connection.abort()
        self._connections.clear()

    def connected(self, connection: TcpConnection) -> None:
        """See `Owner`."""
        self._on_connected(connection)

    def received(self, connection: TcpConnection, data: bytes) -> None:
        """Put bytes of a connection into its stream."""
        self._mux.write(connection.stream_id, data)
        self._move_soon()
        if self._mux.writable(connection.stream_id) <= 0:
            connection.pause()

    def finished(self, connection: TcpConnection) -> None:
        """Pass the end of a connection's input on."""
        self.finish(connection.stream_id)

    def written(self, connection: TcpConnection, count: int) -> None:
        """Let the far side send as many bytes again."""
        self._mux.consumed(connection.stream_id, count)
        self._move_soon()

    def lost(self, connection: TcpConnection, reason: str) -> None:
        """See `Owner`."""
        self._on_lost(connection, reason)

    def _move_soon(self) -> None:
        """Combine data that several connections send within one turn of the event loop."""
        if not self._moving and not self._move_due:
            self._move_due = True
            self._loop.call_soon(self._move_now)

    def _move_now(self) -> None:
        self._move_due = False
        self.move()

    def _send_some(self) -> bool:
        """Send one message's worth of bytes, if there are any and there is room for a message of worthwhile size."""
        if not self._mux.pending:
            return False
        room = min(self._far_side.capacity(), self._payload)
        if room < min(self._payload, WORTHWHILE_BYTES):
            return False
        data = self._mux.data_to_send(room)
        if data:
            self._far_side.send(PayloadType.OUTPUT, data)
        self._handle_events()
        return bool(data)

    def _receive_some(self) -> bool:
        """Process one received message, if there is room for the data it may contain."""
        if not self._arrived or self._mux.saturated:
            return False
        number, payload = self._arrived.popleft()
        if payload:
            self._mux.receive(payload)
            self._handle_events()
        self._far_side.consumed(number)
        return True

    def _handle_events(self) -> None:
        while events := self._mux.events():
            for event in events:
                self._handle(event)

    def _handle(self, event: MuxEvent) -> None:
        match event:
            case StreamData(stream_id, data):
                connection = self._connections.get(stream_id)
                if connection is None:
                    self._mux.consumed(stream_id, len(data))
                else:
                    connection.write(data)
            case StreamWritable(stream_id):
                if stream_id in self._connections:
                    self._connections[stream_id].resume()
            case StreamFinished(stream_id):
                if stream_id in self._connections:
                    self._connections[stream_id].write_eof()
            case StreamOpened() | StreamClosed() | MuxFailed():
                self._on_change(event)
