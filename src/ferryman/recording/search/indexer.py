"""Adds finished recordings to the index, one at a time, and removes deleted ones. It can stop at any moment.

The index says which recordings it has, so whatever was missed is found by comparing it with the store: at the start,
and every few minutes. A recording that was begun and not completed is begun again.
"""

import asyncio
from collections.abc import Sequence
from contextlib import aclosing

import structlog

from ferryman.core.kms.encryption.custody import unwrap_key
from ferryman.core.ports.kms import KeyUnusable
from ferryman.core.ports.recordings.recorder import Damaged
from ferryman.core.ports.recordings.search import LineIndex, SearchedRecording
from ferryman.core.ports.recordings.store import (
    DATA_KEY_PURPOSE,
    Recording,
    RecordingKey,
    RecordingPosition,
    RecordingQuery,
)
from ferryman.core.service import Service
from ferryman.core.vault import Unsealable
from ferryman.recording.search.index import LineSearch
from ferryman.recording.search.messages import Chunk
from ferryman.recording.search.process import Exceeded, LineProcess

PAUSE_SECONDS = 5.0
"""How often to look for recordings that were finished since."""
RECENT = 200
"""How many recordings such a look compares: those of the sessions that started last."""
SWEEP_SECONDS = 600.0
PAGE = 500
MOST_MISSING = 20_000
"""How many recordings one sweep adds, the newest; the next sweep adds those before them."""

_log = structlog.get_logger("ferryman.recording")


class Indexer:
    """Runs beside the server; `service` has the recorder."""

    def __init__(self, service: Service, index: LineIndex, search: LineSearch) -> None:
        self._service = service
        self._index = index
        self._search = search
        self._emulated = LineProcess()
        self._plain = LineProcess(plain=True)
        self._turn = asyncio.Lock()
        """Held by the one recording that is being read: the process reads one at a time."""

    async def run(self) -> None:
        """Keep the index up to date until cancelled."""
        loop = asyncio.get_running_loop()
        try:
            while True:
                await self.sweep()
                swept_at = loop.time()
                while loop.time() < swept_at + SWEEP_SECONDS:
                    await asyncio.sleep(PAUSE_SECONDS)
                    for recording in reversed(await self._missing(await self._page(None, RECENT))):
                        await self.add(recording)
        finally:
            await self._emulated.close()
            await self._plain.close()

    async def sweep(self) -> None:
        """Remove deleted recordings, and add all missing ones, the oldest first."""
        await self._remove_deleted()
        missing: list[Recording] = []
        after: RecordingPosition | None = None
        while len(missing) < MOST_MISSING and (page := await self._page(after, PAGE)):
            missing += await self._missing(page)
            after = RecordingPosition(page[-1].started_at, page[-1].session_id)
        for recording in reversed(missing):
            await self.add(recording)

    async def add(self, recording: Recording) -> None:
        """Put a finished recording into the index; one that cannot be read is there without lines."""
        async with self._turn:
            if await self._missing([recording]):
                await self._add_missing(recording)

    async def _add_missing(self, recording: Recording) -> None:
        key = await self._service.store.recordings.key(recording.session_id)
        if key is None:
            return
        try:
            key = await unwrap_key(self._service, recording.session_id, key)
            try:
                await self._add(recording, key, self._emulated)
            except Exceeded:
                _log.warning("lines read without a terminal emulator", session_id=recording.session_id)
                await self._add(recording, key, self._plain)
        except KeyUnusable as error:  # it may be usable at the next sweep
            _log.warning("recording not searchable yet", session_id=recording.session_id, reason=str(error))
            return
        except (Damaged, Exceeded, Unsealable, OSError) as error:
            _log.error("recording not searchable", session_id=recording.session_id, reason=repr(error))
            await self._index.begin(_searched(recording))
        await self._index.complete(recording.session_id)
        if await self._service.store.recordings.get(recording.session_id) is None:  # deleted meanwhile
            await self._index.remove(recording.session_id)

    async def _add(self, recording: Recording, key: RecordingKey, process: LineProcess) -> None:
        session_id = recording.session_id
        data_key = self._service.vault.open(DATA_KEY_PURPOSE, key.sealed, session_id.encode())
        await self._index.begin(_searched(recording))
        number = 0

        async def keep(chunks: Sequence[Chunk]) -> int:
            if chunks:
                await self._index.add(session_id, number, await self._search.seal(session_id, data_key, number, chunks))
            return number + len(chunks)

        try:
            async with aclosing(self._service.recorder.blocks(recording, key, None, 0)) as blocks:
                async for _, events in blocks:
                    number = await keep(await process.chunks(events))
            await keep(await process.chunks((), ends=True))
        except BaseException:
            await process.close()  # what it holds of this recording must not become part of the next
            raise

    async def _page(self, after: RecordingPosition | None, limit: int) -> Sequence[Recording]:
        return await self._service.store.recordings.page(RecordingQuery(), after, limit)

    async def _missing(self, recordings: Sequence[Recording]) -> list[Recording]:
        finished = [each for each in recordings if each.finished_at is not None]
        known = await self._index.known([each.session_id for each in finished])
        return [each for each in finished if each.session_id not in known]

    async def _remove_deleted(self) -> None:
        after = ""
        while page := await self._index.after(after, PAGE):
            for session_id in page:
                if await self._service.store.recordings.get(session_id) is None:
                    await self._index.remove(session_id)
            after = page[-1]


def _searched(recording: Recording) -> SearchedRecording:
    return SearchedRecording(
        recording.session_id,
        recording.target,
        recording.owner,
        recording.owner_name,
        recording.document_name,
        recording.started_at,
    )
