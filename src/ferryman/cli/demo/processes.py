"""The processes of a demo: kept running as an init system would, and all gone in the end.

The calling process becomes a subreaper (prctl(2)), so processes that its children leave behind become its own children
and can be ended, too. It reaps by `waitpid(-1)`: no other code in the process may wait for children.
"""

import asyncio
import contextlib
import ctypes
import os
import signal
import subprocess
from collections.abc import Callable, Coroutine, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO

_PR_SET_PDEATHSIG = 1
_PR_SET_CHILD_SUBREAPER = 36
_LIBC = ctypes.CDLL(None, use_errno=True)

SHORT_LIFE = 2.0
"""Seconds; a process that dies sooner is restarted more slowly, and not forever."""
SHORT_LIVES_ALLOWED = 5
RESTART_DELAY = 0.1
END_GRACE = 10.0
KILL_GRACE = 5.0


@dataclass(frozen=True, slots=True)
class Program:
    """A long-running process to keep alive: its name for people, its command, environment, and log file."""

    name: str
    command: Sequence[str]
    environment: Mapping[str, str]
    log: Path


@dataclass(slots=True)
class _Kept:
    program: Program
    pid: int
    started_at: float
    short_lives: int = 0


@dataclass(slots=True)
class Processes:
    """Children of this process. Made and used on one event loop; `on_failure` gets a program that keeps dying."""

    on_failure: Callable[[Program], None]
    _programs: dict[str, Program] = field(default_factory=dict)
    _kept: dict[int, _Kept] = field(default_factory=dict)
    _awaited: dict[int, asyncio.Future[int]] = field(default_factory=dict)
    _beside: set[asyncio.Task[None]] = field(default_factory=set)
    _ending: bool = False

    def begin(self) -> None:
        """Adopt processes that descendants leave behind, and reap from now on; call it on the running loop's main
        thread."""
        if _LIBC.prctl(_PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0) != 0:
            raise OSError(ctypes.get_errno(), "prctl(PR_SET_CHILD_SUBREAPER) failed")
        asyncio.get_running_loop().add_signal_handler(signal.SIGCHLD, self._reap)

    def keep(self, program: Program) -> int:
        """Start a program in its own session and start it again whenever it dies; returns its first pid."""
        self._programs[program.name] = program
        pid = self._start(program)
        self._kept[pid] = _Kept(program, pid, asyncio.get_running_loop().time())
        return pid

    def beside(self, work: Coroutine[None, None, None]) -> None:
        """Run something in this process until `end`."""
        self._beside.add(asyncio.get_running_loop().create_task(work))

    def spawn(
        self,
        command: Sequence[str],
        environment: Mapping[str, str],
        *,
        stdin: int | None = None,
        stdout: IO[bytes] | int | None = None,
    ) -> int:
        """Start a process once, in the foreground: it shares our terminal. Returns its pid, to `wait` for."""
        pid = _spawn(command, environment, stdin=stdin, output=stdout, own_session=False)
        self._awaited[pid] = asyncio.get_running_loop().create_future()
        return pid

    async def wait(self, pid: int) -> int:
        """Wait for a process from `spawn`; its exit status, or minus the signal that ended it."""
        try:
            return await self._awaited[pid]
        finally:
            del self._awaited[pid]

    async def end(self) -> None:
        """End the programs, the one kept first last, then every descendant that is left; wait until all are gone."""
        self._ending = True
        for task in self._beside:
            task.cancel()
        programs = list(self._programs)
        for names in (programs[1:], programs[:1]):
            await self._end_programs(frozenset(names))
        for number, grace in ((signal.SIGTERM, END_GRACE / 5), (signal.SIGKILL, KILL_GRACE)):
            for pid in descendants(os.getpid()):
                _signal(pid, number)
            await self._until_gone(lambda: descendants(os.getpid()), grace)
        asyncio.get_running_loop().remove_signal_handler(signal.SIGCHLD)

    async def _end_programs(self, names: frozenset[str]) -> None:
        def running() -> set[int]:
            return {pid for pid, kept in self._kept.items() if kept.program.name in names}

        for pid in running():
            _signal(pid, signal.SIGTERM)
        await self._until_gone(running, END_GRACE)

    async def _until_gone(self, remaining: Callable[[], set[int]], seconds: float) -> None:
        deadline = asyncio.get_running_loop().time() + seconds
        while remaining() and asyncio.get_running_loop().time() < deadline:
            self._reap()
            await asyncio.sleep(0.02)

    def _start(self, program: Program) -> int:
        with program.log.open("ab") as log:
            return _spawn(program.command, program.environment, stdin=subprocess.DEVNULL, output=log, own_session=True)

    def _reap(self) -> None:
        while True:
            try:
                pid, status = os.waitpid(-1, os.WNOHANG)
            except ChildProcessError:
                return
            if pid == 0:
                return
            self._ended_child(pid, os.waitstatus_to_exitcode(status))

    def _ended_child(self, pid: int, status: int) -> None:
        kept = self._kept.pop(pid, None)
        if kept is not None:
            if not self._ending:
                self._restart(kept)
            return
        future = self._awaited.get(pid)
        if future is not None and not future.done():
            future.set_result(status)

    def _restart(self, kept: _Kept) -> None:
        loop = asyncio.get_running_loop()
        lived = loop.time() - kept.started_at
        kept.short_lives = kept.short_lives + 1 if lived < SHORT_LIFE else 0
        if kept.short_lives > SHORT_LIVES_ALLOWED:
            self.on_failure(kept.program)
            return
        loop.call_later(RESTART_DELAY * 2**kept.short_lives, self._start_again, kept)

    def _start_again(self, kept: _Kept) -> None:
        if self._ending:
            return
        kept.pid = self._start(kept.program)
        kept.started_at = asyncio.get_running_loop().time()
        self._kept[kept.pid] = kept


def descendants(root: int) -> set[int]:
    """Return the pids of all processes below `root`, from /proc, dead ones that nobody has reaped among them."""
    children: dict[int, list[int]] = {}
    for entry in Path("/proc").iterdir():
        if not entry.name.isdigit():
            continue
        with contextlib.suppress(OSError):
            # The name, in parentheses, may itself hold spaces and parentheses (proc(5)).
            parent = (entry / "stat").read_text().rpartition(")")[2].split()[1]
            children.setdefault(int(parent), []).append(int(entry.name))
    found: set[int] = set()
    frontier = [root]
    while frontier:
        below = children.get(frontier.pop(), [])
        found.update(below)
        frontier.extend(below)
    return found


def _spawn(
    command: Sequence[str],
    environment: Mapping[str, str],
    *,
    stdin: int | None,
    output: IO[bytes] | int | None,
    own_session: bool,
) -> int:
    process = subprocess.Popen(  # noqa: S603 — the demo's own commands
        command,
        env=dict(environment),
        stdin=stdin,
        stdout=output,
        stderr=subprocess.STDOUT if own_session else None,
        start_new_session=own_session,
        # Nobody ends our children for us if we are killed outright.
        preexec_fn=_die_with_parent,
    )
    # The reaper waits for it; Popen must neither wait nor complain that nobody did.
    process.returncode = 0
    return process.pid


def _die_with_parent() -> None:
    _LIBC.prctl(_PR_SET_PDEATHSIG, int(signal.SIGTERM), 0, 0, 0)


def _signal(pid: int, number: signal.Signals) -> None:
    with contextlib.suppress(ProcessLookupError):
        os.kill(pid, number)
