"""Copies a part of the audit trail for somebody who has only the server's public key.

A copy begins and ends with whole checkpoints, and its last line is a signed statement of how much there is.
"""

import os
from collections.abc import Iterator
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path
from typing import Any

import msgspec

from ferryman.audit.follower import TrailFollower
from ferryman.core.audit.chain import ChainLink
from ferryman.core.audit.checkpoints import EXPORT, Checkpoint, checkpoint_of, sign

RECORDS, PUBLIC_KEYS = "records.jsonl", "public-keys"
"""The files of a copy that is a directory."""
_BATCH_BYTES, _BATCH_RECORDS = 4 * 1024 * 1024, 10_000


class _Times(msgspec.Struct):
    """When a record was made: calls have one member, events the other."""

    eventTime: str = ""  # noqa: N815 CloudTrail's name
    time: str = ""


@dataclass(frozen=True, slots=True)
class Exported:
    """What was written: the records' numbers, and the last one that a checkpoint covers."""

    first: int
    last: int
    covered: int

    @property
    def records(self) -> int:
        """How many records there are, if none is missing."""
        return self.last - self.first + 1


class NothingToExport(Exception):
    """The trail has no records in this time span."""


def write_export(
    directory: Path,
    destination: Path,
    seed: bytes,
    origin: dict[str, str],
    *,
    since: str = "",
    until: str = "",
) -> Exported:
    """Write the records from `since` to before `until`, as records have times, to a new file, mode 0600.

    The copy is extended to whole checkpoints. `origin` is added to the signed statement. Raises OSError, also if the
    file exists, and `NothingToExport`.
    """
    first, last, covered = _extent(directory, since, until)
    descriptor = os.open(destination, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
    try:
        with os.fdopen(descriptor, "wb") as file:
            digest = sha256()
            for line, _ in _records(directory, first - 1, last):
                file.write(line)
                digest.update(line)
            statement: dict[str, Any] = origin | {
                "firstSequence": first,
                "lastSequence": last,
                "sha256": digest.hexdigest(),
                "since": since,
                "until": until,
            }
            file.write(msgspec.json.encode({"export": sign(EXPORT, statement, seed)}, order="sorted") + b"\n")
            file.flush()
            os.fsync(file.fileno())
    except BaseException:
        destination.unlink(missing_ok=True)
        raise
    return Exported(first, last, covered)


def _extent(directory: Path, since: str, until: str) -> tuple[int, int, int]:
    """Return the first and last record to write, and the last of them that a checkpoint covers."""
    asked: list[int] = []
    checkpoints: list[tuple[int, Checkpoint]] = []
    newest = 0
    for line, link in _records(directory, 0, None):
        newest = link.sequence
        checkpoint = checkpoint_of(line)
        if checkpoint is not None:
            checkpoints.append((link.sequence, checkpoint))
        moment = _time(line)
        if moment >= since and (not until or moment < until):
            asked = [asked[0] if asked else newest, newest]
    if not asked:
        raise NothingToExport
    first, last = asked
    beginning = next((each.first for _, each in checkpoints if each.first <= first <= each.last.sequence), first)
    end = next((at for at, each in checkpoints if each.first <= last <= each.last.sequence), newest)
    covered = [each.last.sequence for at, each in checkpoints if at <= end and each.first >= beginning]
    return beginning, end, max(covered, default=0)


def _records(directory: Path, after: int, up_to: int | None) -> Iterator[tuple[bytes, ChainLink]]:
    """Yield lines with their newlines and links, in order."""
    follower = TrailFollower(directory)
    most = 10**18 if up_to is None else up_to
    while (batch := follower.read(after, most, _BATCH_BYTES, _BATCH_RECORDS)) is not None:
        yield from zip(batch.lines, batch.links, strict=True)
        after = batch.last.sequence


def _time(line: bytes) -> str:
    """Return when a record was made, in the form of records; "" if it does not say, since somebody altered it."""
    try:
        times = msgspec.json.decode(line, type=_Times)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return ""
    return times.eventTime or times.time
