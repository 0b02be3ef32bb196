"""Standard input and output on the event loop, without blocking it and without changing what others share.

O_NONBLOCK belongs to the open file description, which is shared with the shell that started us; if it stayed set when
we die, it would break the shell. So terminals and pipes are reopened through /proc. Only where that is not possible (a
socket, a terminal of another user) is the flag set on the shared description and cleared at the end.
"""

import asyncio
import os
import stat
from collections import deque
from collections.abc import Callable, Iterable

READ_BYTES = 65_536
WRITE_BYTES = 65_536


class Descriptor:
    """A non-blocking descriptor for one of the process's standard streams, which must be open.

    `close` undoes whatever was changed.
    """

    def __init__(self, shared: int, mode: int) -> None:
        self.number = shared
        self._restore_blocking = False
        self._owned = False
        kind = os.fstat(shared).st_mode
        if stat.S_ISREG(kind) or stat.S_ISDIR(kind):
            return  # never blocks for long, and reopening it would reset the position
        try:
            self.number = os.open(f"/proc/self/fd/{shared}", mode | os.O_NONBLOCK | os.O_NOCTTY | os.O_CLOEXEC)
            self._owned = True
        except OSError:
            self._restore_blocking = os.get_blocking(shared)
            os.set_blocking(shared, False)

    def close(self) -> None:
        """Restore the process's descriptor; idempotent."""
        if self._owned:
            os.close(self.number)
            self._owned = False
        if self._restore_blocking:
            os.set_blocking(self.number, True)
            self._restore_blocking = False


class Input:
    """Calls `on_data` with what arrives on a descriptor, and `on_end` once at its end, hang-up included.

    Reads only between `resume` and `pause`, at most 64 KiB a call.
    """

    def __init__(self, shared: int, on_data: Callable[[bytes], None], on_end: Callable[[], None]) -> None:
        self._descriptor = Descriptor(shared, os.O_RDONLY)
        self._on_data = on_data
        self._on_end = on_end
        self._loop = asyncio.get_running_loop()
        self._reading = False
        self._ended = False
        self._next_read: asyncio.Handle | None = None
        """The next read of a descriptor that cannot be polled."""

    def resume(self) -> None:
        """Start or continue reading; idempotent."""
        if self._reading or self._ended:
            return
        self._reading = True
        try:
            self._loop.add_reader(self._descriptor.number, self._read)
        except PermissionError:  # epoll supports neither files nor /dev/null, which are always readable
            self._next_read = self._loop.call_soon(self._read)

    def pause(self) -> None:
        """Read nothing until `resume`; idempotent."""
        if self._next_read is not None:
            self._next_read.cancel()
            self._next_read = None
        elif self._reading:
            self._loop.remove_reader(self._descriptor.number)
        self._reading = False

    def close(self) -> None:
        """Stop for good."""
        self.pause()
        self._ended = True
        self._descriptor.close()

    def _read(self) -> None:
        try:
            data = os.read(self._descriptor.number, READ_BYTES)
        except (BlockingIOError, InterruptedError):
            return
        except OSError:  # EIO: the terminal hung up, or is no longer ours to read
            data = b""
        if not data:
            self.pause()
            self._ended = True
            self._on_end()
            return
        if self._next_read is not None:
            self._next_read = self._loop.call_soon(self._read)
        self._on_data(data)


class Output:
    """Writes pieces in order and reports each once it is written completely.

    `on_written` gets the number passed with a piece, if any. A piece is written immediately, so that an idle terminal
    shows a key's echo without delay; what does not fit waits. `on_closed` is called once if the descriptor fails for
    good; from then on pieces are dropped and not reported. Without `on_closed` nobody needs the descriptor: what cannot
    be written counts as written.
    """

    def __init__(
        self, shared: int, on_written: Callable[[int], None], on_closed: Callable[[], None] | None = None
    ) -> None:
        self._descriptor = Descriptor(shared, os.O_WRONLY)
        self._on_written = on_written
        self._on_closed = on_closed
        self._loop = asyncio.get_running_loop()
        self._pieces: deque[tuple[memoryview, int | None]] = deque()
        self._waiting = False
        self._closed = False
        self._empty = asyncio.Event()
        self._empty.set()

    def push(self, data: bytes, number: int | None = None) -> None:
        """Write `data` after everything pushed before; report `number` when it is written."""
        if self._closed:
            self._drop([number])
            return
        self._pieces.append((memoryview(data), number))
        if not self._waiting:
            self._drain()

    async def drained(self) -> None:
        """Wait until everything pushed is written or the descriptor is closed."""
        await self._empty.wait()

    def close(self) -> None:
        """Drop unwritten data, and stop for good."""
        self._stop_waiting()
        self._closed = True
        self._pieces.clear()
        self._empty.set()
        self._descriptor.close()

    def _drain(self) -> None:
        try:
            while self._pieces:
                self._write_first()
        except (BlockingIOError, InterruptedError):
            self._wait()
            return
        except OSError:  # EPIPE: the reader is gone; EIO: the terminal is
            self._fail()
            return
        self._stop_waiting()
        self._empty.set()

    def _write_first(self) -> None:
        data, number = self._pieces[0]
        while data:
            data = data[os.write(self._descriptor.number, data[:WRITE_BYTES]) :]
            self._pieces[0] = (data, number)
        self._pieces.popleft()
        if number is not None:
            self._on_written(number)

    def _wait(self) -> None:
        self._empty.clear()
        if not self._waiting:
            self._waiting = True
            self._loop.add_writer(self._descriptor.number, self._drain)

    def _stop_waiting(self) -> None:
        if self._waiting:
            self._loop.remove_writer(self._descriptor.number)
            self._waiting = False

    def _fail(self) -> None:
        self._stop_waiting()
        self._closed = True
        numbers = [number for _, number in self._pieces]
        self._pieces.clear()
        self._empty.set()
        if self._on_closed is not None:
            self._on_closed()
        self._drop(numbers)

    def _drop(self, numbers: Iterable[int | None]) -> None:
        if self._on_closed is None:
            for number in numbers:
                if number is not None:
                    self._on_written(number)
