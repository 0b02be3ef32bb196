"""Runs one session from its StartSession response to the process's exit status."""

import asyncio
import os
import signal
import time
from collections.abc import Callable, Coroutine, Mapping, Sequence
from typing import Any

from ferryman.channel.client import ClientChannel
from ferryman.channel.events import ClientEvent
from ferryman.model.versions import CLIENT_VERSION
from ferryman.plugin import texts
from ferryman.plugin.arguments import Launch, reconnect_seconds
from ferryman.plugin.connection import CannotConnect, Connector
from ferryman.plugin.endings import SIGNAL_BASE, Ending, Endings
from ferryman.plugin.service_client import CallRefused, ServiceClient, SessionOver
from ferryman.plugin.shell import STANDARD, Descriptors, Shell
from ferryman.plugin.trust import ca_file
from ferryman.transport.dialler import Dialler
from ferryman.transport.errors import Unreachable
from ferryman.transport.pump import Pump
from ferryman.transport.websocket import WebSocket

HEARTBEAT_SECONDS = 15.0
"""A server that says nothing for this long is asked; silent for half of it more, it is dead."""
NOTICE_SECONDS = 1.0
"""Outages shorter than this are not worth a word."""
TERMINATE_SECONDS = 10.0
"""How long telling the server that the session is over may hold up the exit."""
USER_AGENT = f"ferryman-session-manager-plugin/{CLIENT_VERSION}"

KEYS = {signal.SIGINT: b"\x03", signal.SIGQUIT: b"\x1c", signal.SIGTSTP: b"\x1a"}
"""Signals from outside stand for keys (`protocol/client.md` §10.1). The AWS CLI starts us with all three ignored."""
FATAL = (signal.SIGTERM, signal.SIGHUP)
HANDLED = (*KEYS, *FATAL, signal.SIGWINCH, signal.SIGCONT)


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


class _WatchedChannel:
    """The engine for the pump; says after every frame that the window may have opened."""

    def __init__(self, channel: ClientChannel, on_frame: Callable[[], None]) -> None:
        self._channel = channel
        self._on_frame = on_frame
        self.connection_made = channel.connection_made
        self.connection_lost = channel.connection_lost
        self.frames_to_send = channel.frames_to_send
        self.events: Callable[[], Sequence[ClientEvent]] = channel.events
        self.next_timer = channel.next_timer

    def receive(self, frame: bytes, now: float) -> None:
        """Take one frame."""
        self._channel.receive(frame, now)
        self._on_frame()


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
        channel = ClientChannel(entropy=os.urandom, wall_clock_ms=lambda: time.time_ns() // 1_000_000)
        self._shell = Shell(launch.session_id, channel, descriptors, self._endings, self._wake)
        self._pump = Pump(_WatchedChannel(channel, self._shell.input_possible), self._shell.on_events)

    async def run(self) -> int:
        """Run to the end."""
        asyncio.get_running_loop().set_exception_handler(self._on_fault)
        try:
            self._shell.say(texts.starting(self._launch.session_id))
            ending = await self._until_ending()
            await self._unhurried(self._shell.finish())
            self._shell.leave_raw_mode()
            if ending.terminate and self._connector.opened_once:
                await self._unhurried(self._terminate(), TERMINATE_SECONDS)
            self._shell.say(ending.last_words)
            self._shell.complain(ending.complaint)
            await self._unhurried(self._shell.said())
            return ending.status
        finally:
            self._shell.close()

    def on_signal(self, number: signal.Signals) -> None:
        """A signal from outside: a key, an end, or a change of the terminal."""
        if number is signal.SIGWINCH:
            self._shell.size_may_have_changed()
        elif number is signal.SIGCONT:
            self._shell.continued()
        elif self._endings.announced:
            if number is not signal.SIGTSTP:
                self._hurry.set()
        elif number in FATAL:
            self._shell.leave_raw_mode()
            self._endings.announce(Ending(SIGNAL_BASE + number))
            self._hurry.set()
        elif self._shell.started:
            self._shell.press(KEYS[number])
        elif number is not signal.SIGTSTP:
            self._endings.announce(Ending(SIGNAL_BASE + number, terminate=True))

    def _on_fault(self, _loop: asyncio.AbstractEventLoop, context: dict[str, Any]) -> None:
        """A callback of the event loop raised. What else the loop reports is no concern of the person's."""
        fault = context.get("exception")
        if "handle" in context and isinstance(fault, BaseException):
            self._endings.fail(fault)

    async def _until_ending(self) -> Ending:
        """Keep the session connected until it ends."""
        connection = asyncio.create_task(self._stay_connected())
        cause = asyncio.create_task(self._endings.first())
        try:
            await asyncio.wait({connection, cause}, return_when=asyncio.FIRST_COMPLETED)
            if not cause.done():
                self._endings.announce(connection.result())
            return await cause
        finally:
            await _cancelled(connection, cause)

    async def _stay_connected(self) -> Ending:
        """Return only when there is no connection to be had any more."""
        try:
            websocket = await self._connector.open()
            while True:
                try:
                    await self._pump.run(websocket)
                finally:
                    await websocket.close()
                websocket = await self._reopen()
        except CannotConnect as lost:
            return lost.ending

    async def _reopen(self) -> WebSocket:
        notified = False

        def notice() -> None:
            nonlocal notified
            notified = True
            self._shell.complain(texts.connection_lost(self._limit, attended=self._shell.attended))

        timer = asyncio.get_running_loop().call_later(NOTICE_SECONDS, notice)
        try:
            websocket = await self._connector.reopen()
        finally:
            timer.cancel()
        if notified:
            self._shell.complain(texts.RECONNECTED)
        return websocket

    async def _terminate(self) -> None:
        try:
            await self._service.terminate(self._launch.session_id)
        except SessionOver:
            return
        except (CallRefused, Unreachable) as error:
            self._shell.complain(texts.not_terminated(self._launch.session_id, str(error)))

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

    def _wake(self) -> None:
        self._pump.wake()


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
