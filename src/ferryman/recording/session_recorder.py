"""The tap of one session: what it showed is written as blocks, by a thread, at least once a second.

Everything that the relay calls takes microseconds. At most MOST_WAITING bytes wait or are being written: a relay that
is ahead of the disk pauses.
"""

import asyncio
import time
from collections.abc import Callable
from concurrent.futures import Executor

import structlog

from ferryman.core.ports.recordings import Unrecordable
from ferryman.model.identifiers import SessionId
from ferryman.recording.block_content import BLOCK_BYTES, BlockContent
from ferryman.recording.blocks import BlockSealer
from ferryman.recording.events import Position
from ferryman.recording.storage.port import BlockStorage
from ferryman.recording.transcript import Transcript

MOST_WAITING = 1024 * 1024
RETRY_SECONDS = 1.0
PATIENCE_SECONDS = 30.0
"""A session that must be recorded waits so long for a disk that refuses to be written, then ends."""
ANSWER_SECONDS = 5.0
"""A disk that has not finished writing a block after so long counts as failing until it has."""

_log = structlog.get_logger("ferryman.recording")


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
        self._writing: asyncio.Future[None] | None = None
        self._writing_since = 0.0
        self._writing_size = 0
        self._released = False
        self._unwritten: BlockContent | None = None
        """What could not be written; it is tried again before anything else."""
        self._sealed: bytes | None = None
        """The block of what could not be written."""
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
        return self.is_full

    @property
    def is_full(self) -> bool:
        """As `SessionTap` has it."""
        return self._transcript.size + self._writing_size > MOST_WAITING

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

    def note(self, kind: str, data: bytes) -> None:
        """As `SessionTap` has it."""
        self._transcript.note(kind, data)
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
        now = time.monotonic()
        if self._writing is not None and now - self._writing_since > ANSWER_SECONDS and self.failure is None:
            self._fails(f"the disk has not answered for {ANSWER_SECONDS:g} s", self._writing_since)
        self._write()
        self._drop_surplus()
        self._progress.set()

    async def flush(self) -> None:
        """Write everything that waits; raises OSError if that fails or takes more than PATIENCE_SECONDS."""
        until = time.monotonic() + PATIENCE_SECONDS
        while self._writing is not None or self._unwritten is not None or self._transcript.size:
            self._retry_at = 0.0
            self._write()
            if self._writing is not None:
                await asyncio.wait([self._writing], timeout=until - time.monotonic())
            if self._writing is not None and time.monotonic() >= until:
                raise OSError(f"the disk has not answered for {PATIENCE_SECONDS:g} s")
            if self._writing is None and self.failure is not None:
                raise OSError(self.failure)

    def release(self) -> None:
        """Write nothing more; let others write to the recording once nothing is being written."""
        self._released = True
        if self._writing is None:
            self._storage.release(self.session_id)
        else:
            self._writing.add_done_callback(lambda _: self._storage.release(self.session_id))

    def _write_blocks(self) -> None:
        """Write what is enough for a block; if it cannot be written, keep what waits small."""
        if self._transcript.size >= BLOCK_BYTES:
            self._transcript.close_block()
            self._write()
            self._drop_surplus()

    def _write(self) -> None:
        """Hand the next block to the thread, unless it is still writing or has just failed."""
        if self._writing is not None or self._released or time.monotonic() < self._retry_at:
            return
        content = self._unwritten or self._transcript.take()
        if content is None:
            return
        self._writing_since = time.monotonic()
        self._writing_size = content.size
        self._writing = asyncio.get_running_loop().run_in_executor(self._thread, self._seal_and_append, content)
        self._writing.add_done_callback(lambda future: self._written(content, future))

    def _written(self, content: BlockContent, future: "asyncio.Future[None]") -> None:
        self._writing = None
        self._writing_size = 0
        error = future.exception()
        if error is not None:
            self._failed(content, error)
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

    def _failed(self, content: BlockContent, error: BaseException) -> None:
        now = time.monotonic()
        self._fails(str(error) or type(error).__name__, now)
        self._retry_at = now + RETRY_SECONDS
        self._unwritten = content

    def _fails(self, reason: str, since: float) -> None:
        if self.failure is None:
            self._failing_since = since
            _log.error("session not recorded", session_id=self.session_id, reason=reason)
        self.failure = reason

    def _drop_surplus(self) -> None:
        """Drop what waits if it is too much, in a session that continues although it cannot be recorded."""
        if self.failure is not None and not self._required and self._transcript.size > MOST_WAITING:
            while (content := self._transcript.take()) is not None:
                self._lost += content.shown

    def _seal_and_append(self, content: BlockContent) -> None:
        """Write one block, in the thread."""
        if self._sealed is None:  # a block is repeated as it was: it may have been written although the answer was lost
            self._sealed = self._sealer.seal(content.content(), content.first_at, content.last_at)
        self._storage.append(self.session_id, self._sealed)
        self._sealed = None
        self._sealer.written()
