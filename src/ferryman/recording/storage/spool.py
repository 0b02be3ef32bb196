"""The recordings of sessions that are recorded only until their logs are delivered: a directory of bounded size."""

import errno
import threading
from pathlib import Path

from ferryman.recording.storage.directory import SUFFIX, DirectoryStorage

SHARES = 8
"""One session may use at most this part of what the others leave, so that its output does not end their logs. Nor do
many sessions of one person: twenty that write all they can leave a fourteenth of the directory."""


class SpoolStorage(DirectoryStorage):
    """`recording.storage.BlockStorage` in a directory that holds less than `most` bytes, and is full like a disk.

    One recording may use an eighth of what is not used by others.
    """

    def __init__(self, directory: Path, most: int) -> None:
        super().__init__(directory)
        self._most = most
        self._used = sum(path.stat().st_size for path in directory.glob(f"*/*{SUFFIX}"))
        self._lock = threading.Lock()

    @property
    def used(self) -> int:
        """Bytes that recordings use."""
        return self._used

    def append(self, recording_id: str, block: bytes) -> None:
        """See `BlockStorage`."""
        self._reserve(recording_id, len(block))
        try:
            super().append(recording_id, block)
        except BaseException:
            self._release(len(block))
            raise

    def delete(self, recording_id: str) -> None:
        """See `BlockStorage`."""
        try:
            size = self._path(recording_id).stat().st_size
        except FileNotFoundError:
            return
        super().delete(recording_id)
        self._release(size)

    def _reserve(self, recording_id: str, size: int) -> None:
        try:
            own = self._path(recording_id).stat().st_size
        except FileNotFoundError:
            own = 0
        with self._lock:
            share = max(0, self._most - self._used + own) // SHARES
            if own + size > share:
                text = (
                    f"{share / (1024 * 1024):.3g} MiB is the most that this session's log may use until it is delivered"
                )
                raise OSError(errno.ENOSPC, text, str(self.directory))
            self._used += size

    def _release(self, size: int) -> None:
        with self._lock:
            self._used = max(0, self._used - size)
