"""Makes the recordings of all sessions of this server, and reads them: `core.ports.recordings.recorder.Recorder`."""

import asyncio
import time
from collections import Counter
from collections.abc import AsyncGenerator
from concurrent.futures import ThreadPoolExecutor

import structlog

from ferryman.core.audit.recording_records import recording_deleted, recording_held
from ferryman.core.kms.encryption.custody import wrap_key
from ferryman.core.ports.kms import KeyUnusable
from ferryman.core.ports.recordings.recorder import (
    BlockPosition,
    Damaged,
    EncryptedEndToEnd,
    RecordedEvent,
    Unrecordable,
)
from ferryman.core.ports.recordings.store import Recording, RecordingKey, RecordingMode
from ferryman.core.recordings.retention import hold_by_tag, trusted_now
from ferryman.core.service import Service
from ferryman.core.sessions.recording_mode import recording_mode
from ferryman.model.identifiers import Millis, SessionId
from ferryman.model.sessions import Session
from ferryman.recording.blocks import BlockSealer
from ferryman.recording.finisher import RecordingFinisher
from ferryman.recording.other_spools import IsElsewhere, is_nowhere_else
from ferryman.recording.reader import FinalBlock, RecordingReader
from ferryman.recording.session.clock import elapsed
from ferryman.recording.session.recorder import SessionRecorder
from ferryman.recording.storage.port import BlockStorage
from ferryman.recording.stored_recordings import StoredRecordings, check_end

KEY_BYTES, DAY_MILLIS = 32, 86_400_000
WRITERS = 2
"""How many threads compress, encrypt and write."""
DELETED_AT_ONCE = 20
DELETE_AGAIN_SECONDS = 60.0
"""How soon to try again after a recording could not be deleted."""
TICK_SECONDS, NOTE_SECONDS = 1.0, 60.0
"""How often waiting output is written, and how often the store gets the number of blocks of growing recordings, so that
a removed end is noticed even after a server was killed."""

_log = structlog.get_logger("ferryman.recording")


