"""Writes the audit trail: entries are chained and written in batches by a thread; sinks and copies get the lines.

The event loop queues entries. One that a caller waits for is written immediately, together with all that is queued
before it: by the loop itself while the disk is quick, because handing it to the thread takes ten times as long.
"""

import asyncio
import time
from collections.abc import Awaitable, Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any

import structlog

from ferryman.audit.files import TrailFiles, first_sequence, trail_files
from ferryman.audit.reader import extent_in
from ferryman.audit.resuming import missing_records, resume
from ferryman.audit.retention import KEEP_ALL, Deletable, Retention, deletable, deletion_detail
from ferryman.core.audit.chain import KEY_CHANGED, ChainLink, key_id, seal
from ferryman.core.audit.extent import BEGUN, DELETED, MISSING, OPENED
from ferryman.core.ports.audit import Entry, TrailHead, Unrecorded

CLOSED, GAP, SHORTENED = "AuditTrailClosed", "AuditTrailGap", "AuditTrailShortened"
"""`detail-type` of the trail's records about itself."""
BATCH_SECONDS = 0.05
"""How long an entry that no caller waits for may wait for others."""
SYNC_SECONDS = 1.0
RETRY_SECONDS = 1.0
LOOK_SECONDS = 60.0
"""How often the thread checks whether files must be deleted; it also checks when a file is started."""
MOST_DELETED = 50
"""Files in one record of a deletion, at most."""
MOST_AT_ONCE = 16
"""Entries that the loop writes itself; the thread writes larger batches."""
QUICK_SECONDS, PATIENCE = 0.001, 50
"""After a slow write, the thread writes for this many times as long: the loop is blocked 2 % of the time at most."""
MOST_WAITING = 5000
"""Entries kept in memory while the trail cannot be written; further ones are only counted."""

_log = structlog.get_logger("ferryman.audit")

Describe = Callable[[str, Mapping[str, Any]], Entry]
"""Makes an event from a `detail-type` and a detail."""
OnWritten = Callable[[Sequence[bytes]], None]
"""Gets the lines that were written, each with its newline; must return immediately."""


@dataclass(slots=True)
class _Waiting:
    entry: Entry
    kept: "asyncio.Future[None] | None" = None


