"""What every kind of session is to the frame that runs it."""

import asyncio
import signal
from dataclasses import dataclass, field
from typing import Protocol

from ferryman.channel.events import OutputReceived, SessionStarted
from ferryman.client.plugin import texts
from ferryman.client.plugin.arguments import Settings
from ferryman.client.plugin.endings import FAILED, NORMAL, Ending, Endings
from ferryman.client.plugin.tty.screen import Screen
from ferryman.client.session.far_end import FarEnd


class CannotRun(Exception):
    """This kind of session cannot run here; the text says why, for the person."""


@dataclass(frozen=True, slots=True)
class Surroundings:
    """What a session has around it. Only `screen` and `far_end` are talked to; `endings` gets the end."""

    session_id: str
    started: SessionStarted
    far_end: FarEnd
    screen: Screen
    endings: Endings
    settings: Settings = field(default_factory=Settings)

    def ended(self, output: str, *, lost: bool) -> Ending:
        """Return the ending for when the server says that the session is over, by itself unless it was `lost`."""
        return self.ended_with(None, output, lost=lost)

    def ended_with(self, status: int | None, output: str, *, lost: bool) -> Ending:
        """Return the same for a program with this exit status, None if it did not say any; that one decides."""
        if status is None:
            status = FAILED if lost else NORMAL
        return Ending(status, last_words=texts.ended(self.session_id, output))

    def watch(self, task: "asyncio.Task[None]") -> None:
        """Have the session end by the fault if `task` ends by one."""
        task.add_done_callback(self._look_at)

    def _look_at(self, task: "asyncio.Task[None]") -> None:
        if not task.cancelled() and (fault := task.exception()) is not None:
            self.endings.fail(fault)


class Kind(Protocol):
    """A session of one kind, between its start and its end. It is made when the session has started.

    Making it raises `CannotRun`.
    """

    @property
    def attended(self) -> bool:
        """Whether somebody types."""

    @property
    def needs_output(self) -> bool:
        """Whether the session is pointless once standard output is closed."""

    @property
    def ends_by_flag(self) -> bool:
        """Whether the far end takes the flag TerminateSession, and nothing is to be left running."""

    @property
    def ends_with_parent(self) -> bool:
        """Whether nobody needs the session once the process that started the client has ended."""

    def on_output(self, event: OutputReceived) -> None:
        """Take output; acknowledge it once it is written out."""

    def flush(self) -> None:
        """Send what waits and read more; room may have grown."""

    def signalled(self, number: signal.Signals) -> None:
        """Act on a signal to the process. After a fatal one the session ends, whatever this does."""

    def ending(self, output: str, *, lost: bool) -> Ending:
        """Return what it means that the server ended the session, with `output` as its cause."""

    async def finish(self) -> None:
        """Read nothing more and hand over everything that has arrived. Waits as long as that is blocked."""

    def close(self) -> None:
        """Leave everything as it was found; idempotent."""
