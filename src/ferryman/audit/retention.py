"""Which files of the trail to delete, and why: the oldest first, never the one being written.

`files_kept` and `days` are soft limits: a file that a sink has not delivered yet stays. Free disk space is a hard one:
below `min_free_bytes` the oldest files are deleted even if undelivered, as long as LEAST_KEPT_BYTES of newer ones stay.
If only that much is left, nothing is deleted: the trail cannot be written then, and calls are refused.
"""

import os
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import Any, Protocol

from ferryman.audit.files import first_sequence, trail_files
from ferryman.audit.reader import last_link_in
from ferryman.core.audit.chain import ChainLink

LEAST_KEPT_BYTES = 1024 * 1024 * 1024
"""How much the disk limit never deletes, so that filling the disk cannot make the server delete recent records."""


class Reason(StrEnum):
    """The limit that a file was deleted for."""

    FILES = "filesKept"
    DAYS = "retentionDays"
    DISK = "diskSpace"


class Follower(Protocol):
    """What the deletion of files needs to know about a sink."""

    @property
    def name(self) -> str:
        """The sink's name in records."""

    @property
    def delivered(self) -> int:
        """The number of the last record that it has delivered."""


def free_bytes(directory: Path) -> int:
    """Return what an ordinary account can still write to a directory's file system. Raises OSError."""
    found = os.statvfs(directory)
    return found.f_bavail * found.f_frsize


@dataclass(frozen=True, slots=True)
class Retention:
    """`days` 0 is for no limit of age; an age is that of a file's newest record. `min_free_bytes` 0 is for no guard."""

    files_kept: int
    days: int = 0
    min_free_bytes: int = 0
    followers: Sequence[Follower] = ()
    free: Callable[[Path], int] = free_bytes
    now: Callable[[], float] = time.time


KEEP_ALL = Retention(files_kept=1_000_000_000)
"""Deletes nothing."""


@dataclass(frozen=True, slots=True)
class Deletable:
    """A file to delete: the records in it, its size, and the reason."""

    path: Path
    first: int
    last: ChainLink
    size: int
    reason: Reason


def deletable(directory: Path, retention: Retention, oldest: int, *, begins_file: bool) -> list[Deletable]:
    """Return the files to delete now, oldest first. Raises OSError.

    Files with records before number `oldest` are recorded as deleted already and are not counted. `begins_file`: the
    next record starts a new file, so that the newest existing one may be deleted as well.
    """
    files = [path for path in trail_files(directory) if first_sequence(path) >= oldest]
    may_go = files if begins_file else files[:-1]
    surplus = len(files) + begins_file - retention.files_kept
    delivered = min((each.delivered for each in retention.followers), default=None)
    found: list[Deletable] = []
    missing, kept_bytes = _shortage(directory, retention, files)
    for path in may_go:
        if found and first_sequence(path) != found[-1].last.sequence + 1:
            break  # something removed the files between, which must not be recorded as deleted
        stat = path.stat()
        last = last_link_in(path) or ChainLink(first_sequence(path) - 1)
        held = delivered is not None and last.sequence > delivered
        if missing > 0 and kept_bytes - stat.st_size >= LEAST_KEPT_BYTES:
            reason = Reason.DISK
        elif surplus > 0 and not held:
            reason = Reason.FILES
        elif retention.days and retention.now() - stat.st_mtime > retention.days * 86400 and not held:
            reason = Reason.DAYS
        else:
            break
        found.append(Deletable(path, first_sequence(path), last, stat.st_size, reason))
        surplus, missing, kept_bytes = surplus - 1, missing - stat.st_size, kept_bytes - stat.st_size
    return found


def deletion_detail(deletions: Sequence[Deletable], followers: Sequence[Follower]) -> dict[str, Any]:
    """Return the detail of the event which says that the server deletes these files, at least one, in order."""
    last = deletions[-1].last
    detail = {
        "files": [each.path.name for each in deletions],
        "firstSequence": deletions[0].first,
        "lastSequence": last.sequence,
        "deleted": [
            {
                "file": each.path.name,
                "firstSequence": each.first,
                "lastSequence": each.last.sequence,
                "mac": each.last.mac,
                "bytes": each.size,
                "reason": each.reason.value,
            }
            for each in deletions
        ],
    }
    undelivered = {each.name: each.delivered for each in followers if each.delivered < last.sequence}
    return detail | ({"undelivered": undelivered} if undelivered else {})


def _shortage(directory: Path, retention: Retention, files: Sequence[Path]) -> tuple[int, int]:
    """Return how many bytes of disk are missing, and how many the files have."""
    if not retention.min_free_bytes:
        return 0, 0
    return retention.min_free_bytes - retention.free(directory), sum(path.stat().st_size for path in files)
