"""A session without a terminal, which runs a command or forwards a port inside a program.

Touches no signals and no standard streams, so a program may have any number of them in one event loop. Every failure
is a `Failure`, whose sentence is made here.
"""

import asyncio
import contextlib
from collections.abc import Callable
from typing import Protocol

from ferryman.channel.events import (
    ClientNotAccepted,
    CustomerMessageReceived,
    FarEndAnswered,
    FarEndFellSilent,
    NoticeReceived,
    SessionEnded,
    SessionStarted,
)
from ferryman.channel.negotiation import AWS
from ferryman.client.calls.launch import Launch
from ferryman.client.calls.resume_session import CallRefused, ServiceClient
from ferryman.client.session.connection import CannotConnect
from ferryman.client.session.driver import OutputHandler, SessionDriver, SessionEvent
from ferryman.client.session.far_end import FarEnd
from ferryman.model.failures import Failure
from ferryman.model.session_types import SessionType
from ferryman.model.values.text import one_line
from ferryman.transport.dialler import Dialler
from ferryman.transport.errors import Unreachable

NODE_SILENT = "The node does not answer: it is frozen, overloaded or cut off."
NODE_ANSWERS = "The node answers again."


class BackgroundHandler(OutputHandler, Protocol):
    """Handles the content of a session. Its methods run on the event loop and do not wait."""

    def on_started(self, started: SessionStarted, far_end: FarEnd) -> None:
        """Begin: the session has started and accepts data. Raises `Failure` if this far end cannot do what is
        needed."""

    def on_ended(self) -> None:
        """End: the session is over, and only output that `FarEnd.remaining` releases still arrives."""


class BackgroundSession:
    """One running session: `SessionOwner` of its driver. Made in a running loop, ended by `close`.

    `reconnect_seconds` is the longest outage that is survived. `on_notice` gets lines for people, `on_greeting` the
    line with which the node's agent begins the session, such as that it is encrypted.
    """

    def __init__(
        self,
        launch: Launch,
        dialler: Dialler,
        service: ServiceClient,
        reconnect_seconds: float,
        handler: BackgroundHandler,
        on_notice: Callable[[str], None] = lambda _: None,
        on_greeting: Callable[[str], None] = lambda _: None,
    ) -> None:
        self.session_id = launch.session_id
        self._expected = launch.expected
        self._handler = handler
        self._on_notice = on_notice
        self._on_greeting = on_greeting
        self._driver = SessionDriver(launch, dialler, service, reconnect_seconds, self)
        self.far_end = self._driver.far_end
        self._flag_ends = False
        loop = asyncio.get_running_loop()
        self._started: asyncio.Future[None] = loop.create_future()
        self._over: asyncio.Future[None] = loop.create_future()
        self._started.add_done_callback(_seen)
        self._over.add_done_callback(_seen)
        self._driving = loop.create_task(self._drive())
        self._driving.add_done_callback(self._driven)

    @property
    def is_over(self) -> bool:
        """Whether the session has ended, in whatever way."""
        return self._over.done()

    async def started(self) -> None:
        """Wait until the session is open. Raises `Failure`."""
        await asyncio.shield(self._started)

    async def ended(self) -> None:
        """Wait until the session is over. Raises `Failure` if its node or connection is lost, or a limit ended it."""
        await asyncio.shield(self._over)

    async def close(self) -> None:
        """End the session, unless it is over, and clean up."""
        try:
            if not self.far_end.is_over:
                await self._terminate()
        finally:
            self._driving.cancel()
            await asyncio.gather(self._driving, return_exceptions=True)
            self._finish(Failure(f"Session {self.session_id} was closed"))

    def session_started(self, started: SessionStarted) -> OutputHandler:
        """Start the handler. Raises `Failure` if the session is not the requested one, or the handler cannot start."""
        if self._expected is not None and (objection := self._expected.objection(started)):
            raise Failure(f"Session {self.session_id} was not started", objection)
        self._handler.on_started(started, self.far_end)
        self._flag_ends = started.agreed != AWS or started.session_type == SessionType.PORT
        if not self._started.done():
            self._started.set_result(None)
        return self._handler

    def on_event(self, event: SessionEvent) -> None:
        """Pass notices on, or end."""
        match event:
            case FarEndFellSilent():
                self._on_notice(NODE_SILENT)
            case FarEndAnswered():
                self._on_notice(NODE_ANSWERS)
            case CustomerMessageReceived(text):
                self._on_greeting(one_line(text))
            case NoticeReceived(text):
                self._on_notice(one_line(text))
            case ClientNotAccepted(reason):
                self._finish(Failure(f"Session {self.session_id} was not started", one_line(reason)))
            case SessionEnded(output, lost):
                self._end(output, lost=lost)

    async def _drive(self) -> None:
        try:
            await self._driver.run()
        except CannotConnect as lost:
            self._finish(Failure(f"Session {self.session_id} was lost", str(lost).strip().rstrip(".")))
        except Failure as failure:
            self._finish(failure)

    def _end(self, output: str, *, lost: bool) -> None:
        cause = output or ("its node ended it" if lost else "the server ended it")
        failure = Failure(f"Session {self.session_id} ended", cause.strip().rstrip("."))
        self._finish(failure if output or lost or not self._started.done() else None)

    def _driven(self, driving: "asyncio.Task[None]") -> None:
        """A bug must not leave anybody waiting."""
        if not driving.cancelled() and (fault := driving.exception()) is not None:
            self._finish(fault)

    def _finish(self, failure: BaseException | None) -> None:
        """End with this failure, None for a normal end; later causes are ignored."""
        if self._over.done():
            return
        reason = failure or Failure(f"Session {self.session_id} ended")
        if not self._started.done():
            self._started.set_exception(reason)
        if failure is None:
            self._over.set_result(None)
        else:
            self._over.set_exception(failure)
        self._handler.on_ended()

    async def _terminate(self) -> None:
        with contextlib.suppress(TimeoutError, CallRefused, Unreachable):
            if self._flag_ends and self._driver.connected:
                await self._driver.end_by_flag()
                if self.far_end.is_settled:
                    return
            await self._driver.terminate()


def _seen(future: "asyncio.Future[None]") -> None:
    """Mark the outcome as seen: it is not an error if nobody asks how the session ended."""
    if not future.cancelled():
        future.exception()
