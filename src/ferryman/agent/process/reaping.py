"""Ends everything that a session has started, and waits for processes without blocking the event loop.

Signalling one process after another is not enough: a shell whose command has died runs the next command before its own
signal comes. So the whole session is stopped first, and its processes find the signal waiting when they continue.
"""

import asyncio
import contextlib
import os
import signal
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

HANGUP_SECONDS = 1.0
"""How long processes may take to leave after SIGHUP; then they are killed."""
KILL_SECONDS = 2.0
GENTLY = ((signal.SIGHUP, HANGUP_SECONDS), (signal.SIGKILL, KILL_SECONDS))
IMMEDIATELY = ((signal.SIGKILL, KILL_SECONDS),)
_STOP_SECONDS = 0.002
"""How often to check whether everything has stopped."""
_STOP_LOOKS = 100
"""A process that hangs in the kernel does not stop, and one that forks without end may be ahead of us for a while."""
_ENDED = frozenset(b"ZX")
_STOPPED = frozenset(b"TtZXD")
"""States in which a process runs none of its own code; one that hangs in the kernel (D) stops when it returns."""


@dataclass(frozen=True, slots=True)
class _Member:
    pid: int
    state: int
    """The letter in /proc, as its character code."""
    session: int


async def end_session(leader: int, is_running: Callable[[], bool], *, gently: bool, spare_nohup: bool = False) -> None:
    """End every process of the session that `leader` leads: SIGHUP, a second's grace, SIGKILL; only SIGKILL unless
    `gently`.

    `is_running` tells whether the leader itself runs; it may be so new that it does not lead its session yet.
    `spare_nohup` leaves alone what ignores SIGHUP, as sshd does when a shell exits by itself. A process that made a
    session of its own (setsid, a daemon, tmux) has left and is not ours to end. A process that even SIGKILL does not
    end, because it hangs in the kernel, is left to init: this always returns within a bounded time.
    """

    def members() -> list[_Member]:
        found = [each for each in _members(leader) if not (spare_nohup and _ignores_hangup(each.pid))]
        if is_running() and all(each.pid != leader for each in found):
            found += [each for each in [_look(Path(f"/proc/{leader}"))] if each is not None]
        return found

    for number, seconds in GENTLY if gently else IMMEDIATELY:
        stopped = await _stop(members)
        if not stopped:
            return
        await _signal_and_wait(stopped, number, seconds)


def session_members(leader: int) -> list[int]:
    """Return the ids of the living processes in the session that `leader` leads, itself included."""
    return [member.pid for member in _members(leader)]


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


def _members(leader: int) -> list[_Member]:
    looks = (_look(entry) for entry in Path("/proc").iterdir() if entry.name.isdigit())
    return [each for each in looks if each is not None and each.session == leader]


def _look(entry: Path) -> _Member | None:
    """Return the living process whose directory in /proc it is."""
    try:
        # pid (command) state parent group session …; the command may hold anything, parentheses too.
        fields = (entry / "stat").read_bytes().rpartition(b")")[2].split()
    except OSError:
        return None
    state = fields[0][0]
    return None if state in _ENDED else _Member(int(entry.name), state, int(fields[3]))


def _ignores_hangup(pid: int) -> bool:
    try:
        status = Path(f"/proc/{pid}/status").read_bytes()
    except OSError:
        return False
    ignored = next((line.split()[1] for line in status.splitlines() if line.startswith(b"SigIgn:")), b"0")
    return bool(int(ignored, 16) >> (signal.SIGHUP - 1) & 1)


async def _stop(members: Callable[[], list[_Member]]) -> set[int]:
    """Stop all members, also those that they start meanwhile; return those that may be signalled."""
    reached: set[int] = set()
    out_of_reach: set[int] = set()
    for _ in range(_STOP_LOOKS):
        current = [each for each in members() if each.pid not in out_of_reach]
        for member in current:
            if member.pid not in reached:
                (reached if _send(member.pid, signal.SIGSTOP) else out_of_reach).add(member.pid)
        if all(each.pid in reached and each.state in _STOPPED for each in current if each.pid not in out_of_reach):
            return {each.pid for each in current} - out_of_reach
        await asyncio.sleep(_STOP_SECONDS)
    return reached


def _send(pid: int, number: signal.Signals) -> bool:
    """Signal a process; False if it has ended or belongs to somebody else."""
    try:
        os.kill(pid, number)
    except (ProcessLookupError, PermissionError):
        return False
    return True


async def _signal_and_wait(stopped: set[int], number: signal.Signals, seconds: float) -> None:
    """Signal stopped processes, let them continue, and wait, at most `seconds`, until they have all ended."""
    descriptors = []
    for pid in stopped:
        with contextlib.suppress(ProcessLookupError):
            descriptors.append(os.pidfd_open(pid))
    try:
        for number_sent in (number, signal.SIGCONT):  # all have the signal before the first continues
            for descriptor in descriptors:
                with contextlib.suppress(ProcessLookupError, PermissionError):
                    signal.pidfd_send_signal(descriptor, number_sent)
        await asyncio.gather(*(wait_readable(descriptor, seconds) for descriptor in descriptors))
    finally:
        for descriptor in descriptors:
            os.close(descriptor)
