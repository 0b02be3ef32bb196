"""The interface between `session.py` and the handlers of session types, and the context that a handler gets."""

import asyncio
import signal
from dataclasses import dataclass, field
from typing import Protocol

from ferryman.channel.events import SessionStarted
from ferryman.client.plugin import texts
from ferryman.client.plugin.arguments import Settings
from ferryman.client.plugin.endings import FAILED, NORMAL, Ending, Endings
from ferryman.client.plugin.tty.screen import Screen
from ferryman.client.session.driver import OutputHandler
from ferryman.client.session.far_end import FarEnd


class CannotRun(Exception):
    """This session cannot run here; the text is the cause, for the person."""


@dataclass(frozen=True, slots=True)
class SessionContext:
    """The context of a handler: it shows output on `screen`, sends to `far_end`, and ends the session by `endings`."""

    session_id: str
    started: SessionStarted
    far_end: FarEnd
    screen: Screen
    endings: Endings
    settings: Settings = field(default_factory=Settings)

    def ended(self, output: str, *, lost: bool) -> Ending:
        """Return the ending for a session that the server says is over: a failure if it was `lost`."""
        return self.ended_with(None, output, lost=lost)

    def ended_with(self, status: int | None, output: str, *, lost: bool) -> Ending:
        """Return the same for a program: its exit status decides, if it is known (not None)."""
        if status is None:
            status = FAILED if lost else NORMAL
        return Ending(status, last_words=texts.ended(self.session_id, output))

    def watch(self, task: "asyncio.Task[None]") -> None:
        """End the session with the exception if `task` raises one."""
        task.add_done_callback(self._look_at)

    def _look_at(self, task: "asyncio.Task[None]") -> None:
        if not task.cancelled() and (fault := task.exception()) is not None:
            self.endings.fail(fault)


class SessionHandler(OutputHandler, Protocol):
    """Handles a session of one type from its start to its end. Its constructor raises `CannotRun`."""

    @property
    def attended(self) -> bool:
        """Whether a person types into the session."""

    @property
    def needs_output(self) -> bool:
        """Whether the session is pointless once standard output is closed."""

    @property
    def ends_by_flag(self) -> bool:
        """Whether the far end accepts the flag TerminateSession, and nothing may be left running."""

    @property
    def ends_with_parent(self) -> bool:
        """Whether the session ends when the process that started the client ends."""

    def on_signal(self, number: signal.Signals) -> None:
        """Act on a signal to the process. After a fatal one the session ends, whatever this does."""

    def ending(self, output: str, *, lost: bool) -> Ending:
        """Return how the client ends now that the server has ended the session, with `output` as the cause."""

    async def finish(self) -> None:
        """Stop reading and hand over everything that has arrived. Waits for as long as that is blocked."""

    def close(self) -> None:
        """Restore the terminal and the standard streams; idempotent."""
