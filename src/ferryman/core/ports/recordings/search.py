"""The ports of the search in recordings: the search itself, and the index that it keeps.

An index holds chunks of lines: the keyed words of each chunk, to find it by, and the chunk's sealed content. What it
is made from are the recordings, so it can be deleted and built again at any time.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

from ferryman.core.ports.recordings.store import RecordingKey, RecordingQuery
from ferryman.model.identifiers import Millis, NodeId, SessionId
from ferryman.model.values.phrases import Phrase


@dataclass(frozen=True, slots=True)
class SearchedRecording:
    """What an index knows of a recording: enough to decide who may read it."""

    session_id: SessionId
    target: NodeId
    owner: str
    owner_name: str
    document_name: str
    started_at: Millis


@dataclass(frozen=True, slots=True)
class LineChunk:
    """Some consecutive lines. `words` are the keyed words in them, in order, each of `WORD_BYTES` bytes."""

    words: bytes
    sealed: bytes


WORD_BYTES = 5


@dataclass(frozen=True, slots=True)
class FoundChunk:
    """A chunk that has all the words. Ids grow in the order in which chunks were added; `number` counts from 0 in a
    recording."""

    chunk_id: int
    recording: SearchedRecording
    number: int
    sealed: bytes


class LineIndex(Protocol):
    """Chunks of lines by keyed words. Only recordings that are complete are found. Raises `IndexUnusable`."""

    async def key(self) -> bytes | None:
        """Return the sealed key of the words, None in a new index."""

    async def replace_key(self, sealed: bytes) -> None:
        """Set the sealed key."""

    async def clear(self) -> None:
        """Remove everything."""

    async def begin(self, recording: SearchedRecording) -> None:
        """Add a recording without lines; whatever was there of it is removed."""

    async def add(self, session_id: str, first: int, chunks: Sequence[LineChunk]) -> None:
        """Add chunks, which are numbered from `first`, to a recording that was begun; none if it was removed since."""

    async def complete(self, session_id: str) -> None:
        """Let the recording's lines be found."""

    async def known(self, session_ids: Sequence[str]) -> frozenset[str]:
        """Return which of these recordings are complete."""

    async def after(self, session_id: str, limit: int) -> Sequence[str]:
        """Return up to `limit` ids behind one, in order, of recordings that were begun."""

    async def remove(self, session_id: str) -> None:
        """Remove a recording, if it is there."""

    async def newest(self) -> int:
        """Return the id of the newest chunk, 0 if there is none."""

    async def find(
        self, words: Sequence[bytes], query: RecordingQuery, within: range, limit: int
    ) -> Sequence[FoundChunk]:
        """Return up to `limit` chunks that have all the words, the newest first; `within` are ids.

        Raises `SearchTooSlow`.
        """


class IndexUnusable(Exception):
    """The index cannot be read or written; the text is the cause."""


class SearchTooSlow(Exception):
    """The index did not answer in time."""


@dataclass(frozen=True, slots=True)
class FoundLine:
    """A line of a recording; `at` is in milliseconds since that began."""

    at: int
    text: str


class RecordingSearch(Protocol):
    """Finds lines. Says nothing about who may read them."""

    @property
    def is_on(self) -> bool:
        """Whether recordings can be searched here."""

    async def newest(self) -> int:
        """Return the id of the newest chunk, 0 if there is none."""

    async def candidates(
        self, phrase: Phrase, query: RecordingQuery, within: range, limit: int
    ) -> Sequence[FoundChunk]:
        """Return chunks that may contain the phrase, the newest first; raises `SearchTooSlow`, `IndexUnusable`."""

    async def lines(
        self, chunks: Sequence[tuple[FoundChunk, RecordingKey]], phrase: Phrase
    ) -> Sequence[Sequence[FoundLine]]:
        """Return the lines of each chunk that contain the phrase, in the order in which they were shown."""

    async def remove(self, session_id: str) -> None:
        """Forget a recording that is being deleted."""


class NoSearch:
    """Finds nothing."""

    is_on = False

    async def newest(self) -> int:
        """Return 0."""
        return 0

    async def candidates(
        self, phrase: Phrase, query: RecordingQuery, within: range, limit: int
    ) -> Sequence[FoundChunk]:
        """Return nothing."""
        return ()

    async def lines(
        self, chunks: Sequence[tuple[FoundChunk, RecordingKey]], phrase: Phrase
    ) -> Sequence[Sequence[FoundLine]]:
        """Return nothing."""
        return ()

    async def remove(self, session_id: str) -> None:
        """Do nothing."""
