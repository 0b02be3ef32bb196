"""Port sessions without smux: one connection, raw bytes (`protocol/agent.md` §5.5, `client.md` §10.3, §10.5).

For SSH, the connection begins and ends with the session. For forwarding with clients that are older than smux,
connections follow one another.
"""

import asyncio
from collections import deque

from ferryman.agent.records import FAILED
from ferryman.agent.session.destinations import Destination, DialFailed
from ferryman.agent.session.session_handler import Client
from ferryman.channel.events import InputReceived
from ferryman.transport.tcp_connection import TcpConnection
from ferryman.wire.agent_message import Flag, PayloadType
from ferryman.wire.payloads import MalformedPayload, decode_flag


class PlainForward:
    """Joins a client to one connection at a time; `Owner` of these.

    `lasting`: further connections may follow the first, dialled when the client sends. `ended` is set when the
    connection has ended and none may follow.
    """

    def __init__(self, client: Client, destination: Destination, *, lasting: bool) -> None:
        self._client = client
        self._destination = destination
        self._lasting = lasting
        self._waiting: deque[tuple[int, int]] = deque()
        self._connection: TcpConnection | None = None
        self._dialling: asyncio.Task[None] | None = None
        self._closed = False
        self.ended = asyncio.Event()
        self._dial()

    def on_input(self, event: InputReceived) -> None:
        """Write input to the connection, and dial again if there is none; act on flags."""
        if event.payload_type != PayloadType.OUTPUT:
            self._consume(event.sequence_number, 0)
            if event.payload_type == PayloadType.FLAG:
                self._on_flag(event.payload)
            return
        if self._connection is None and self._lasting:
            self._dial()
        if self._connection is None:
            self._consume(event.sequence_number, 0)
            return
        self._waiting.append((event.sequence_number, len(event.payload)))
        self._connection.write(event.payload)

    def resume(self) -> None:
        """Read the connection again if there is room."""
        if self._connection is not None and self._client.capacity() > 0:
            self._connection.resume()

    def close(self) -> None:
        """Reset the connection; its remaining output is dropped."""
        self._closed = True
        if self._dialling is not None:
            self._dialling.cancel()
        if self._connection is not None:
            self._connection.abort()
            self._connection = None

    def connected(self, connection: TcpConnection) -> None:
        """See `Owner`."""

    def received(self, connection: TcpConnection, data: bytes) -> None:
        """Send output; without room for more, stop reading."""
        if connection is not self._connection or self._closed:
            return
        self._client.send(PayloadType.OUTPUT, data)
        if self._client.capacity() <= 0:
            connection.pause()

    def written(self, connection: TcpConnection, count: int) -> None:
        """Acknowledge the input that was written."""
        if connection is not self._connection or self._closed:
            return
        while count and self._waiting:
            number, size = self._waiting[0]
            if size > count:
                self._waiting[0] = (number, size - count)
                return
            self._waiting.popleft()
            count -= size
            self._client.consumed(number)

    def finished(self, connection: TcpConnection) -> None:
        """End the connection: the session cannot say that only one of its directions has ended."""
        if connection is self._connection:
            connection.close()
            self._gone()

    def lost(self, connection: TcpConnection, reason: str) -> None:
        """Forget the lost connection."""
        if connection is self._connection:
            self._gone()

    def _dial(self) -> None:
        self._connection = TcpConnection(self)
        self._dialling = asyncio.create_task(self._connect(self._connection))

    async def _connect(self, connection: TcpConnection) -> None:
        try:
            await self._destination.dial(lambda: connection)
        except DialFailed as error:
            self._client.end(FAILED, str(error))

    def _gone(self) -> None:
        """Acknowledge input that nobody will read: otherwise its sender repeats it forever."""
        self._connection = None
        while self._waiting:
            self._client.consumed(self._waiting.popleft()[0])
        if not self._lasting:
            self.ended.set()

    def _consume(self, number: int, size: int) -> None:
        """Acknowledge, in order, input that is not written."""
        if self._waiting:
            self._waiting.append((number, size))
        else:
            self._client.consumed(number)

    def _on_flag(self, payload: bytes) -> None:
        try:
            flag = decode_flag(payload)
        except MalformedPayload:
            return
        connection = self._connection
        if flag == Flag.INPUT_ENDED and connection is not None:
            connection.write_eof()
        elif flag == Flag.DISCONNECT_TO_PORT and connection is not None:
            connection.close()
            self._gone()
