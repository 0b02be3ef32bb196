"""Blocks in a directory: one file for each recording, blocks behind one another."""

import errno
import os
import stat
import tempfile
from collections.abc import Iterator
from pathlib import Path

from ferryman.recording.blocks import HEADER_SIZE, parse_header
from ferryman.recording.storage import StoredBlock

SUFFIX = ".frb"
PROBE_BYTES = 64 * 1024
"""More than a full disk still has for a file's name."""


class DirectoryStorage:
    """`recording.storage.BlockStorage` below one directory, in 256 folders by the last digits of the recording's id."""

    def __init__(self, directory: Path) -> None:
        self.directory = directory

    def open(self) -> None:
        """Create the directory, readable by its owner only, and check that it can be written. Raises OSError."""
        self.directory.mkdir(mode=0o700, parents=True, exist_ok=True)
        self.directory.chmod(0o700)
        self.probe()

    def probe(self) -> None:
        """As `BlockStorage` has it."""
        self.directory.mkdir(mode=0o700, parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=self.directory) as file:
            file.write(bytes(PROBE_BYTES))

    def append(self, recording_id: str, block: bytes) -> None:
        """As `BlockStorage` has it."""
        path = self._path(recording_id)
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        descriptor = _open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND)
        try:
            size = os.fstat(descriptor).st_size
            try:
                rest = memoryview(block)
                while rest:
                    rest = rest[os.write(descriptor, rest) :]
            except BaseException:
                os.ftruncate(descriptor, size)
                raise
        finally:
            os.close(descriptor)

    def sync(self, recording_id: str) -> None:
        """As `BlockStorage` has it."""
        descriptor = _open(self._path(recording_id), os.O_RDONLY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)

    def index(self, recording_id: str, offset: int = 0) -> Iterator[StoredBlock]:
        """As `BlockStorage` has it."""
        try:
            descriptor = _open(self._path(recording_id), os.O_RDONLY)
        except FileNotFoundError:
            return
        try:
            end = os.fstat(descriptor).st_size
            while end - offset >= HEADER_SIZE:
                header = parse_header(os.pread(descriptor, HEADER_SIZE, offset))
                if offset + header.size > end:
                    return
                yield StoredBlock(offset, header)
                offset += header.size
        finally:
            os.close(descriptor)

    def read(self, recording_id: str, block: StoredBlock) -> bytes:
        """As `BlockStorage` has it."""
        descriptor = _open(self._path(recording_id), os.O_RDONLY)
        try:
            return os.pread(descriptor, block.header.size, block.offset)
        finally:
            os.close(descriptor)

    def repair(self, recording_id: str) -> list[StoredBlock]:
        """As `BlockStorage` has it."""
        blocks = list(self.index(recording_id))
        whole = blocks[-1].offset + blocks[-1].header.size if blocks else 0
        try:
            descriptor = _open(self._path(recording_id), os.O_WRONLY)
        except FileNotFoundError:
            return blocks
        try:
            if os.fstat(descriptor).st_size > whole:
                os.ftruncate(descriptor, whole)
        finally:
            os.close(descriptor)
        return blocks

    def delete(self, recording_id: str) -> None:
        """As `BlockStorage` has it."""
        self._path(recording_id).unlink(missing_ok=True)

    def _path(self, recording_id: str) -> Path:
        return self.directory / recording_id[-2:] / f"{recording_id}{SUFFIX}"


def _open(path: Path, flags: int) -> int:
    """Return a descriptor of a recording; raises OSError for anything that is not a file, such as a link or a pipe.

    Somebody else may have put it there: a link would have the server write elsewhere, a pipe would keep it waiting.
    """
    descriptor = os.open(path, flags | os.O_CLOEXEC | os.O_NOFOLLOW | os.O_NONBLOCK, 0o600)
    if not stat.S_ISREG(os.fstat(descriptor).st_mode):
        os.close(descriptor)
        raise OSError(errno.EINVAL, "not a file", str(path))
    return descriptor
