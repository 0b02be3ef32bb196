"""Runs one session from its StartSession response to the process's exit status."""

import asyncio
import dataclasses
import signal
from collections.abc import Callable, Coroutine, Mapping, Sequence
from typing import Any

from ferryman.channel.events import (
    ClientEvent,
    CustomerMessageReceived,
    OutputReceived,
    SessionEnded,
    SessionStarted,
)
from ferryman.model.versions import CLIENT_VERSION
from ferryman.plugin import texts
from ferryman.plugin.arguments import Launch, reconnect_seconds
from ferryman.plugin.connection import CannotConnect, Connector
from ferryman.plugin.endings import FAILED, SIGNAL_BASE, Ending, Endings
from ferryman.plugin.far_end import FarEnd
from ferryman.plugin.kind import CannotRun, Kind, Surroundings
from ferryman.plugin.screen import STANDARD, Descriptors, Screen
from ferryman.plugin.service_client import CallRefused, ServiceClient, SessionOver
from ferryman.plugin.session_kinds import begin
from ferryman.plugin.trust import ca_file
from ferryman.transport.dialler import Dialler
from ferryman.transport.errors import Unreachable
from ferryman.transport.websocket import WebSocket
from ferryman.wire.agent_message import Flag

HEARTBEAT_SECONDS = 15.0
"""A server that says nothing for this long is asked; silent for half of it more, it is dead."""
NOTICE_SECONDS = 1.0
"""Outages shorter than this are not worth a word."""
TERMINATE_SECONDS = 10.0
"""How long telling the server that the session is over may hold up the exit."""
USER_AGENT = f"ferryman-session-manager-plugin/{CLIENT_VERSION}"

FLAG_SECONDS = 2.0
"""The same for telling the far end, which is quicker; then the server is told."""

FATAL = frozenset({signal.SIGTERM, signal.SIGHUP})
FATAL_STATUSES = frozenset(SIGNAL_BASE + number for number in FATAL)
ENDING = FATAL | {signal.SIGINT, signal.SIGQUIT}
HANDLED = (*ENDING, signal.SIGTSTP, signal.SIGWINCH, signal.SIGCONT)
"""The AWS CLI starts us with SIGINT, SIGQUIT and SIGTSTP ignored."""


async def run(launch: Launch, environment: Mapping[str, str], descriptors: Descriptors = STANDARD) -> int:
    """Run the session and return the exit status; whatever happens, the terminal is left as it was found.

    Needs the main thread, for signals. Raises `InvalidArguments` for a wrong setting in `environment`.
    """
    limit = reconnect_seconds(environment)
    trusted = ca_file(environment, launch.profile) if launch.stream_url.startswith("wss:") else None
    service = ServiceClient(launch.region, launch.profile, launch.endpoint)
    async with Dialler(user_agent=USER_AGENT, heartbeat=HEARTBEAT_SECONDS, ca_file=trusted) as dialler:
        session = _Session(launch, Connector(launch, dialler, service, limit), service, limit, descriptors)
        with _Signals(session.on_signal):
            return await session.run()


