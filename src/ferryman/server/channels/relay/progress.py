"""A session's status and latest activity, as its relay sees them."""

import asyncio
from collections.abc import Callable

import structlog

from ferryman.core.service import Service
from ferryman.core.sessions import lifecycle as session_lifecycle
from ferryman.model.identifiers import Millis
from ferryman.model.sessions import Session, SessionStatus

FOLLOW_SECONDS = 3.0
"""How long a session that comes from another server may have only one end here and still count as connected."""
_log = structlog.get_logger("ferryman.server.channels.relay.progress")


class Progress:
    """What is stored of a session's status while it has a relay here, and when its user was last active.

    A session that comes from another server is stored as Connected, and usually still is: its ends follow one another
    within moments. So they do not wait until that is checked, and nothing is stored unless one of them stays away.

    `is_connected` returns None once the session is over; `ended` is called if it has ended elsewhere.
    """

    def __init__(
        self, service: Service, session: Session, is_connected: Callable[[], bool | None], ended: Callable[[], object]
    ) -> None:
        self._service = service
        self._session_id = session.session_id
        self._is_connected = is_connected
        self._ended = ended
        self._active_at: int | None = None
        """Milliseconds by the clock, minus its steps: setting the clock does not move it."""
        self._recorded = session.status is SessionStatus.CONNECTED
        self._inherited = self._recorded
        """Whether an earlier relay stored Connected, and this one has not checked that yet."""
        self._handed_over = False
        self._following: asyncio.TimerHandle | None = None
        """Checks later whether the other end has come."""
        self._checking: asyncio.Task[None] | None = None
        self._storing = asyncio.Lock()

    async def gained(self) -> None:
        """Store the status after an end has joined, or has become ready.

        Returns without waiting if the session was connected to another server.
        """
        if not self._inherited:
            await self.update()
        elif self._is_connected():
            self._check()
        elif self._following is None:
            self._following = asyncio.get_running_loop().call_later(FOLLOW_SECONDS, self._check)

    async def update(self) -> None:
        """Store the status that matches which ends are connected; the newest state wins."""
        if self._following is not None:
            self._following.cancel()
        async with self._storing:
            connected = None if self._handed_over else self._is_connected()
            if connected and (self._inherited or not self._recorded):
                found = await session_lifecycle.ends_attached(self._service, self._session_id)
                self._recorded, self._inherited = True, False
                if found is None:
                    self._ended()
            elif self._recorded and connected is False:
                await session_lifecycle.end_lost(self._service, self._session_id, self.last_activity)
                self._recorded = self._inherited = False

    def hand_over(self) -> None:
        """Store nothing from now on: both ends move to another server."""
        self._handed_over = True

    def note_activity(self) -> None:
        """Note that the user connected, typed, resized or got output."""
        self._active_at = self._service.clock() - self._service.clock_steps.total

    @property
    def last_activity(self) -> Millis | None:
        """When the user was last active; None if not since this server relays the session."""
        return None if self._active_at is None else Millis(self._active_at + self._service.clock_steps.total)

    def _check(self) -> None:
        if self._checking is None or self._checking.done():
            self._checking = asyncio.create_task(self._update())

    async def _update(self) -> None:
        try:
            await self.update()
        except Exception:  # noqa: BLE001 boundary: the session continues, and the next change is stored again
            _log.exception("status not stored", session_id=self._session_id)
