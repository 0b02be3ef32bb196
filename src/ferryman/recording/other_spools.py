"""Recognizes recordings that are in another server's spool, kept there only until their session's log is delivered."""

import asyncio
from collections.abc import Awaitable, Callable

from ferryman.core.ports.recordings.store import Recording, RecordingMode
from ferryman.core.service import Service
from ferryman.recording.storage.spool import SpoolStorage

LEFT_MILLIS = 86_400_000
"""How long other servers leave a recording to the one that has it, which may be down. None has it if no client
connected."""

IsElsewhere = Callable[[Recording], Awaitable[bool]]
"""Returns whether only another server can finish a recording, or deliver the log that it was made for."""


async def is_nowhere_else(_: Recording) -> bool:
    """Return False, for a server alone."""
    return False


def outside(service: Service, spool: SpoolStorage) -> IsElsewhere:
    """Return a function that recognizes recordings which are not in the spool of this server, one of several."""

    async def is_elsewhere(recording: Recording) -> bool:
        if recording.mode is not RecordingMode.OFF:
            return False
        if await asyncio.to_thread(spool.size, recording.session_id):
            return False
        if recording.finished_at is not None:
            return bool(recording.blocks)
        session = await service.store.sessions.get(recording.session_id)
        ended_at = None if session is None else session.ended_at
        return ended_at is not None and service.clock() - ended_at < LEFT_MILLIS

    return is_elsewhere
