"""Writes checkpoints into the audit trail while the server runs: each signs the records since the last one.

Only lines that the server itself wrote are signed: each is read back from disk and its MAC is checked. Reading, hashing
and signing happen in threads, a batch at a time.
"""

import asyncio
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from hashlib import sha256
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, Any

import structlog

from ferryman.audit.files import first_sequence, trail_files
from ferryman.audit.follower import TrailFollower
from ferryman.audit.reader import lines_newest_first, opens
from ferryman.audit.writer import Describe, TrailWriter
from ferryman.core.audit.chain import BrokenChain, ChainLink, changed_to, key_id, open_line
from ferryman.core.audit.checkpoints import CHECKPOINT, UNCOVERED, Checkpoint, checkpoint_of, sign
from ferryman.core.ports.audit import Unrecorded

if TYPE_CHECKING:
    from hashlib import _Hash

LOOK_SECONDS = 1.0
BATCH_RECORDS, BATCH_BYTES = 100, 1024 * 1024
"""How much a thread reads and hashes before it lets others run: about 3 ms of work."""
PAUSE_SECONDS = 0.005
"""The pause between two batches, so that covering the long trail of an older server leaves the event loop its turns."""
STOP_SECONDS = 5.0
"""How long a server that stops waits for its last checkpoint; the next start covers what is left."""
LOOKED_BACK = 10_000
"""How many records before the newest are searched for the last checkpoint, or three times its bound if that is more."""

_log = structlog.get_logger("ferryman.audit")


@dataclass(frozen=True, slots=True)
class Bounds:
    """How much a checkpoint may leave behind: it is due after `seconds` or `records`, whichever is reached first."""

    seconds: float
    records: int


@dataclass(slots=True)
class _Segment:
    """Records read so far: `last` is the newest of `count`, and `key` is what must authenticate the next one.

    `foreign` is a record that is not as the server wrote it.
    """

    last: ChainLink
    count: int = 0
    digest: "_Hash" = field(default_factory=sha256)
    key: bytes | None = None
    foreign: ChainLink | None = None
    problem: str = ""


