"""The recordings in storage: where each is kept, its data key, its blocks, and work on it in threads."""

import asyncio
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from time import monotonic
from typing import TypeVar

from ferryman.core.kms.encryption.custody import open_key, unwrap_key
from ferryman.core.ports.recordings.recorder import Damaged, Unrecordable
from ferryman.core.ports.recordings.store import Recording, RecordingKey, RecordingMode
from ferryman.core.service import Service
from ferryman.model.identifiers import SessionId
from ferryman.recording.reader import RecordingReader
from ferryman.recording.storage.port import BlockStorage, RecordingInUse

READERS = 2
"""How many threads read."""
ACQUIRE_SECONDS = 10.0
"""How long a session waits for another server to let go of its recording before it continues unrecorded."""
ACQUIRE_REQUIRED_SECONDS = 120.0
"""How long a session that must be recorded waits before it ends: NFS keeps the locks of a lost machine for 90 s."""
MOST_REMEMBERED = 10_000
Result = TypeVar("Result")


class StoredRecordings:
    """The recordings of one server; `spool` holds those that are kept only until their logs are delivered.

    Storages block, so work on them is done in threads, by `in_thread`. Use it in one running loop, and `close` it.
    """

    def __init__(self, service: Service, storage: BlockStorage, spool: BlockStorage) -> None:
        self._service, self._storage, self._spool = service, storage, spool
        self._readers = ThreadPoolExecutor(READERS, "recording-reader")
        self._blocks: dict[SessionId, int] = {}
        """Blocks of recordings that are not finished and whose sessions are or were here, as the store has them."""

    def storage_of(self, recording: Recording) -> BlockStorage:
        """Return the storage that a recording is in."""
        return self._spool if recording.mode is RecordingMode.OFF else self._storage

    def reader(self, recording: Recording, sealed: RecordingKey) -> RecordingReader:
        """Return a reader of a recording, whose methods block; `sealed` is the data key, sealed by the vault alone."""
        data_key = open_key(self._service, recording.session_id, sealed)
        return RecordingReader(self.storage_of(recording), recording.session_id, data_key)

    async def data_key(self, session_id: SessionId, stored: RecordingKey) -> bytes:
        """Return the 32 bytes of a data key as the store keeps it. Raises KeyUnusable."""
        return open_key(self._service, session_id, await unwrap_key(self._service, session_id, stored))

    async def in_thread(self, work: Callable[[], Result]) -> Result:
        """Return the result of work that blocks."""
        return await asyncio.get_running_loop().run_in_executor(self._readers, work)

    async def acquire(self, recording: Recording) -> None:
        """Become the recording's only writer; waits for another server, which may have lost the session just now."""
        storage, session_id = self.storage_of(recording), recording.session_id
        is_required = recording.mode is RecordingMode.REQUIRED
        began, pause = monotonic(), 0.01
        while True:
            try:
                return await self.in_thread(lambda: storage.acquire(session_id))
            except RecordingInUse:
                waited = monotonic() - began
                if waited >= (ACQUIRE_REQUIRED_SECONDS if is_required else ACQUIRE_SECONDS):
                    raise
            await asyncio.sleep(pause)
            pause = min(2 * pause, max(0.1, waited / 10))

    async def probe(self) -> None:
        """Find out whether only one recording cannot be written, or all; raises `Unrecordable` if all."""
        try:
            await self.in_thread(self._storage.probe)
        except OSError as error:
            raise Unrecordable(error.strerror or str(error)) from error

    def blocks(self, session_id: SessionId) -> int | None:
        """Return how many blocks this server knows a recording to have; None if it knows nothing of it."""
        return self._blocks.get(session_id)

    def continued(self, session_id: SessionId, blocks: int) -> None:
        """Remember how many blocks a recording has that this server continues."""
        self._blocks[session_id] = blocks

    def finished(self, session_id: SessionId) -> None:
        """Forget the blocks of a recording that is finished."""
        self._blocks.pop(session_id, None)

    async def note_blocks(self, session_id: SessionId, blocks: int) -> None:
        """Have the store note how many blocks a recording has, if they have become more."""
        if blocks > self._blocks.get(session_id, 0):
            self._blocks[session_id] = blocks
            await self._service.store.recordings.note_blocks(session_id, blocks)
            if len(self._blocks) > MOST_REMEMBERED:  # other servers may have finished the oldest
                del self._blocks[next(iter(self._blocks))]

    def close(self) -> None:
        """Stop the threads; work under way ends by itself."""
        self._readers.shutdown(wait=False)


def check_end(recording: Recording, blocks: int) -> None:
    """Raise Damaged if the end of an unfinished recording was removed."""
    if recording.blocks is not None and blocks < recording.blocks:
        raise Damaged(f"the recording has {blocks} blocks, and {recording.blocks} were written")
