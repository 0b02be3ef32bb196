"""The server's side of the sandbox: starts its processes on demand and replaces those that end."""

import asyncio
import signal
from asyncio.subprocess import PIPE, Process
from collections import Counter
from contextlib import suppress
from dataclasses import dataclass

import msgspec

from ferryman.core.document_tasks import Broken, DecideAccess, Result, Task
from ferryman.model.errors import ServiceError
from ferryman.sandbox.frames import FAILED, LENGTH
from ferryman.system.program import part_command

TASK_SECONDS = 2.0
"""Processor time rather than elapsed time, so that nothing is refused on a busy machine. 64 KB of YAML take 0.5."""
MEMORY_MIB = 768
"""Address space of a process, most of it reserved and never used."""
MOST_WAITING = 32
"""Tasks that may wait for one process."""
MOST_WAITING_OF_ONE = 4
"""Tasks of one person that may wait, so that one person's slow tasks delay others by a few seconds only."""
_PATIENCE = 60.0
"""Seconds until a process that neither answers nor uses the processor is ended."""
_START_SECONDS = 60.0
_BY_ITS_TASK = (-signal.SIGPROF, -signal.SIGSEGV, -signal.SIGABRT, -signal.SIGBUS)
"""How a process ends that exceeds its time, its stack or its memory."""


@dataclass(frozen=True, slots=True)
class Confinement:
    """The limits of a task."""

    seconds: float = TASK_SECONDS
    mebibytes: int = MEMORY_MIB
    most_waiting: int = MOST_WAITING
    most_waiting_of_one: int = MOST_WAITING_OF_ONE


DEFAULT_CONFINEMENT = Confinement()


class Sandbox:
    """`core.document_tasks.DocumentWorker`. Decisions about access have a process of their own, so that documents
    cannot delay them."""

    def __init__(self, confinement: Confinement = DEFAULT_CONFINEMENT) -> None:
        self._documents = _Lane(confinement)
        self._decisions = _Lane(confinement)

    async def perform(self, task: Task, person_id: str = "") -> Result:
        """Return a task's result, `Broken` if it exceeds a limit.

        Raises ServiceError ThrottlingException if too many tasks wait, in all or of this person, RuntimeError for a
        bug of Ferryman's.
        """
        lane = self._decisions if isinstance(task, DecideAccess) else self._documents
        return await lane.perform(task, person_id)

    async def close(self) -> None:
        """End both processes."""
        await self._documents.close()
        await self._decisions.close()


class _Lane:
    """One process, one task at a time."""

    def __init__(self, confinement: Confinement) -> None:
        self._confinement = confinement
        self._turn = asyncio.Lock()
        self._waiting: Counter[str] = Counter()
        self._process: Process | None = None

    async def perform(self, task: Task, person_id: str) -> Result:
        total, own = self._waiting.total(), self._waiting[person_id]
        if own >= self._confinement.most_waiting_of_one:
            raise _throttled(f"{own} of your documents")
        if total >= self._confinement.most_waiting:
            raise _throttled(f"{total} documents")
        self._waiting[person_id] += 1
        try:
            async with self._turn:
                return await self._ask(msgspec.json.encode(task))
        finally:
            self._waiting[person_id] -= 1
            self._waiting += Counter()  # forgets who waits no longer

    async def close(self) -> None:
        async with self._turn:
            await self._end()

    async def _ask(self, message: bytes) -> Result:
        for attempt in range(2):
            try:
                process = await self._running()
                async with asyncio.timeout(_PATIENCE):
                    answer = await _exchange(process, message)
            except TimeoutError:
                await self._end()
                break
            except (ConnectionError, asyncio.IncompleteReadError):
                status = await self._end()
                if status not in _BY_ITS_TASK and attempt == 0:
                    continue  # somebody ended it, maybe before this task
                return self._exceeded(status)
            except BaseException:
                await self._end()  # its answer to this task must not become that to the next
                raise
            result: Result = msgspec.json.decode(answer, type=Result)
            return result
        return self._exceeded(0)

    def _exceeded(self, status: int) -> Broken:
        if status == -signal.SIGPROF:
            limit = f"{self._confinement.seconds:g} seconds of processor time"
        else:
            limit = f"the memory or the stack that it may ({self._confinement.mebibytes} MiB)"
        return Broken("", f"takes more than {limit} to be read. Make it smaller or simpler.")

    async def _running(self) -> Process:
        if self._process is not None and self._process.returncode is None:
            return self._process
        await self._end()
        self._process = await asyncio.create_subprocess_exec(
            *part_command(
                "document-sandbox",
                str(self._confinement.seconds),
                str(self._confinement.mebibytes),
                isolated=True,
            ),
            stdin=PIPE,
            stdout=PIPE,
            stderr=asyncio.subprocess.DEVNULL,
            cwd="/",
            env={},
            start_new_session=True,
        )
        process = self._process
        try:
            async with asyncio.timeout(_START_SECONDS):
                assert process.stdout is not None  # noqa: S101 it is a pipe
                await process.stdout.readexactly(LENGTH.size)
        except (TimeoutError, asyncio.IncompleteReadError) as error:
            raise RuntimeError(f"the sandbox for documents did not start: it ended with {await self._end()}") from error
        return process

    async def _end(self) -> int:
        """End the process if there is one; return how it ended."""
        process, self._process = self._process, None
        if process is None:
            return 0
        if process.stdin is not None:
            process.stdin.close()
        with suppress(ProcessLookupError):
            if process.returncode is None and not await _ends_by_itself(process):
                process.kill()
        return await process.wait()


def _throttled(what: str) -> ServiceError:
    return ServiceError("ThrottlingException", f"{what} are waiting to be read already. Try again soon.")


async def _ends_by_itself(process: Process) -> bool:
    """Whether the process, whose input is closed, is gone soon: how it ended says which limit it exceeded."""
    with suppress(TimeoutError):
        async with asyncio.timeout(1.0):
            await process.wait()
            return True
    return False


async def _exchange(process: Process, message: bytes) -> bytes:
    """Send a task and return its result.

    Raises ConnectionError or IncompleteReadError when the process ends, RuntimeError with its traceback if it failed.
    """
    assert process.stdin is not None  # noqa: S101 both are pipes
    assert process.stdout is not None  # noqa: S101
    process.stdin.write(LENGTH.pack(len(message)) + message)
    await process.stdin.drain()
    (length,) = LENGTH.unpack(await process.stdout.readexactly(LENGTH.size))
    if length != FAILED:
        return await process.stdout.readexactly(length)
    (length,) = LENGTH.unpack(await process.stdout.readexactly(LENGTH.size))
    cause = (await process.stdout.readexactly(length)).decode(errors="replace")
    raise RuntimeError(f"a task on a document failed in the sandbox: {cause}")
