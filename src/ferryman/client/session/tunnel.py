"""Many connections through one session: a smux stream for each (`protocol/client.md` §10.4).

Version 2, used between Ferryman's ends, keeps a stalled connection from blocking the others, and half-closed ones open.
"""

import asyncio
from collections.abc import Callable

from ferryman.channel.events import OutputReceived
from ferryman.channel.mux.events import MuxFailed, StreamClosed
from ferryman.channel.mux.session import Role
from ferryman.client.session.far_end import FarEnd
from ferryman.transport.mux_streams import Change, MuxStreams
from ferryman.transport.tcp_connection import TcpConnection
from ferryman.wire.agent_message import PayloadType


class Tunnel:
    """Opens a stream for each local connection.

    `payload` is the largest message to this far end, in bytes. `on_connected` is called for each connection,
    `on_failed` once if the far end breaks the protocol, `on_refused` with the far end's reason when it resets a stream.
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
        self._streams = MuxStreams(
            far_end,
            Role.CLIENT,
            version,
            payload,
            on_connected=self._connected,
            on_lost=self._lost,
            on_change=self._changed,
        )
        self._on_connected = on_connected
        self._on_refused = on_refused
        self._on_failed = on_failed
        self._complete: set[TcpConnection] = set()
        """Connections whose streams have ended and that still have data to write."""
        self._closed = False

    def __len__(self) -> int:
        """Return how many connections there are."""
        return len(self._streams)

    def connection(self) -> TcpConnection:
        """Make a connection that gets a stream as soon as it is established."""
        return TcpConnection(self._streams)

    def on_output(self, event: OutputReceived) -> None:
        """Feed bytes to the smux session; bytes that do not fit now wait, unacknowledged."""
        self._streams.on_input(
            event.sequence_number, event.payload if event.payload_type == PayloadType.OUTPUT else b""
        )

    def move(self) -> None:
        """Move waiting data in both directions."""
        self._streams.move()

    def close(self) -> None:
        """Reset the remaining connections."""
        self._closed = True
        self._streams.close()

    async def drain(self) -> None:
        """Wait for connections that only have data left to write; reset the others."""
        self.close()
        if self._complete:
            await asyncio.wait([connection.closed for connection in self._complete])

    def _connected(self, connection: TcpConnection) -> None:
        self._streams.open(connection)
        if not self._closed:
            self._on_connected()

    def _lost(self, connection: TcpConnection, reason: str) -> None:
        """Reset the stream of a lost connection."""
        self._complete.discard(connection)
        if self._streams.part(connection.stream_id) is not None:
            self._streams.reset(connection.stream_id, reason or "the client's connection is gone")

    def _changed(self, change: Change) -> None:
        match change:
            case StreamClosed(stream_id, aborted):
                self._stream_closed(stream_id, aborted)
            case MuxFailed(reason):
                self._on_failed(reason)
            # Streams that the far end opens lead nowhere: their data is dropped.

    def _stream_closed(self, stream_id: int, aborted: str | None) -> None:
        connection = self._streams.part(stream_id)
        if connection is None:
            return
        if aborted is None:
            self._complete.add(connection)
            connection.close()
            return
        connection.abort()
        if aborted:
            self._on_refused(aborted)
