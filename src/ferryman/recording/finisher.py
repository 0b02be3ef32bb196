"""Finishes the recordings of sessions that have ended, here or on a server that died."""

import math
import time
from collections.abc import Container

import structlog

from ferryman.core.audit.recording_records import recording_finished
from ferryman.core.ports.kms import KeyUnusable
from ferryman.core.ports.recordings.recorder import Damaged
from ferryman.core.ports.recordings.store import Recording, RecordingEnd, RecordingMode
from ferryman.core.service import Service
from ferryman.model.identifiers import SessionId
from ferryman.recording.other_spools import IsElsewhere
from ferryman.recording.reader import RecordingReader
from ferryman.recording.storage.port import RecordingInUse
from ferryman.recording.stored_recordings import StoredRecordings, check_end

FINISHED_AT_ONCE = 50
RETRY_SECONDS = 30.0
"""How soon to try again after a recording could not be finished because of the disk."""

_log = structlog.get_logger("ferryman.recording")


class RecordingFinisher:
    """Finishes recordings, and remembers those that cannot be. `is_elsewhere` leaves recordings to other servers."""

    def __init__(self, service: Service, stored: StoredRecordings, is_elsewhere: IsElsewhere) -> None:
        self._service = service
        self._stored = stored
        self._is_elsewhere = is_elsewhere
        self._finishing: set[SessionId] = set()
        """Recordings of ended sessions that are being finished now."""
        self._not_before: dict[SessionId, float] = {}
        """When to try again to finish a recording that could not be finished."""
        self._unfinishable: dict[SessionId, str] = {}
        """Why a recording could not be finished."""

    def is_finishing(self, session_id: SessionId) -> bool:
        """Whether the recording is being finished now, so that nothing may be added to it."""
        return session_id in self._finishing

    def unfinishable(self, session_id: SessionId) -> str | None:
        """Return why the recording of a session that has ended could not be finished; None if it was, or will be."""
        return self._unfinishable.get(session_id)

    def forget(self, session_id: SessionId) -> None:
        """Forget that a recording could not be finished."""
        self._not_before.pop(session_id, None)
        self._unfinishable.pop(session_id, None)

    async def finish_ended(self, in_use: Container[SessionId]) -> int:
        """Finish the recordings of sessions that have ended, except those `in_use` here. Returns how many."""
        most = FINISHED_AT_ONCE + len(self._not_before)  # those that cannot be finished do not keep out others
        ended = await self._service.store.recordings.unfinished_of_ended_sessions(most)
        finished = 0
        for session_id in ended:
            if session_id not in in_use and time.monotonic() >= self._not_before.get(session_id, 0.0):
                finished += await self._finish(session_id)
        return finished

    async def _finish(self, session_id: SessionId) -> bool:
        store = self._service.store.recordings
        found = await store.with_key(session_id)
        if found is None:
            return False
        recording, sealed = found
        self._finishing.add(session_id)
        try:
            key = await self._stored.data_key(session_id, sealed)
            if await self._is_elsewhere(recording):
                raise RecordingInUse("it is in the spool of another server")
            end = await self._stored.in_thread(lambda: self._seal_end(recording, key))
        except RecordingInUse:  # by the server that had the session: it will finish it, or die
            self._not_before[session_id] = time.monotonic() + RETRY_SECONDS
            return False
        except (Damaged, KeyUnusable, OSError) as error:
            _log.error("recording cannot be finished", session_id=session_id, reason=str(error))
            self._unfinishable[session_id] = str(error)
            pause = math.inf if isinstance(error, Damaged) else RETRY_SECONDS
            self._not_before[session_id] = time.monotonic() + pause
            return False
        finally:
            self._finishing.discard(session_id)
        self.forget(session_id)
        self._stored.finished(session_id)
        if not await store.finish(session_id, end):
            return False
        if recording.mode is not RecordingMode.OFF:
            recording_finished(self._service, recording, end)
        return True

    def _seal_end(self, recording: Recording, key: bytes) -> RecordingEnd:
        """Return the end of a recording; removes a partial block of a server that died. Runs in a thread."""
        session_id, storage = recording.session_id, self._stored.storage_of(recording)
        storage.acquire(session_id)
        try:
            tail = RecordingReader(storage, session_id, key).resume()
            check_end(recording, tail.blocks)
            storage.complete(session_id)
        finally:
            storage.release(session_id)
        return RecordingEnd(self._service.clock(), tail.last_at, tail.blocks, tail.size, tail.head)
