"""Port forwarding over smux (`protocol/agent.md` §5.5, `client.md` §10.4): a TCP connection for every stream.

Version 1 with AWS's client, version 2 with Ferryman's. A connection that cannot be made ends its own stream, never the
session.
"""

import asyncio

from ferryman.agent.logs import logger
from ferryman.agent.records import FAILED
from ferryman.agent.session.destinations import Destination, DialFailed
from ferryman.agent.session.session_handler import Client
from ferryman.channel.events import InputReceived
from ferryman.channel.mux.events import MuxFailed, StreamClosed, StreamOpened
from ferryman.channel.mux.session import Role
from ferryman.transport.mux_streams import Change, MuxStreams
from ferryman.transport.tcp_connection import TcpConnection
from ferryman.wire.agent_message import Flag, PayloadType
from ferryman.wire.payloads import encode_flag

_LOG = logger("ports")


class MuxForward:
    """Dials for the streams that one client opens; `payload` is the most bytes of a message to it."""

    def __init__(self, client: Client, destination: Destination, version: int, payload: int) -> None:
        self._client = client
        self._destination = destination
        self._streams = MuxStreams(
            client,
            Role.SERVER,
            version,
            payload,
            on_connected=lambda _: None,
            on_lost=self._lost,
            on_change=self._changed,
        )
        self._dials: dict[int, asyncio.Task[None]] = {}

    def on_input(self, event: InputReceived) -> None:
        """Pass the bytes to the smux session."""
        self._streams.on_input(
            event.sequence_number, event.payload if event.payload_type == PayloadType.OUTPUT else b""
        )

    def resume(self) -> None:
        """Move as many bytes as possible, both ways."""
        self._streams.move()

    def close(self) -> None:
        """Reset every connection and cancel every dial; their remaining output is dropped."""
        for dial in self._dials.values():
            dial.cancel()
        self._streams.close()

    def _lost(self, connection: TcpConnection, reason: str) -> None:
        """End the stream of a connection that is gone."""
        if self._streams.part(connection.stream_id) is None:
            return
        if reason:
            self._streams.reset(connection.stream_id, reason)
        else:
            self._streams.finish(connection.stream_id)

    def _changed(self, change: Change) -> None:
        match change:
            case StreamOpened(stream_id):
                self._open(stream_id)
            case StreamClosed(stream_id, aborted):
                self._close(stream_id, aborted)
            case MuxFailed(reason):
                self._client.end(FAILED, f"The client violated the port forwarding protocol: {reason}.")

    def _open(self, stream_id: int) -> None:
        connection = TcpConnection(self._streams)
        self._streams.join(stream_id, connection)
        dial = self._dials[stream_id] = asyncio.create_task(self._dial(connection))
        dial.add_done_callback(lambda _: self._dials.pop(stream_id, None))

    async def _dial(self, connection: TcpConnection) -> None:
        try:
            await self._destination.dial(lambda: connection)
        except DialFailed as error:
            _LOG.warning("not connected", reason=str(error))
            if self._streams.part(connection.stream_id) is not None:
                self._client.send(PayloadType.FLAG, encode_flag(Flag.CONNECT_TO_PORT_ERROR))
                self._streams.reset(connection.stream_id, str(error))

    def _close(self, stream_id: int, aborted: str | None) -> None:
        connection = self._streams.part(stream_id)
        if connection is None:
            return
        if aborted is None:
            connection.close()
        else:
            connection.abort()
            if stream_id in self._dials:
                self._dials[stream_id].cancel()
