"""Delivers the logs of sessions: at the end of each, or every second while it runs.

Logs are made from recordings, so they wait there while their destination is away, and a server that starts continues
where another one ended. Calls are made in threads; each attempt takes one step at a time, and stores its progress after
each.
"""

import asyncio
import random
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial
from typing import Any, TypeVar

import structlog

from ferryman.core.kms.encryption.custody import unwrap_key
from ferryman.core.ports.kms import KeyUnusable
from ferryman.core.ports.recordings.outputs import OutputKind, PendingOutput, Undeliverable
from ferryman.core.ports.recordings.recorder import Damaged
from ferryman.core.ports.recordings.store import Recording, RecordingKey, RecordingMode
from ferryman.core.service import Service
from ferryman.model.identifiers import Millis, SessionId
from ferryman.model.session_outputs import S3Output
from ferryman.model.values.timestamps import from_millis, iso_millis
from ferryman.recording.aws_clients import CallFailed
from ferryman.recording.outputs.cloud_watch import put_log, require_key
from ferryman.recording.outputs.destinations import THREADS, Destinations
from ferryman.recording.outputs.expiry import Expiry
from ferryman.recording.outputs.links import log_stream_url, s3_url
from ferryman.recording.outputs.s3 import abort_upload, bucket_encryption, upload_log
from ferryman.recording.outputs.stream import SessionStream
from ferryman.recording.outputs.text import script_log
from ferryman.recording.recorder import ServerRecorder

TICK_SECONDS = 1.0
DUE_AT_ONCE = 500
FIRST_RETRY_MILLIS = 1000
LONGEST_RETRY_MILLIS = 300_000
HELD_MILLIS = 30_000
"""How long after a server's death others may deliver its logs."""
ELSEWHERE_SECONDS = 30.0
CLOSE_SECONDS = 5.0
REPORT_SECONDS = 60.0
"""How often the server's log reports logs that wait."""

_log = structlog.get_logger("ferryman.outputs")
Result = TypeVar("Result")
_Key = tuple[SessionId, OutputKind]


@dataclass(frozen=True, slots=True)
class _Source:
    """The recording that a log is made from."""

    recording: Recording
    key: RecordingKey


