"""The tap of one session: what it showed is written as blocks, by a thread, at least once a second.

Everything that the relay calls takes microseconds. At most MOST_WAITING bytes wait: a relay that is ahead of the disk
pauses.
"""

import asyncio
import time
from collections.abc import Callable
from concurrent.futures import Executor
from dataclasses import dataclass

import structlog

from ferryman.core.ports.recordings import Unrecordable
from ferryman.model.identifiers import SessionId
from ferryman.recording.blocks import BlockSealer
from ferryman.recording.events import Event, Position, encode_content
from ferryman.recording.storage import BlockStorage
from ferryman.recording.transcript import Transcript, WaitingEvent

BLOCK_BYTES = 64 * 1024
"""So much is written without waiting for the second to end."""
MOST_WAITING = 1024 * 1024
MOST_BATCH = 1024 * 1024
"""So much goes into one block, or a single larger message; what waits may be more by the messages of a gap."""
RETRY_SECONDS = 1.0
PATIENCE_SECONDS = 30.0
"""A session that must be recorded waits so long for a disk that refuses to be written, then ends."""

_log = structlog.get_logger("ferryman.recording")


@dataclass(frozen=True, slots=True)
class _Batch:
    """The events of one block, and the position behind them."""

    events: list[WaitingEvent]
    position: Position


class SessionRecorder:
    """`core.ports.recordings.SessionTap`.

    `elapsed` returns milliseconds since the recording began; `position` is where an earlier process ended. `required`:
    the session pauses while it cannot be recorded. `typed`: what people type is recorded, too.
    """

    def __init__(
        self,
        session_id: SessionId,
        sealer: BlockSealer,
        storage: BlockStorage,
        thread: Executor,
        elapsed: Callable[[], int],
        position: Position | None = None,
        *,
        required: bool = True,
        typed: bool = False,
    ) -> None:
        self.session_id = session_id
        self.failure: str | None = None
        self._sealer = sealer
        self._storage = storage
        self._thread = thread
        self._required = required
        self._transcript = Transcript(elapsed, position, typed=typed)
        self._position = self._transcript.position
        self._writing: asyncio.Future[None] | None = None
        self._unwritten: _Batch | None = None
        """What could not be written; it is tried again before anything else."""
        self._lost = 0
        self._failing_since = 0.0
        self._retry_at = 0.0
        self._progress = asyncio.Event()

    @property
    def blocks(self) -> int:
        """How many blocks the recording has."""
        return self._sealer.number

    @property
    def is_behind(self) -> bool:
        """As `SessionTap` has it."""
        if self.failure is not None:
            return self._required
        return self._transcript.size > MOST_WAITING

    @property
    def is_full(self) -> bool:
        """As `SessionTap` has it."""
        return self._transcript.size > MOST_WAITING

    @property
    def has_gap(self) -> bool:
        """As `SessionTap` has it."""
        return self._transcript.has_gap

    def output(self, number: int, frame: bytes) -> None:
        """As `SessionTap` has it."""
        self._transcript.output(number, frame)
        self._write_blocks()

    def input(self, number: int, frame: bytes) -> None:
        """As `SessionTap` has it."""
        self._transcript.input(number, frame)
        self._write_blocks()

    def acknowledged(self, number: int) -> None:
        """As `SessionTap` has it."""
        self._transcript.acknowledged(number)
        self._write_blocks()

    def client_attached(self, client_id: str) -> None:
        """As `SessionTap` has it."""
        self._transcript.client_attached(client_id)
        self._write_blocks()

    def client_left(self) -> None:
        """As `SessionTap` has it."""
        self._transcript.client_left()

    def publication(self, client_id: str, delivered: int | None) -> None:
        """As `SessionTap` has it."""
        self._transcript.publication(client_id, delivered)
        self._write_blocks()

    async def caught_up(self) -> None:
        """As `SessionTap` has it."""
        while self.is_behind:
            if self.failure is not None and time.monotonic() - self._failing_since > PATIENCE_SECONDS:
                raise Unrecordable(self.failure)
            self._write()
            self._progress.clear()
            await self._progress.wait()

    def tick(self) -> None:
        """Write what waits; call it once a second."""
        self._transcript.check_gap()
        self._write()
        self._progress.set()

    async def flush(self) -> None:
        """Write everything that waits; raises OSError if that fails."""
        while self._writing is not None or self._unwritten is not None or self._transcript.size:
            self._retry_at = 0.0
            self._write()
            if self._writing is not None:
                await asyncio.wait([self._writing])
            if self.failure is not None:
                raise OSError(self.failure)

    def _write_blocks(self) -> None:
        """Write what is enough for a block; if it cannot be written, keep what waits small."""
        if self._transcript.size >= BLOCK_BYTES:
            self._write()
            self._drop_surplus()

    def _write(self) -> None:
        """Hand what waits to the thread, unless it is still writing or has just failed."""
        if self._writing is not None or time.monotonic() < self._retry_at:
            return
        batch = self._unwritten or self._batch()
        if not batch.events:
            return
        self._writing = asyncio.get_running_loop().run_in_executor(self._thread, self._seal_and_append, batch)
        self._writing.add_done_callback(lambda future: self._written(batch, future))

    def _batch(self) -> _Batch:
        """Return the events of the next block. Its position is that of the block before if there are more events:
        a server that dies in between records some twice rather than not at all."""
        events = self._transcript.take(MOST_BATCH)
        if not self._transcript.size:
            self._position = self._transcript.position
        return _Batch(events, self._position)

    def _written(self, batch: _Batch, future: "asyncio.Future[None]") -> None:
        self._writing = None
        error = future.exception()
        if error is not None:
            self._failed(batch, error)
        else:
            self._unwritten = None
            self._recovered()
        if self._transcript.size >= BLOCK_BYTES:
            self._write()
        self._progress.set()

    def _recovered(self) -> None:
        if self.failure is not None:
            _log.info("session is recorded again", session_id=self.session_id)
            self.failure = None
        if self._lost:
            self._transcript.mark(f"{self._lost} bytes are missing: they could not be written.")
            self._lost = 0

    def _failed(self, batch: _Batch, error: BaseException) -> None:
        now = time.monotonic()
        if self.failure is None:
            self._failing_since = now
            _log.error("session not recorded", session_id=self.session_id, reason=str(error))
        self.failure = str(error) or type(error).__name__
        self._retry_at = now + RETRY_SECONDS
        self._unwritten = batch

    def _drop_surplus(self) -> None:
        """Drop what waits if it is too much, in a session that continues although it cannot be recorded."""
        if self.failure is not None and not self._required and self._transcript.size > MOST_WAITING:
            self._lost += sum(len(event.data) - event.start for event in self._transcript.take())

    def _seal_and_append(self, batch: _Batch) -> None:
        """Write one block, in the thread."""
        events = batch.events
        content = encode_content(
            [Event(event.at, event.kind, event.data[event.start :]) for event in events], batch.position
        )
        self._storage.append(self.session_id, self._sealer.seal(content, events[0].at, events[-1].at))
        self._sealer.written()
