"""The agent on a disk that is full or read-only: a real mount, real processes, a scripted service."""

import asyncio
import contextlib
import errno
import itertools
import json
import os
import subprocess
import sys
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

import pytest
import pytest_asyncio

from ferryman.agent.identity.credentials import CredentialSource
from ferryman.agent.identity.faults import StateUnusable
from ferryman.agent.identity.registration import register
from ferryman.agent.identity.state import StateDirectory
from ferryman.agent.records import ENDED_BY_AGENT, memory_directory
from ferryman.system.private_files import replace_private
from ferryman.transport.http import HttpClient
from ferryman.wire.agent_message import PayloadType
from tests.unit.agent.peers import (
    ACTIVATION_CODE,
    ACTIVATION_ID,
    REGION,
    SHELL_DOCUMENT,
    Client,
    Service,
    closing,
    shell_task,
)
from tests.waiting import PATIENCE

Result = TypeVar("Result")
PROGRAM = """
import sys
from pathlib import Path
from ferryman.agent.logs import configure
from ferryman.system.event_loop import run_loop
from ferryman.agent.run import run_agent
configure()
run_loop(run_agent(Path(sys.argv[1])))
"""


async def soon(work: Awaitable[Result]) -> Result:
    async with asyncio.timeout(PATIENCE):
        return await work


def mount(*arguments: str) -> None:
    subprocess.run(["mount", *arguments], capture_output=True, check=True)


@dataclass
class Disk:
    """A small file system of its own, with the state directory of a registered node on it."""

    mounted: Path

    @property
    def state(self) -> Path:
        return self.mounted / "state"

    def fill(self) -> None:
        """Leave not a single page."""
        with (self.mounted / "filling").open("ab", buffering=0) as file, contextlib.suppress(OSError):
            while True:
                file.write(b"x" * 4096)
        with pytest.raises(OSError, match="No space left"):
            replace_private(self.mounted / "more", b"x")

    def fill_inodes(self) -> None:
        """Leave space, but no more files can be made."""
        with contextlib.suppress(OSError):
            for number in itertools.count():
                (self.mounted / f"filling-{number}").touch()
        with pytest.raises(OSError, match="No space left"):
            (self.mounted / "more").touch()

    def forbid(self) -> None:
        """Make the file system read-only, as the kernel does after errors."""
        mount("-o", "remount,bind,ro", str(self.mounted))
        with pytest.raises(OSError, match="Read-only"):
            (self.mounted / "more").touch()

    def empty(self) -> None:
        """Make it usable again."""
        mount("-o", "remount,bind,rw", str(self.mounted))
        for file in self.mounted.glob("filling*"):
            file.unlink()


TROUBLES: dict[str, Callable[[Disk], None]] = {"full": Disk.fill, "no inodes": Disk.fill_inodes, "ro": Disk.forbid}


