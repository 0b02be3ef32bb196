"""Handles a port with one connection at a time, for agents that do not multiplex (`protocol/client.md` §10.5)."""

import asyncio
import signal
from collections import deque

from ferryman.channel.events import OutputReceived
from ferryman.channel.peer_versions import takes_terminate_flag
from ferryman.client.plugin import texts
from ferryman.client.plugin.endings import NORMAL, Ending
from ferryman.client.plugin.ports.interruption import ends_session
from ferryman.client.plugin.ports.listener import Listener
from ferryman.client.plugin.session_handler import SessionContext
from ferryman.client.session.idle_limit import IdleLimit
from ferryman.transport.tcp_connection import TcpConnection
from ferryman.wire.agent_message import Flag, PayloadType

LAST_WRITES_SECONDS = 2.0
"""How long a local program may take to read what arrived before the end of the session."""
PENDING_BYTES = 65_536
"""How much a connection's input is read ahead of the engine's window before reading stops."""
DATA_TYPES = frozenset({PayloadType.OUTPUT, PayloadType.ERROR})


class BasicPort:
    """Listens, and carries one local connection after another; `Owner` of them.

    Output that arrives before the first connection waits for it. At a connection's end the far end gets the flag
    DisconnectToPort; until it has acknowledged that, output is dropped and the next connection waits.
    """

    attended = False
    needs_output = False
    ends_with_parent = True

    def __init__(self, context: SessionContext) -> None:
        self._context = context
        self._screen = context.screen
        self._far_end = context.far_end
        self._listener = Listener(context.started.properties or {})
        self._connection: TcpConnection | None = None
        self._arrived: deque[OutputReceived] = deque()
        """Output for the next connection, not acknowledged."""
        self._written: deque[tuple[int, int]] = deque()
        """Number and size of the output that the connection got and has not written."""
        self._pending: deque[bytes] = deque()
        self._pending_bytes = 0
        self._all_sent = asyncio.Event()
        self._all_sent.set()
        self._input_over = asyncio.Event()
        self._between = False
        """Whether a connection has ended and the far end does not know yet."""
        self.ends_by_flag = takes_terminate_flag(context.started.agent_version)
        self._idle_limit = IdleLimit(
            context.settings.forward_idle_seconds, lambda: self._connection is not None, self._unused
        )
        self._interrupted = False
        self._serving = asyncio.create_task(self._serve())
        context.watch(self._serving)
        context.screen.choose(data_only=False)
        context.screen.print_text(texts.listening(self._listener.name, context.session_id))

    def on_output(self, event: OutputReceived) -> None:
        """Write output to the connection if there is one."""
        if self._between or event.payload_type not in DATA_TYPES:
            self._write(None, event)
        elif self._connection is None:
            self._arrived.append(event)
        else:
            self._write(self._connection, event)

    def flush(self) -> None:
        """Send waiting input, and read more if little is left."""
        while self._pending and (room := self._far_end.capacity()) > 0:
            data = self._pending.popleft()
            if len(data) > room:
                self._pending.appendleft(data[room:])
                data = data[:room]
            self._pending_bytes -= len(data)
            self._far_end.send(PayloadType.OUTPUT, data)
        if not self._pending:
            self._all_sent.set()
        if self._connection is not None and self._pending_bytes < PENDING_BYTES:
            self._connection.resume()

    def on_signal(self, number: signal.Signals) -> None:
        """End the session on Ctrl-C, Ctrl-\\ and Ctrl-Z, as AWS's client does."""
        self._interrupted |= ends_session(self._context, number)

    def ending(self, output: str, *, lost: bool) -> Ending:
        """End with AWS's text."""
        return self._context.ended(output, lost=lost)

    async def finish(self) -> None:
        """Stop accepting connections; hand the open one what has arrived, unless interrupted."""
        while self._far_end.remaining():
            pass
        self._serving.cancel()
        self._listener.close()
        if self._connection is not None and not self._interrupted:
            self._connection.close()
            await asyncio.wait([self._connection.closed], timeout=LAST_WRITES_SECONDS)

    def close(self) -> None:
        """Reset the connection, stop listening and remove the socket file."""
        self._idle_limit.close()
        self._serving.cancel()
        self._listener.close()
        if self._connection is not None:
            self._connection.abort()

    def connected(self, connection: TcpConnection) -> None:
        """Write the output that has waited for a connection."""
        self._idle_limit.used()
        self._connection = connection
        arrived, self._arrived = self._arrived, deque()
        for event in arrived:
            self._write(connection, event)

    def received(self, connection: TcpConnection, data: bytes) -> None:
        """Send input; stop reading if there is no room for more."""
        self._pending.append(data)
        self._pending_bytes += len(data)
        self._all_sent.clear()
        self.flush()
        if self._pending_bytes >= PENDING_BYTES:
            connection.pause()

    def finished(self, connection: TcpConnection) -> None:
        """Close the connection: these agents have no half-closed connections."""
        connection.close()

    def written(self, connection: TcpConnection, count: int) -> None:
        """Acknowledge what is written."""
        while self._written and (count or not self._written[0][1]):
            number, size = self._written[0]
            if size > count:
                self._written[0] = number, size - count
                return
            self._written.popleft()
            count -= size
            self._far_end.consumed(number)

    def lost(self, connection: TcpConnection, reason: str) -> None:
        """Record that the connection has ended; drop what it has not written."""
        self._connection = None
        self._between = True
        while self._written:
            self._far_end.consumed(self._written.popleft()[0])
        self._input_over.set()

    def _unused(self) -> None:
        words = texts.ended(self._context.session_id, texts.unused(self._context.settings.forward_idle_seconds))
        self._context.endings.announce(Ending(NORMAL, last_words=words, terminate=True))

    def _write(self, connection: TcpConnection | None, event: OutputReceived) -> None:
        data = b"" if connection is None or event.payload_type not in DATA_TYPES else event.payload
        if data and connection is not None:
            self._written.append((event.sequence_number, len(data)))
            connection.write(data)
        elif self._written:
            self._written.append((event.sequence_number, 0))
        else:
            self._far_end.consumed(event.sequence_number)

    async def _serve(self) -> None:
        """Accept one connection after another, until cancelled."""
        loop = asyncio.get_running_loop()
        first = True
        while True:
            accepted, _ = await loop.sock_accept(self._listener.socket)
            if first:
                first = False
                self._screen.print_text(texts.only_connection(self._context.session_id))
            self._input_over.clear()
            await loop.connect_accepted_socket(lambda: TcpConnection(self), accepted)
            await self._input_over.wait()
            # What was read before the end goes before the flag.
            await self._all_sent.wait()
            self._far_end.flag(Flag.DISCONNECT_TO_PORT)
            await self._far_end.settled()
            self._between = False
