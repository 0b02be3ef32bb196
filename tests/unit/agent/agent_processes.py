"""Agents in processes of their own, and what tests ask of them."""

import asyncio
import os
import signal
from collections.abc import Awaitable, Callable
from typing import TypeVar

from ferryman.agent.identity.state import StateDirectory
from ferryman.agent.process.reaping import wait_readable
from ferryman.agent.records import SessionRecords
from tests.unit.agent.peers import SHELL_DOCUMENT, Channel, Client, Service, shell_task
from tests.waiting import PATIENCE

Result = TypeVar("Result")
PROGRAM = """
import sys
from pathlib import Path
from ferryman.agent.logs import configure
from ferryman.system.event_loop import run_loop
from ferryman.agent.run import run_agent
from ferryman.agent.workers.zygote import fork_zygote
zygote = fork_zygote(Path(sys.argv[1]))
configure()
run_loop(run_agent(Path(sys.argv[1]), zygote=zygote))
"""


QUIET_SHELL = "unset HISTFILE; exec env PS1='re''ady> ' sh -c 'stty -echo; cd /; exec sh'\n"
"""A prompt that is easily told from all else, no echo, and no trace in the history of whose account this is."""


async def soon(work: Awaitable[Result]) -> Result:
    async with asyncio.timeout(PATIENCE):
        return await work


class Agent:
    """An agent process; `kill` is kill -9."""

    def __init__(self, process: asyncio.subprocess.Process) -> None:
        self.process = process

    async def kill(self) -> None:
        self.process.kill()
        await self.process.wait()

    async def stop(self, number: signal.Signals = signal.SIGTERM) -> int:
        self.process.send_signal(number)
        return await soon(self.process.wait())


StartAgent = Callable[[], Awaitable[Agent]]


def end_process(pid: int) -> None:
    try:
        os.kill(pid, signal.SIGKILL)
    except ProcessLookupError:
        return


async def exited(pid: int) -> bool:
    try:
        descriptor = os.pidfd_open(pid)
    except ProcessLookupError:
        return True
    try:
        return await wait_readable(descriptor, 20)
    finally:
        os.close(descriptor)


async def worker_of(state: StateDirectory, session_id: str) -> int:
    record = SessionRecords(state.sessions).read(session_id)
    assert record is not None
    return record.pid


def numbers_shown(client: Client) -> list[int]:
    """The lines of output that are numbers."""
    return [int(line) for line in bytes(client.output).replace(b"ready> ", b"").split() if line.isdigit()]


async def open_shell(service: Service, client: Client, session_id: str = "alice-1") -> Channel:
    """Start a session and bring it to a prompt that is easily told from all else."""
    control = await soon(service.controls.get())
    service.controls.put_nowait(control)
    await control.send(shell_task(session_id))
    channel = await soon(service.channels.get())
    await client.join(channel)
    client.resize(120, 40)
    client.type(QUIET_SHELL)
    await client.shows("ready> ")
    return channel


def task_of(session_id: str, session_type: str, properties: dict[str, object]) -> bytes:
    return shell_task(session_id, {**SHELL_DOCUMENT, "sessionType": session_type, "properties": properties})
