"""A session's status and latest activity, as its relay sees them."""

import asyncio
from collections.abc import Callable

from ferryman.core.service import Service
from ferryman.core.sessions import lifecycle as session_lifecycle
from ferryman.model.identifiers import Millis
from ferryman.model.sessions import Session, SessionStatus


class Progress:
    """What is stored of a session's status while it has a relay here, and when its user was last active."""

    def __init__(self, service: Service, session: Session) -> None:
        self._service = service
        self._session_id = session.session_id
        self._active_at: int | None = None
        """Milliseconds by the clock, minus its steps: setting the clock does not move it."""
        self._recorded = session.status is SessionStatus.CONNECTED
        self._recording = asyncio.Lock()

    async def update(self, is_connected: Callable[[], bool | None]) -> bool:
        """Store the status that matches which ends are connected; the newest state wins.

        `is_connected` returns None once the session is over. Returns False if the session has ended elsewhere.
        """
        async with self._recording:
            connected = is_connected()
            if connected is None:
                return True
            if connected and not self._recorded:
                self._recorded = True
                return await session_lifecycle.ends_attached(self._service, self._session_id) is not None
            if self._recorded and not connected:
                self._recorded = False
                await session_lifecycle.end_lost(self._service, self._session_id, self.last_activity)
            return True

    def note_activity(self) -> None:
        """Note that the user connected, typed, resized or got output."""
        self._active_at = self._service.clock() - self._service.clock_steps.total

    @property
    def last_activity(self) -> Millis | None:
        """When the user was last active; None if not since this server relays the session."""
        return None if self._active_at is None else Millis(self._active_at + self._service.clock_steps.total)
