"""Runs one session from its StartSession response to the process's exit status."""

import asyncio
import contextlib
import dataclasses
import signal
from collections.abc import Coroutine, Mapping
from typing import Any

from ferryman.channel.events import (
    ClientNotAccepted,
    CustomerMessageReceived,
    FarEndAnswered,
    FarEndFellSilent,
    NoticeReceived,
    SessionEnded,
    SessionStarted,
)
from ferryman.client.calls.launch import Launch
from ferryman.client.calls.resume_session import CallRefused, ServiceClient
from ferryman.client.plugin import texts
from ferryman.client.plugin.arguments import Settings, read_settings
from ferryman.client.plugin.ca_bundle import ca_file
from ferryman.client.plugin.dispatch import make_handler
from ferryman.client.plugin.endings import FAILED, SIGNAL_BASE, Ending, Endings
from ferryman.client.plugin.parent_watch import ParentWatch
from ferryman.client.plugin.session_handler import CannotRun, SessionContext, SessionHandler
from ferryman.client.plugin.signals import ENDING, FATAL, HANGUP, INTERRUPTIONS, Signals
from ferryman.client.plugin.tty.screen import STANDARD, Descriptors, Screen
from ferryman.client.session.connection import CannotConnect, SessionTimedOut
from ferryman.client.session.driver import HEARTBEAT_SECONDS, OutageBegan, OutageEnded, SessionDriver, SessionEvent
from ferryman.model.values.versions import CLIENT_VERSION
from ferryman.transport.dialler import Dialler
from ferryman.transport.errors import Unreachable

USER_AGENT = f"ferryman-session-manager-plugin/{CLIENT_VERSION}"
FATAL_STATUSES = frozenset(SIGNAL_BASE + number for number in FATAL)


async def run(
    launch: Launch,
    environment: Mapping[str, str],
    descriptors: Descriptors = STANDARD,
    *,
    ends_with_parent: bool = False,
) -> int:
    """Run the session and return the exit status; the terminal is restored whatever happens.

    `ends_with_parent`: the session ends when the process that started this one ends. Needs the main thread, for
    signals. Raises `InvalidArguments` for an invalid setting in `environment`.
    """
    settings = read_settings(environment)
    trusted = ca_file(environment, launch.profile) if launch.stream_url.startswith("wss:") else None
    service = ServiceClient(launch.region, launch.profile, launch.endpoint)
    async with Dialler(user_agent=USER_AGENT, heartbeat=HEARTBEAT_SECONDS, ca_file=trusted) as dialler:
        session = _Session(launch, dialler, service, settings, descriptors)
        with contextlib.ExitStack() as stack:
            stack.enter_context(Signals(session.on_signal))
            if ends_with_parent:
                stack.enter_context(ParentWatch(session.on_parent_gone))
            return await session.run()


