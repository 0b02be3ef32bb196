"""A node is one machine's: copies of its state directory are refused, ordinary changes are not."""

import asyncio
import os
import shutil
import socket
import subprocess
import sys
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path

import msgspec
import pytest
import pytest_asyncio

from ferryman.agent import machine
from ferryman.agent.identity.credentials import NOT_THIS_MACHINE, CredentialSource
from ferryman.agent.identity.faults import StateUnusable
from ferryman.agent.identity.registration import register
from ferryman.agent.identity.state import StateDirectory
from ferryman.agent.machine import Machine, this_machine
from ferryman.transport.http import HttpClient
from tests.unit.agent.peers import ACTIVATION_CODE, ACTIVATION_ID, NODE_ID, REGION, Service
from tests.waiting import PATIENCE

TOKEN = "RequestManagedInstanceRoleToken"
PROGRAM = """
import sys
from pathlib import Path
from ferryman.agent.logs import configure
from ferryman.system.event_loop import run_loop
from ferryman.agent.run import run_agent
configure()
run_loop(run_agent(Path(sys.argv[1])))
"""
AS_ANOTHER_MACHINE = (
    'mount --bind "$1" /etc/machine-id && hostname another-name 2>/dev/null; shift; exec "$@"'  # in a new namespace
)


class Facts:
    """What identifies the machine, as files that the test writes."""

    def __init__(self, directory: Path) -> None:
        self.machine_id, self.uuid, self.mark = directory / "machine-id", directory / "uuid", directory / "mark"
        self.machine_id.write_text("3d1219c7c4c5404aaa1f6d2a48adfda4\n")
        self.uuid.write_text("4C4C4544-0035-4C10-8046-B4C04F595931\n")