class CheckpointWriter:
    """Follows a trail and adds checkpoints to it.

    `keys` returns the keys of the chain, `seed` the private key that signs, both as they are now; `origin` is added to
    every statement: texts that say whose trail it is and, as `time`, when it is signed.
    """

    def __init__(
        self,
        directory: Path,
        trail: TrailWriter,
        bounds: Bounds,
        *,
        keys: Callable[[], Sequence[bytes]],
        seed: Callable[[], bytes],
        origin: Callable[[], dict[str, str]],
        describe: Describe,
    ) -> None:
        self._directory, self._trail, self._bounds = directory, trail, bounds
        self._keys, self._seed, self._origin, self._describe = keys, seed, origin, describe
        self._follower = TrailFollower(directory)
        self._after: ChainLink | None = None
        self._key: bytes | None = None
        self._quiet = 0
        self._written_at = time.monotonic()

    async def follow(self) -> None:
        """Write a checkpoint whenever one is due, until cancelled."""
        failed = False
        while True:
            await asyncio.sleep(min(LOOK_SECONDS, self._bounds.seconds))
            try:
                if await self._is_due():
                    await self.write()
                failed = False
            except (OSError, Unrecorded) as error:
                if not failed:
                    _log.error("checkpoint not written", reason=str(error))
                failed = True

    async def write(self) -> None:
        """Cover all that is on disk, with as many checkpoints as their bound asks for. Raises OSError, Unrecorded."""
        up_to = self._trail.last_sequence
        after = await self._start()
        while after.sequence < up_to and up_to > self._quiet:
            segment = await self._read(after, up_to)
            if segment.count:
                await self._cover(after, segment)
            elif segment.foreign is None:  # the lines are gone: what follows them will show where
                break
            if segment.foreign is not None:
                await self._skip(segment)
            assert self._after is not None  # noqa: S101 set by `_start`
            after = self._after
        self._written_at = time.monotonic()

    async def conclude(self) -> None:
        """Write the last checkpoint of a server that stops; what cannot be written in time is logged."""
        try:
            async with asyncio.timeout(STOP_SECONDS):
                await self.write()
        except (OSError, Unrecorded) as error:
            late = isinstance(error, TimeoutError)
            _log.error("checkpoint not written", reason="there was no time for it" if late else str(error))

    async def _is_due(self) -> bool:
        after, last = await self._start(), self._trail.last_sequence
        late = time.monotonic() - self._written_at >= self._bounds.seconds
        return last > self._quiet and last > after.sequence and (late or last - after.sequence >= self._bounds.records)

    async def _start(self) -> ChainLink:
        """Return the last record that a checkpoint covers."""
        if self._after is None:
            most = max(LOOKED_BACK, 3 * self._bounds.records)
            self._after = await asyncio.to_thread(_last_covered, self._directory, self._keys(), most)
        return self._after

    async def _read(self, after: ChainLink, up_to: int) -> _Segment:
        segment = _Segment(after, key=self._key)
        while segment.foreign is None and (rest := self._bounds.records - segment.count) > 0:
            if not await asyncio.to_thread(self._read_batch, segment, up_to, min(rest, BATCH_RECORDS)):
                break
            await asyncio.sleep(PAUSE_SECONDS)
        self._key = segment.key
        return segment

    def _read_batch(self, segment: _Segment, up_to: int, most: int) -> bool:
        """Add records to a segment, and return whether there may be more. Runs in a thread."""
        batch = self._follower.read(segment.last.sequence, up_to, BATCH_BYTES, most)
        if batch is None:
            return False
        keys = self._keys()
        for line, link in zip(batch.lines, batch.links, strict=True):
            try:
                segment.key = _key_after(line[:-1], segment, keys)
            except BrokenChain as broken:
                segment.foreign, segment.problem, segment.key = link, str(broken), None
                return False
            segment.digest.update(line)
            segment.last = link
            segment.count += 1
        return True

    async def _cover(self, after: ChainLink, segment: _Segment) -> None:
        statement = self._origin() | {
            "firstSequence": segment.last.sequence - segment.count + 1,
            "lastSequence": segment.last.sequence,
            "mac": segment.last.mac,
            "sha256": segment.digest.hexdigest(),
        }
        signed = await asyncio.to_thread(sign, CHECKPOINT, statement, self._seed())
        await self._trail.keep(self._describe(CHECKPOINT, signed))
        self._after = segment.last
        if self._trail.last_sequence == segment.last.sequence + 1:
            self._quiet = self._trail.last_sequence  # nothing but the checkpoint itself waits for the next one
        _log.debug("checkpoint written", first=after.sequence + 1, last=segment.last.sequence)

    async def _skip(self, segment: _Segment) -> None:
        """Record that no checkpoint covers a record that is not as the server wrote it, or those missing before it."""
        assert segment.foreign is not None  # noqa: S101 the caller's condition
        first, last = segment.last.sequence + 1, segment.foreign.sequence
        _log.error("trail has records that no checkpoint covers", first=first, last=last, reason=segment.problem)
        detail: dict[str, Any] = {"firstSequence": first, "lastSequence": last, "reason": segment.problem}
        await self._trail.keep(self._describe(UNCOVERED, detail))
        self._after = segment.foreign


def _key_after(line: bytes, segment: _Segment, keys: Sequence[bytes]) -> bytes:
    """Return the key of the record that follows `line`; raises `BrokenChain` if it is not the segment's next record."""
    broken = BrokenChain("there is no key")
    for key in keys if segment.key is None else [segment.key]:
        try:
            link, previous = open_line(key, line)
        except BrokenChain as error:
            broken = error
            continue
        if segment.last.mac and (link.sequence, previous) != (segment.last.sequence + 1, segment.last.mac):
            raise BrokenChain("records before it are missing, or it belongs to another chain")
        name = changed_to(line)
        return next((each for each in keys if key_id(each) == name), key)
    raise broken


def _last_covered(directory: Path, keys: Sequence[bytes], most: int) -> ChainLink:
    """Return the last record that an authentic checkpoint covers; without one, the place before the oldest record."""
    found: Checkpoint | None = None
    for line in islice(lines_newest_first(directory), most):
        found = checkpoint_of(line)
        if found is not None and any(opens(key, line) for key in keys):
            return found.last
    files = trail_files(directory)
    return ChainLink(first_sequence(files[0]) - 1 if files else 0, "")
