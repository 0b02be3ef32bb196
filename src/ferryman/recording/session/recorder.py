"""The tap of one session: writes its output as blocks, in a thread, at least once a second.

The relay's event loop only notes frames in order: each costs it an append. The thread gets whole batches; it
puts the messages in order, encodes, compresses, encrypts and appends them.

At most MOST_WAITING bytes are noted or being written: a relay that is ahead of the disk pauses.
"""

import asyncio
import threading
import time
from collections import deque
from collections.abc import Callable
from concurrent.futures import Executor, Future
from typing import Any, TypeAlias

import structlog

from ferryman.core.ports.recordings.recorder import Unrecordable
from ferryman.model.identifiers import SessionId
from ferryman.recording.block_content import BLOCK_BYTES, BlockContent
from ferryman.recording.blocks import BlockSealer
from ferryman.recording.events import TranscriptPosition
from ferryman.recording.session.transcript import Transcript
from ferryman.recording.storage.port import BlockStorage
from ferryman.wire.agent_message import HEADER_SIZE, PayloadType

MOST_WAITING = 1024 * 1024
WORTH_A_BLOCK = BLOCK_BYTES // 2
"""A smaller block is only written once a second: a flood of small frames would make many of them."""
DROPPED_AT = 64 * 1024
"""How many bytes are noted before the event loop drops some, if the session may continue while the disk fails."""
NOTE_BYTES = 128
"""The most that a noted frame takes in addition to its bytes."""
RETRY_SECONDS = 1.0
PATIENCE_SECONDS = 30.0
"""How long a session that must be recorded waits for a disk that cannot be written, before it ends."""
ANSWER_SECONDS = 5.0
"""How long writing a block may take; after that the disk counts as failing until it has finished."""

_Note: TypeAlias = list[bytes] | int | tuple[Any, ...]
"""Output messages; the time of what follows, in milliseconds; or a method of `Transcript` and its arguments."""
_PAYLOAD_TYPE = slice(112, 116)
_SIZE = PayloadType.SIZE.to_bytes(4, "big")
_log = structlog.get_logger("ferryman.recording")


