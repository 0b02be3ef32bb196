"""The sessions of this node as the agent sees them: starts and watches workers, and keeps results until confirmed.

A worker may belong to this agent or to one that died before; both are watched by a pidfd and treated alike.
"""

import asyncio
import contextlib
import os
import signal
import time
from collections.abc import Callable
from dataclasses import dataclass, field

import msgspec

from ferryman.agent.logs import logger
from ferryman.agent.records import (
    ENDED_BY_AGENT,
    FAILED,
    SUCCESS,
    RecordLocked,
    SessionRecord,
    SessionRecords,
    new_result,
)
from ferryman.agent.settings import DEFAULT_SETTINGS, AgentSettings
from ferryman.agent.workers.pool import WorkerPool, WorkerUnavailable
from ferryman.agent.workers.worker import WorkerTask
from ferryman.wire.tasks import InteractiveShellContent

ADOPT_AGAIN_SECONDS = 0.1
_LOG = logger("sessions")


@dataclass(slots=True)
class _Running:
    """A living worker. `pidfd` is readable when it has ended; `asked_to_end` once it was asked to end."""

    pidfd: int
    asked_to_end: bool = False
    ended: asyncio.Event = field(default_factory=asyncio.Event)


class Sessions:
    """Create and use it in a running loop. `report` gets each record with a result until `confirm` is called."""

    def __init__(
        self,
        node_id: str,
        records: SessionRecords,
        pool: WorkerPool,
        report: Callable[[SessionRecord], None],
        settings: AgentSettings = DEFAULT_SETTINGS,
    ) -> None:
        self._node_id = node_id
        self._records = records
        self._pool = pool
        self._report = report
        self._settings = settings
        self._running: dict[str, _Running] = {}
        self._starting: set[str] = set()
        self._unrecorded: dict[str, SessionRecord] = {}
        """Sessions whose record could not be written anywhere."""
        self._ending = False

    def __len__(self) -> int:
        return len(self._running) + len(self._starting)

    def adopt(self) -> None:
        """Take over the sessions of earlier agents: watch living workers, report results, and report dead workers as
        failed."""
        for record in self._records.all():
            self._adopt(record.session_id)

    async def start(self, content: InteractiveShellContent) -> None:
        """Start a session unless it is already known. Never raises: a failure becomes the session's result."""
        session_id = content.session_id
        if self._knows(session_id):
            _LOG.warning("duplicate task", session_id=session_id)
            return
        record = SessionRecord(session_id, self._node_id, time.time())
        if len(self) >= self._settings.max_sessions:
            self._fail(session_id, f"This node already runs {len(self)} sessions, as many as its agent allows.")
            return
        recorded = self._write(record)
        self._starting.add(session_id)
        try:
            pid = await self._pool.fork(WorkerTask(content, self._settings, recorded))
            self._watch(session_id, pid)
            _LOG.info("session started", session_id=session_id, pid=pid)
            if self._ending:
                self.end(session_id)
        except (WorkerUnavailable, OSError) as error:
            self._fail(session_id, f"The node could not start the session: {error}.")
        finally:
            self._starting.discard(session_id)

    def refuse(self, session_id: str, output: str) -> None:
        """Report a session that cannot be started as failed; one that is already known is left alone."""
        if not self._knows(session_id):
            self._fail(session_id, output)

    def _knows(self, session_id: str) -> bool:
        if session_id in self._running or session_id in self._starting:
            return True
        return self._read(session_id) is not None

    def _read(self, session_id: str) -> SessionRecord | None:
        return self._records.read(session_id) or self._unrecorded.get(session_id)

    def _write(self, record: SessionRecord) -> bool:
        """Write the record; if that fails, keep it here, and the next agent will not know the session."""
        written = self._records.write(record)
        if not written:
            self._unrecorded[record.session_id] = record
        return written

    def _fail(self, session_id: str, output: str) -> None:
        _LOG.warning("session refused", session_id=session_id, reason=output)
        record = SessionRecord(session_id, self._node_id, time.time(), result=new_result(FAILED, output))
        self._write(record)
        self._report(record)

    def end(self, session_id: str) -> None:
        """Ask a session's worker to end it; unknown ones are ignored."""
        running = self._running.get(session_id)
        if running is not None:
            running.asked_to_end = True
            with contextlib.suppress(ProcessLookupError):  # it has just ended by itself
                signal.pidfd_send_signal(running.pidfd, signal.SIGTERM)

    async def end_all(self, seconds: float) -> None:
        """End every session and wait, at most `seconds`, until their workers are gone."""
        self._ending = True
        for session_id in list(self._running):
            self.end(session_id)
        waits = [running.ended.wait() for running in self._running.values()]
        try:
            async with asyncio.timeout(seconds):
                await asyncio.gather(*waits)
        except TimeoutError:
            _LOG.error("sessions left behind", session_ids=sorted(self._running))

    def confirm(self, session_id: str) -> None:
        """Forget the session: the server has its result."""
        if session_id not in self._running:
            self._unrecorded.pop(session_id, None)
            self._records.remove(session_id)

    def close(self) -> None:
        """Stop watching; workers live on."""
        for running in self._running.values():
            asyncio.get_running_loop().remove_reader(running.pidfd)
            os.close(running.pidfd)
        self._running.clear()

    def _adopt(self, session_id: str) -> None:
        try:
            lock = self._records.lock(session_id)
        except RecordLocked:
            record = self._records.read(session_id)
            if record is not None and record.pid:
                self._watch(session_id, record.pid)
                _LOG.info("session adopted", session_id=session_id, pid=record.pid)
            else:  # the worker has locked and not yet written
                asyncio.get_running_loop().call_later(ADOPT_AGAIN_SECONDS, self._adopt, session_id)
        except OSError as error:  # no lock could be created, not even by its worker
            _LOG.warning("session has no lock", session_id=session_id, reason=error.strerror)
            self._conclude(session_id, asked_to_end=False)
        else:
            self._conclude(session_id, asked_to_end=False)  # under the lock: a worker still on its way finds the result
            os.close(lock)

    def _watch(self, session_id: str, pid: int) -> None:
        try:
            pidfd = os.pidfd_open(pid)
        except ProcessLookupError:
            self._conclude(session_id, asked_to_end=False)
            return
        self._running[session_id] = _Running(pidfd)
        asyncio.get_running_loop().add_reader(pidfd, self._ended, session_id)

    def _ended(self, session_id: str) -> None:
        running = self._running.pop(session_id)
        asyncio.get_running_loop().remove_reader(running.pidfd)
        os.close(running.pidfd)
        self._conclude(session_id, asked_to_end=running.asked_to_end)
        running.ended.set()

    def _conclude(self, session_id: str, *, asked_to_end: bool) -> None:
        """Report a session whose worker is gone; without a result of its own it was killed.

        If its worker could not write the result, it counts as a success, as nearly all are.
        """
        record = self._read(session_id)
        if record is None:
            return
        result = record.result
        if result is None:
            text = "The session's process on the node ended unexpectedly."
            if session_id in self._unrecorded and not asked_to_end:
                result = new_result(SUCCESS)
            else:
                result = new_result(FAILED, ENDED_BY_AGENT if asked_to_end else text)
            record = msgspec.structs.replace(record, result=result)
            self._write(record)
        _LOG.info("session ended", session_id=session_id, status=result.status)
        self._report(record)
