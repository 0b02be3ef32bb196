"""Copies the audit trail elsewhere: each sink reads the trail's files from its last position and delivers the records.

The trail is the spool: what cannot be delivered stays in its files, in order and across restarts, for as long as they
are kept. Every record is delivered at least once. A sink that makes no progress delays nothing else.
"""

import asyncio
import contextlib
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

import msgspec
import structlog

from ferryman.audit.follower import Batch, TrailFollower
from ferryman.audit.sinks.position import SinkPosition, position_path, read_position, store_position
from ferryman.core.ports.audit import Entry
from ferryman.core.ports.runtime import Clock
from ferryman.signing.canonical import SignableRequest

GAP = "AuditSinkGap"
"""`detail-type` of the event that says which records a sink will not deliver, because their files were deleted."""
END_SECONDS = 5.0
"""How long a stopping server waits for undelivered records; the next start continues."""

_log = structlog.get_logger("ferryman.audit")

Sign = Callable[[SignableRequest], Mapping[str, str]]
"""Returns the headers that sign a request."""


class Undelivered(Exception):
    """The receiver did not accept a batch. `too_large`: it might accept half of it."""

    def __init__(self, reason: str, *, too_large: bool = False) -> None:
        super().__init__(reason)
        self.too_large = too_large


class Outlet(Protocol):
    """Connections to the receiver."""

    async def send(
        self, method: str, raw_path: str, raw_query: str, headers: Mapping[str, str], body: bytes, sign: Sign | None
    ) -> int:
        """Send a request and return the answer's status, whatever it is; no redirect is followed. Raises
        `Undelivered`."""


Deliver = Callable[[Batch], Awaitable[None]]
"""Delivers a batch; raises `Undelivered`."""


class WrittenTrail(Protocol):
    """The trail that is being written, as sinks use it."""

    @property
    def last_sequence(self) -> int:
        """The number of the newest record on disk."""

    def note(self, entry: Entry) -> None:
        """Put an entry into the trail soon."""


@dataclass(frozen=True, slots=True)
class Pace:
    """`interval`: how long records wait for others, in seconds, unless there are `most_bytes` or `most_records`.

    A batch that was not accepted is sent again after `first_retry` seconds, twice that, and so on up to `last_retry`.
    """

    interval: float
    most_bytes: int
    most_records: int
    first_retry: float = 1.0
    last_retry: float = 60.0


def raise_unless_accepted(status: int) -> None:
    """Raise `Undelivered` unless the status means that the batch was accepted."""
    if not 200 <= status < 300:
        hint = "; redirects are not followed" if 300 <= status < 400 else ""
        raise Undelivered(f"it answered {status}{hint}", too_large=status == 413)


