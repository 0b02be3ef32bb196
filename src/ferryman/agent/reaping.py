"""Ends everything that a session has started, and waits for processes without blocking the event loop."""

import asyncio
import contextlib
import os
import signal
from collections.abc import Callable
from pathlib import Path

HANGUP_SECONDS = 1.0
"""How long processes may take to leave after SIGHUP; then they are killed."""
KILL_SECONDS = 2.0
GENTLY = ((signal.SIGHUP, HANGUP_SECONDS), (signal.SIGKILL, KILL_SECONDS))
AT_ONCE = ((signal.SIGKILL, KILL_SECONDS),)


async def end_session(leader: int, is_running: Callable[[], bool], *, gently: bool) -> None:
    """End every process of the session that `leader` leads: SIGHUP, a second's grace, SIGKILL; not gently: SIGKILL.

    `is_running` tells of the leader itself, which may be so new that it does not lead its session yet. A process that
    made a session of its own (setsid, a daemon, tmux) has left and is not ours to end. What even SIGKILL does not end
    (it hangs in the kernel) is left to init: this returns after a bounded time in every case.
    """
    for number, seconds in GENTLY if gently else AT_ONCE:
        members = set(session_members(leader))
        if is_running():
            members.add(leader)
        if not members:
            return
        await _signal_and_wait(members, number, seconds)


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
