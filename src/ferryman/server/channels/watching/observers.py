"""Sessions that run only while enough people watch them.

The relay holds such a session from the beginning, and whenever too few observers are left for longer than the grace
period: nothing reaches the node or the client, and the node stops reading its program's output. After a limit the
session ends.
"""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass

from ferryman.core.audit.watch_records import observation_changed
from ferryman.core.messages import JoinWatch
from ferryman.core.service import Service
from ferryman.core.sessions.lifecycle import set_deadline
from ferryman.model.identifiers import SessionId
from ferryman.server.channels import frames
from ferryman.server.channels.sockets.peer_socket import PeerSocket

_SWEEP_GRACE = 30
"""Seconds after the limit at which the sweep ends a session whose server did not."""


@dataclass(frozen=True, slots=True)
class ObservedSession:
    """A session that needs `required` observers. Its owner, `person_id` or `owner_id`, does not count as one."""

    session_id: SessionId
    required: int
    person_id: str | None
    owner_arn: str


@dataclass(frozen=True, slots=True)
class RelayControl:
    """What the relay does: `hold` stops the session, `release` lets it run, `end` ends it for a cause, a clause."""

    hold: Callable[[], None]
    release: Callable[[], Awaitable[None]]
    end: Callable[[str], Awaitable[None]]


class Observers:
    """Who observes one session, and whether it may run. `run` it as long as the session's relay is here."""

    def __init__(self, service: Service, observed: ObservedSession, relay: RelayControl) -> None:
        self._service = service
        self._observed = observed
        self._relay = relay
        self._client: PeerSocket | None = None
        self._present: dict[str, str] = {}
        """The observers' ARNs by person."""
        self._changed = asyncio.Event()
        self.is_holding = True

    @property
    def is_enough(self) -> bool:
        """Whether as many people observe the session as it needs."""
        return len(self._present) >= self._observed.required

    def watched_by(self, watchers: tuple[JoinWatch, ...]) -> None:
        """Note who watches: each person counts once, and the owner does not."""
        observed = self._observed
        self._present = {
            each.person_id: each.arn
            for each in watchers
            if each.person_id != observed.person_id and each.arn != observed.owner_arn
        }
        self._changed.set()

    def client_attached(self, client: PeerSocket) -> None:
        """Tell a client that has connected why the session does not run."""
        self._client = client
        if self.is_holding:
            self._tell(self._waiting(), paused=True)

    async def postpone(self) -> None:
        """Extend the deadline of a session that has not started yet by the time that it may wait for observers."""
        seconds = self._service.settings.watching.observer_wait + _SWEEP_GRACE
        await set_deadline(self._service, self._observed.session_id, seconds)

    async def run(self) -> None:
        """Hold and release the session until it ends, or must be ended."""
        settings = self._service.settings.watching
        while await self._comes_within(settings.observer_wait, enough=True):
            self.is_holding = False
            self._record("Released")
            await self._relay.release()
            self._tell("The session is observed, and runs.", paused=False)
            while True:
                await self._comes_within(None, enough=False)
                seconds = settings.observer_grace
                self._tell(f"Pauses in {seconds} s unless {self._wanted()}", paused=False)
                if not await self._comes_within(seconds, enough=True):
                    break
                self._tell("The session is observed again.", paused=False)
            self.is_holding = True
            self._record("Held")
            self._relay.hold()
            self._tell(self._waiting(), paused=True)
        await self._relay.end(f"it had too few observers for {_length(settings.observer_wait)}")

    async def _comes_within(self, seconds: float | None, *, enough: bool) -> bool:
        """Wait until enough people observe the session, or no longer; False if that does not happen in time."""
        try:
            async with asyncio.timeout(seconds):
                while self.is_enough is not enough:
                    self._changed.clear()
                    await self._changed.wait()
        except TimeoutError:
            return self.is_enough is enough
        return True

    def _record(self, state: str) -> None:
        observed, present = self._observed, tuple(self._present.values())
        observation_changed(self._service, observed.session_id, state, present, observed.required)

    def _waiting(self) -> str:
        """Return the notice; up to the end of its command it fits one line of 80 columns."""
        limit = _length(self._service.settings.watching.observer_wait)
        return f"Paused until {self._wanted()} (at most {limit})"

    def _wanted(self) -> str:
        missing = self._observed.required - len(self._present)
        who = "somebody else runs" if missing == 1 else f"{missing} other people run"
        return f"{who}: ferryman sessions watch {self._observed.session_id}"

    def _tell(self, text: str, *, paused: bool) -> None:
        if self._client is not None and self._client.own_end:
            self._client.send(frames.notice(self._service, text, paused=paused))


def _length(seconds: int) -> str:
    minutes, rest = divmod(seconds, 60)
    if rest or not minutes:
        return f"{seconds} seconds"
    return "1 minute" if minutes == 1 else f"{minutes} minutes"