class Sink:
    """One sink. `start` it once the trail is open, call `written` for new lines, and `close` it after the trail."""

    def __init__(
        self,
        name: str,
        directory: Path,
        deliver: Deliver,
        pace: Pace,
        clock: Clock,
        describe: Callable[[str, Mapping[str, Any]], Entry],
    ) -> None:
        self.name = name
        self._path = position_path(directory, name)
        self._follower = TrailFollower(directory)
        self._deliver = deliver
        self._pace = pace
        self._clock = clock
        self._describe = describe
        self._position = SinkPosition()
        self._waiting_bytes = self._waiting_records = 0
        self._news = asyncio.Event()
        self._news.set()
        self._full = asyncio.Event()
        self._closing = asyncio.Event()
        self._task: asyncio.Task[None] | None = None

    @property
    def delivered(self) -> int:
        """The number of the last record that was delivered; 0 until it is known. Any thread may ask."""
        return self._position.sequence

    def start(self, trail: WrittenTrail) -> None:
        """Deliver the records of `trail` from now on, beginning with those that earlier runs left."""
        self._task = asyncio.create_task(self._run(trail), name=f"audit-{self.name}")

    def written(self, lines: Sequence[bytes]) -> None:
        """Note that lines were written to the trail."""
        self._waiting_bytes += sum(map(len, lines))
        self._waiting_records += len(lines)
        self._news.set()
        if self._waiting_bytes >= self._pace.most_bytes or self._waiting_records >= self._pace.most_records:
            self._full.set()

    async def close(self) -> None:
        """Try once more to deliver the waiting records, within END_SECONDS; the next run delivers the rest."""
        self._closing.set()
        self._news.set()
        self._full.set()
        if self._task is not None:
            await asyncio.wait({self._task}, timeout=END_SECONDS)
            self._task.cancel()
            await asyncio.wait({self._task})

    async def _run(self, trail: WrittenTrail) -> None:
        """Follow the trail until closing; an error must not keep later records from being delivered."""
        while not self._closing.is_set():
            try:
                await self._follow(trail)
            except OSError as error:
                _log.error("audit sink cannot read the trail", sink=self.name, reason=str(error))
            except Exception:  # noqa: BLE001 boundary: whatever it is, the trail is still there to be read
                _log.exception("audit sink failed", sink=self.name)
            else:
                return
            await self._closed_within(self._pace.last_retry)

    async def _follow(self, trail: WrittenTrail) -> None:
        self._position = await asyncio.to_thread(self._resume, trail)
        while True:
            await self._due()
            await self._drain(trail)
            if self._closing.is_set():
                return

    def _resume(self, trail: WrittenTrail) -> SinkPosition:
        """Return where to continue: at the beginning if the stored position belongs to another trail."""
        stored = read_position(self._path)
        if stored.sequence == 0:
            return stored
        if trail.last_sequence >= stored.sequence:
            found = self._follower.find(stored.sequence)
            if found is None or found == stored.link:
                return stored
        _log.warning("sink restarts with another trail", sink=self.name, sequence=stored.sequence)
        return SinkPosition()

    async def _due(self) -> None:
        await self._news.wait()
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(self._pace.interval):
                await self._full.wait()

    async def _drain(self, trail: WrittenTrail) -> None:
        """Deliver everything there is, unless closing stops it."""
        self._waiting_bytes = self._waiting_records = 0
        if not self._closing.is_set():
            self._news.clear()
            self._full.clear()
        while (batch := await self._next(trail)) is not None:
            if batch.first.sequence > self._position.sequence + 1:
                self._note_gap(trail, self._position.sequence + 1, batch.first.sequence - 1)
            if not await self._deliver_with_retries(batch):
                return

    async def _next(self, trail: WrittenTrail) -> Batch | None:
        pace, after = self._pace, self._position.sequence
        read = self._follower.read
        return await asyncio.to_thread(read, after, trail.last_sequence, pace.most_bytes, pace.most_records)

    async def _deliver_with_retries(self, batch: Batch) -> bool:
        """Deliver a batch, retrying until it is accepted; False if the sink was closed first."""
        wait = self._pace.first_retry
        while True:
            try:
                await self._attempt(batch)
            except Undelivered as error:
                await self._failed(str(error))
                if error.too_large and (half := batch.half()) is not None:
                    batch = half
                    continue
                if self._closing.is_set() or await self._closed_within(wait):
                    return False
                wait = min(self._pace.last_retry, wait * 2)
                continue
            if self._position.failure is not None:
                _log.info("audit sink delivers again", sink=self.name)
            await self._keep(self._position.reached(batch.last, self._clock()))
            return True

    async def _attempt(self, batch: Batch) -> None:
        try:
            await self._deliver(batch)
        except Undelivered:
            raise
        except Exception as error:  # boundary: whatever it is, the records must not be lost
            _log.exception("audit sink failed", sink=self.name)
            raise Undelivered(f"{type(error).__name__}: {error}") from error

    async def _failed(self, reason: str) -> None:
        if self._position.failure is None:
            _log.error("trail not delivered", sink=self.name, reason=reason, after=self._position.sequence)
        if self._position.failure != reason:
            await self._keep(msgspec.structs.replace(self._position, failure=reason))

    async def _keep(self, position: SinkPosition) -> None:
        self._position = position
        try:
            await asyncio.to_thread(store_position, self._path, position)
        except OSError as error:  # delivered again after a restart, which is harmless
            _log.warning("sink's position not stored", sink=self.name, reason=str(error))

    async def _closed_within(self, seconds: float) -> bool:
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                await self._closing.wait()
        return self._closing.is_set()

    def _note_gap(self, trail: WrittenTrail, first: int, last: int) -> None:
        _log.error("audit sink has a gap", sink=self.name, first=first, last=last)
        detail = {"sink": self.name, "firstSequence": first, "lastSequence": last}
        trail.note(self._describe(GAP, detail))