@pytest.fixture
def facts(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Facts:
    facts = Facts(tmp_path)
    monkeypatch.setattr(machine, "_MACHINE_ID", facts.machine_id)
    monkeypatch.setattr(machine, "_HARDWARE", (facts.uuid,))
    monkeypatch.setattr(machine, "_CONTAINER_MARKS", (facts.mark,))
    for name in machine._CONTAINER_VARIABLES:
        monkeypatch.delenv(name, raising=False)
    return facts


@pytest_asyncio.fixture(loop_scope="function")
async def node(service: Service, facts: Facts, tmp_path: Path) -> StateDirectory:
    """The state of a node with credentials that are good for half an hour."""
    await register(service.url, REGION, ACTIVATION_ID, ACTIVATION_CODE, tmp_path / "node")
    state = StateDirectory(tmp_path / "node")
    async with HttpClient(service.url, user_agent="t") as http:
        await CredentialSource(state, http).current()
    service.calls.clear()
    return state


CHANGES: dict[str, Callable[[Facts], object]] = {
    "machine id": lambda facts: facts.machine_id.write_text("00000000000000000000000000000001\n"),
    "no machine id": lambda facts: facts.machine_id.unlink(),
    "hardware": lambda facts: facts.uuid.write_text("12345678-0035-4C10-8046-B4C04F595931\n"),
}


@pytest.mark.parametrize("change", CHANGES.values(), ids=CHANGES)
async def test_a_copied_state_does_not_use_its_credentials_or_its_fingerprint(
    service: Service, facts: Facts, node: StateDirectory, change: Callable[[Facts], object]
) -> None:
    change(facts)
    with pytest.raises(StateUnusable, match=f"{NODE_ID} on another machine: .* --replace.*ferryman agent rebind"):
        node.require_this_machine()
    async with HttpClient(service.url, user_agent="t") as http:
        await CredentialSource(node, http).current()
    assert service.calls == [(TOKEN, {"Fingerprint": NOT_THIS_MACHINE})]


@pytest.mark.parametrize("change", CHANGES.values(), ids=CHANGES)
async def test_a_node_that_was_moved_is_bound_to_its_new_machine(
    service: Service, facts: Facts, node: StateDirectory, change: Callable[[Facts], object]
) -> None:
    fingerprint = node.registration().fingerprint
    change(facts)
    assert node.bind_to_this_machine() == NODE_ID
    node.require_this_machine()
    async with HttpClient(service.url, user_agent="t") as http:
        await CredentialSource(node, http).current()
    assert service.calls == [(TOKEN, {"Fingerprint": fingerprint})]


@pytest.mark.parametrize("change", CHANGES.values(), ids=CHANGES)
async def test_a_copy_that_is_registered_again_is_a_node_of_its_own(
    service: Service, facts: Facts, node: StateDirectory, change: Callable[[Facts], object]
) -> None:
    change(facts)
    await register(service.url, REGION, ACTIVATION_ID, ACTIVATION_CODE, node.path, replace=True)
    node.require_this_machine()
    assert node.credentials() is None


async def test_the_machine_itself_stays_the_node(service: Service, facts: Facts, node: StateDirectory) -> None:
    """After a reboot, a restart of its container, another host name: nothing of that is a fact of the machine."""
    async with HttpClient(service.url, user_agent="t") as http:
        await CredentialSource(StateDirectory(node.path), http).current()
    assert service.calls == []
    facts.uuid.chmod(0)
    facts.uuid.unlink()  # run by an account that cannot read it
    node.require_this_machine()


async def test_a_container_that_continues_on_another_host_stays_the_node(facts: Facts, node: StateDirectory) -> None:
    facts.mark.touch()
    CHANGES["hardware"](facts)
    node.require_this_machine()
    assert this_machine().hardware == ""


async def test_a_node_of_an_older_agent_learns_its_hardware(facts: Facts, node: StateDirectory) -> None:
    (node.path / "machine.json").unlink()
    CHANGES["hardware"](facts)
    node.require_this_machine()
    node.record_machine()
    node.require_this_machine()
    facts.uuid.write_text("4C4C4544-0035-4C10-8046-B4C04F595931\n")
    with pytest.raises(StateUnusable, match="serial number"):
        node.require_this_machine()


@pytest.mark.parametrize(
    "number",
    [
        "",
        "00000000-0000-0000-0000-000000000000",
        "FFFFFFFF-FFFF-FFFF-FFFF-FFFFFFFFFFFF",
        "03000200-0400-0500-0006-000700080009",
        "Not Settable",
    ],
)
def test_a_serial_number_that_many_boards_share_identifies_no_machine(facts: Facts, number: str) -> None:
    facts.uuid.write_text(number)
    assert this_machine().hardware == ""


def test_a_serial_number_of_the_device_tree_ends_with_nul(facts: Facts) -> None:
    facts.uuid.write_text("10000000abcdef01\0")
    with_nul = this_machine()
    facts.uuid.write_text("10000000abcdef01")
    assert this_machine() == with_nul != Machine()


async def start_elsewhere(state: Path, machine_id: Path | None) -> asyncio.subprocess.Process:
    """Start the agent on `state`, in a mount and host name namespace of its own if it is to be another machine."""
    command = [sys.executable, "-c", PROGRAM, str(state)]
    if machine_id is not None:
        command = ["unshare", "--mount", "--uts", "sh", "-c", AS_ANOTHER_MACHINE, "sh", str(machine_id), *command]
    environment = {**os.environ, "HOME": str(state)}
    return await asyncio.create_subprocess_exec(*command, env=environment, stderr=asyncio.subprocess.PIPE)


Start = Callable[[Path, Path | None], Awaitable[asyncio.subprocess.Process]]


@pytest_asyncio.fixture(loop_scope="function")
async def start() -> AsyncIterator[Start]:
    started: list[asyncio.subprocess.Process] = []

    async def remember(state: Path, machine_id: Path | None) -> asyncio.subprocess.Process:
        started.append(await start_elsewhere(state, machine_id))
        return started[-1]

    yield remember
    for process in started:
        if process.returncode is None:
            process.terminate()
        await process.communicate()


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can give a process another machine id")
async def test_a_running_copy_does_not_take_the_node_over(
    service: Service, state: StateDirectory, tmp_path: Path, start: Start
) -> None:
    """The original has just renewed its credentials, so the copy has all that is needed to connect."""
    if subprocess.run(["unshare", "--mount", "--uts", "true"], check=False, capture_output=True).returncode:
        pytest.skip("namespaces cannot be made here")
    if not Path("/etc/machine-id").exists():
        pytest.skip("this machine has no machine id to cover")
    original = await start(state.path, None)
    async with asyncio.timeout(PATIENCE):
        await service.controls.get()
    shutil.copytree(state.path, tmp_path / "copy")
    machine_id = tmp_path / "machine-id"
    machine_id.write_text("00000000000000000000000000000001\n")
    before = len(service.calls)
    copy = await start(tmp_path / "copy", machine_id)
    async with asyncio.timeout(PATIENCE):
        _, complaint = await copy.communicate()
    assert copy.returncode == 1
    assert b"ferryman agent register --replace" in complaint
    assert {operation for operation, _ in service.calls[before:]} <= {"UpdateInstanceInformation"}
    assert service.controls.empty()
    assert original.returncode is None


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can give a process another host name")
async def test_another_host_name_is_the_same_machine(service: Service, state: StateDirectory, start: Start) -> None:
    if subprocess.run(["unshare", "--mount", "--uts", "true"], check=False, capture_output=True).returncode:
        pytest.skip("namespaces cannot be made here")
    await start(state.path, Path("/etc/machine-id"))
    async with asyncio.timeout(PATIENCE):
        await service.controls.get()
    full = [members for _, members in service.calls if "ComputerName" in members]
    assert all(members["ComputerName"] != socket.gethostname() for members in full)


def test_an_unreadable_record_of_the_machine_is_none(tmp_path: Path) -> None:
    (tmp_path / "machine.json").write_bytes(b"\xff{")
    StateDirectory(tmp_path).record_machine()
    assert msgspec.json.decode((tmp_path / "machine.json").read_bytes(), type=Machine) == this_machine()