class _Session:
    """The person's side of a session: `SessionOwner` of its driver."""

    def __init__(
        self, launch: Launch, dialler: Dialler, service: ServiceClient, settings: Settings, descriptors: Descriptors
    ) -> None:
        self._launch = launch
        self._settings = settings
        self._endings = Endings()
        self._hurry = asyncio.Event()
        self._driver = SessionDriver(launch, dialler, service, settings.reconnect_seconds, self)
        self._far_end = self._driver.far_end
        self._screen = Screen(descriptors, self._far_end.consumed, self._output_closed)
        self._handler: SessionHandler | None = None

    async def run(self) -> int:
        """Run to the end."""
        asyncio.get_running_loop().set_exception_handler(self._on_fault)
        try:
            self._screen.print_text(texts.starting(self._launch.session_id))
            ending = await self._until_ending()
            if self._handler is None:
                self._screen.choose(data_only=True)
            if ending.terminate:
                await self._unhurried(self._terminate())
            self._screen.print_text(ending.last_words)
            self._screen.print_error(ending.complaint)
            await self._unhurried(self._screen.drained())
            return ending.status
        finally:
            if self._handler is not None:
                self._handler.close()
            self._screen.close()

    @property
    def _attended(self) -> bool:
        """Whether a person types into the session."""
        return self._handler is not None and self._handler.attended

    def on_signal(self, number: signal.Signals) -> None:
        """Handle a signal: it ends the session, or the handler acts on it, or both."""
        if self._endings.announced:
            if number in ENDING:
                self._hurry.set()
            return
        if self._handler is not None:
            self._handler.on_signal(number)
        elif number in INTERRUPTIONS:
            self._endings.announce(Ending(SIGNAL_BASE + number, terminate=True))
        if number in FATAL:
            tell = self._handler is not None and self._handler.ends_by_flag
            self._endings.announce(Ending(SIGNAL_BASE + number, terminate=tell))
            if not tell:
                self._hurry.set()

    def on_parent_gone(self) -> None:
        """End as on SIGHUP, unless the session notices by itself that nobody needs it."""
        if self._handler is None or self._handler.ends_with_parent:
            if not self._endings.announced:
                self._screen.notice(texts.PARENT_GONE)
            self.on_signal(HANGUP)

    def _on_fault(self, _loop: asyncio.AbstractEventLoop, context: dict[str, Any]) -> None:
        """End with the exception that a callback of the event loop raised; other reports of the loop are ignored."""
        fault = context.get("exception")
        if "handle" in context and isinstance(fault, BaseException):
            self._endings.fail(fault)

    def session_started(self, started: SessionStarted) -> SessionHandler | None:
        """Make the handler of this session; if it cannot run here, the session ends."""
        context = SessionContext(
            self._launch.session_id, started, self._far_end, self._screen, self._endings, self._settings
        )
        try:
            self._handler = make_handler(context, self._launch.expected)
        except CannotRun as reason:
            self._endings.announce(Ending(FAILED, complaint=texts.cannot_start(str(reason)), terminate=True))
        return self._handler

    def on_event(self, event: SessionEvent) -> None:
        """Notify the person, or end."""
        match event:
            case CustomerMessageReceived(text):
                self._screen.print_text(texts.customer_message(text))
            case NoticeReceived(text):
                self._screen.notice(texts.server_notice(text))
            case FarEndFellSilent():
                self._screen.notice(texts.node_silent(attended=self._attended))
            case FarEndAnswered():
                self._screen.notice(texts.NODE_ANSWERS)
            case OutageBegan() if not self._endings.announced:
                self._screen.notice(texts.connection_lost(self._settings.reconnect_seconds, attended=self._attended))
            case OutageEnded() if not self._endings.announced:
                self._screen.notice(texts.RECONNECTED)
            case ClientNotAccepted(reason, ends):
                self._endings.announce(Ending(FAILED, complaint=texts.cannot_start(reason), terminate=ends))
            case SessionEnded(output, lost):
                self._endings.announce(self._ending(output, lost=lost))

    def _ending(self, output: str, *, lost: bool) -> Ending:
        if self._handler is not None:
            return self._handler.ending(output, lost=lost)
        return Ending(FAILED, complaint=texts.cannot_start(output or "the server closed the session"))

    def _output_closed(self) -> None:
        if self._handler is not None and not self._handler.needs_output:
            return
        complaint = texts.cannot_start("standard output was closed")
        self._endings.announce(Ending(FAILED, complaint=complaint, terminate=True))

    async def _until_ending(self) -> Ending:
        """Keep the session connected until it ends and everything that has arrived is handed over."""
        connection = asyncio.create_task(self._stay_connected())
        cause = asyncio.create_task(self._endings.first())
        try:
            await asyncio.wait({connection, cause}, return_when=asyncio.FIRST_COMPLETED)
            if not cause.done():
                connection.result()  # raises a bug's exception; otherwise it has announced the ending
            ending = await cause
            if ending.terminate and self._handler is not None and self._handler.ends_by_flag and self._driver.connected:
                ending = await self._ended_by_flag(ending)
        finally:
            await _cancelled(connection, cause)
        if self._handler is not None:
            await self._unhurried(self._handler.finish())
        return ending

    async def _ended_by_flag(self, ending: Ending) -> Ending:
        """End the session at the node; return the ending with what is left to do."""
        await self._unhurried(self._driver.end_by_flag())
        if ending.status in FATAL_STATUSES:
            self._hurry.set()
        return dataclasses.replace(ending, terminate=not self._far_end.is_settled)

    async def _stay_connected(self) -> None:
        """Return once the session is over, or has no connection and will not get another."""
        try:
            await self._driver.run()
        except SessionTimedOut:
            self._endings.announce(Ending(FAILED, last_words=texts.timed_out(self._launch.session_id)))
        except CannotConnect as lost:
            self._endings.announce(Ending(FAILED, complaint=texts.cannot_start(str(lost))))

    async def _terminate(self) -> None:
        try:
            await self._driver.terminate()
        except TimeoutError:
            return
        except (CallRefused, Unreachable) as error:
            self._screen.print_error(texts.not_terminated(self._launch.session_id, str(error)))

    async def _unhurried(self, waiting: Coroutine[None, None, None]) -> None:
        """Wait for work at the end of the session, until it is done or another signal arrives."""
        work = asyncio.create_task(waiting)
        hurry = asyncio.create_task(self._hurry.wait())
        try:
            await asyncio.wait({work, hurry}, return_when=asyncio.FIRST_COMPLETED)
            if work.done():
                work.result()
        finally:
            await _cancelled(work, hurry)


async def _cancelled(*tasks: "asyncio.Task[Any]") -> None:
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)
