"""A session without a terminal: what runs commands and forwards ports inside a program.

Keeps the session connected, as `session.py` does for a person, and hands what arrives to a `Traffic`. It touches no
signals and no standard streams, so a program may have any number of them in one event loop.
"""

import asyncio
import contextlib
from collections.abc import Callable, Sequence
from typing import Protocol

from ferryman.channel.events import (
    ClientEvent,
    FarEndAnswered,
    FarEndFellSilent,
    OutputReceived,
    SessionEnded,
    SessionStarted,
)
from ferryman.channel.negotiation import AWS
from ferryman.client.calls.launch import Launch
from ferryman.client.calls.resume_session import CallRefused, ServiceClient, SessionOver
from ferryman.client.plugin import texts
from ferryman.client.plugin.texts import without_prefix
from ferryman.client.session.connection import CannotConnect, Connector
from ferryman.client.session.far_end import FarEnd
from ferryman.model.failures import Failure
from ferryman.model.session_types import SessionType
from ferryman.transport.dialler import Dialler
from ferryman.transport.errors import Unreachable
from ferryman.wire.agent_message import Flag

FLAG_SECONDS = 2.0
"""How long telling the far end of the end may take; then the server is told."""
TERMINATE_SECONDS = 10.0


class Traffic(Protocol):
    """What a session carries. Its methods are called on the event loop and do not wait."""

    def began(self, started: SessionStarted, far_end: FarEnd) -> None:
        """The session is open; send from now on. Raises `Failure` if this far end cannot do it."""

    def take(self, event: OutputReceived) -> None:
        """Take output; acknowledge it once it is used."""

    def flush(self) -> None:
        """Move what waits; room may have grown."""

    def over(self) -> None:
        """Nothing more comes but what the far end's `remaining` sets free."""


class CarriedSession:
    """One running session; made in a running loop, ended by `close`.

    `limit`: for how many seconds a lost connection is tried to be restored. `on_notice` gets lines for people.
    """

    def __init__(
        self,
        launch: Launch,
        dialler: Dialler,
        service: ServiceClient,
        limit: float,
        traffic: Traffic,
        on_notice: Callable[[str], None] = lambda _: None,
    ) -> None:
        self.session_id = launch.session_id
        self._connector = Connector(launch, dialler, service, limit)
        self._service = service
        self._traffic = traffic
        self._on_notice = on_notice
        self.far_end = FarEnd(self._on_events)
        self._begun = False
        self._flag_ends = False
        self._ended_by_server = False
        loop = asyncio.get_running_loop()
        self._started: asyncio.Future[None] = loop.create_future()
        self._over: asyncio.Future[None] = loop.create_future()
        self._started.add_done_callback(_seen)
        self._over.add_done_callback(_seen)
        self._connected = False
        self._carrying = loop.create_task(self._carry())
        self._carrying.add_done_callback(self._carried)

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
        """End the session, if it is not over, and leave nothing of it behind."""
        try:
            if not self._ended_by_server and self._connector.opened_once:
                await self._terminate()
        finally:
            self._carrying.cancel()
            await asyncio.gather(self._carrying, return_exceptions=True)
            self._finish(Failure(f"Session {self.session_id} was closed"))
            self.far_end.close()

    async def _carry(self) -> None:
        try:
            websocket = await self._connector.open()
            while True:
                self._connected = True
                try:
                    await self.far_end.pump.run(websocket)
                finally:
                    self._connected = False
                    await websocket.close()
                if self._over.done():
                    return
                websocket = await self._connector.reopen()
        except CannotConnect as lost:
            ending = lost.ending
            cause = without_prefix(ending.complaint or ending.last_words)
            self._finish(Failure(f"Session {self.session_id} was lost", cause))
        except Failure as failure:
            self._finish(failure)

    def _on_events(self, events: Sequence[ClientEvent]) -> None:
        for event in events:
            match event:
                case OutputReceived() if self._begun:
                    self._traffic.take(event)
                case SessionStarted():
                    self._traffic.began(event, self.far_end)
                    self._begun = True
                    self._flag_ends = event.agreed != AWS or event.session_type == SessionType.PORT
                    if not self._started.done():
                        self._started.set_result(None)
                case FarEndFellSilent():
                    self._on_notice(texts.node_silent(attended=False).strip())
                case FarEndAnswered():
                    self._on_notice(texts.NODE_ANSWERS.strip())
                case SessionEnded(output, lost):
                    self._end(output, lost=lost)
        if self._begun:
            self._traffic.flush()

    def _end(self, output: str, *, lost: bool) -> None:
        self._ended_by_server = True
        cause = output or ("its node ended it" if lost else "the server ended it")
        failure = Failure(f"Session {self.session_id} ended", cause.strip().rstrip("."))
        self._finish(failure if output or lost or not self._begun else None)

    def _carried(self, carrying: "asyncio.Task[None]") -> None:
        """A fault of ours must not leave anybody waiting."""
        if not carrying.cancelled() and (fault := carrying.exception()) is not None:
            self._finish(fault)

    def _finish(self, failure: BaseException | None) -> None:
        """The first cause counts."""
        if self._over.done():
            return
        reason = failure or Failure(f"Session {self.session_id} ended")
        if not self._started.done():
            self._started.set_exception(reason)
        if failure is None:
            self._over.set_result(None)
        else:
            self._over.set_exception(failure)
        self._traffic.over()

    async def _terminate(self) -> None:
        with contextlib.suppress(TimeoutError, SessionOver, CallRefused, Unreachable):
            if self._flag_ends and self._connected:
                self.far_end.flag(Flag.TERMINATE_SESSION)
                with contextlib.suppress(TimeoutError):
                    async with asyncio.timeout(FLAG_SECONDS):
                        await self.far_end.delivered()  # or the session is over, which is an answer too
                        return
            async with asyncio.timeout(TERMINATE_SECONDS):
                await self._service.terminate(self.session_id)


def _seen(future: "asyncio.Future[None]") -> None:
    """Nobody may ask how it ended; that is no fault to report."""
    if not future.cancelled():
        future.exception()
