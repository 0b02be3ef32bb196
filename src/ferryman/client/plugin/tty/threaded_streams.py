"""Standard streams where the event loop cannot watch them: a thread for each reads or writes, and may block there.

For Windows, whose event loop waits for sockets and pipes of its own making only. They behave as `tty.streams`.
"""

import asyncio
import contextlib
import os
import queue
import threading
from collections.abc import Callable

READ_BYTES = 65_536


class ThreadedInput:
    """As `tty.streams.Input`. A read that has begun cannot be taken back: its thread ends with the process."""

    def __init__(self, shared: int, on_data: Callable[[bytes], None], on_end: Callable[[], None]) -> None:
        self._shared = shared
        self._on_data = on_data
        self._on_end = on_end
        self._loop = asyncio.get_running_loop()
        self._may_read = threading.Event()
        self._thread: threading.Thread | None = None
        self._ended = False

    def resume(self) -> None:
        """Start or continue reading; idempotent."""
        if self._ended:
            return
        self._may_read.set()
        if self._thread is None:
            self._thread = threading.Thread(target=self._read_all, daemon=True)
            self._thread.start()

    def pause(self) -> None:
        """Read nothing until `resume`, after a read that has begun; idempotent."""
        self._may_read.clear()

    def close(self) -> None:
        """Stop for good."""
        self._ended = True
        self._may_read.set()  # lets the thread see that

    def _read_all(self) -> None:
        while self._may_read.wait() and not self._ended:
            try:
                data = os.read(self._shared, READ_BYTES)
            except OSError:
                data = b""
            with contextlib.suppress(RuntimeError):  # the loop is closed: nobody needs it
                self._loop.call_soon_threadsafe(self._arrived, data)
            if not data:
                return

    def _arrived(self, data: bytes) -> None:
        if self._ended:
            return
        if data:
            self._on_data(data)
        else:
            self._ended = True
            self._on_end()


class ThreadedOutput:
    """As `tty.streams.Output`."""

    def __init__(
        self, shared: int, on_written: Callable[[int], None], on_closed: Callable[[], None] | None = None
    ) -> None:
        self._shared = shared
        self._on_written = on_written
        self._on_closed = on_closed
        self._loop = asyncio.get_running_loop()
        self._pieces: queue.SimpleQueue[tuple[bytes, int | None] | None] = queue.SimpleQueue()
        self._unwritten = 0
        self._closed = False
        """Whether pieces are dropped: the descriptor failed, or `close` was called."""
        self._stopped = False
        """Whether `close` was called: nothing is reported from then on."""
        self._empty = asyncio.Event()
        self._empty.set()
        self._thread = threading.Thread(target=self._write_all, daemon=True)
        self._thread.start()

    def push(self, data: bytes, number: int | None = None) -> None:
        """Write `data` after everything pushed before; report `number` when it is written."""
        if self._closed:
            self._drop(number)
            return
        self._unwritten += 1
        self._empty.clear()
        self._pieces.put((data, number))

    async def drained(self) -> None:
        """Wait until everything pushed is written or the descriptor is closed."""
        await self._empty.wait()

    def close(self) -> None:
        """Drop unwritten data, and stop for good."""
        self._closed = self._stopped = True
        self._empty.set()
        self._pieces.put(None)

    def _write_all(self) -> None:
        while (piece := self._pieces.get()) is not None:
            data, number = piece
            failed = self._closed
            try:
                while data and not failed:
                    data = data[os.write(self._shared, data) :]
            except OSError:
                failed = True
            with contextlib.suppress(RuntimeError):  # the loop is closed
                self._loop.call_soon_threadsafe(self._written, number, failed)

    def _written(self, number: int | None, failed: bool) -> None:
        self._unwritten -= 1
        if self._stopped:
            return
        if failed and not self._closed:
            self._closed = True
            if self._on_closed is not None:
                self._on_closed()
        if failed:
            self._drop(number)
        elif number is not None:
            self._on_written(number)
        if self._unwritten == 0:
            self._empty.set()

    def _drop(self, number: int | None) -> None:
        if self._on_closed is None and number is not None:
            self._on_written(number)
