"""Blocks in a directory: one file for each recording, blocks behind one another."""

import os
import tempfile
from collections.abc import Iterator
from pathlib import Path

from ferryman.recording.blocks import HEADER_SIZE, parse_header
from ferryman.recording.storage import StoredBlock

SUFFIX = ".frb"


class DirectoryStorage:
    """`recording.storage.BlockStorage` below one directory, in 256 folders by the last digits of the recording's id."""

    def __init__(self, directory: Path) -> None:
        self.directory = directory

    def open(self) -> None:
        """Create the directory, readable by its owner only, and check that it can be written. Raises OSError."""
        self.directory.mkdir(mode=0o700, parents=True, exist_ok=True)
        self.directory.chmod(0o700)
        with tempfile.TemporaryFile(dir=self.directory):
            pass

    def append(self, recording_id: str, block: bytes) -> None:
        """As `BlockStorage` has it."""
        path = self._path(recording_id)
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        flags = os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC | os.O_NOFOLLOW
        descriptor = os.open(path, flags, 0o600)
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
        descriptor = os.open(self._path(recording_id), os.O_RDONLY | os.O_CLOEXEC)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)

    def index(self, recording_id: str) -> Iterator[StoredBlock]:
        """As `BlockStorage` has it."""
        try:
            file = self._path(recording_id).open("rb", buffering=0)
        except FileNotFoundError:
            return
        with file:
            offset, end = 0, os.fstat(file.fileno()).st_size
            while end - offset >= HEADER_SIZE:
                header = parse_header(os.pread(file.fileno(), HEADER_SIZE, offset))
                if offset + header.size > end:
                    return
                yield StoredBlock(offset, header)
                offset += header.size

    def read(self, recording_id: str, block: StoredBlock) -> bytes:
        """As `BlockStorage` has it."""
        with self._path(recording_id).open("rb", buffering=0) as file:
            return os.pread(file.fileno(), block.header.size, block.offset)

    def repair(self, recording_id: str) -> list[StoredBlock]:
        """As `BlockStorage` has it."""
        blocks = list(self.index(recording_id))
        whole = blocks[-1].offset + blocks[-1].header.size if blocks else 0
        path = self._path(recording_id)
        if path.exists() and path.stat().st_size > whole:
            os.truncate(path, whole)
        return blocks

    def delete(self, recording_id: str) -> None:
        """As `BlockStorage` has it."""
        self._path(recording_id).unlink(missing_ok=True)

    def _path(self, recording_id: str) -> Path:
        return self.directory / recording_id[-2:] / f"{recording_id}{SUFFIX}"