class ServerRecorder:
    """`core.ports.recordings.recorder.Recorder` over a storage.

    Create it in a running loop, and `close` it at the end.

    `spool` holds recordings that are kept only until their logs are delivered; the storage does if None.
    `writers` are the threads that write: more for a storage that takes long to answer.
    `typed`: what people type is recorded, too. `delete_after_days`: how long recordings are kept; 0 means for ever.
    `retain_for_days`: how long nobody can delete new ones. `is_elsewhere` leaves recordings to other servers.
    `tick_seconds`: how often waiting output is written, and recordings of ended sessions are finished.
    """

    def __init__(
        self,
        service: Service,
        storage: BlockStorage,
        mode: RecordingMode,
        *,
        spool: BlockStorage | None = None,
        writers: int = WRITERS,
        typed: bool = False,
        delete_after_days: int = 0,
        retain_for_days: int = 0,
        is_elsewhere: IsElsewhere = is_nowhere_else,
        tick_seconds: float = TICK_SECONDS,
    ) -> None:
        self._service = service
        self._stored = StoredRecordings(service, storage, storage if spool is None else spool)
        self._finisher = RecordingFinisher(service, self._stored, is_elsewhere)
        self._mode, self._typed = mode, typed
        self.is_elsewhere = is_elsewhere
        self._kept_millis, self._retained_millis = delete_after_days * DAY_MILLIS, retain_for_days * DAY_MILLIS
        self._delete_at, self._tick_seconds = 0.0, tick_seconds
        self._writers = ThreadPoolExecutor(writers, "recording-writer")
        self._taps: dict[SessionId, SessionRecorder] = {}
        self._users: Counter[SessionId] = Counter()
        self._note_at = time.monotonic() + NOTE_SECONDS

    @property
    def failure(self) -> str | None:
        """See `Recorder`."""
        return next((tap.failure for tap in self._taps.values() if tap.failure is not None), None)

    @property
    def waiting_bytes(self) -> int:
        """See `Recorder`."""
        return sum(tap.waiting for tap in self._taps.values())

    async def begin(self, session: Session, *, is_logged: bool = False, is_encrypted: bool = False) -> None:
        """See `Recorder`."""
        service = self._service
        mode = await recording_mode(service, session, self._mode)
        if mode is RecordingMode.OFF and not is_logged:
            return
        if is_encrypted and mode is RecordingMode.REQUIRED:
            raise EncryptedEndToEnd
        if mode is RecordingMode.REQUIRED and (self.failure is not None or self._mode is RecordingMode.OFF):
            await self._stored.probe()
        try:
            key = await wrap_key(service, session.session_id, service.entropy(KEY_BYTES))
        except KeyUnusable as error:
            _log.error("session not recorded", session_id=session.session_id, reason=str(error))
            if mode is RecordingMode.REQUIRED:
                raise Unrecordable(str(error)) from error
            return
        recording = Recording(
            session_id=session.session_id,
            target=session.target,
            owner=session.owner,
            owner_name=session.owner_name,
            document_name=session.document_name,
            mode=mode,
            started_at=session.started_at,
            retained_until=self._retained_until(session, mode),
            hold=None if mode is RecordingMode.OFF else await hold_by_tag(service, session.target),
        )
        await service.store.recordings.add(recording, key)
        if recording.hold is not None:
            recording_held(service, recording, recording.hold.held_by, recording.hold.reason)

    def _retained_until(self, session: Session, mode: RecordingMode) -> Millis | None:
        is_retained = self._retained_millis and mode is not RecordingMode.OFF
        return Millis(session.started_at + self._retained_millis) if is_retained else None

    async def tap(self, session_id: SessionId) -> SessionRecorder | None:
        """See `Recorder`."""
        if self._finisher.is_finishing(session_id):
            return None
        self._users[session_id] += 1
        tap = self._taps.get(session_id)
        if tap is None:
            tap = await self._open(session_id)
            if tap is not None:
                self._taps[session_id] = tap
        return tap

    async def release(self, session_id: SessionId) -> None:
        """See `Recorder`."""
        self._users[session_id] -= 1
        tap = self._taps.get(session_id)
        if tap is not None:
            if self._users[session_id] <= 0:
                tap.skip_gap()
            await self._flush(tap)
        if self._users[session_id] <= 0:  # nobody has asked for it meanwhile
            del self._users[session_id]
            if tap is not None and self._taps.pop(session_id, None) is not None:
                await self._forget(tap)

    async def _forget(self, tap: SessionRecorder) -> None:
        """Let other servers write to a recording that this one has written to."""
        tap.release()
        await self._stored.note_blocks(tap.session_id, tap.blocks)

    async def run(self) -> None:
        """Write waiting output, and finish the recordings of sessions that ended, once a second until cancelled."""
        while True:
            await asyncio.sleep(self._tick_seconds)
            for tap in list(self._taps.values()):
                tap.tick()
            await self._note_growth()
            await self.finish_ended()
            await self.delete_expired()

    async def close(self) -> None:
        """Write all waiting output, and stop the threads. Waits at most 30 s for a disk that does not answer."""
        taps = list(self._taps.values())
        for tap in taps:
            tap.skip_gap()
        await asyncio.gather(*(self._flush(tap) for tap in taps))
        for tap in taps:
            await self._forget(tap)
        self._taps.clear()
        self._writers.shutdown(wait=False)
        self._stored.close()

    async def finish_ended(self) -> int:
        """See `Recorder`."""
        return await self._finisher.finish_ended(self._users)

    async def delete_expired(self) -> int:
        """Delete some of the recordings that are older than they are kept. Returns how many."""
        service = self._service
        if not self._kept_millis or not service.clock_steps.settled or time.monotonic() < self._delete_at:
            return 0
        moment, now = Millis(service.clock() - self._kept_millis), trusted_now(service)
        deleted = 0
        for recording in await service.store.recordings.deletable(moment, now, DELETED_AT_ONCE):
            try:
                if not await service.store.recordings.begin_deletion(recording.session_id, now):
                    continue
                await self.delete(recording)
            except OSError as error:
                _log.error("recording not deleted", session_id=recording.session_id, reason=str(error))
                self._delete_at = time.monotonic() + DELETE_AGAIN_SECONDS
                break
            if await service.store.recordings.delete(recording.session_id):
                recording_deleted(service, recording, "recordings.delete_after_days")
                deleted += 1
            await service.recording_search.remove(recording.session_id)  # now that nothing adds it again
        return deleted

    async def blocks(
        self, recording: Recording, key: RecordingKey, after: BlockPosition | None, start_at: int
    ) -> AsyncGenerator[tuple[BlockPosition, list[RecordedEvent]], None]:
        """See `Recorder`."""
        blocks = self.reader(recording, key).blocks(after, start_at)
        try:
            while (block := await self._stored.in_thread(lambda: next(blocks, None))) is not None:
                yield block
        finally:
            await self._stored.in_thread(blocks.close)

    def written(self, session_id: SessionId) -> int | None:
        """Return how many blocks this server knows a recording to have; None if it knows nothing of it."""
        tap = self._taps.get(session_id)
        return self._stored.blocks(session_id) if tap is None else tap.blocks

    async def verify(self, recording: Recording, key: RecordingKey) -> str | None:
        """See `Recorder`."""
        reader = self.reader(recording, key)
        tap = self._taps.get(recording.session_id)
        at_least = (recording.blocks or 0) if tap is None else tap.blocks
        finished = None if recording.head is None else FinalBlock(recording.blocks or 0, recording.head)
        return await self._stored.in_thread(lambda: reader.verify(finished, at_least))

    async def delete(self, recording: Recording) -> None:
        """See `Recorder`."""
        storage = self._stored.storage_of(recording)
        await self._stored.in_thread(lambda: storage.delete(recording.session_id))
        self._finisher.forget(recording.session_id)

    def unfinishable(self, session_id: SessionId) -> str | None:
        """Return why the recording of a session that has ended could not be finished; None if it was, or will be."""
        return self._finisher.unfinishable(session_id)

    async def _flush(self, tap: SessionRecorder) -> None:
        try:
            await tap.flush()
        except OSError as error:
            _log.error("end of a recording not written", session_id=tap.session_id, reason=str(error))

    async def _open(self, session_id: SessionId) -> SessionRecorder | None:
        store = self._service.store.recordings
        found = await store.with_key(session_id)
        if found is None:
            await self._begin_late(session_id)
            found = await store.with_key(session_id)
        if found is None or found[0].finished_at is not None:
            return None
        recording, sealed = found
        storage = self._stored.storage_of(recording)
        try:
            key = await self._stored.data_key(session_id, sealed)
            await self._stored.acquire(recording)
            tail = await self._stored.in_thread(RecordingReader(storage, session_id, key).resume)
            check_end(recording, tail.blocks)
        except (Damaged, KeyUnusable, OSError) as error:
            _log.error("recording cannot be continued", session_id=session_id, reason=str(error))
            storage.release(session_id)
            if recording.mode is RecordingMode.REQUIRED:
                raise Unrecordable(str(error)) from error
            return None
        self._stored.continued(session_id, tail.blocks)
        return SessionRecorder(
            session_id,
            BlockSealer(session_id, key, self._service.entropy, number=tail.blocks, head=tail.head),
            storage,
            self._writers,
            elapsed(self._service, recording.started_at, tail.last_at),
            tail.position,
            required=recording.mode is RecordingMode.REQUIRED,
            typed=self._typed and recording.mode is not RecordingMode.OFF,
        )

    async def _note_growth(self) -> None:
        """Note once in NOTE_SECONDS how many blocks the recordings of the sessions here have."""
        if time.monotonic() < self._note_at:
            return
        self._note_at = time.monotonic() + NOTE_SECONDS
        for tap in list(self._taps.values()):
            await self._stored.note_blocks(tap.session_id, tap.blocks)

    async def _begin_late(self, session_id: SessionId) -> None:
        """Begin the recording of a session that has none: it is older than the setting, or its server died."""
        sessions = self._service.store.sessions
        session, document = await sessions.get(session_id), await sessions.document_content(session_id)
        if session is not None and document is not None:
            is_logged = bool(await self._service.store.outputs.of_session(session_id))
            await self.begin(session, is_logged=is_logged)

    def reader(self, recording: Recording, sealed: RecordingKey) -> RecordingReader:
        """Return a reader of a recording, whose methods block; `sealed` is the data key, sealed by the vault alone."""
        return self._stored.reader(recording, sealed)
