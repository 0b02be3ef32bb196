"""Handles a port with any number of connections at a time (`protocol/client.md` §10.4)."""

import asyncio
import signal

from ferryman.channel.events import OutputReceived
from ferryman.channel.peer_versions import expects_keep_alive
from ferryman.client.plugin import texts
from ferryman.client.plugin.endings import FAILED, NORMAL, Ending
from ferryman.client.plugin.ports.interruption import ends_session
from ferryman.client.plugin.ports.listener import Listener
from ferryman.client.plugin.session_handler import SessionContext
from ferryman.client.session.idle_limit import IdleLimit
from ferryman.client.session.tunnel import Tunnel
from ferryman.wire.agent_message import Flag, PayloadType
from ferryman.wire.payloads import encode_flag
from ferryman.wire.smux import Command, SmuxFrame, encode

KEEP_ALIVE_SECONDS = 10.0
LAST_WRITES_SECONDS = 2.0
"""How long local programs may take to read what arrived before the end of the session."""
_CONNECT_ERROR = encode_flag(Flag.CONNECT_TO_PORT_ERROR)


class MultiplexedPort:
    """Listens, and carries each local connection as a stream."""

    attended = False
    needs_output = False
    ends_with_parent = True
    ends_by_flag = True

    def __init__(self, context: SessionContext) -> None:
        self._context = context
        self._screen = context.screen
        self._listener = Listener(context.started.properties or {})
        self._accepted_any = False
        self._tunnel = Tunnel(
            context.far_end,
            context.started.mux,
            context.started.agreed.max_payload,
            on_connected=self._connected,
            on_refused=lambda reason: self._screen.print_error(texts.stream_refused(reason)),
            on_failed=self._failed,
        )
        self._idle_limit = IdleLimit(
            context.settings.forward_idle_seconds, lambda: bool(len(self._tunnel)), self._unused
        )
        self._interrupted = False
        self._loop = asyncio.get_running_loop()
        self._server: asyncio.Server | None = None
        self._opening = self._loop.create_task(self._open())
        context.watch(self._opening)
        self._keep_alive: asyncio.TimerHandle | None = None
        context.screen.choose(data_only=False)
        context.screen.print_text(texts.listening(self._listener.name, context.session_id) + texts.WAITING)
        if expects_keep_alive(context.started.agent_version):
            self._stay_alive()

    def on_output(self, event: OutputReceived) -> None:
        """Feed output to the tunnel."""
        if event.payload_type == PayloadType.FLAG and event.payload == _CONNECT_ERROR:
            self._screen.print_text(texts.CONNECT_TO_PORT_ERROR)
        self._tunnel.on_output(event)

    def flush(self) -> None:
        """Move waiting data."""
        self._tunnel.move()

    def on_signal(self, number: signal.Signals) -> None:
        """End the session on Ctrl-C, Ctrl-\\ and Ctrl-Z, as AWS's client does."""
        self._interrupted |= ends_session(self._context, number)

    def ending(self, output: str, *, lost: bool) -> Ending:
        """End with AWS's text."""
        return self._context.ended(output, lost=lost)

    async def finish(self) -> None:
        """Stop accepting connections; hand the open ones what has arrived for them, unless interrupted."""
        self._stop_listening()
        while self._context.far_end.remaining():
            pass
        if self._interrupted:
            return
        try:
            async with asyncio.timeout(LAST_WRITES_SECONDS):
                await self._tunnel.drain()
        except TimeoutError:
            return

    def close(self) -> None:
        """Reset the connections, stop listening and remove the socket file."""
        self._idle_limit.close()
        if self._keep_alive is not None:
            self._keep_alive.cancel()
        self._stop_listening()
        self._tunnel.close()

    async def _open(self) -> None:
        """Accept connections, including those made since the listener was opened."""
        self._server = await self._listener.serve(self._tunnel.connection)

    def _stop_listening(self) -> None:
        self._opening.cancel()
        if self._server is not None:
            self._server.close()
        self._listener.close()

    def _unused(self) -> None:
        words = texts.ended(self._context.session_id, texts.unused(self._context.settings.forward_idle_seconds))
        self._context.endings.announce(Ending(NORMAL, last_words=words, terminate=True))

    def _connected(self) -> None:
        self._idle_limit.used()
        if not self._accepted_any:
            self._accepted_any = True
            self._screen.print_text(texts.first_connection(self._context.session_id))

    def _failed(self, reason: str) -> None:
        complaint = texts.cannot_start(f"the node broke the protocol of port forwarding: {reason}")
        self._context.endings.announce(Ending(FAILED, complaint=complaint, terminate=True))

    def _stay_alive(self) -> None:
        self._keep_alive = self._loop.call_later(KEEP_ALIVE_SECONDS, self._stay_alive)
        self._context.far_end.send(PayloadType.OUTPUT, encode(SmuxFrame(Command.NOP, 0)))