class OutputDelivery:
    """Delivers what `service.store.outputs` has, from the recordings of a recorder. `close` it at the end.

    A log that cannot be delivered is given up `give_up_after_days` after its session ended; never if that is 0.
    """

    def __init__(
        self,
        service: Service,
        recorder: ServerRecorder,
        destinations: Destinations,
        *,
        give_up_after_days: int = 0,
    ) -> None:
        self._service = service
        self._recorder = recorder
        self._destinations = destinations
        self._expiry = Expiry(service, give_up_after_days)
        self._holder = service.entropy(16).hex()
        self._held: dict[_Key, Millis] = {}
        self._threads = ThreadPoolExecutor(THREADS, "output")
        self._under_way: dict[_Key, asyncio.Task[None]] = {}
        self._streams: dict[SessionId, SessionStream] = {}
        self._elsewhere: dict[_Key, float] = {}
        """Logs that only another server can deliver, and when to look again."""
        self._report_at = 0.0
        self._closing = False

    async def run(self) -> None:
        """Deliver logs as they become due, until cancelled."""
        while True:
            await asyncio.sleep(TICK_SECONDS)
            await self.tick()
            await self._report()

    async def tick(self) -> None:
        """Begin the deliveries that are due and not running."""
        now = time.monotonic()
        self._elsewhere = {key: until for key, until in self._elsewhere.items() if until > now}
        most = DUE_AT_ONCE + len(self._elsewhere)
        for output in await self._service.store.outputs.due(self._service.clock(), most):
            key = (output.session_id, output.kind)
            if key not in self._under_way and key not in self._elsewhere and not self._has_nothing_new(output):
                task = asyncio.create_task(self._attempt(output), name=f"output {output.kind} {output.session_id}")
                self._under_way[key] = task
                task.add_done_callback(partial(self._ended, key))

    async def settle(self) -> None:
        """Wait until no delivery is running."""
        while self._under_way:
            await asyncio.wait(list(self._under_way.values()))

    async def close(self) -> None:
        """Stop each delivery between two steps, so that the next server repeats nothing.

        A step that takes longer than CLOSE_SECONDS is left behind: its call ends by itself, and is repeated.
        """
        self._closing = True
        if self._under_way:
            await asyncio.wait(list(self._under_way.values()), timeout=CLOSE_SECONDS)
        for task in list(self._under_way.values()):
            task.cancel()
        await self.settle()
        await self._service.store.outputs.release(self._holder)
        self._threads.shutdown(wait=False, cancel_futures=True)
        self._destinations.close()

    def _ended(self, key: _Key, _: "asyncio.Task[None]") -> None:
        del self._under_way[key]

    def _has_nothing_new(self, output: PendingOutput) -> bool:
        """Whether a running session has shown nothing since its last lines were sent."""
        if output.kind is not OutputKind.CLOUD_WATCH_STREAM or output.is_over:
            return False
        stream = self._streams.get(output.session_id)
        written = self._recorder.written(output.session_id)
        return written is None or written == 0 or (stream is not None and stream.blocks >= written)

    async def _attempt(self, output: PendingOutput) -> None:
        recording = await self._service.store.recordings.get(output.session_id)
        if recording is not None and await self._recorder.is_elsewhere(recording):
            self._elsewhere[output.session_id, output.kind] = time.monotonic() + ELSEWHERE_SECONDS
            return
        if not await self._acquire(output):
            return
        try:
            if output.delivered_at is None:
                await self._deliver(output)
            if output.is_over:
                await self._clean_up(output.session_id)
        except (CallFailed, Undeliverable, Damaged, KeyUnusable, OSError) as error:
            await self._failed(output, str(error))
        except Exception as error:  # noqa: BLE001 boundary: one log that cannot be made keeps no other waiting
            _log.exception("session log not delivered", session_id=output.session_id, kind=output.kind.value)
            await self._failed(output, type(error).__name__)

    async def _acquire(self, output: PendingOutput) -> bool:
        if self._closing:
            return False
        key, now = (output.session_id, output.kind), self._service.clock()
        if self._held.get(key, 0) > now + HELD_MILLIS // 2:
            return True
        until = Millis(now + HELD_MILLIS)
        if not await self._service.store.outputs.acquire(output, self._holder, now, until):
            self._forget(key)
            return False
        self._held[key] = until
        return True

    async def _deliver(self, output: PendingOutput) -> None:
        source = await self._source(output)
        is_complete = True
        if source is None:
            pass
        elif output.kind is OutputKind.CLOUD_WATCH_STREAM:
            is_complete = await self._stream(output, source)
        elif source.recording.blocks:
            is_complete = await self._at_the_end(output, source)
        if output.is_over and is_complete:
            await self._service.store.outputs.deliver(output, self._service.clock())
            self._streams.pop(output.session_id, None)
            if source is None:
                _log.error(
                    "session log not delivered",
                    session_id=output.session_id,
                    kind=output.kind.value,
                    reason="its recording was deleted before, or never begun",
                )

    async def _source(self, output: PendingOutput) -> _Source | None:
        found = await self._service.store.recordings.with_key(output.session_id)
        if found is None:
            return None
        recording, key = found
        return _Source(recording, await unwrap_key(self._service, output.session_id, key))

    async def _at_the_end(self, output: PendingOutput, source: _Source) -> bool:
        """Deliver the whole log of a session that has ended; False if another server has taken over."""
        progress = output.progress
        steps = self._steps(output, source)
        while (reached := await self._in_thread(lambda: next(steps, None))) is not None:
            if reached != progress:
                progress = reached
                await self._service.store.outputs.advance(output, progress)
            if not await self._acquire(output):
                return False
        await self._link(output)
        return True

    def _steps(self, output: PendingOutput, source: _Source) -> "Steps":
        """Return the steps of a delivery; each is taken in a thread."""
        reader = self._recorder.reader(source.recording, source.key)
        pieces = script_log(source.recording, reader.blocks())
        if output.kind is OutputKind.S3:
            return Steps(lambda: self._upload(output, pieces))
        return Steps(lambda: self._put(output, pieces))

    def _upload(self, output: PendingOutput, pieces: Iterator[bytes]) -> Iterator[str]:
        s3 = output.outputs.s3
        assert s3 is not None  # noqa: S101 its kind says so
        client = self._destinations.s3(s3.bucket)
        encryption = self._encryption(client, s3)
        if s3.encrypted and not encryption:
            raise Undeliverable(f"the bucket {s3.bucket} no longer encrypts, as the session's log must be")
        return upload_log(client, s3.bucket, s3.key(output.session_id), pieces, encryption, output.progress)

    def _encryption(self, client: Any, s3: S3Output) -> dict[str, str]:
        """Return the parameters of S3's calls that encrypt a log as the settings or its document say."""
        if self._destinations.reach.s3_kms_key is not None:
            return {"ServerSideEncryption": "aws:kms", "SSEKMSKeyId": self._destinations.reach.s3_kms_key}
        return bucket_encryption(client, s3.bucket) if s3.encrypted else {}

    def _put(self, output: PendingOutput, pieces: Iterator[bytes]) -> Iterator[str]:
        cloud_watch = output.outputs.cloud_watch
        assert cloud_watch is not None  # noqa: S101 its kind says so
        group = cloud_watch.log_group
        logs = self._destinations.logs(group)
        if cloud_watch.encrypted:
            require_key(logs, group)
        return put_log(logs, group, output.session_id, pieces, output.progress, self._service.clock)

    async def _stream(self, output: PendingOutput, source: _Source) -> bool:
        """Send the lines that a session has shown since the last ones; the last line, too, once it has ended.

        Returns False if another server has taken over.
        """
        stream = self._streams.get(output.session_id)
        if stream is None:
            reader = self._recorder.reader(source.recording, source.key)
            stream = SessionStream(output, source.recording, reader, self._destinations, self._service)
            self._streams[output.session_id] = stream
        send = partial(stream.send, is_over=output.is_over)
        more = True
        while more:
            progress = stream.progress
            more = await self._in_thread(send)
            if stream.has_begun and not stream.is_linked:
                await self._link(output)
                stream.is_linked = True
            if stream.progress != progress:
                await self._service.store.outputs.advance(output, stream.progress)
            if more and not await self._acquire(output):
                return False
        return True

    async def _link(self, output: PendingOutput) -> None:
        """Store where the log is, for DescribeSessions."""
        sessions, reach = self._service.store.sessions, self._destinations.reach
        session_id, s3, cloud_watch = output.session_id, output.outputs.s3, output.outputs.cloud_watch
        if output.kind is OutputKind.S3:
            if s3 is not None and reach.s3 is not None:
                link = s3_url(reach.s3.endpoint_url, reach.s3.region, s3.bucket, s3.key(session_id))
                if link is not None:
                    await sessions.set_output_url(session_id, s3=link)
        elif cloud_watch is not None and reach.cloud_watch is not None:
            access, group = reach.cloud_watch, cloud_watch.log_group
            link = log_stream_url(access.endpoint_url, access.region, group, session_id)
            if link is not None:
                await sessions.set_output_url(session_id, cloud_watch=link)

    async def _clean_up(self, session_id: SessionId) -> None:
        """Forget a session whose logs are all delivered, and delete its recording if it was made only for them."""
        store = self._service.store
        if any(output.delivered_at is None for output in await store.outputs.of_session(session_id)):
            return
        recording = await store.recordings.get(session_id)
        if recording is not None and recording.mode is RecordingMode.OFF:
            await self._recorder.delete(recording)
            await store.recordings.delete(session_id)
        await store.outputs.delete(session_id)
        for kind in OutputKind:
            self._forget((session_id, kind))

    async def _failed(self, output: PendingOutput, reason: str) -> None:
        self._forget((output.session_id, output.kind))
        longest = min(LONGEST_RETRY_MILLIS, FIRST_RETRY_MILLIS << min(output.attempts, 20))
        pause = longest // 2 + random.randrange(longest // 2 + 1)  # noqa: S311 spreads attempts, protects nothing
        if not output.attempts:
            _log.warning("session log waits", session_id=output.session_id, kind=output.kind.value, reason=reason)
        now = self._service.clock()
        retry_at = Millis(now + pause)
        if output.delivered_at is None and self._expiry.failed(output, reason, retry_at):
            await self._abort_upload(output)
            await self._service.store.outputs.deliver(output, now)  # the next tick cleans up
        else:
            await self._service.store.outputs.fail(output, reason, retry_at)

    async def _abort_upload(self, output: PendingOutput) -> None:
        """Abort the upload in parts that a log had begun, as nobody will continue it; its parts would be kept."""
        rows = await self._service.store.outputs.of_session(output.session_id)
        progress = next((row.progress for row in rows if row.kind is output.kind), None)
        s3 = output.outputs.s3
        if output.kind is not OutputKind.S3 or s3 is None or progress is None:
            return
        bucket, object_key = s3.bucket, s3.key(output.session_id)
        try:
            await self._in_thread(lambda: abort_upload(self._destinations.s3(bucket), bucket, object_key, progress))
        except CallFailed as error:
            _log.error("upload not aborted", session_id=output.session_id, key=object_key, reason=str(error))

    def _forget(self, key: _Key) -> None:
        self._held.pop(key, None)
        if key[1] is OutputKind.CLOUD_WATCH_STREAM:
            self._streams.pop(key[0], None)

    async def look_for_unfinished(self) -> None:
        """Count logs whose recordings cannot be finished as failed, and clean up behind those that were given up."""
        for output in await self._service.store.outputs.unfinished(self._service.clock(), DUE_AT_ONCE):
            reason = self._recorder.unfinishable(output.session_id)
            if reason is not None and output.delivered_at is None:
                await self._failed(output, f"the session's recording cannot be finished: {reason}")
            elif reason is not None:
                try:
                    await self._clean_up(output.session_id)
                except OSError as error:
                    _log.error("recording not deleted", session_id=output.session_id, reason=str(error))

    async def _report(self) -> None:
        """Log now and then that logs wait, and why."""
        now = asyncio.get_running_loop().time()
        if now < self._report_at:
            return
        self._report_at = now + REPORT_SECONDS
        await self.look_for_unfinished()
        backlog = await self._service.store.outputs.backlog()
        oldest = backlog.oldest
        if oldest is not None:
            given_up_at = self._expiry.given_up_at(oldest.ended_at)
            _log.error(
                "session logs wait",
                count=backlog.failing,
                oldest_session_id=oldest.session_id,
                oldest_session_started=iso_millis(from_millis(oldest.created_at)),
                destination=oldest.destination,
                given_up_at=None if given_up_at is None else iso_millis(from_millis(given_up_at)),
                reason=oldest.failure,
            )

    async def _in_thread(self, work: Callable[[], Result]) -> Result:
        return await asyncio.get_running_loop().run_in_executor(self._threads, work)


class Steps:
    """An iterator that is made when its first step is taken, in the thread that takes it."""

    def __init__(self, make: Callable[[], Iterator[str]]) -> None:
        self._make = make
        self._steps: Iterator[str] | None = None

    def __iter__(self) -> "Steps":
        return self

    def __next__(self) -> str:
        if self._steps is None:
            self._steps = self._make()
        return next(self._steps)
