"""Many connections through one session: a smux stream for each (`protocol/client.md` §10.4).

Version 2, between Ferryman's ends, keeps a stalled connection from stopping the others and half-closed ones open.
"""

import asyncio
from collections import deque
from collections.abc import Callable

from ferryman.channel.events import OutputReceived
from ferryman.channel.mux import MuxSession, Role
from ferryman.channel.mux_events import (
    MuxEvent,
    MuxFailed,
    StreamClosed,
    StreamData,
    StreamFinished,
    StreamWritable,
)
from ferryman.plugin.far_end import FarEnd
from ferryman.plugin.local_connection import LocalConnection
from ferryman.wire.agent_message import PayloadType
from ferryman.wire.smux import MAX_DATA, MAX_SENT, WINDOWED_VERSION

WORTHWHILE_BYTES = 64 * 1024
"""Less room than this in the channel's window is waited out: small messages cost as much as large ones."""


class Tunnel:
    """Joins local connections to streams; `Owner` of the connections.

    `payload` is the most bytes of a message to this far end. `on_connected` is called for every connection, `on_failed`
    once if the far end breaks the protocol, `on_refused` with the far end's reason when it gives a stream up.
    """

    def __init__(
        self,
        far_end: FarEnd,
        version: int,
        payload: int,
        *,
        on_connected: Callable[[], None],
        on_refused: Callable[[str], None],
        on_failed: Callable[[str], None],
    ) -> None:
        self._far_end = far_end
        self._payload = payload
        # The largest frames that a receiver takes; AWS's agent is only sent what its own library would send.
        self._mux = MuxSession(Role.CLIENT, version, MAX_DATA if version >= WINDOWED_VERSION else MAX_SENT)
        self._on_connected = on_connected
        self._on_refused = on_refused
        self._on_failed = on_failed
        self._arrived: deque[OutputReceived] = deque()
        self._connections: dict[int, LocalConnection] = {}
        self._complete: set[LocalConnection] = set()
        """Those whose streams are over and that have yet to write the last of it."""
        self._moving = False
        self._move_due = False
        self._closed = False
        self._loop = asyncio.get_running_loop()

    def __len__(self) -> int:
        """Return how many connections there are."""
        return len(self._connections)

    def take(self, event: OutputReceived) -> None:
        """Take bytes of the smux session; what does not fit now waits, unacknowledged."""
        self._arrived.append(event)
        self.move()

    def move(self) -> None:
        """Move what can be moved, both ways."""
        if self._moving or self._closed:  # moving: connections call back while the loop below runs
            return
        self._moving = True
        try:
            while self._send_some() or self._take_some():
                pass
        finally:
            self._moving = False

    def close(self) -> None:
        """Reset what is left of the connections."""
        self._closed = True
        self._arrived.clear()
        for connection in list(self._connections.values()):
            connection.abort()
        self._connections.clear()

    async def drain(self) -> None:
        """Wait for connections that are complete but for what they have to write; reset the others."""
        self.close()
        if self._complete:
            await asyncio.wait([connection.closed for connection in self._complete])

    def connected(self, connection: LocalConnection) -> None:
        """Open a stream; the far end hears of it at once, for its end may be the first to speak."""
        if self._closed:
            connection.abort()
            return
        connection.stream_id = self._mux.open()
        self._connections[connection.stream_id] = connection
        self._on_connected()
        self._move_soon()

    def received(self, connection: LocalConnection, data: bytes) -> None:
        """Put bytes of a connection into its stream."""
        self._mux.write(connection.stream_id, data)
        self._move_soon()
        if self._mux.writable(connection.stream_id) <= 0:
            connection.pause()

    def finished(self, connection: LocalConnection) -> None:
        """Pass the end of a connection's input on."""
        self._mux.finish(connection.stream_id)
        self._move_soon()

    def written(self, connection: LocalConnection, count: int) -> None:
        """Let the far end send as many bytes again."""
        self._mux.consumed(connection.stream_id, count)
        self._move_soon()

    def lost(self, connection: LocalConnection, reason: str) -> None:
        """Give up the stream of a connection that is gone."""
        self._complete.discard(connection)
        if self._connections.pop(connection.stream_id, None) is not None:
            self._mux.reset(connection.stream_id, reason or "the client's connection is gone")
            self._move_soon()

    def _move_soon(self) -> None:
        """What many connections want within one turn of the event loop goes together."""
        if not self._moving and not self._move_due:
            self._move_due = True
            self._loop.call_soon(self._move_now)

    def _move_now(self) -> None:
        self._move_due = False
        self.move()

    def _send_some(self) -> bool:
        """Send one message's worth of bytes, if there are any and there is room for a good one."""
        if not self._mux.pending:
            return False
        room = min(self._far_end.capacity(), self._payload)
        if room < min(self._payload, WORTHWHILE_BYTES):
            return False
        data = self._mux.data_to_send(room)
        if data:
            self._far_end.send(PayloadType.OUTPUT, data)
        self._handle_events()
        return bool(data)

    def _take_some(self) -> bool:
        """Take in one message's worth of bytes, if there is room for what they may bring."""
        if not self._arrived or self._mux.saturated:
            return False
        event = self._arrived.popleft()
        if event.payload_type == PayloadType.OUTPUT:
            self._mux.receive(event.payload)
            self._handle_events()
        self._far_end.acknowledge(event.sequence_number)
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
            case StreamWritable(stream_id) if stream_id in self._connections:
                self._connections[stream_id].resume()
            case StreamFinished(stream_id) if stream_id in self._connections:
                self._connections[stream_id].write_eof()
            case StreamClosed(stream_id, aborted):
                self._stream_closed(stream_id, aborted)
            case MuxFailed(reason):
                self._on_failed(reason)

    def _stream_closed(self, stream_id: int, aborted: str | None) -> None:
        connection = self._connections.pop(stream_id, None)
        if connection is None:
            return
        if aborted is None:
            self._complete.add(connection)
            connection.close()
            return
        connection.abort()
        if aborted:
            self._on_refused(aborted)
