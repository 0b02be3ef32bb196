"""Writes log lines from a separate thread, so that a log that cannot be written does not stop the process.

Standard error may be on a full disk, a pipe that nobody reads, or closed. Logging then neither blocks nor fails: lines
that cannot be written in time are dropped and counted.
"""

import atexit
import os
import select
import threading
import weakref
from collections import deque
from collections.abc import Callable
from typing import TextIO

WAITING_LINES = 10_000
WAITING_BYTES = 8 * 1024 * 1024
"""How much may wait for a slow reader; further lines are dropped."""
DRAIN_SECONDS = 1.0
"""How long waiting lines may delay the end of the process."""
_BATCH_BYTES = 64 * 1024
_POLL_MILLISECONDS = 1000

_writers: "weakref.WeakSet[LogWriter]" = weakref.WeakSet()


def dropped_log_lines() -> int:
    """Return how many lines this process has logged that were not written."""
    return sum(writer.dropped for writer in _writers)


class LogWriter:
    """A text stream for loggers: each `write` is one record.

    `stream` is None where standard error is closed; then every line is dropped. `notice` is the line that reports how
    many lines were dropped before it. The thread starts with the first line, also in a forked child.
    """

    def __init__(self, stream: TextIO | None, notice: Callable[[int], str]) -> None:
        self._descriptor = None if stream is None else stream.fileno()
        self._notice = notice
        self._reset()
        self.dropped = 0
        """Lines that were not written."""
        self._unreported = 0
        _writers.add(self)
        atexit.register(self.drain)

    def _reset(self) -> None:
        # Reentrant: a signal handler or a finalizer may log while this thread holds it.
        self._changed = threading.Condition(threading.RLock())
        self._waiting: deque[bytes] = deque()
        self._waiting_bytes = 0
        self._writing = False
        self._mid_line = False
        self._thread: threading.Thread | None = None

    def write(self, text: str) -> int:
        """Queue a record to be written. Neither blocks nor raises."""
        line = text.encode(errors="backslashreplace")
        with self._changed:
            fits = len(self._waiting) < WAITING_LINES and self._waiting_bytes + len(line) <= WAITING_BYTES
            if self._descriptor is None or not fits:
                self._drop(1)
                return len(text)
            self._waiting.append(line)
            self._waiting_bytes += len(line)
            if self._thread is None:
                self._start()
            elif not self._writing:
                self._changed.notify_all()
        return len(text)

    def flush(self) -> None:
        """Do nothing: loggers call it after every line."""

    def drain(self, seconds: float = DRAIN_SECONDS) -> None:
        """Wait until everything is written or dropped, for at most `seconds`."""
        with self._changed:
            self._changed.wait_for(lambda: not self._waiting and not self._writing, seconds)

    def _start(self) -> None:
        self._thread = threading.Thread(target=self._run, name="log-writer", daemon=True)
        try:
            self._thread.start()
        except RuntimeError:  # no thread available, or the interpreter is ending: the next line tries again
            self._thread = None

    def _drop(self, lines: int) -> None:
        self.dropped += lines
        self._unreported += lines

    def _run(self) -> None:
        while True:
            with self._changed:
                self._writing = False
                self._changed.notify_all()
                self._changed.wait_for(lambda: self._waiting)
                self._writing = True
                lines, unreported = self._next_batch(), self._unreported
            if unreported:
                lines.insert(0, self._notice(unreported).encode())
            unwritten = self._write_lines(lines)
            with self._changed:
                if unreported and unwritten < len(lines):
                    self._unreported -= unreported
                elif unreported:
                    unwritten -= 1  # the notice itself
                self._drop(unwritten)

    def _next_batch(self) -> list[bytes]:
        lines: list[bytes] = []
        size = 0
        while self._waiting and size < _BATCH_BYTES:
            lines.append(self._waiting.popleft())
            size += len(lines[-1])
        self._waiting_bytes -= size
        return lines

    def _write_lines(self, lines: list[bytes]) -> int:
        """Write the lines; return how many were not written whole."""
        batch = b"".join(lines)
        written = 0
        try:
            if self._mid_line:
                self._write_some(b"\n", 0)
                self._mid_line = False
            while written < len(batch):
                written += self._write_some(batch, written)
        except OSError:
            self._mid_line = self._mid_line or (written > 0 and batch[written - 1] != 0x0A)
        for number, line in enumerate(lines):
            written -= len(line)
            if written < 0:
                return len(lines) - number
        return 0

    def _write_some(self, data: bytes, start: int) -> int:
        assert self._descriptor is not None  # noqa: S101 nothing is queued without one
        while True:
            try:
                return os.write(self._descriptor, data[start:])
            except BlockingIOError:  # another process made the terminal or pipe non-blocking
                waiting = select.poll()
                waiting.register(self._descriptor, select.POLLOUT)
                waiting.poll(_POLL_MILLISECONDS)


def _forked() -> None:
    """Start empty in a forked child: the thread exists only in the parent, which writes what was waiting."""
    for writer in list(_writers):
        writer._reset()


if hasattr(os, "register_at_fork"):  # not on Windows
    os.register_at_fork(after_in_child=_forked)
