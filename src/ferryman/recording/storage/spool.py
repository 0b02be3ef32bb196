"""The recordings of sessions that are recorded only until their logs are delivered: a directory of bounded size."""

import errno
import threading
from pathlib import Path

from ferryman.recording.storage.directory import SUFFIX, DirectoryStorage

SHARES = 8
"""One session may use at most this part of the directory, so that its output does not end the logs of the others."""


class SpoolStorage(DirectoryStorage):
    """`recording.storage.BlockStorage` in a directory that holds at most `most` bytes, then is full like a disk.

    One recording may use an eighth of it.
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
        """As `BlockStorage` has it."""
        self._check_share(recording_id, len(block))
        self._change(len(block))
        try:
            super().append(recording_id, block)
        except BaseException:
            self._change(-len(block))
            raise

    def delete(self, recording_id: str) -> None:
        """As `BlockStorage` has it."""
        try:
            size = self._path(recording_id).stat().st_size
        except FileNotFoundError:
            return
        super().delete(recording_id)
        self._change(-size)

    def _check_share(self, recording_id: str, size: int) -> None:
        share = self._most // SHARES
        try:
            used = self._path(recording_id).stat().st_size
        except FileNotFoundError:
            used = 0
        if used + size > share:
            text = f"{share / (1024 * 1024):g} MiB of this session's log wait to be delivered, the most allowed for one"
            raise OSError(errno.ENOSPC, text, str(self.directory))

    def _change(self, size: int) -> None:
        with self._lock:
            if size > 0 and self._used + size > self._most:
                text = f"{self._most // (1024 * 1024)} MiB of session logs wait to be delivered, the most allowed"
                raise OSError(errno.ENOSPC, text, str(self.directory))
            self._used = max(0, self._used + size)
