"""Blocks in a directory: one file for each recording, blocks behind one another."""

import errno
import fcntl
import os
import stat
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from ferryman.recording.blocks import HEADER_SIZE, parse_header
from ferryman.recording.storage.block_search import find_block
from ferryman.recording.storage.port import RecordingInUse, StoredBlock

SUFFIX = ".frb"
PROBE_BYTES = 64 * 1024
"""More than a full disk still has for a file's name."""


class DirectoryStorage:
    """`recording.storage.BlockStorage` below one directory, in 256 folders by the last digits of the recording's id.

    The writer of a recording holds an exclusive `flock` on its file.
    """

    def __init__(self, directory: Path) -> None:
        self.directory = directory
        self._acquired: dict[str, int] = {}
        """Descriptors of the recordings that this storage writes, by id."""

    def open(self) -> None:
        """Create the directory, readable by its owner only, and check that it can be written. Raises OSError."""
        self.directory.mkdir(mode=0o700, parents=True, exist_ok=True)
        self.directory.chmod(0o700)
        self.probe()

    def probe(self) -> None:
        """See `BlockStorage`."""
        self.directory.mkdir(mode=0o700, parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=self.directory) as file:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            file.write(bytes(PROBE_BYTES))

    def acquire(self, recording_id: str) -> None:
        """See `BlockStorage`."""
        if recording_id in self._acquired:
            return
        path = self._path(recording_id)
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        descriptor = _open(path, os.O_RDWR | os.O_CREAT | os.O_APPEND)
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            os.close(descriptor)
            raise RecordingInUse("another server writes to the recording") from error
        except BaseException:
            os.close(descriptor)
            raise
        self._acquired[recording_id] = descriptor

    def release(self, recording_id: str) -> None:
        """See `BlockStorage`."""
        descriptor = self._acquired.pop(recording_id, None)
        if descriptor is not None:
            os.close(descriptor)

    def append(self, recording_id: str, block: bytes) -> None:
        """See `BlockStorage`."""
        self.acquire(recording_id)
        descriptor = self._acquired[recording_id]
        rest = memoryview(block)
        try:
            while rest:
                rest = rest[os.write(descriptor, rest) :]
        except BaseException:
            os.ftruncate(descriptor, os.fstat(descriptor).st_size - (len(block) - len(rest)))
            raise

    def complete(self, recording_id: str) -> None:
        """See `BlockStorage`."""
        with _reading(self._path(recording_id)) as descriptor:
            os.fsync(descriptor)

    def size(self, recording_id: str) -> int:
        """See `BlockStorage`."""
        try:
            with _reading(self._path(recording_id)) as descriptor:
                return os.fstat(descriptor).st_size
        except FileNotFoundError:
            return 0

    def index(self, recording_id: str, offset: int = 0) -> Iterator[StoredBlock]:
        """See `BlockStorage`."""
        try:
            with _reading(self._path(recording_id)) as descriptor:
                yield from _blocks(descriptor, offset)
        except FileNotFoundError:
            return

    def find(self, recording_id: str, at: int | None) -> int:
        """See `BlockStorage`."""
        try:
            with _reading(self._path(recording_id)) as descriptor:
                size = os.fstat(descriptor).st_size
                return find_block(
                    size,
                    lambda start, length: os.pread(descriptor, length, start),
                    lambda start: _blocks(descriptor, start),
                    at,
                )
        except FileNotFoundError:
            return 0

    def repair(self, recording_id: str, offset: int) -> list[StoredBlock]:
        """See `BlockStorage`."""
        descriptor = self._acquired[recording_id]
        blocks = list(_blocks(descriptor, offset))
        whole = blocks[-1].offset + blocks[-1].header.size if blocks else offset
        if os.fstat(descriptor).st_size > whole:
            os.ftruncate(descriptor, whole)
        return blocks

    def read(self, recording_id: str, block: StoredBlock) -> bytes:
        """See `BlockStorage`."""
        with _reading(self._path(recording_id)) as descriptor:
            return os.pread(descriptor, block.header.size, block.offset)

    def delete(self, recording_id: str) -> None:
        """See `BlockStorage`."""
        self._path(recording_id).unlink(missing_ok=True)

    def _path(self, recording_id: str) -> Path:
        return self.directory / recording_id[-2:] / f"{recording_id}{SUFFIX}"


def _blocks(descriptor: int, offset: int) -> Iterator[StoredBlock]:
    """Yield the blocks from `offset` on, but no part of one at the end; raises `DamagedBlock`."""
    end = os.fstat(descriptor).st_size
    while end - offset >= HEADER_SIZE:
        header = parse_header(os.pread(descriptor, HEADER_SIZE, offset))
        if offset + header.size > end:
            return
        yield StoredBlock(offset, header)
        offset += header.size


@contextmanager
def _reading(path: Path) -> Iterator[int]:
    descriptor = _open(path, os.O_RDONLY)
    try:
        yield descriptor
    finally:
        os.close(descriptor)


def _open(path: Path, flags: int) -> int:
    """Return a descriptor of a recording; raises OSError for anything that is not a file, such as a link or a pipe.

    Somebody else may have put it there: a link would have the server write elsewhere, a pipe would keep it waiting.
    """
    descriptor = os.open(path, flags | os.O_CLOEXEC | os.O_NOFOLLOW | os.O_NONBLOCK, 0o600)
    if not stat.S_ISREG(os.fstat(descriptor).st_mode):
        os.close(descriptor)
        raise OSError(errno.EINVAL, "not a file", str(path))
    return descriptor
