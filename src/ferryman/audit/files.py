"""The audit trail's files: `audit-<number of the first record>.jsonl` in a directory of their own.

Only appended to, by one process at a time (flock). Nothing here knows what a line says.
"""

import contextlib
import errno
import fcntl
import os
import re
from collections.abc import Sequence
from pathlib import Path

_NAME = re.compile(r"audit-([0-9]{12,18})\.jsonl")
_LOCK, _RESERVE = "lock", "reserve"
RESERVE_BYTES = 64 * 1024
"""More than the record of a deletion takes."""
_TAIL_BYTES = 1024 * 1024
"""More than any record: its texts and lists are bounded."""


class TrailInUse(Exception):
    """Another process writes this trail."""


def trail_files(directory: Path) -> list[Path]:
    """Return the trail's files, oldest first; none if the directory does not exist."""
    if not directory.is_dir():
        return []
    found = [(int(name[1]), path) for path in directory.iterdir() if (name := _NAME.fullmatch(path.name))]
    return [path for _, path in sorted(found)]


def first_sequence(path: Path) -> int:
    """Return the number of the first record that a file was made for, as its name says."""
    found = _NAME.fullmatch(path.name)
    if found is None:
        raise ValueError(f"{path.name} is not an audit trail file")
    return int(found[1])


class TrailFiles:
    """The files to append to. A new file is started after `file_bytes`.

    Raises OSError where the directory cannot be used, `TrailInUse`. `last_line` is the newest whole line, b"" for none;
    `torn_bytes` is the size of an incomplete line after it, which was cut off.
    """

    def __init__(self, directory: Path, file_bytes: int) -> None:
        self.directory = directory
        self._file_bytes = file_bytes
        directory.mkdir(mode=0o700, parents=True, exist_ok=True)
        self._lock = os.open(directory / _LOCK, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            fcntl.flock(self._lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            os.close(self._lock)
            raise TrailInUse(str(directory)) from error
        self._descriptor: int | None = None
        self._size = 0
        self._unsynced = False
        self.torn_bytes = 0
        self.keep_reserve()
        try:
            self.last_line = self._find_tail()
        except OSError:
            os.close(self._lock)
            raise

    def _find_tail(self) -> bytes:
        for path in reversed(trail_files(self.directory)):
            with path.open("rb") as file:
                size = file.seek(0, os.SEEK_END)
                file.seek(max(0, size - _TAIL_BYTES))
                tail = file.read()
            whole, newline, torn = tail.rpartition(b"\n")
            if torn:
                self.torn_bytes += len(torn)
                os.truncate(path, size - len(torn))
            if newline:
                return whole.rpartition(b"\n")[2]
        return b""

    @property
    def is_open(self) -> bool:
        """Whether the next lines go into an open file, so that no file is started or synced for them."""
        return self._descriptor is not None and self._size < self._file_bytes

    def append(self, lines: bytes, first: int, *, from_reserve: bool = False) -> None:
        """Write whole lines, the first of which is record `first`, all of them or none; raises OSError.

        `from_reserve`: if the disk is full, use the space that is reserved for this.
        """
        try:
            self._write(lines, first)
        except OSError as error:
            if not from_reserve or error.errno not in (errno.ENOSPC, errno.EDQUOT):
                raise
            (self.directory / _RESERVE).unlink(missing_ok=True)
            self._write(lines, first)

    def keep_reserve(self) -> None:
        """Keep RESERVE_BYTES of the disk for the record of a deletion, if there is room for them."""
        path = self.directory / _RESERVE
        with contextlib.suppress(OSError):
            if path.exists():
                return
            descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_CLOEXEC, 0o600)
            try:
                os.posix_fallocate(descriptor, 0, RESERVE_BYTES)
            except OSError:
                path.unlink()
            finally:
                os.close(descriptor)

    def _write(self, lines: bytes, first: int) -> None:
        descriptor = self._current(first)
        if os.fstat(descriptor).st_nlink == 0:
            self._leave_file()  # the next attempt begins another; that records are missing shows
            raise FileNotFoundError(f"the newest file in {self.directory} was removed")
        written = 0
        try:
            while written < len(lines):
                written += os.write(descriptor, lines[written:])
        except OSError:
            os.ftruncate(descriptor, self._size)
            raise
        self._size += written
        self._unsynced = True

    def sync(self) -> None:
        """Make what was appended survive a loss of power."""
        if self._unsynced and self._descriptor is not None:
            os.fsync(self._descriptor)
            self._unsynced = False

    def begins_file(self, first: int) -> bool:
        """Whether record `first` will start a new file."""
        return (self._size >= self._file_bytes) if self._descriptor is not None else self._newest(first) is None

    def delete(self, paths: Sequence[Path]) -> None:
        """Sync the newest file, then delete `paths`. A loss of power may bring them back. Raises OSError."""
        newest = trail_files(self.directory)[-1:]
        for path in newest:
            descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
            try:
                os.fsync(descriptor)
            finally:
                os.close(descriptor)
        for path in paths:
            path.unlink(missing_ok=True)
        self.keep_reserve()

    def close(self) -> None:
        """Sync, and release the lock for another process."""
        try:
            self.sync()
        finally:
            self._leave_file()
            os.close(self._lock)

    def _current(self, first: int) -> int:
        if self._descriptor is not None and self._size >= self._file_bytes:
            self.sync()
            self._leave_file()
        if self._descriptor is None:
            path = self._newest(first) or self.directory / f"audit-{first:012d}.jsonl"
            self._descriptor = os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC, 0o600)
            self._size = os.fstat(self._descriptor).st_size
            if self._size == 0:
                self._sync_directory()
        return self._descriptor

    def _newest(self, first: int) -> Path | None:
        """Return the newest file if record `first` may go into it."""
        files = trail_files(self.directory)
        if not files or files[-1].stat().st_size >= self._file_bytes or first_sequence(files[-1]) > first:
            return None
        return files[-1]

    def _leave_file(self) -> None:
        if self._descriptor is not None:
            os.close(self._descriptor)
            self._descriptor = None

    def _sync_directory(self) -> None:
        descriptor = os.open(self.directory, os.O_RDONLY | os.O_DIRECTORY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)