class _Session:
    def __init__(
        self, launch: Launch, connector: Connector, service: ServiceClient, limit: float, descriptors: Descriptors
    ) -> None:
        self._launch = launch
        self._connector = connector
        self._service = service
        self._limit = limit
        self._endings = Endings()
        self._hurry = asyncio.Event()
        self._connected = False
        self._far_end = FarEnd(self._on_events)
        self._screen = Screen(descriptors, self._far_end.consumed, self._output_closed)
        self._kind: Kind | None = None

    async def run(self) -> int:
        """Run to the end."""
        asyncio.get_running_loop().set_exception_handler(self._on_fault)
        try:
            self._screen.say(texts.starting(self._launch.session_id))
            ending = await self._until_ending()
            if self._kind is None:
                self._screen.choose(data_only=True)
            if ending.terminate and self._connector.opened_once:
                await self._unhurried(self._terminate(), TERMINATE_SECONDS)
            self._screen.say(ending.last_words)
            self._screen.complain(ending.complaint)
            await self._unhurried(self._screen.drained())
            return ending.status
        finally:
            if self._kind is not None:
                self._kind.close()
            self._far_end.close()
            self._screen.close()

    def on_signal(self, number: signal.Signals) -> None:
        """A signal from outside: an end, or something for the kind of session."""
        if self._endings.announced:
            if number in ENDING:
                self._hurry.set()
            return
        if self._kind is not None:
            self._kind.signalled(number)
        elif number in (signal.SIGINT, signal.SIGQUIT):
            self._endings.announce(Ending(SIGNAL_BASE + number, terminate=True))
        if number in FATAL:
            tell = self._kind is not None and self._kind.ends_by_flag
            self._endings.announce(Ending(SIGNAL_BASE + number, terminate=tell))
            if not tell:
                self._hurry.set()

    def _on_fault(self, _loop: asyncio.AbstractEventLoop, context: dict[str, Any]) -> None:
        """A callback of the event loop raised. What else the loop reports is no concern of the person's."""
        fault = context.get("exception")
        if "handle" in context and isinstance(fault, BaseException):
            self._endings.fail(fault)

    def _on_events(self, events: Sequence[ClientEvent]) -> None:
        for event in events:
            match event:
                case OutputReceived() if self._kind is not None:
                    self._kind.take(event)
                case SessionStarted():
                    self._begin(event)
                case CustomerMessageReceived(text):
                    self._screen.say(texts.customer_message(text))
                case SessionEnded(output, lost):
                    self._endings.announce(self._ending(output, lost=lost))
        if self._kind is not None:
            self._kind.flush()

    def _begin(self, started: SessionStarted) -> None:
        around = Surroundings(self._launch.session_id, started, self._far_end, self._screen, self._endings)
        try:
            self._kind = begin(around, self._launch.expected)
        except CannotRun as reason:
            self._endings.announce(Ending(FAILED, complaint=texts.cannot_start(str(reason)), terminate=True))

    def _ending(self, output: str, *, lost: bool) -> Ending:
        if self._kind is not None:
            return self._kind.ending(output, lost=lost)
        return Ending(FAILED, complaint=texts.cannot_start(output or "the server closed the session"))

    def _output_closed(self) -> None:
        if self._kind is not None and not self._kind.needs_output:
            return
        complaint = texts.cannot_start("standard output was closed")
        self._endings.announce(Ending(FAILED, complaint=complaint, terminate=True))

    async def _until_ending(self) -> Ending:
        """Keep the session connected until it ends, and until what has arrived of it is handed over."""
        connection = asyncio.create_task(self._stay_connected())
        cause = asyncio.create_task(self._endings.first())
        try:
            await asyncio.wait({connection, cause}, return_when=asyncio.FIRST_COMPLETED)
            if not cause.done():
                self._endings.announce(connection.result())
            ending = await cause
            if ending.terminate and self._kind is not None and self._kind.ends_by_flag and self._connected:
                ending = await self._told(ending)
        finally:
            await _cancelled(connection, cause)
        if self._kind is not None:
            await self._unhurried(self._kind.finish())
        return ending

    async def _told(self, ending: Ending) -> Ending:
        """Tell the far end by flag; return what is left to do."""
        self._far_end.flag(Flag.TERMINATE_SESSION)
        await self._unhurried(self._far_end.delivered(), FLAG_SECONDS)
        if ending.status in FATAL_STATUSES:
            self._hurry.set()
        return dataclasses.replace(ending, terminate=not self._far_end.all_acknowledged)

    async def _stay_connected(self) -> Ending:
        """Return only when there is no connection to be had any more."""
        try:
            websocket = await self._connector.open()
            while True:
                try:
                    self._connected = True
                    await self._far_end.pump.run(websocket)
                finally:
                    self._connected = False
                    await websocket.close()
                websocket = await self._reopen()
        except CannotConnect as lost:
            return lost.ending

    async def _reopen(self) -> WebSocket:
        notified = False

        def notice() -> None:
            nonlocal notified
            notified = True
            attended = self._kind is not None and self._kind.attended
            self._screen.complain(texts.connection_lost(self._limit, attended=attended))

        timer = asyncio.get_running_loop().call_later(NOTICE_SECONDS, notice)
        try:
            websocket = await self._connector.reopen()
        finally:
            timer.cancel()
        if notified:
            self._screen.complain(texts.RECONNECTED)
        return websocket

    async def _terminate(self) -> None:
        try:
            await self._service.terminate(self._launch.session_id)
        except SessionOver:
            return
        except (CallRefused, Unreachable) as error:
            self._screen.complain(texts.not_terminated(self._launch.session_id, str(error)))

    async def _unhurried(self, waiting: Coroutine[None, None, None], seconds: float | None = None) -> None:
        """Wait for something on the way out, until a further signal says that it has taken long enough."""
        work = asyncio.create_task(waiting)
        hurry = asyncio.create_task(self._hurry.wait())
        try:
            await asyncio.wait({work, hurry}, timeout=seconds, return_when=asyncio.FIRST_COMPLETED)
            if work.done():
                work.result()
        finally:
            await _cancelled(work, hurry)


class _Signals:
    """Delivers signals to `on_signal` on the event loop while the context lasts, ignored ones too."""

    def __init__(self, on_signal: Callable[[signal.Signals], None]) -> None:
        self._on_signal = on_signal
        self._loop = asyncio.get_running_loop()

    def __enter__(self) -> None:
        for number in HANDLED:
            self._loop.add_signal_handler(number, self._on_signal, number)

    def __exit__(self, *_: object) -> None:
        for number in HANDLED:
            self._loop.remove_signal_handler(number)


async def _cancelled(*tasks: "asyncio.Task[Any]") -> None:
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)
