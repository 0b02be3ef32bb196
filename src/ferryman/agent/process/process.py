"""Drives a prepared program from an event loop: reads output when there is room, writes input in order, ends it."""

import asyncio
import contextlib
import os
import signal
from collections import deque
from collections.abc import Callable

from ferryman.agent.process.launcher import Child
from ferryman.agent.process.reaping import end_session

READ_BYTES = 64 * 1024
_SIGNALLED = 128


def exit_code_payload(code: int) -> bytes:
    """Return the payload that tells a client a program's exit code, as AWS's agent words it: 128 + n for signal n, -n
    in `code`."""
    return f"EXIT_CODE: {code if code >= 0 else _SIGNALLED - code}".encode()


class _Output:
    """One descriptor that the program writes to."""

    __slots__ = ("descriptor", "index", "over", "reading")

    def __init__(self, index: int, descriptor: int) -> None:
        self.index = index
        self.descriptor = descriptor
        self.reading = False
        self.over = False


class Process:
    """Drives a prepared program; create and use it in a running loop.

    `capacity` says how many bytes of output may be taken now; at 0 nothing is read, so the program blocks in time,
    until `resume`. `on_output` gets the output in pieces of at most 64 KiB, with the place of its descriptor in
    `Child.outputs`; `on_consumed` the tag of each `write` once the program's descriptor has taken it.
    """

    def __init__(
        self,
        child: Child,
        capacity: Callable[[], int],
        on_output: Callable[[int, bytes], None],
        on_consumed: Callable[[int], None],
    ) -> None:
        self._child = child
        self._capacity = capacity
        self._on_output = on_output
        self._on_consumed = on_consumed
        self._loop = asyncio.get_running_loop()
        self._outputs = [_Output(index, descriptor) for index, descriptor in enumerate(child.outputs)]
        self._input: deque[tuple[int, memoryview]] = deque()
        self._input_ends = False
        self._writing = False
        self._exit_code: int | None = None
        self._drained: asyncio.Future[int] = self._loop.create_future()
        self._fault = ""
        self._closed = False
        self.started = False

    def start(self, terminal_type: str = "") -> None:
        """Let the program run, with this TERM if it is known here. Its output is read from now on."""
        self.started = True
        self._child.start(terminal_type)
        self._loop.add_reader(self._child.pidfd, self._exited)
        self.resume()

    def resize(self, columns: int, rows: int) -> None:
        """Set the window size of the program's terminal, if it has one."""
        self._child.resize(columns, rows)

    def write(self, tag: int, data: bytes) -> None:
        """Queue input. The caller limits the input that is not reported as consumed yet."""
        self._input.append((tag, memoryview(data)))
        if self._exit_code is not None:
            self._drop_input()
        elif not self._writing:
            self._write_some()

    def end_input(self) -> None:
        """Close the program's input after everything written before; a terminal has no such end and ignores this."""
        self._input_ends = True
        if not self._input:
            self._child.close_input()

    def signal(self, number: signal.Signals) -> None:
        """Send a signal to the program and its process group."""
        if self.started and self._exit_code is None:
            with contextlib.suppress(ProcessLookupError, PermissionError):
                os.killpg(self._child.pid, number)

    def resume(self) -> None:
        """Read again if there is room; cheap when nothing has changed."""
        if not self.started:
            return
        for output in self._outputs:
            if output.reading or output.over:
                continue
            if self._capacity() <= 0:
                return
            if self._exit_code is not None:
                self._read_some(output)
            else:
                output.reading = True
                self._loop.add_reader(output.descriptor, self._read_some, output)

    async def drained(self) -> int:
        """Wait until the program has ended and all it wrote has been handed on; returns its exit code.

        The code is negative for a signal, 127 for a program that was not found, 126 for one that could not be executed.
        """
        return await asyncio.shield(self._drained)

    def fault(self) -> str:
        """Return why the program could not be executed; empty if it ran. Call it after the program has ended."""
        return self._fault

    async def end(self) -> None:
        """End everything in the program's session and close its descriptors; bounded in time, idempotent.

        Processes that ignore SIGHUP are left alone if the program ended by itself.
        """
        if self._closed:
            return
        self._closed = True
        for output in self._outputs:
            self._pause(output)
        self._stop_writing()
        self._loop.remove_reader(self._child.pidfd)
        ended_by_itself = self._exit_code is not None
        await end_session(
            self._child.pid, lambda: self._child.poll() is None, gently=self.started, spare_nohup=ended_by_itself
        )
        if not self._drained.done():
            self._drained.set_result(self._child.poll() or 0)
        self._child.close()

    def _read_some(self, output: _Output) -> None:
        pieces: list[bytes] = []
        room = min(self._capacity(), READ_BYTES)
        while room > 0:
            try:
                piece = os.read(output.descriptor, room)
            except BlockingIOError:
                output.over = self._exit_code is not None
                break
            except OSError:  # EIO: no process has the terminal open
                piece = b""
            if not piece:
                output.over = True
                break
            pieces.append(piece)
            room -= len(piece)
        if pieces:
            self._on_output(output.index, pieces[0] if len(pieces) == 1 else b"".join(pieces))
        self._settle_reading(output)

    def _settle_reading(self, output: _Output) -> None:
        if output.over:
            self._pause(output)
            self._finish_if_over()
        elif self._capacity() <= 0:
            self._pause(output)
        elif self._exit_code is not None:
            self._loop.call_soon(self.resume)

    def _pause(self, output: _Output) -> None:
        if output.reading:
            output.reading = False
            self._loop.remove_reader(output.descriptor)

    def _exited(self) -> None:
        exit_code = self._child.poll()
        if exit_code is None:
            return
        self._loop.remove_reader(self._child.pidfd)
        self._exit_code = exit_code
        self._fault = self._child.fault()
        self._drop_input()
        for output in self._outputs:
            self._pause(output)
        self.resume()
        self._finish_if_over()

    def _finish_if_over(self) -> None:
        over = all(output.over for output in self._outputs)
        if over and self._exit_code is not None and not self._drained.done():
            self._drained.set_result(self._exit_code)

    def _write_some(self) -> None:
        while self._input:
            tag, data = self._input[0]
            try:
                written = os.write(self._child.input, data)
            except BlockingIOError:
                self._await_room()
                return
            except OSError:  # EIO, EPIPE, EBADF: the program no longer reads
                written = len(data)
            if written < len(data):
                self._input[0] = (tag, data[written:])
                continue
            self._input.popleft()
            self._on_consumed(tag)
        self._stop_writing()
        if self._input_ends:
            self._child.close_input()

    def _await_room(self) -> None:
        if not self._writing:
            self._writing = True
            self._loop.add_writer(self._child.input, self._write_some)

    def _stop_writing(self) -> None:
        if self._writing:
            self._writing = False
            self._loop.remove_writer(self._child.input)

    def _drop_input(self) -> None:
        """Report input for a program that has ended as consumed; otherwise its sender repeats it for ever."""
        self._stop_writing()
        while self._input:
            self._on_consumed(self._input.popleft()[0])
