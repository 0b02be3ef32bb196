"""Where the blocks of recordings are kept. Every method may block, and is called in a thread."""

from collections.abc import Iterator
from typing import NamedTuple, Protocol

from ferryman.recording.blocks import BlockHeader


class RecordingInUse(OSError):
    """Another server, or another storage of this one, writes to the recording."""


class StoredBlock(NamedTuple):
    """A block's header, and where the block is: an offset in a file, or whatever the storage needs to read it."""

    offset: int
    header: BlockHeader


class BlockStorage(Protocol):
    """Recordings by id, each a sequence of blocks. Methods raise OSError when the storage fails."""

    def probe(self) -> None:
        """Write something, and remove it; raises OSError if recordings cannot be written."""

    def acquire(self, recording_id: str) -> None:
        """Become the only writer of a recording until `release`; no effect if it is already.

        Creates the recording, empty. Raises `RecordingInUse` if there is another writer. A writer that dies releases.
        """

    def release(self, recording_id: str) -> None:
        """Let others write to a recording."""

    def append(self, recording_id: str, block: bytes) -> None:
        """Write a block behind the others, whole or not at all; acquires the recording."""

    def complete(self, recording_id: str) -> None:
        """Make the recording survive a loss of power; nothing may be appended after this."""

    def size(self, recording_id: str) -> int:
        """Return the bytes that are there, a part of a block included; 0 if there is no such recording."""

    def index(self, recording_id: str, offset: int = 0) -> Iterator[StoredBlock]:
        """Yield where each block is, from the one at `offset` on; none if there is no such recording.

        Raises `DamagedBlock`.

        Leaves out a part of a block at the end: it is being written, or its server died while it wrote it.
        """

    def find(self, recording_id: str, at: int | None) -> int:
        """Return the offset of the last block that stands alone and begins before `at`; with None, of the last of all.

        `at` is in milliseconds. Returns 0 if there is none. In a recording that was altered, it may be the offset of
        anything.
        """

    def repair(self, recording_id: str, offset: int) -> list[StoredBlock]:
        """Return where each block from the one at `offset` on is, after removing a part of one at the end.

        The recording must be acquired. Raises `DamagedBlock` for anything else that is wrong, and changes nothing then.
        """

    def read(self, recording_id: str, block: StoredBlock) -> bytes:
        """Return a block's bytes."""

    def delete(self, recording_id: str) -> None:
        """Delete a recording, if it exists."""
