"""SearchRecordings: lines that recorded sessions showed.

A caller finds lines only of recordings whose events they may read. Neither results nor page tokens say whether other
recordings contain the phrase: a page ends after a number of results, or after a number of chunks of the index, whether
those match or not. Only a search that exceeds its time says a little: it had much to skip.
"""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass

from ferryman.core.authorization.decisions import decide, require
from ferryman.core.authorization.request_context import Keys, resource_keys
from ferryman.core.kms.encryption.custody import require_readable, unwrap_key
from ferryman.core.paging import Listing, Page
from ferryman.core.ports.kms import KeyUnusable
from ferryman.core.ports.recordings.search import (
    FoundChunk,
    FoundLine,
    IndexUnusable,
    SearchedRecording,
    SearchTooSlow,
)
from ferryman.core.ports.recordings.store import RecordingKey, RecordingQuery
from ferryman.core.recordings.access import own_keys
from ferryman.core.service import Service
from ferryman.model.errors import ServiceError
from ferryman.model.identity.callers import Caller
from ferryman.model.tags import ResourceType
from ferryman.model.values.phrases import NoWord, Phrase

DEFAULT_PAGE = 50
WINDOW = 200_000
"""Chunks of the index that one page goes through, at most 16 KiB of text each."""
FIRST_BATCH, LARGEST_BATCH = 8, 256
"""Chunks that are looked at together: a few suffice for a common word, many are quicker for a rare phrase."""
DECISIONS = 32
"""After so many decisions, others have a turn."""
PAGE_SECONDS = 2.0
"""A page that takes longer ends; the next one continues."""


@dataclass(frozen=True, slots=True)
class SearchRecordingsRequest:
    """SearchRecordings. `max_results` is 1 to 200, None for 50."""

    phrase: str
    query: RecordingQuery
    max_results: int | None = None
    next_token: str | None = None


@dataclass(frozen=True, slots=True)
class Match:
    """A line that contains the phrase."""

    recording: SearchedRecording
    line: FoundLine


@dataclass(frozen=True, slots=True)
class _Found:
    match: Match
    chunk_id: int
    index: int
    """Of the line, among those of its chunk that match."""


async def search_recordings(service: Service, caller: Caller, request: SearchRecordingsRequest) -> Page[Match]:
    """SearchRecordings: the newest first; a page may be short, or empty, and not be the last.

    Raises AccessDeniedException, InvalidNextToken, ValidationException (no word, or no search here),
    ThrottlingException.
    """
    require(service, caller, "ferryman:SearchRecordings", service.arns.recording("*"))
    if not service.recording_search.is_on:
        raise ServiceError(
            "ValidationException", "Recordings cannot be searched on this server: set recordings.search = true there."
        )
    try:
        phrase = Phrase.of(request.phrase)
    except NoWord as error:
        raise ServiceError("ValidationException", f"The phrase cannot be searched for: {error}.") from error
    query = request.query
    members = (request.phrase, query.target, query.owner, query.started_after, query.started_before)
    listing = Listing(service, caller, "SearchRecordings", members)
    position = listing.position(request.next_token)
    try:
        search = _Search(service, caller, phrase, query, request.max_results or DEFAULT_PAGE)
        if position is None:
            newest = await service.recording_search.newest()
            return await search.page(listing, newest, None)
        return await search.page(listing, int(position[0]), int(position[1]))
    except SearchTooSlow as error:
        message = "The search took too long. Narrow it down by Target, Owner, StartedAfter or StartedBefore."
        raise ServiceError("ThrottlingException", message) from error
    except IndexUnusable as error:
        message = "The search index cannot be read. The server's log says why."
        raise ServiceError("ServiceUnavailable", message, status=503) from error


class _Search:
    """One page of one search."""

    def __init__(self, service: Service, caller: Caller, phrase: Phrase, query: RecordingQuery, limit: int) -> None:
        self._service = service
        self._caller = caller
        self._phrase = phrase
        self._query = query
        self._limit = limit
        self._keys: dict[str, RecordingKey | None] = {}
        """Keys of recordings that the caller may read, None for the others and for those that were deleted."""
        self._tags: dict[str, Keys] = {}

    async def page(self, listing: Listing, chunk_id: int, index: int | None) -> Page[Match]:
        """Return the matches in chunks up to `chunk_id`; of that one only those before `index`, if it is not None."""
        loop = asyncio.get_running_loop()
        deadline = loop.time() + PAGE_SECONDS
        floor = max(1, chunk_id - WINDOW)
        found: list[_Found] = []
        end, size = chunk_id + 1, FIRST_BATCH
        while end > floor:
            batch = await self._service.recording_search.candidates(self._phrase, self._query, range(floor, end), size)
            found += [
                each
                for each in await self._matches(batch)
                if index is None or each.chunk_id != chunk_id or each.index < index
            ]
            end = batch[-1].chunk_id if len(batch) == size else floor
            size = min(size * 4, LARGEST_BATCH)
            if len(found) > self._limit or loop.time() >= deadline:
                break
        matches = [each.match for each in found[: self._limit]]
        if len(found) > self._limit:
            last = found[self._limit - 1]
            return listing.ending_at(matches, [last.chunk_id, last.index])
        return listing.ending_at(matches, [end - 1, _ALL] if end > 1 else None)

    async def _matches(self, batch: Sequence[FoundChunk]) -> list[_Found]:
        await self._read_keys(batch)
        keys = [(chunk, self._keys[chunk.recording.session_id]) for chunk in batch]
        readable = [(chunk, key) for chunk, key in keys if key is not None]
        lines = await self._service.recording_search.lines(readable, self._phrase)
        return [
            _Found(Match(chunk.recording, line), chunk.chunk_id, index)
            for (chunk, _), of_chunk in zip(readable, lines, strict=True)
            for index, line in reversed(list(enumerate(of_chunk)))
        ]

    async def _read_keys(self, batch: Sequence[FoundChunk]) -> None:
        """Read the keys of recordings, as far as the caller may read their events."""
        new = {chunk.recording.session_id: chunk.recording for chunk in batch}
        new = {session_id: recording for session_id, recording in new.items() if session_id not in self._keys}
        allowed: list[str] = []
        for number, (session_id, recording) in enumerate(new.items(), 1):
            if await self._may_read(recording):
                allowed.append(session_id)
            if number % DECISIONS == 0:
                await asyncio.sleep(0)
        keys = await self._service.store.recordings.keys(allowed) if allowed else {}
        for session_id in new:
            self._keys[session_id] = await self._readable(session_id, keys.get(session_id))

    async def _readable(self, session_id: str, key: RecordingKey | None) -> RecordingKey | None:
        """Return a recording's key; None if its KMS key cannot be used, or not by the caller."""
        if key is None:
            return None
        try:
            await require_readable(self._service, self._caller, session_id, key)
            return await unwrap_key(self._service, session_id, key)
        except (KeyUnusable, ServiceError):
            return None

    async def _may_read(self, recording: SearchedRecording) -> bool:
        if recording.target not in self._tags:
            self._tags[recording.target] = await resource_keys(self._service, ResourceType.NODE, recording.target)
        keys = {**self._tags[recording.target], **own_keys(recording)}
        resource = self._service.arns.recording(recording.session_id)
        return decide(self._service, self._caller, "ferryman:GetRecordingEvents", resource, keys).allowed


_ALL = 1 << 30
"""More than a chunk's lines: the next page begins with all of the chunk."""
