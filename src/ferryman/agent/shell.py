"""A program on a terminal, seen from an event loop: output when there is room for it, input in order, one end."""

import asyncio
import contextlib
import os
import signal
from collections import deque
from collections.abc import Callable
from pathlib import Path

from ferryman.agent.launcher import Prepared

READ_BYTES = 64 * 1024
HANGUP_SECONDS = 1.0
"""How long processes may take to leave after SIGHUP; then they are killed."""
KILL_SECONDS = 2.0


class Shell:
    """Drives a prepared program; must be made and used in a running loop.

    `capacity` says how many bytes of output may be taken now; at 0 the terminal is not read, so the program blocks in
    time, until `resume`. `on_output` gets the output in pieces of at most 64 KiB; `on_consumed` the tag of each `write`
    once the terminal has taken it.
    """

    def __init__(
        self,
        prepared: Prepared,
        capacity: Callable[[], int],
        on_output: Callable[[bytes], None],
        on_consumed: Callable[[int], None],
    ) -> None:
        self._prepared = prepared
        self._capacity = capacity
        self._on_output = on_output
        self._on_consumed = on_consumed
        self._loop = asyncio.get_running_loop()
        self._input: deque[tuple[int, memoryview]] = deque()
        self._reading = False
        self._writing = False
        self._output_over = False
        self._exit_code: int | None = None
        self._drained: asyncio.Future[int] = self._loop.create_future()
        self._fault = ""
        self._closed = False
        self.started = False

    def start(self) -> None:
        """Let the program run. Its output is read from now on."""
        self.started = True
        self._prepared.start()
        self._loop.add_reader(self._prepared.pidfd, self._exited)
        self.resume()

    def resize(self, columns: int, rows: int) -> None:
        """Set the window size."""
        self._prepared.resize(columns, rows)

    def write(self, tag: int, data: bytes) -> None:
        """Queue input. The caller bounds it: no more than what it has not been told is consumed."""
        self._input.append((tag, memoryview(data)))
        if not self._writing:
            self._write_some()

    def resume(self) -> None:
        """Read the terminal again if there is room; cheap when nothing has changed."""
        if self._reading or self._output_over or not self.started or self._capacity() <= 0:
            return
        if self._exit_code is not None:
            self._read_some()
            return
        self._reading = True
        self._loop.add_reader(self._prepared.master, self._read_some)

    async def drained(self) -> int:
        """Wait until the program has ended and all it wrote has been handed on; returns its exit code."""
        return await asyncio.shield(self._drained)

    def fault(self) -> str:
        """Why the program could not be executed; empty when it ran. To be asked after its end."""
        return self._fault

    async def end(self) -> None:
        """End everything in the program's session: SIGHUP, a second's grace, SIGKILL. Closes the terminal; idempotent.

        A process that made a session of its own (setsid, a daemon, tmux) has left and is not ours to end.
        """
        if self._closed:
            return
        self._closed = True
        self._pause()
        self._stop_writing()
        self._loop.remove_reader(self._prepared.pidfd)
        for number, seconds in ((signal.SIGHUP, HANGUP_SECONDS), (signal.SIGKILL, KILL_SECONDS)):
            members = set(session_members(self._prepared.pid))
            if self._exit_code is None and self._prepared.is_running():
                members.add(self._prepared.pid)  # newly forked, it may not lead its session yet
            if not members:
                break
            await _signal_and_wait(members, number, seconds)
        if self._exit_code is None and not self._prepared.is_running():  # one that hangs in the kernel is left to init
            self._exit_code = self._prepared.reap()
        if not self._drained.done():
            self._drained.set_result(self._exit_code or 0)
        self._prepared.close()

    def _read_some(self) -> None:
        pieces: list[bytes] = []
        room = min(self._capacity(), READ_BYTES)
        while room > 0:
            try:
                piece = os.read(self._prepared.master, room)
            except BlockingIOError:
                self._output_over = self._exit_code is not None
                break
            except OSError:  # EIO: nothing has the terminal open any more
                piece = b""
            if not piece:
                self._output_over = True
                break
            pieces.append(piece)
            room -= len(piece)
        if pieces:
            self._on_output(b"".join(pieces))
        self._settle_reading()

    def _settle_reading(self) -> None:
        if self._output_over:
            self._pause()
            self._finish_if_over()
        elif self._capacity() <= 0:
            self._pause()
        elif self._exit_code is not None:
            self._loop.call_soon(self.resume)

    def _pause(self) -> None:
        if self._reading:
            self._reading = False
            self._loop.remove_reader(self._prepared.master)

    def _exited(self) -> None:
        self._loop.remove_reader(self._prepared.pidfd)
        self._exit_code = self._prepared.reap()
        self._fault = self._prepared.fault()
        self._drop_input()
        self._pause()
        self.resume()
        self._finish_if_over()

    def _finish_if_over(self) -> None:
        if self._output_over and self._exit_code is not None and not self._drained.done():
            self._drained.set_result(self._exit_code)

    def _write_some(self) -> None:
        while self._input:
            tag, data = self._input[0]
            try:
                written = os.write(self._prepared.master, data)
            except BlockingIOError:
                self._await_room()
                return
            except OSError:  # EIO: the program is gone; its end is reported by the pidfd
                written = len(data)
            if written < len(data):
                self._input[0] = (tag, data[written:])
                continue
            self._input.popleft()
            self._on_consumed(tag)
        self._stop_writing()

    def _await_room(self) -> None:
        if not self._writing:
            self._writing = True
            self._loop.add_writer(self._prepared.master, self._write_some)

    def _stop_writing(self) -> None:
        if self._writing:
            self._writing = False
            self._loop.remove_writer(self._prepared.master)

    def _drop_input(self) -> None:
        """Input for a program that has ended is consumed by nobody; say so, or its sender repeats it for ever."""
        self._stop_writing()
        while self._input:
            self._on_consumed(self._input.popleft()[0])


def session_members(leader: int) -> list[int]:
    """Return the ids of the living processes in the session that `leader` leads, itself included."""
    members = []
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            with contextlib.suppress(OSError):
                # pid (command) state parent group session …; the command may hold anything, parentheses too.
                fields = (entry / "stat").read_bytes().rpartition(b")")[2].split()
                if int(fields[3]) == leader and fields[0] not in (b"Z", b"X"):
                    members.append(int(entry.name))
    return members


async def _signal_and_wait(members: set[int], number: signal.Signals, seconds: float) -> None:
    """Signal processes and wait, at most `seconds`, until they have all ended."""
    async with asyncio.TaskGroup() as group:
        for member in members:
            with contextlib.suppress(ProcessLookupError):
                descriptor = os.pidfd_open(member)
                try:
                    signal.pidfd_send_signal(descriptor, number)
                    signal.pidfd_send_signal(descriptor, signal.SIGCONT)
                except (ProcessLookupError, PermissionError):
                    os.close(descriptor)
                else:
                    group.create_task(_wait_and_close(descriptor, seconds))


async def _wait_and_close(descriptor: int, seconds: float) -> None:
    try:
        await wait_readable(descriptor, seconds)
    finally:
        os.close(descriptor)


async def wait_readable(descriptor: int, seconds: float) -> bool:
    """Wait for a descriptor to become readable (a pidfd: for the process to end); False after `seconds`."""
    loop = asyncio.get_running_loop()
    readable = asyncio.Event()
    loop.add_reader(descriptor, readable.set)
    try:
        async with asyncio.timeout(seconds):
            await readable.wait()
    except TimeoutError:
        return False
    finally:
        loop.remove_reader(descriptor)
    return True