class TrailWriter:
    """An open trail. Create it in a running loop, and `close` it at the end.

    `key` authenticates the chain; `retention` says which files are deleted. `sync_always`: `keep` returns once the
    entry would survive a loss of power. The existing trail may have been written under one of the `older` keys.
    Raises `BrokenChain` if the last record in `files` is not authentic under any of them.
    """

    def __init__(
        self,
        files: TrailFiles,
        key: bytes,
        describe: Describe,
        *,
        retention: Retention = KEEP_ALL,
        sync_always: bool = False,
        copies: Sequence[OnWritten] = (),
        older: Sequence[bytes] = (),
        known: TrailHead | None = None,
    ) -> None:
        self._files = files
        self._keys = {key_id(each): each for each in (*older, key)}
        self._key, self._link = resume(files.last_line, (key, *older))
        self._synced_link = self._link
        found = self._link
        self._describe = describe
        self._retention = retention
        self._look_at = self._slow_until = 0.0
        self._oldest = self._lost = 0
        extent = extent_in(files.directory, list(self._keys.values()))
        if known is not None and known.sequence > found.sequence:  # numbers are never used again
            self._link = ChainLink(known.sequence, known.mac)
            if extent is None:
                self._oldest = known.first
        if not self._oldest:
            self._oldest = self._oldest_there() if extent is None else extent.oldest
        self._unfinished = () if extent is None else extent.files
        self._uncopied: list[bytes] = []
        self._sync_always = sync_always
        self._copies = copies
        self._loop = asyncio.get_running_loop()
        self._thread = ThreadPoolExecutor(1, "audit-trail")
        self._waiting: list[_Waiting] = []
        self._writing = self._syncing = False
        self._idle = asyncio.Event()
        self._idle.set()
        self._timer: asyncio.TimerHandle | None = None
        self._sync_timer: asyncio.TimerHandle | None = None
        self._failure: str | None = None
        if self._key != key:
            self.use_key(key)
        self._opening = describe(OPENED, {"lastSequence": self._link.sequence, "tornBytes": files.torn_bytes})
        self.note(self._opening)
        if known is not None:
            self._compare(known, found)

    @property
    def failure(self) -> str | None:
        """Why the trail cannot be written now; None if it can."""
        return self._failure

    @property
    def waiting(self) -> int:
        """How many entries are not being written yet."""
        return len(self._waiting)

    @property
    def synced_head(self) -> TrailHead | None:
        """The newest record that would survive a loss of power; None before there is one."""
        link = self._synced_link
        return TrailHead(self._oldest, link.sequence, link.mac) if link.sequence else None

    @property
    def last_sequence(self) -> int:
        """The number of the newest record on disk."""
        return self._link.sequence

    def note(self, entry: Entry) -> None:
        """Add an entry to the trail within BATCH_SECONDS."""
        self._add(_Waiting(entry))
        if not self._writing and self._timer is None:
            self._timer = self._loop.call_later(BATCH_SECONDS, self._write)

    def _compare(self, known: TrailHead, found: ChainLink) -> None:
        """Record and log that the trail does not end where it is known to have ended."""
        missing = missing_records(known, found)
        if missing is not None:
            _log.error("trail was shortened or replaced", directory=str(self._files.directory), **missing)
            self.note(self._describe(SHORTENED, missing))

    def use_key(self, key: bytes) -> None:
        """Continue the chain under another key: the last record under the old one says so."""
        self._keys[key_id(key)] = key
        self.note(self._describe(KEY_CHANGED, {"keyId": key_id(key)}))

    async def keep(self, entry: Entry) -> None:
        """Add an entry to the trail and return once it is written; raises `Unrecorded`."""
        kept = self._loop.create_future()
        if not self._add(_Waiting(entry, kept)):
            raise Unrecorded(self._failure or "too many records wait to be written")
        if self._is_quick():
            self._write_here()
        elif not self._writing:
            self._write()
        await kept

    async def close(self, conclude: Callable[[], Awaitable[None]] | None = None) -> None:
        """Write all waiting entries, and those that `conclude` adds; sync, close the files, and log what was lost."""
        self._add(_Waiting(self._describe(CLOSED, {})))
        await self._idle.wait()
        self._write()
        await self._idle.wait()
        if conclude is not None:
            await conclude()
        for timer in (self._timer, self._sync_timer):
            if timer is not None:
                timer.cancel()
        if self._waiting:
            _log.error("records lost", records=len(self._waiting), reason=self._failure)
        try:
            await self._loop.run_in_executor(self._thread, self._files.close)
            self._synced_link = self._link
        except OSError as error:
            _log.error("trail not synced", reason=str(error))
        self._thread.shutdown()

    def _add(self, waiting: _Waiting) -> bool:
        if len(self._waiting) >= MOST_WAITING:
            self._lost += 1
            return False
        self._waiting.append(waiting)
        return True

    def _write(self) -> None:
        """Hand all waiting entries to the thread."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        if self._writing or not self._waiting:
            return
        batch = self._batch()
        self._writing = True
        self._idle.clear()
        written = self._loop.run_in_executor(self._thread, self._chain_and_write, [each.entry for each in batch])
        written.add_done_callback(lambda future: self._written(batch, future))

    def _batch(self) -> list[_Waiting]:
        """Return all waiting entries."""
        batch, self._waiting = self._waiting, []
        lost, self._lost = self._lost, 0
        if lost:
            batch.append(_Waiting(self._describe(GAP, {"lost": lost})))
        return batch

    def _is_quick(self) -> bool:
        """Whether the event loop may write the entries itself: the thread is idle, and the disk has been quick."""
        return (
            not (self._writing or self._syncing or self._sync_always)
            and self._failure is None
            and len(self._waiting) <= MOST_AT_ONCE
            and self._files.is_open
            and self._slow_until <= time.monotonic() < self._look_at
        )

    def _write_here(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        batch = self._batch()
        began = time.monotonic()
        try:
            lines = self._chain_and_write([each.entry for each in batch], look=False)
        except Exception as error:  # noqa: BLE001 boundary: as in the thread, whose future carries it
            self._failed(batch, error)
            return
        finally:
            ended = time.monotonic()
            if ended - began > QUICK_SECONDS:
                self._slow_until = ended + PATIENCE * (ended - began)
        self._completed(batch, lines)

    def _written(self, batch: list[_Waiting], future: "asyncio.Future[list[bytes]]") -> None:
        self._writing = False
        self._idle.set()
        error = future.exception()
        if error is not None:
            self._failed(batch, error)
            return
        self._completed(batch, future.result())

    def _completed(self, batch: list[_Waiting], lines: list[bytes]) -> None:
        if self._failure is not None:
            _log.info("trail is written again", records=len(batch))
            self._failure = None
        for each in batch:
            if each.kept is not None and not each.kept.done():
                each.kept.set_result(None)
        for copy in self._copies:
            copy(lines)
        if not self._sync_always and self._sync_timer is None:
            self._sync_timer = self._loop.call_later(SYNC_SECONDS, self._start_sync)
        if any(each.kept is not None for each in self._waiting):
            self._write()
        elif self._waiting and self._timer is None:
            self._timer = self._loop.call_later(BATCH_SECONDS, self._write)

    def _failed(self, batch: list[_Waiting], error: BaseException) -> None:
        if self._failure is None:
            _log.error("trail not written", reason=str(error), directory=str(self._files.directory))
        self._failure = str(error) or type(error).__name__
        self._look_at = 0.0  # the disk may be full
        self._waiting[:0] = batch
        for each in self._waiting:
            if each.kept is not None:
                if not each.kept.done():
                    each.kept.set_exception(Unrecorded(self._failure))
                    each.entry["additionalEventData"] = {"answeredWith": "ServiceUnavailable"}
                each.kept = None
        if self._timer is None:
            self._timer = self._loop.call_later(RETRY_SECONDS, self._write)

    def _start_sync(self) -> None:
        self._sync_timer = None
        self._syncing = True
        link = self._link
        synced = self._loop.run_in_executor(self._thread, self._files.sync)
        synced.add_done_callback(lambda future: self._synced(link, future))

    def _synced(self, link: ChainLink, future: "asyncio.Future[None]") -> None:
        self._syncing = False
        error = future.exception()
        if error is None:
            self._synced_link = link
        else:
            self._failed([_Waiting(self._describe(GAP, {"notSynced": str(error)}))], error)

    # In the thread, or while it does nothing

    def _chain_and_write(self, entries: list[Entry], *, look: bool = True) -> list[bytes]:
        changes, deletions, oldest = self._housekeeping() if look else ([], [], self._oldest)
        if deletions:  # first and by themselves: what they free may be what the entries need
            self._uncopied += self._append(changes, deletions, oldest, from_reserve=True)
            self._unfinished = tuple(each.path.name for each in deletions)
            self._finish_deletion()
            begins_file = self._files.begins_file(self._link.sequence + 1)
            changes = [self._describe(BEGUN, self._extent(oldest, ()))] if begins_file else []
        lines = self._append([*changes, *entries], deletions, oldest)
        if self._sync_always:
            self._files.sync()
            self._synced_link = self._link
        lines, self._uncopied = [*self._uncopied, *lines], []
        return lines

    def _append(
        self, entries: Sequence[Entry], deletions: Sequence[Deletable], oldest: int, *, from_reserve: bool = False
    ) -> list[bytes]:
        lines, link, key = [], self._link, self._key
        for entry in entries:
            if entry is self._opening:
                entry["detail"] |= self._extent(oldest, deletions)
            line, link = seal(key, link, entry)
            lines.append(line + b"\n")
            if entry.get("detail-type") == KEY_CHANGED:
                key = self._keys[entry["detail"]["keyId"]]
        self._files.append(b"".join(lines), self._link.sequence + 1, from_reserve=from_reserve)
        self._link, self._key, self._oldest = link, key, oldest
        return lines

    def _housekeeping(self) -> tuple[list[Entry], list[Deletable], int]:
        """Return the records about files to write first, the files to delete, and the trail's first record then."""
        begins_file, oldest = self._files.begins_file(self._link.sequence + 1), self._oldest
        if not begins_file and time.monotonic() < self._look_at:
            return [], [], oldest
        self._look_at = time.monotonic() + LOOK_SECONDS
        self._finish_deletion()
        entries: list[Entry] = []
        there = self._oldest_there()
        if there > oldest:
            _log.error("trail files were removed by something else", first=oldest, last=there - 1)
            entries.append(self._describe(MISSING, {"firstSequence": oldest, "lastSequence": there - 1}))
            oldest = there
        deletions: list[Deletable] = []
        if not self._unfinished:  # one deletion at a time: a restart finishes the last one that was recorded
            deletions = deletable(self._files.directory, self._retention, oldest, begins_file=begins_file)[
                :MOST_DELETED
            ]
        if len(deletions) == MOST_DELETED:
            self._look_at = 0.0
        if deletions:
            reason, last = deletions[-1].reason.value, deletions[-1].last.sequence
            _log.info("trail files deleted", files=len(deletions), last_sequence=last, reason=reason)
            entries.append(self._describe(DELETED, deletion_detail(deletions, self._retention.followers)))
            oldest = last + 1
        elif begins_file and self._link.sequence and not entries:
            entries.append(self._describe(BEGUN, self._extent(oldest, deletions)))
        return entries, deletions, oldest

    def _extent(self, oldest: int, deletions: Sequence[Deletable]) -> dict[str, Any]:
        """Return where the trail begins, and which earlier files may still exist."""
        names = [each.path.name for each in deletions] or list(self._unfinished)
        return {"firstSequence": oldest} | ({"files": names} if names else {})

    def _oldest_there(self) -> int:
        """Return the number of the first record that should exist and does."""
        firsts = (first_sequence(path) for path in trail_files(self._files.directory))
        return next((first for first in firsts if first >= self._oldest), self._link.sequence + 1)

    def _finish_deletion(self) -> None:
        """Delete the files that a record names, once it survives a loss of power; after a crash the next run does."""
        if not self._unfinished:
            return
        directory = self._files.directory
        named = [path for path in trail_files(directory) if path.name in self._unfinished]
        try:
            self._files.delete([path for path in named if first_sequence(path) < self._oldest])
        except OSError as error:  # the record stands: what is left is deleted at the next look
            _log.error("trail files not deleted", directory=str(directory), reason=str(error))
            return
        self._unfinished = ()
