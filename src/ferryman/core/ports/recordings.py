"""Recordings as values, and their ports: rows in the store, the tap of a running session, the recorder."""

from collections.abc import AsyncGenerator, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Protocol

from ferryman.model.identifiers import Millis, NodeId, SessionId
from ferryman.model.sessions import Session

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


class SessionTap(Protocol):
    """Where a relay puts what it forwards. No method blocks, except `caught_up`, which waits."""

    @property
    def is_behind(self) -> bool:
        """Whether so much waits to be written that the sender must pause, or recording is required and fails."""

    @property
    def is_full(self) -> bool:
        """Whether so much waits to be written that nothing should be added."""

    @property
    def has_gap(self) -> bool:
        """Whether an output message is missing that later ones wait for."""

    def output(self, number: int, frame: bytes) -> None:
        """An output message of the node, header included."""

    def input(self, number: int, frame: bytes) -> None:
        """An input message of the client, header included."""

    def note(self, kind: str, data: bytes) -> None:
        """What the server itself has observed: a connection (`c`) or a file (`f`), as JSON."""

    def acknowledged(self, number: int) -> None:
        """The client has acknowledged an output message: it will not be sent again."""

    def client_attached(self, client_id: str) -> None:
        """A client has connected."""

    def client_left(self) -> None:
        """The client is gone."""

    def publication(self, client_id: str, delivered: int | None) -> None:
        """What the agent sends from now on is for this client, and begins behind `delivered` bytes of output.

        None if the agent does not say how many bytes that is.
        """

    async def caught_up(self) -> None:
        """Return when it is no longer behind; raises `Unrecordable` when a required recording must end its session."""


class Unrecordable(Exception):
    """A session that must be recorded cannot be; the text is the cause."""


class EncryptedEndToEnd(Unrecordable):
    """A session that must be recorded is encrypted end to end."""


@dataclass(frozen=True, slots=True)
class RecordedEvent:
    """One event of a recording. `at` is milliseconds since it began; `kind` one of o, e, i, r, m, x, c, f."""

    at: int
    kind: str
    data: bytes


@dataclass(frozen=True, slots=True)
class BlockPosition:
    """A block of a recording, by its number. What follows it can be read from the block at `readable_from` on."""

    number: int
    readable_from: int


class Recorder(Protocol):
    """Makes and reads recordings."""

    @property
    def failure(self) -> str | None:
        """Why nothing can be recorded at present; None if it can."""

    @property
    def waiting_bytes(self) -> int:
        """How much of all recordings is not written yet."""

    async def begin(self, session: Session, *, is_logged: bool = False, is_encrypted: bool = False) -> None:
        """Begin the recording of a session that starts; raises `Unrecordable`.

        `is_logged`: its log is to be delivered somewhere, so it is recorded until then even if the mode is off.
        `is_encrypted`: what it shows cannot be recorded, only its course; `EncryptedEndToEnd` if that is required.
        """

    async def tap(self, session_id: SessionId) -> SessionTap | None:
        """Return the tap of a session's recording, None if it is not recorded; the same one until `release`."""

    async def release(self, session_id: SessionId) -> None:
        """Write what the tap still holds, and forget it: the session has no end on this server."""

    async def finish_ended(self) -> int:
        """Finish the recordings of sessions that have ended, here or on a server that died. Returns how many."""

    def blocks(
        self, recording: Recording, key: RecordingKey, after: BlockPosition | None, start_at: int
    ) -> AsyncGenerator[tuple[BlockPosition, list[RecordedEvent]], None]:
        """Yield the events of each block behind `after`, but not of blocks that end before `start_at`.

        Raises `Damaged` where a block is not what was written.
        """

    async def verify(self, recording: Recording, key: RecordingKey) -> str | None:
        """Return what is wrong with a recording, None if every block is what was written."""

    async def delete(self, recording: Recording) -> None:
        """Delete a recording's blocks."""


class Damaged(Exception):
    """A recording was altered, or a part of it is missing; the text says where."""
