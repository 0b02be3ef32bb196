"""Port forwarding over smux (`protocol/agent.md` §5.5, `client.md` §10.4): a TCP connection for every stream.

Version 1 with AWS's client, version 2 with Ferryman's. A connection that cannot be made ends its own stream, never the
session.
"""

import asyncio
from collections import deque

from ferryman.agent.connection import Connection
from ferryman.agent.destinations import Destination, Undialled
from ferryman.agent.journal import logger
from ferryman.agent.kinds import Client
from ferryman.agent.records import FAILED
from ferryman.channel.events import InputReceived
from ferryman.channel.mux import MuxSession, Role
from ferryman.channel.mux_events import (
    MuxEvent,
    MuxFailed,
    StreamClosed,
    StreamData,
    StreamFinished,
    StreamOpened,
    StreamWritable,
)
from ferryman.wire.agent_message import Flag, PayloadType
from ferryman.wire.payloads import encode_flag
from ferryman.wire.smux import MAX_DATA, MAX_SENT, WINDOWED_VERSION

WORTHWHILE_BYTES = 64 * 1024
"""Less room than this in the channel's window is waited out: small messages cost as much as large ones."""
_LOG = logger("ports")


class MuxForward:
    """Joins the streams of one client to connections; `Owner` of these, by stream id.

    `payload` is the most bytes of a message to this client.
    """

    def __init__(self, client: Client, destination: Destination, version: int, payload: int) -> None:
        self._client = client
        self._destination = destination
        self._payload = payload
        # The largest frames that a receiver takes; AWS's client is only sent what its own library would send.
        self._mux = MuxSession(Role.SERVER, version, MAX_DATA if version >= WINDOWED_VERSION else MAX_SENT)
        self._inputs: deque[InputReceived] = deque()
        self._connections: dict[int, Connection] = {}
        self._dials: dict[int, asyncio.Task[None]] = {}
        self._busy = False
        self._closed = False

    def take(self, event: InputReceived) -> None:
        """Take bytes of the smux session."""
        self._inputs.append(event)
        self.resume()

    def resume(self) -> None:
        """Move what can be moved, both ways."""
        if self._busy or self._closed:  # busy: connections write while the loop below runs
            return
        self._busy = True
        try:
            while self._send_some() or self._take_some():
                pass
        finally:
            self._busy = False

    def close(self) -> None:
        """Reset every connection, give up every dial; what comes of them is no more passed on."""
        self._closed = True
        for dial in self._dials.values():
            dial.cancel()
        for connection in self._connections.values():
            connection.abort()
        self._connections.clear()
        self._inputs.clear()

    def connected(self, key: int) -> None:
        """See `Owner`."""

    def received(self, key: int, data: bytes) -> None:
        """Put bytes of a connection into its stream."""
        self._mux.write(key, data)
        self.resume()
        if self._mux.writable(key) <= 0 and key in self._connections:
            self._connections[key].pause()

    def written(self, key: int, count: int) -> None:
        """Let the peer send as many bytes again."""
        self._mux.consumed(key, count)
        self.resume()

    def finished(self, key: int) -> None:
        """Pass the end of a connection's output on."""
        self._mux.finish(key)
        self.resume()

    def lost(self, key: int, reason: str | None) -> None:
        """End the stream of a connection that is gone."""
        self._connections.pop(key, None)
        if reason is None:
            self._mux.finish(key)
        else:
            self._mux.reset(key, reason)
        self.resume()

    def _send_some(self) -> bool:
        """Send one message's worth of bytes, if there are any and there is room for a full one."""
        if not self._mux.pending:
            return False
        room = min(self._client.capacity(), self._payload)
        if room < min(self._payload, WORTHWHILE_BYTES):
            return False
        data = self._mux.data_to_send(room)
        if data:
            self._client.send(PayloadType.OUTPUT, data)
        self._handle_events()
        return bool(data)

    def _take_some(self) -> bool:
        """Take in one message's worth of bytes, if there is room for what they may bring."""
        if not self._inputs or self._mux.saturated:
            return False
        event = self._inputs.popleft()
        if event.payload_type == PayloadType.OUTPUT:
            self._mux.receive(event.payload)
            self._handle_events()
        self._client.consumed(event.sequence_number)
        return True

    def _handle_events(self) -> None:
        while events := self._mux.events():
            for event in events:
                self._handle(event)

    def _handle(self, event: MuxEvent) -> None:
        match event:
            case StreamData(stream_id, data):
                self._write(stream_id, data)
            case StreamWritable(stream_id):
                if stream_id in self._connections:
                    self._connections[stream_id].resume()
            case StreamOpened(stream_id):
                self._open(stream_id)
            case StreamFinished(stream_id):
                if stream_id in self._connections:
                    self._connections[stream_id].write_eof()
            case StreamClosed(stream_id, aborted):
                self._close(stream_id, aborted)
            case MuxFailed(reason):
                self._client.end(FAILED, f"The client broke the protocol of port forwarding: {reason}.")

    def _write(self, stream_id: int, data: bytes) -> None:
        connection = self._connections.get(stream_id)
        if connection is None:
            self._mux.consumed(stream_id, len(data))
        else:
            connection.write(data)

    def _open(self, stream_id: int) -> None:
        connection = self._connections[stream_id] = Connection(self, stream_id)
        dial = self._dials[stream_id] = asyncio.create_task(self._dial(stream_id, connection))
        dial.add_done_callback(lambda _: self._dials.pop(stream_id, None))

    async def _dial(self, stream_id: int, connection: Connection) -> None:
        try:
            await self._destination.dial(lambda: connection)
        except Undialled as error:
            _LOG.warning("not connected", reason=str(error))
            if self._connections.get(stream_id) is connection:
                del self._connections[stream_id]
                self._client.send(PayloadType.FLAG, encode_flag(Flag.CONNECT_TO_PORT_ERROR))
                self._mux.reset(stream_id, str(error))
                self.resume()

    def _close(self, stream_id: int, aborted: str | None) -> None:
        connection = self._connections.pop(stream_id, None)
        if connection is None:
            return
        if aborted is None:
            connection.close()
        else:
            connection.abort()
            if stream_id in self._dials:
                self._dials[stream_id].cancel()
