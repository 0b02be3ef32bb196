"""Where the blocks of recordings are kept. Every method may block, and is called in a thread."""

from collections.abc import Iterator
from typing import NamedTuple, Protocol

from ferryman.recording.blocks import BlockHeader


class StoredBlock(NamedTuple):
    """A block's header, and where the block is: an offset in a file, or whatever the storage needs to read it."""

    offset: int
    header: BlockHeader


class BlockStorage(Protocol):
    """Recordings by id, each a sequence of blocks. Methods raise OSError when the storage fails."""

    def probe(self) -> None:
        """Write something, and remove it; raises OSError if recordings cannot be written."""

    def append(self, recording_id: str, block: bytes) -> None:
        """Write a block behind the others, whole or not at all."""

    def sync(self, recording_id: str) -> None:
        """Return when the recording would survive a loss of power."""

    def index(self, recording_id: str, offset: int = 0) -> Iterator[StoredBlock]:
        """Yield where each block is, from the one at `offset` on; none if there is no such recording.

        Raises `DamagedBlock`.

        Leaves out a part of a block at the end: it is being written, or its server died while it wrote it.
        """

    def repair(self, recording_id: str) -> list[StoredBlock]:
        """Return where each block is, after removing a part of one at the end. Nobody else may be writing.

        Raises `DamagedBlock` for anything else that is wrong, and changes nothing then.
        """

    def read(self, recording_id: str, block: StoredBlock) -> bytes:
        """Return a block's bytes."""

    def delete(self, recording_id: str) -> None:
        """Delete a recording, if it exists."""
