"""Recordings as rows of the store: their values and their port."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Protocol

from ferryman.model.identifiers import Millis, NodeId, SessionId

DATA_KEY_PURPOSE = "recording"
"""The purpose of data keys, for the vault."""


class RecordingMode(StrEnum):
    """Whether sessions are recorded."""

    OFF = "off"
    """A session is recorded only if its log is to be delivered, until it is; nobody can read that recording."""
    BEST_EFFORT = "best-effort"
    """A session continues even if it cannot be recorded; the recording says what is missing."""
    REQUIRED = "required"
    """A session that cannot be recorded is refused, or paused and then ended."""


@dataclass(frozen=True, slots=True)
class RecordingHold:
    """A legal hold: `held_by` is the ARN of who put it, `reason` at most 256 characters."""

    reason: str
    held_by: str
    held_at: Millis


@dataclass(frozen=True, slots=True)
class Recording:
    """A recording, and what is kept of its session: recordings outlive the history of sessions.

    `duration` is in milliseconds, `size` in bytes as stored, `head` the SHA-256 of the last block; they are None until
    the recording is finished. Until then it has at least `blocks` blocks; None if that was not noted yet.
    Until `retained_until`, and while there is a `hold`, nobody can delete it.
    """

    session_id: SessionId
    target: NodeId
    owner: str
    owner_name: str
    document_name: str
    mode: RecordingMode
    started_at: Millis
    finished_at: Millis | None = None
    duration: int | None = None
    blocks: int | None = None
    size: int | None = None
    head: bytes | None = None
    retained_until: Millis | None = None
    hold: RecordingHold | None = None


@dataclass(frozen=True, slots=True)
class RecordingKey:
    """The data key of a recording, sealed by the vault for the purpose `recording`, bound to the session's id."""

    sealed: bytes


@dataclass(frozen=True, slots=True)
class RecordingQuery:
    """Which recordings to list; None selects all. `owner` is an ARN."""

    target: str | None = None
    owner: str | None = None
    started_after: Millis | None = None
    started_before: Millis | None = None


@dataclass(frozen=True, slots=True)
class RecordingPosition:
    """The last recording of a page: newest first, then by session id."""

    started_at: Millis
    session_id: SessionId


@dataclass(frozen=True, slots=True)
class RecordingEnd:
    """What is known once a recording is finished; `head` is the SHA-256 of its last block."""

    finished_at: Millis
    duration: int
    blocks: int
    size: int
    head: bytes


class RecordingStore(Protocol):
    """The rows of recordings."""

    async def add(self, recording: Recording, key: RecordingKey) -> None:
        """Insert a recording; its session has none yet."""

    async def get(self, session_id: str) -> Recording | None:
        """Return the recording of a session, or None."""

    async def key(self, session_id: str) -> RecordingKey | None:
        """Return the sealed data key, or None if there is no such recording."""

    async def with_key(self, session_id: str) -> tuple[Recording, RecordingKey] | None:
        """Return the recording of a session and its sealed data key in one read, or None."""

    async def keys(self, session_ids: Sequence[str]) -> Mapping[str, RecordingKey]:
        """Return the sealed data keys of those of these recordings that exist."""

    async def keys_after(self, session_id: str, limit: int) -> Sequence[tuple[str, RecordingKey]]:
        """Return sealed data keys with their sessions' ids, in order of those, behind `session_id`."""

    async def reseal_key(self, session_id: str, before: RecordingKey, key: RecordingKey) -> bool:
        """Replace a sealed data key if it is still `before`, atomically; False otherwise."""

    async def note_blocks(self, session_id: SessionId, blocks: int) -> bool:
        """Note that a recording has so many blocks, unless it is finished or was deleted; False then."""

    async def finish(self, session_id: SessionId, end: RecordingEnd) -> bool:
        """Set a recording finished; False if it was already, or was deleted."""

    async def page(self, query: RecordingQuery, after: RecordingPosition | None, limit: int) -> Sequence[Recording]:
        """Return up to `limit` recordings behind `after`, newest first, but none that is kept only for its log."""

    async def unfinished_of_ended_sessions(self, limit: int) -> Sequence[SessionId]:
        """Return recordings that are not finished although their session has ended, or its row is gone."""

    async def deletable(self, started_before: Millis, now: Millis, limit: int) -> Sequence[Recording]:
        """Return finished recordings that may be deleted, of sessions that started before a time, the oldest first."""

    async def put_hold(self, session_id: str, hold: RecordingHold) -> bool:
        """Put a hold on a recording, in place of the one it has; False if there is none or it is being deleted."""

    async def remove_hold(self, session_id: str) -> bool:
        """Remove a recording's hold; False if it has none."""

    async def begin_deletion(self, session_id: str, now: Millis) -> bool:
        """Mark a recording as being deleted, so that no hold can be put on it.

        False, and nothing changes, if it is held or retained, or there is none.
        """

    async def delete(self, session_id: str) -> bool:
        """Delete a recording's row and with it its key; False if there is none."""