class SessionRecorder:
    """`core.ports.recordings.recorder.SessionTap`.

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
        position: TranscriptPosition | None = None,
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
        self._typed = typed
        self._elapsed = elapsed
        self._loop = asyncio.get_running_loop()
        self._turn = -1.0
        """The event loop's time when the clock was last read: all frames of one turn have the same time."""
        self._at = -1
        self._frames: list[bytes] = []
        """The output messages that were noted last."""
        self._notes: list[_Note] = [self._frames]
        self._noted = 0
        """Bytes of the notes."""
        self._batches: deque[list[_Note]] = deque()
        """Notes that were handed over, oldest first; taken out while `_transcribing` is held."""
        self._enough = BLOCK_BYTES
        """How many bytes of notes are handed to the thread without waiting for the next tick."""
        self._next_output = -1
        self._is_disordered = self._was_disordered = False
        """Whether the notes, or those that the thread has, may leave a gap between output messages."""
        self._now = 0
        """The time of what is being transcribed."""
        self._transcript = Transcript(lambda: self._now, position, typed=typed)
        self._transcribing = threading.Lock()
        """Held to change the transcript: by the thread, or by the event loop while the disk fails."""
        self._handed = 0
        """Bytes that the thread has, or that were not written."""
        self._writing_since: float | None = None
        self._released = False
        self._unwritten: BlockContent | None = None
        """Content that could not be written; it is tried again before anything else."""
        self._sealed: bytes | None = None
        """The block of content that could not be written."""
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
        """See `SessionTap`."""
        if self.failure is not None:
            return self._required
        return self._noted + self._handed > MOST_WAITING

    @property
    def is_full(self) -> bool:
        """See `SessionTap`."""
        return self.waiting > MOST_WAITING

    @property
    def waiting(self) -> int:
        """Bytes that are noted or being written, or could not be written."""
        return self._noted + self._handed

    @property
    def has_gap(self) -> bool:
        """See `SessionTap`; True as well if the thread must find out."""
        return self._is_disordered or self._was_disordered or self._transcript.has_gap

    def output(self, number: int, frame: bytes) -> None:
        """See `SessionTap`."""
        now = self._loop.time()
        if now != self._turn:
            self._read_clock(now)
        self._frames.append(frame)
        self._noted = noted = self._noted + len(frame) + NOTE_BYTES
        if number != self._next_output:
            self._is_disordered = True
        self._next_output = number + 1
        if noted >= self._enough:
            self._hand_over()

    def input(self, number: int, frame: bytes) -> None:
        """See `SessionTap`."""
        if not self._typed and frame[_PAYLOAD_TYPE] != _SIZE:
            frame = frame[:HEADER_SIZE]  # only its number counts, so what is typed or uploaded is not kept here
        self._note(Transcript.input, number, frame, size=len(frame))

    def acknowledged(self, number: int) -> None:
        """See `SessionTap`."""
        self._note(Transcript.acknowledged, number)

    def note(self, kind: str, data: bytes) -> None:
        """See `SessionTap`."""
        self._note(Transcript.note, kind, data, size=len(data))

    def client_attached(self, client_id: str) -> None:
        """See `SessionTap`."""
        self._note(Transcript.client_attached, client_id)

    def client_left(self) -> None:
        """See `SessionTap`."""
        self._note(Transcript.client_left)

    def publication(self, client_id: str, delivered: int | None) -> None:
        """See `SessionTap`."""
        self._is_disordered = True  # as far as is known here: the agent may number from 0 again
        self._note(Transcript.publication, client_id, delivered)

    async def caught_up(self) -> None:
        """See `SessionTap`."""
        while self.is_behind:
            if self.failure is not None and time.monotonic() - self._failing_since > PATIENCE_SECONDS:
                raise Unrecordable(self.failure)
            self._hand_over(flush=True)
            self._progress.clear()
            await self._progress.wait()

    def tick(self) -> None:
        """Write all that is noted; call it once a second."""
        if self._transcript.has_gap:
            self._note(Transcript.check_gap)
        since = self._writing_since
        if since is not None and time.monotonic() - since > ANSWER_SECONDS and self.failure is None:
            self._fails(f"the disk has not answered for {ANSWER_SECONDS:g} s", since)
        self._hand_over(flush=True)
        self._progress.set()

    def skip_gap(self) -> None:
        """Record what waits for missing output messages: nothing more will come here."""
        if self.has_gap:
            self._note(Transcript.skip_gap)

    async def flush(self) -> None:
        """Write everything that waits; raises OSError if that fails or takes more than PATIENCE_SECONDS."""
        until = time.monotonic() + PATIENCE_SECONDS
        while self._writing_since is not None or self._noted or self._handed:
            self._retry_at = 0.0
            self._hand_over(flush=True)
            self._progress.clear()
            try:
                async with asyncio.timeout(until - time.monotonic()):
                    await self._progress.wait()
            except TimeoutError as error:
                raise OSError(f"the disk has not answered for {PATIENCE_SECONDS:g} s") from error
            if self._writing_since is None and self.failure is not None:
                raise OSError(self.failure)

    def release(self) -> None:
        """Stop writing; let others write to the recording once no write is under way."""
        self._released = True
        if self._writing_since is None:
            self._storage.release(self.session_id)

    # On the event loop

    def _note(self, method: Callable[..., None], *arguments: object, size: int = 0) -> None:
        """Note a call of a method of the transcript, whose arguments have `size` bytes."""
        now = self._loop.time()
        if now != self._turn:
            self._read_clock(now)
        self._frames = []
        self._notes += ((method, *arguments), self._frames)
        self._noted += size + NOTE_BYTES
        if self._noted >= self._enough:
            self._hand_over()

    def _read_clock(self, now: float) -> None:
        self._turn = now
        at = self._elapsed()
        if at != self._at:
            self._at = at
            self._frames = []
            self._notes += (at, self._frames)

    def _hand_over(self, *, flush: bool = False) -> None:
        """Hand the notes to the thread, unless it is still writing or has just failed.

        `flush`: a small block is written as well.
        """
        if self._writing_since is None and not self._released and (self._noted or self._handed):
            now = time.monotonic()
            if now >= self._retry_at:
                self._take_notes()
                self._writing_since = now
                self._thread.submit(self._write, flush).add_done_callback(self._report)
        if self.failure is not None and not self._required:
            self._drop_surplus()

    def _take_notes(self) -> None:
        self._batches.append(self._notes)
        self._frames = []
        self._notes = [self._frames]
        self._handed += self._noted
        self._noted = 0
        self._was_disordered |= self._is_disordered
        self._is_disordered = False

    def _written(self, error: BaseException | None) -> None:
        """Note that the thread has written everything it had, or failed."""
        self._writing_since = None
        self._was_disordered = False
        self._count_unwritten()
        if self._released:
            self._storage.release(self.session_id)
        elif error is not None:
            now = time.monotonic()
            self._fails(str(error) or type(error).__name__, now)
            self._retry_at = now + RETRY_SECONDS
        else:
            self._recovered()
        if self._noted >= self._enough:
            self._hand_over()
        self._progress.set()

    def _count_unwritten(self) -> None:
        unwritten = self._unwritten
        self._handed = self._transcript.size + (0 if unwritten is None else unwritten.size)

    def _recovered(self) -> None:
        if self.failure is not None:
            _log.info("session is recorded again", session_id=self.session_id)
            self.failure = None
            self._enough = BLOCK_BYTES
        if self._lost:
            self._note(Transcript.mark, f"{self._lost} bytes are missing: they could not be written.")
            self._lost = 0

    def _fails(self, reason: str, since: float) -> None:
        if self.failure is None:
            self._failing_since = since
            _log.error("session not recorded", session_id=self.session_id, reason=reason)
        self.failure = reason
        if not self._required:
            self._enough = DROPPED_AT

    def _drop_surplus(self) -> None:
        """Drop notes if there are too many and the session may continue unrecorded."""
        if not self._transcribing.acquire(blocking=False):
            return  # the thread is not waiting for the disk
        try:
            self._take_notes()
            self._transcribe()
            self._count_unwritten()
            if self._handed > MOST_WAITING:
                while (content := self._transcript.next_block()) is not None:
                    self._lost += content.shown
                self._count_unwritten()
        finally:
            self._transcribing.release()

    # In the thread

    def _write(self, flush: bool) -> None:
        """Transcribe the notes that were handed over, and write the resulting blocks."""
        with self._transcribing:
            self._transcribe()
        while (content := self._next_block(flush)) is not None:
            self._seal_and_append(content)

    def _report(self, future: Future[None]) -> None:
        """Tell the event loop that `_write` is done."""
        try:
            self._loop.call_soon_threadsafe(self._written, future.exception())
        except RuntimeError:
            return  # the loop is closed: nobody waits for this

    def _transcribe(self) -> None:
        transcript = self._transcript
        while self._batches:
            for note in self._batches[0]:
                if isinstance(note, list):
                    transcript.outputs(note)
                elif isinstance(note, int):
                    self._now = note
                else:
                    note[0](transcript, *note[1:])
                    transcript.close_block()
            self._batches.popleft()

    def _next_block(self, flush: bool) -> BlockContent | None:
        if self._unwritten is None:
            with self._transcribing:
                self._unwritten = self._transcript.next_block(1 if flush else WORTH_A_BLOCK)
        return self._unwritten

    def _seal_and_append(self, content: BlockContent) -> None:
        if self._sealed is None:  # a block is repeated as it was: it may have been written although the answer was lost
            self._sealed = self._sealer.seal(content.content(), content.first_at, content.last_at)
        self._storage.append(self.session_id, self._sealed)
        self._sealed = self._unwritten = None
        self._sealer.written()