@pytest.fixture
def mounted(tmp_path: Path) -> Iterator[Path]:
    if os.geteuid():
        pytest.skip("only root can mount file systems")
    where = tmp_path / "disk"
    where.mkdir()
    command = ["mount", "-t", "tmpfs", "-o", "size=256k,nr_inodes=64", "tmpfs", str(where)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        pytest.skip(f"file systems cannot be mounted here: {done.stderr.strip()}")
    yield where
    subprocess.run(["umount", "--lazy", str(where)], check=True)


@pytest_asyncio.fixture(loop_scope="function")
async def disk(service: Service, mounted: Path) -> Disk:
    disk = Disk(mounted)
    await register(service.url, REGION, ACTIVATION_ID, ACTIVATION_CODE, disk.state)
    return disk


@pytest.fixture(params=TROUBLES)
def trouble(request: pytest.FixtureRequest) -> Callable[[Disk], None]:
    return TROUBLES[request.param]


class Agent:
    """An agent process and what it logged."""

    def __init__(self, process: asyncio.subprocess.Process, log: Path) -> None:
        self.process = process
        self._log = log

    async def stop(self) -> int:
        if self.process.returncode is None:
            self.process.terminate()
        return await soon(self.process.wait())

    def logged(self, event: str) -> list[dict[str, object]]:
        lines = [json.loads(line) for line in self._log.read_text().splitlines()]
        return [line for line in lines if line["event"] == event]

    def text(self) -> str:
        return self._log.read_text()


StartAgent = Callable[[Disk], Awaitable[Agent]]


@pytest_asyncio.fixture(loop_scope="function")
async def start_agent(tmp_path: Path) -> AsyncIterator[StartAgent]:
    agents: list[Agent] = []
    memories: set[Path] = set()

    async def start(disk: Disk) -> Agent:
        log = tmp_path / f"agent-{len(agents)}.log"
        memories.add(memory_directory(disk.state / "sessions"))
        with log.open("wb") as file:
            environment = {**os.environ, "HOME": str(tmp_path)}
            process = await asyncio.create_subprocess_exec(
                sys.executable, "-c", PROGRAM, str(disk.state), env=environment, stderr=file
            )
        agents.append(Agent(process, log))
        return agents[-1]

    yield start
    for agent in agents:
        await agent.stop()
    for memory in memories:
        if memory.is_dir():
            assert list(memory.iterdir()) == []
            memory.rmdir()


async def run_command(service: Service, client: Client, session_id: str = "alice-1", command: str = "echo ran") -> None:
    """Run a command's session from task to result."""
    control = await soon(service.controls.get())
    service.controls.put_nowait(control)
    properties = {"linux": {"commands": command}}
    await control.send(
        shell_task(session_id, {**SHELL_DOCUMENT, "sessionType": "NonInteractiveCommands", "properties": properties})
    )
    await client.join(await soon(service.channels.get()))
    result, _ = await soon(service.completed.get())
    assert (result.task_id, result.final_task_status, result.output) == (session_id, "Success", "")


async def test_a_session_starts_on_a_disk_that_became_unusable(
    service: Service, client: Client, disk: Disk, start_agent: StartAgent, trouble: Callable[[Disk], None]
) -> None:
    agent = await start_agent(disk)
    service.controls.put_nowait(await soon(service.controls.get()))
    trouble(disk)
    await run_command(service, client)
    assert client.payloads(PayloadType.OUTPUT) == b"ran\n"
    assert agent.logged("session record kept in memory")
    assert "Traceback" not in agent.text()
    assert await agent.stop() == 0


async def test_an_agent_starts_on_an_unusable_disk(
    service: Service, client: Client, disk: Disk, start_agent: StartAgent, trouble: Callable[[Disk], None]
) -> None:
    trouble(disk)
    agent = await start_agent(disk)
    await run_command(service, client)
    assert client.payloads(PayloadType.OUTPUT) == b"ran\n"
    assert agent.logged("credentials not kept")
    assert "Traceback" not in agent.text()
    assert await agent.stop() == 0


async def test_a_second_agent_is_refused_on_a_read_only_disk(
    service: Service, disk: Disk, start_agent: StartAgent
) -> None:
    disk.forbid()
    await start_agent(disk)
    service.controls.put_nowait(await soon(service.controls.get()))
    second = await start_agent(disk)
    assert await soon(second.process.wait()) == 1
    assert "another agent is running" in second.text()


async def test_a_failed_start_is_reported_from_an_unusable_disk(
    service: Service, disk: Disk, start_agent: StartAgent, trouble: Callable[[Disk], None]
) -> None:
    await start_agent(disk)
    control = await soon(service.controls.get())
    trouble(disk)
    await control.send(shell_task("alice-1", {**SHELL_DOCUMENT, "sessionType": "Telepathy"}))
    result, _ = await soon(service.completed.get())
    assert result.final_task_status == "Failed"
    assert "Telepathy" in result.output


async def test_a_session_kept_in_memory_outlives_its_agent(
    service: Service, client: Client, disk: Disk, start_agent: StartAgent, trouble: Callable[[Disk], None]
) -> None:
    agent = await start_agent(disk)
    control = await soon(service.controls.get())
    trouble(disk)
    await control.send(shell_task("alice-1"))
    await client.join(await soon(service.channels.get()))
    client.type("echo first-$((40+2))\n")
    await soon(client.shows("first-42"))
    agent.process.kill()
    await agent.process.wait()
    following = await start_agent(disk)
    control = await soon(service.controls.get())
    client.type("echo second-$((40+2))\n")
    await soon(client.shows("second-42"))
    assert following.logged("session adopted")
    disk.empty()
    await control.send(closing("alice-1"))
    result, _ = await soon(service.completed.get())
    assert (result.final_task_status, result.output) == ("Failed", ENDED_BY_AGENT)
    assert await following.stop() == 0
    assert list((disk.state / "sessions").iterdir()) == []


async def test_a_session_starts_where_nothing_at_all_can_be_written(
    service: Service, client: Client, disk: Disk, start_agent: StartAgent, trouble: Callable[[Disk], None]
) -> None:
    """Shared memory cannot be used either: something that is not ours has the name."""
    memory = memory_directory(disk.state / "sessions")
    memory.write_bytes(b"")
    try:
        agent = await start_agent(disk)
        service.controls.put_nowait(await soon(service.controls.get()))
        trouble(disk)
        await run_command(service, client)
        assert client.payloads(PayloadType.OUTPUT) == b"ran\n"
        assert agent.logged("session has no record")
        assert "Traceback" not in agent.text()
        assert await agent.stop() == 0
    finally:
        memory.unlink()


async def test_a_result_is_confirmed_although_its_record_cannot_be_removed(
    service: Service, client: Client, disk: Disk, start_agent: StartAgent
) -> None:
    agent = await start_agent(disk)
    service.acknowledge_results = False
    await run_command(service, client)
    disk.forbid()
    service.acknowledge_results = True
    await soon(service.completed.get())  # sent again, and confirmed
    await run_command(service, Client(), "alice-2")
    assert agent.process.returncode is None


async def test_the_key_stays_while_the_next_one_cannot_be_kept(
    service: Service, disk: Disk, trouble: Callable[[Disk], None]
) -> None:
    state = StateDirectory(disk.state)
    service.update_key_pair = True
    trouble(disk)
    async with HttpClient(service.url, user_agent="t") as http:
        source = CredentialSource(state, http)
        await source.renew()
        old = service.public_key
        assert source.key_is_old
        with pytest.raises(StateUnusable, match=r"next-key\.pem"):
            await source.update_key()
        assert service.public_key == old
        await source.renew()
        disk.empty()
        await source.update_key()
        assert service.public_key != old
        await source.renew()


async def test_an_agent_asked_to_rotate_its_key_continues(
    service: Service, client: Client, disk: Disk, start_agent: StartAgent, trouble: Callable[[Disk], None]
) -> None:
    service.update_key_pair = True
    trouble(disk)
    agent = await start_agent(disk)
    await run_command(service, client)
    assert agent.process.returncode is None
    assert agent.logged("credentials not renewed") or agent.logged("key not replaced")


async def test_registering_on_a_full_disk_costs_no_activation(
    service: Service, mounted: Path, trouble: Callable[[Disk], None]
) -> None:
    disk = Disk(mounted)
    trouble(disk)
    with pytest.raises(StateUnusable, match=r"cannot use|cannot write"):
        await register(service.url, REGION, ACTIVATION_ID, ACTIVATION_CODE, disk.state)
    assert service.operations() == []


async def test_a_registration_stays_whole_when_its_successor_does_not_fit(
    service: Service, disk: Disk, trouble: Callable[[Disk], None]
) -> None:
    before = {path.name: path.read_bytes() for path in disk.state.glob("*.*")}
    trouble(disk)
    with pytest.raises(StateUnusable):
        await register(service.url, REGION, ACTIVATION_ID, ACTIVATION_CODE, disk.state, replace=True)
    assert {path.name: path.read_bytes() for path in disk.state.glob("*.*")} == before
    assert service.operations() == ["RegisterManagedInstance"]


def test_a_file_that_fits_only_in_part_does_not_replace_a_whole_one(mounted: Path) -> None:
    file = mounted / "key"
    replace_private(file, b"old" * 100)
    with pytest.raises(OSError, match="No space left") as raised:
        replace_private(file, b"new" * 200_000)
    assert raised.value.errno == errno.ENOSPC
    assert file.read_bytes() == b"old" * 100
    assert [path.name for path in mounted.iterdir()] == ["key"]
