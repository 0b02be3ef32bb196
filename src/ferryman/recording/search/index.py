"""The search over an index of lines: `core.ports.recordings.search.RecordingSearch`."""

import asyncio
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor

import structlog

from ferryman.core.ports.recordings.search import FoundChunk, FoundLine, IndexUnusable, LineChunk, LineIndex
from ferryman.core.ports.recordings.store import DATA_KEY_PURPOSE, RecordingKey, RecordingQuery
from ferryman.core.service import Service
from ferryman.core.vault import Unsealable
from ferryman.model.values.phrases import Phrase
from ferryman.recording.search.chunks import ChunkSeal, NotSealedHere, keyed_words
from ferryman.recording.search.messages import Chunk

KEY_BYTES = 32
_PURPOSE = "recording-words"
"""The purpose of the key of the words, for the vault."""
_log = structlog.get_logger("ferryman.recording")


class LineSearch:
    """Seals lines for the index, and opens lines that are found there. Call `open` first, and `close` it at the end."""

    is_on = True

    def __init__(self, service: Service, index: LineIndex) -> None:
        self._service = service
        self._index = index
        self._key = b""
        self._thread = ThreadPoolExecutor(1, "line-search")

    async def open(self) -> None:
        """Read the key of the words; an index whose key cannot be opened is emptied, and will be built again."""
        vault = self._service.vault
        sealed = await self._index.key()
        if sealed is not None:
            try:
                self._key = vault.open(_PURPOSE, sealed)
            except Unsealable:
                _log.warning("search index emptied", reason="its key was sealed by a server key that is gone")
            else:
                if vault.sealed_by(_PURPOSE, sealed) != vault.key_ids[0]:
                    await self._index.replace_key(vault.seal(_PURPOSE, self._key))
                return
        self._key = self._service.entropy(KEY_BYTES)
        await self._index.clear()
        await self._index.replace_key(vault.seal(_PURPOSE, self._key))

    def close(self) -> None:
        """Stop the thread."""
        self._thread.shutdown()

    async def newest(self) -> int:
        """See `RecordingSearch`."""
        return await self._index.newest()

    async def candidates(
        self, phrase: Phrase, query: RecordingQuery, within: range, limit: int
    ) -> Sequence[FoundChunk]:
        """See `RecordingSearch`."""
        return await self._index.find(keyed_words(phrase.words, self._key), query, within, limit)

    async def lines(
        self, chunks: Sequence[tuple[FoundChunk, RecordingKey]], phrase: Phrase
    ) -> Sequence[Sequence[FoundLine]]:
        """See `RecordingSearch`."""

        def read() -> list[list[FoundLine]]:
            seals: dict[str, ChunkSeal] = {}
            return [self._matching(chunk, key, phrase, seals) for chunk, key in chunks]

        return await asyncio.get_running_loop().run_in_executor(self._thread, read)

    async def remove(self, session_id: str) -> None:
        """See `RecordingSearch`. If it cannot be removed now, it is removed later; without its key nobody can
        read it."""
        try:
            await self._index.remove(session_id)
        except IndexUnusable as error:
            _log.error("lines not removed from the search index", session_id=session_id, reason=str(error))

    async def seal(self, session_id: str, data_key: bytes, first: int, chunks: Sequence[Chunk]) -> list[LineChunk]:
        """Return chunks, numbered from `first`, as the index keeps them."""

        def seal() -> list[LineChunk]:
            made = ChunkSeal(session_id, data_key)
            return [
                LineChunk(
                    b"".join(keyed_words(chunk.words, self._key)),
                    made.seal(number, chunk.lines, self._service.entropy),
                )
                for number, chunk in enumerate(chunks, first)
            ]

        return await asyncio.get_running_loop().run_in_executor(self._thread, seal)

    def _matching(
        self, chunk: FoundChunk, key: RecordingKey, phrase: Phrase, seals: dict[str, ChunkSeal]
    ) -> list[FoundLine]:
        session_id = chunk.recording.session_id
        try:
            seal = seals.get(session_id)
            if seal is None:
                data_key = self._service.vault.open(DATA_KEY_PURPOSE, key.sealed, session_id.encode())
                seal = seals[session_id] = ChunkSeal(session_id, data_key)
            return seal.lines_with(phrase, chunk.number, chunk.sealed)
        except (NotSealedHere, Unsealable):
            _log.error("search index altered", session_id=session_id, chunk=chunk.number)
            return []
