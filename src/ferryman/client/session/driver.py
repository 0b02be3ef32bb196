"""Drives one session from its first connection to its end, for people (`plugin`) and for programs (`library`).

Connects, gives frames to the engine and output to a handler, reconnects, and ends the session at the node and at the
server. It knows no terminal, no signals and no sentences: its owner turns events and errors into messages.
"""

import asyncio
import contextlib
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

from ferryman.channel.events import (
    ClientEvent,
    ClientNotAccepted,
    CustomerMessageReceived,
    FarEndAnswered,
    FarEndFellSilent,
    FrameRejected,
    NoticeReceived,
    OutputReceived,
    SessionEnded,
    SessionStarted,
)
from ferryman.channel.key_agreement import DataKeyRequested
from ferryman.client.calls.data_keys import DataKeyFailed, generate_data_key, key_objection
from ferryman.client.calls.launch import Launch
from ferryman.client.calls.resume_session import ServiceClient, SessionOver
from ferryman.client.session.connection import Connector
from ferryman.client.session.far_end import FarEnd
from ferryman.transport.dialler import Dialler
from ferryman.transport.websocket import WebSocket
from ferryman.wire.agent_message import Flag

HEARTBEAT_SECONDS = 15.0
"""A server that is silent for this long gets a ping; after another 7.5 s of silence the connection counts as lost."""
NOTICE_SECONDS = 1.0
"""Shorter outages are not reported."""
FLAG_SECONDS = 2.0
"""How long to wait for the node to acknowledge the flag TerminateSession."""
TERMINATE_SECONDS = 10.0
"""How long to wait for the answer to the call TerminateSession."""


@dataclass(frozen=True, slots=True)
class OutageBegan:
    """The connection has been lost for `NOTICE_SECONDS`; the driver is trying to restore it."""


@dataclass(frozen=True, slots=True)
class OutageEnded:
    """The connection is restored after an outage that was reported."""


SessionEvent = (
    ClientNotAccepted
    | CustomerMessageReceived
    | FarEndFellSilent
    | FarEndAnswered
    | NoticeReceived
    | SessionEnded
    | FrameRejected
    | OutageBegan
    | OutageEnded
)


class OutputHandler(Protocol):
    """Handles a session's output once it has started. Its methods run on the event loop and do not wait."""

    def on_output(self, event: OutputReceived) -> None:
        """Handle output; acknowledge it with `FarEnd.consumed` once it is written or used."""

    def flush(self) -> None:
        """Send waiting data; called after every frame, since there may be more room now."""


class SessionOwner(Protocol):
    """Runs a session and reports on it. Its methods run on the event loop and do not wait."""

    def session_started(self, started: SessionStarted) -> OutputHandler | None:
        """Return the handler of this session's output, None to drop it. Any exception ends `SessionDriver.run`."""

    def on_event(self, event: SessionEvent) -> None:
        """Handle everything else that happens."""


class SessionDriver:
    """Drives one session. Create it in a running loop; `run` keeps it connected, `close` ends its timers.

    `reconnect_seconds` is the longest outage that is survived. `far_end` sends, and `connected` says whether there is a
    connection at the moment.
    """

    def __init__(
        self, launch: Launch, dialler: Dialler, service: ServiceClient, reconnect_seconds: float, owner: SessionOwner
    ) -> None:
        self._launch = launch
        self._connector = Connector(launch, dialler, service, reconnect_seconds)
        self._service = service
        self._owner = owner
        self._handler: OutputHandler | None = None
        self._generating: asyncio.Task[None] | None = None
        self._unencrypted = ""
        """Why there is no data key; the node then ends the session, or refuses this client."""
        self.far_end = FarEnd(self._on_events)
        self.connected = False

    async def run(self) -> None:
        """Keep the session connected until the server says that it is over.

        Raises `CannotConnect`, and whatever the owner or the handler raises.
        """
        try:
            websocket = await self._connector.open()
            while True:
                self.connected = True
                try:
                    await self.far_end.pump.run(websocket)
                finally:
                    self.connected = False
                    await websocket.close()
                if self.far_end.is_over:
                    return
                websocket = await self._reopen()
        finally:
            if self._generating is not None:
                self._generating.cancel()
            await self._connector.close()

    async def end_by_flag(self) -> None:
        """Ask the node to end the session, and wait at most `FLAG_SECONDS`. This has worked if `FarEnd.is_settled` is
        true afterwards: a node that ends the session immediately may leave without an acknowledgement, and then the
        session's end is the answer.
        """
        self.far_end.flag(Flag.TERMINATE_SESSION)
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(FLAG_SECONDS):
                await self.far_end.settled()

    async def terminate(self) -> None:
        """Call TerminateSession, unless no connection was ever opened or the server knows that the session is over.

        Raises `CallRefused` or `Unreachable`, and TimeoutError after `TERMINATE_SECONDS`.
        """
        if not self._connector.opened_once:
            return
        with contextlib.suppress(SessionOver):
            async with asyncio.timeout(TERMINATE_SECONDS):
                await self._service.terminate(self._launch.session_id)

    async def _reopen(self) -> WebSocket:
        reported = False

        def report() -> None:
            nonlocal reported
            reported = True
            self._owner.on_event(OutageBegan())

        timer = asyncio.get_running_loop().call_later(NOTICE_SECONDS, report)
        try:
            websocket = await self._connector.reopen()
        finally:
            timer.cancel()
        if reported:
            self._owner.on_event(OutageEnded())
        return websocket

    async def _generate(self, request: DataKeyRequested) -> None:
        """Answer with a data key, while the connection is kept."""
        try:
            key = await generate_data_key(self._launch, request)
        except DataKeyFailed as failed:
            self._unencrypted = f"the session cannot be encrypted: {failed}"
            self.far_end.refuse_data_key(str(failed))
        else:
            self.far_end.use_data_key(key.plaintext, key.ciphertext)

    def _on_events(self, events: Sequence[ClientEvent]) -> None:
        for event in events:
            match event:
                case OutputReceived():
                    if self._handler is not None:
                        self._handler.on_output(event)
                case DataKeyRequested():
                    self._generating = asyncio.create_task(self._generate(event))
                case SessionEnded() | ClientNotAccepted() if self._unencrypted:
                    self._owner.on_event(ClientNotAccepted(self._unencrypted))
                case SessionStarted() if objection := key_objection(event.kms_key_id):
                    self._owner.on_event(ClientNotAccepted(objection, ends=True))
                case SessionStarted():
                    self._handler = self._owner.session_started(event)
                case _:
                    self._owner.on_event(event)
        if self._handler is not None:
            self._handler.flush()
