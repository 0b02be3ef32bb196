"""The agent's side of the zygote: starts it, asks it for workers, and starts another if it dies."""

import asyncio
import os
import signal
import socket
import subprocess
import time
from pathlib import Path

import msgspec

from ferryman.agent.logs import DEFAULT_LOGS, LogSettings, logger
from ferryman.agent.workers.worker import WorkerTask
from ferryman.agent.workers.zygote import LENGTH, ForkedZygote
from ferryman.system.program import part_command

START_SECONDS = 30.0
FORK_SECONDS = 10.0
_POLL_SECONDS = 0.01
_LOG = logger("pool")


class WorkerUnavailable(Exception):
    """No session worker could be started."""


class WorkerPool:
    """Creates session workers. The zygote handles one task at a time; the others wait."""

    def __init__(
        self, state_directory: Path, zygote: ForkedZygote | None = None, logs: LogSettings = DEFAULT_LOGS
    ) -> None:
        self._state_directory = state_directory
        self._logs = logs
        self._forked = zygote
        self._lock = asyncio.Lock()
        self._process: subprocess.Popen[bytes] | _Child | None = None
        self._reader: asyncio.StreamReader | None = None
        self._writer: asyncio.StreamWriter | None = None

    async def start(self) -> None:
        """Start the zygote and wait until it is ready; raises `WorkerUnavailable`."""
        async with self._lock:
            await self._ensure()

    async def fork(self, task: WorkerTask) -> int:
        """Return the process id of a new worker for `task`; raises `WorkerUnavailable`."""
        message = msgspec.json.encode(task)
        async with self._lock:
            for _ in range(2):
                reader, writer = await self._ensure()
                try:
                    writer.write(LENGTH.pack(len(message)) + message)
                    await writer.drain()
                    async with asyncio.timeout(FORK_SECONDS):
                        return int(LENGTH.unpack(await reader.readexactly(LENGTH.size))[0])
                except (TimeoutError, ConnectionError, asyncio.IncompleteReadError):
                    _LOG.warning("zygote lost; starting another")
                    await self._stop()
        raise WorkerUnavailable("the process that starts session workers died twice")

    async def close(self) -> None:
        """End the zygote; workers keep running."""
        async with self._lock:
            await self._stop()

    async def _ensure(self) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        if self._reader is None or self._writer is None:
            self._reader, self._writer = await asyncio.open_unix_connection(sock=await self._first_or_another())
            try:
                self._writer.write(LENGTH.pack(0))
                async with asyncio.timeout(START_SECONDS):
                    await self._reader.readexactly(LENGTH.size)
            except (TimeoutError, ConnectionError, asyncio.IncompleteReadError) as error:
                await self._stop()
                raise WorkerUnavailable("the process that starts session workers did not start; see its log") from error
        return self._reader, self._writer

    async def _first_or_another(self) -> socket.socket:
        """Return the agent's end of the socket of a zygote that has just been started."""
        if self._forked is not None:
            forked, self._forked = self._forked, None
            self._process = _Child(forked.pid)
            return forked.control
        ours, theirs = socket.socketpair()
        with theirs:
            self._process = await asyncio.to_thread(_spawn, self._state_directory, theirs.fileno(), self._logs)
        return ours

    async def _stop(self) -> None:
        if self._writer is not None:
            self._writer.close()
        if self._process is not None:
            try:
                await asyncio.to_thread(self._process.wait, 2.0)
            except subprocess.TimeoutExpired:
                self._process.kill()
                await asyncio.to_thread(self._process.wait)
        self._process = self._reader = self._writer = None


class _Child:
    """A forked child, as `subprocess.Popen` has one that it started."""

    def __init__(self, pid: int) -> None:
        self._pid = pid

    def wait(self, timeout: float | None = None) -> None:
        """Wait for its end; raises `subprocess.TimeoutExpired`."""
        deadline = None if timeout is None else time.monotonic() + timeout
        while os.waitpid(self._pid, 0 if deadline is None else os.WNOHANG)[0] == 0:
            if deadline is not None and time.monotonic() > deadline:
                raise subprocess.TimeoutExpired(["zygote"], timeout or 0)
            time.sleep(_POLL_SECONDS)

    def kill(self) -> None:
        """End it."""
        os.kill(self._pid, signal.SIGKILL)


def _spawn(state_directory: Path, descriptor: int, logs: LogSettings) -> "subprocess.Popen[bytes]":
    return subprocess.Popen(  # noqa: S603 - our own program
        part_command("zygote", str(state_directory), str(descriptor), *logs),
        stdin=subprocess.DEVNULL,
        pass_fds=(descriptor,),
        start_new_session=True,
        cwd="/",
    )
