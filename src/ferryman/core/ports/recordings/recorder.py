"""The ports that make and read recordings: the tap of a running session, and the recorder."""

from collections.abc import AsyncGenerator
from dataclasses import dataclass
from typing import Protocol

from ferryman.core.ports.recordings.store import Recording, RecordingKey
from ferryman.model.identifiers import SessionId
from ferryman.model.sessions import Session


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
        """Record an output message of the node, header included."""

    def input(self, number: int, frame: bytes) -> None:
        """Record an input message of the client, header included."""

    def note(self, kind: str, data: bytes) -> None:
        """Record what the server itself has observed: a connection (`c`) or a file (`f`), as JSON."""

    def acknowledged(self, number: int) -> None:
        """Note that the client has acknowledged an output message: it will not be sent again."""

    def client_attached(self, client_id: str) -> None:
        """Note that a client has connected."""

    def client_left(self) -> None:
        """Note that the client is gone."""

    def publication(self, client_id: str, delivered: int | None) -> None:
        """Note that the agent now sends to this client, from behind `delivered` bytes of output.

        None if the agent does not say how many bytes that is.
        """

    async def caught_up(self) -> None:
        """Wait until the tap is no longer behind; raises `Unrecordable` when a required recording must end its
        session."""


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


class NoRecorder:
    """Records no session."""

    failure, waiting_bytes = None, 0

    async def begin(self, session: Session, *, is_logged: bool = False, is_encrypted: bool = False) -> None:
        """Do nothing."""

    async def tap(self, session_id: SessionId) -> SessionTap | None:
        """Return None."""
        return None

    async def release(self, session_id: SessionId) -> None:
        """Do nothing."""

    async def finish_ended(self) -> int:
        """Return 0."""
        return 0

    async def blocks(
        self, recording: Recording, key: RecordingKey, after: BlockPosition | None, start_at: int
    ) -> AsyncGenerator[tuple[BlockPosition, list[RecordedEvent]], None]:
        """Yield nothing."""
        return
        yield

    async def verify(self, recording: Recording, key: RecordingKey) -> str | None:
        """Return that nothing can be read."""
        return "this server keeps no recordings"

    async def delete(self, recording: Recording) -> None:
        """Do nothing."""


class Damaged(Exception):
    """A recording was altered, or a part of it is missing; the text says where."""
