"""The agent as it is run: real processes, real terminals, a scripted service."""

import asyncio
import os
import signal
import sys
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import TypeVar

import psutil
import pytest
import pytest_asyncio

from ferryman.agent.process.reaping import wait_readable
from ferryman.agent.records import ENDED_BY_AGENT, SessionRecords
from ferryman.agent.state import StateDirectory
from ferryman.signing.rsa import encode_public_key
from ferryman.wire.agent_message import Flag, PayloadType
from ferryman.wire.payloads import encode_payload
from ferryman.wire.tasks import InteractiveShell
from tests.unit.agent.conftest import SHELL_DOCUMENT, Channel, Client, Service, closing, frame, shell_task
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


@pytest_asyncio.fixture(loop_scope="function")
async def start_agent(state: StateDirectory) -> AsyncIterator[StartAgent]:
    agents: list[Agent] = []

    async def start() -> Agent:
        environment = {**os.environ, "AWS_SECRET_ACCESS_KEY": "not for the shell", "HOME": str(state.path)}
        process = await asyncio.create_subprocess_exec(sys.executable, "-c", PROGRAM, str(state.path), env=environment)
        agents.append(Agent(process))
        return agents[-1]

    yield start
    for agent in agents:
        if agent.process.returncode is None:
            await agent.stop()
    for record in SessionRecords(state.sessions).all():
        if record.pid:
            end_process(record.pid)


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


async def test_a_shell_from_task_to_result(service: Service, client: Client, start_agent: StartAgent) -> None:
    agent = await start_agent()
    await open_shell(service, client)
    assert client.started is not None
    assert client.started.session_type == "Standard_Stream"
    client.type("stty size; echo grüße-$((40+2)); env | grep -c AWS_\n")
    await client.shows("grüße-42")
    assert b"40 120\r\n" in client.output
    channel_lost = asyncio.create_task(service.completed.get())
    client.type("exit 3\n")
    result, _ = await soon(channel_lost)
    assert (result.task_id, result.final_task_status, result.output) == ("alice-1", "Success", "")
    assert numbers_shown(client)[-1] == 0  # variables of the agent's
    assert await agent.stop() == 0
    assert service.operations()[:4] == [
        "RegisterManagedInstance",
        "RequestManagedInstanceRoleToken",
        "UpdateInstanceInformation",
        "control-channel",
    ]
    information = [members for operation, members in service.calls if operation == "UpdateInstanceInformation"]
    assert information[0].keys() == {"AgentName", "AgentVersion", "InstanceId", "PlatformType"}
    assert information[1]["ComputerName"]
    assert service.operations().count("RequestManagedInstanceRoleToken") == 1  # the worker used the agent's


async def test_all_output_arrives_before_terminating(service: Service, client: Client, start_agent: StartAgent) -> None:
    await start_agent()
    control = await soon(service.controls.get())
    await control.send(shell_task("alice-1"))
    channel = await soon(service.channels.get())
    await client.join(channel)
    client.type("unset HISTFILE; stty -echo; PS1=; clear; exec seq 1 200000\n")
    result, _ = await soon(service.completed.get())
    assert result.final_task_status == "Success"
    assert bytes(client.output).endswith("".join(f"{number}\r\n" for number in range(1, 200001)).encode())
    assert [state.session_state for state in channel.states] == ["Connected", "Connected", "Terminating"]
    assert channel.lost.is_set()


async def test_a_client_that_does_not_read_stops_the_program(
    service: Service, client: Client, start_agent: StartAgent
) -> None:
    await start_agent()
    await open_shell(service, client)
    client.consumes = False
    client.type("seq 1 1000000; echo over\n")
    await client.until(lambda: len(client.output) > 900_000)
    assert len(client.output) < 3_000_000
    client.consume()
    await client.shows("over\r\nready> ")
    assert numbers_shown(client) == list(range(1, 1_000_001))


async def test_the_server_ends_a_session_on_the_control_channel(
    service: Service, client: Client, state: StateDirectory, start_agent: StartAgent
) -> None:
    await start_agent()
    await open_shell(service, client)
    client.type("(trap '' HUP; exec sleep 1000) & echo pid-$!-\n")
    await client.shows("pid-")
    await client.until(lambda: client.output.endswith(b"ready> "))
    worker = await worker_of(state, "alice-1")
    control = await soon(service.controls.get())
    await control.send(closing("alice-1"))
    result, _ = await soon(service.completed.get())
    assert (result.final_task_status, result.output) == ("Failed", ENDED_BY_AGENT)
    assert await exited(worker)
    left = int(client.output.rpartition(b"pid-")[2].partition(b"-")[0])
    assert await exited(left)


async def test_the_server_ends_a_session_on_its_data_channel(
    service: Service, client: Client, start_agent: StartAgent
) -> None:
    await start_agent()
    control = await soon(service.controls.get())
    await control.send(shell_task("alice-1"))
    channel = await soon(service.channels.get())
    await client.join(channel)
    await client.until(lambda: client.started is not None)
    await channel.websocket.send(closing("alice-1"))
    result, _ = await soon(service.completed.get())
    assert result.final_task_status == "Success"


async def test_a_session_survives_a_change_of_the_key(
    service: Service, state: StateDirectory, client: Client, start_agent: StartAgent
) -> None:
    """The agent changes it by itself as soon as its credentials say so: these are renewed after two seconds."""
    service.token_life = 4.0
    await start_agent()
    await open_shell(service, client)
    old = service.public_key
    service.update_key_pair = True

    async def changed() -> None:
        while service.public_key == old or encode_public_key(state.key()) != service.public_key:
            await asyncio.sleep(0.02)

    await soon(changed())
    client.type("echo still-$((40+2))\n")
    await soon(client.shows("still-42"))
    assert state.next_key() is None


async def test_a_session_survives_kill_9_of_the_agent(
    service: Service, client: Client, state: StateDirectory, start_agent: StartAgent
) -> None:
    agent = await start_agent()
    await open_shell(service, client)
    worker = await worker_of(state, "alice-1")
    await agent.kill()
    await soon(service.controls.get())
    client.type("echo still-$((1+1))\n")
    await client.shows("still-2")
    await start_agent()
    control = await soon(service.controls.get())
    client.type("echo again-$((1+1))\n")
    await client.shows("again-2")
    await control.send(closing("alice-1"))
    result, _ = await soon(service.completed.get())
    assert (result.task_id, result.final_task_status) == ("alice-1", "Failed")
    assert await exited(worker)


async def test_a_result_reached_while_no_agent_ran_is_reported_by_the_next(
    service: Service, client: Client, state: StateDirectory, start_agent: StartAgent
) -> None:
    agent = await start_agent()
    await open_shell(service, client)
    worker = await worker_of(state, "alice-1")
    await agent.kill()
    client.type("exit\n")
    assert await exited(worker)
    assert service.completed.empty()
    await start_agent()
    result, _ = await soon(service.completed.get())
    assert (result.task_id, result.final_task_status) == ("alice-1", "Success")


async def test_a_killed_worker_is_a_failed_session_and_its_shell_ends(
    service: Service, client: Client, state: StateDirectory, start_agent: StartAgent
) -> None:
    await start_agent()
    await open_shell(service, client)
    client.type("echo shell-$$-\n")
    await client.until(lambda: b"shell-" in client.output and client.output.endswith(b"ready> "))
    shell = int(client.output.rpartition(b"shell-")[2].partition(b"-")[0])
    end_process(await worker_of(state, "alice-1"))
    result, _ = await soon(service.completed.get())
    assert result.final_task_status == "Failed"
    assert "unexpectedly" in result.output
    assert await exited(shell)


async def test_nothing_is_lost_when_the_server_is_killed(
    service: Service, client: Client, start_agent: StartAgent
) -> None:
    await start_agent()
    await open_shell(service, client)
    client.type("seq 1 200000; echo over\n")
    await client.until(lambda: len(client.output) > 300_000)
    await service.stop()
    await client.leave()
    client.type("echo typed-$((1+1)) meanwhile\n")
    await service.start()
    await client.join(await soon(service.channels.get()))
    await client.shows("typed-2 meanwhile")
    assert numbers_shown(client) == list(range(1, 200_001))
    await soon(service.controls.get())
    await soon(service.controls.get())  # the control channel is back too


async def test_a_paused_session_stops_and_goes_on(service: Service, client: Client, start_agent: StartAgent) -> None:
    await start_agent()
    channel = await open_shell(service, client)
    await channel.websocket.send(frame("pause_publication", b"{}"))
    client.type("seq 1 100000; echo over\n")
    shown = len(client.output)
    for _ in range(20):  # acknowledgements still flow, and each round trip gives output the time to come
        await client.until(lambda: client.engine.all_acknowledged)
        client.resize(100, 30)
    assert len(client.output) == shown
    await client.join(channel)
    await client.shows("over")
    assert numbers_shown(client) == list(range(1, 100_001))


async def test_sigterm_ends_sessions_and_tells_the_server(
    service: Service, client: Client, state: StateDirectory, start_agent: StartAgent
) -> None:
    agent = await start_agent()
    await open_shell(service, client)
    worker = await worker_of(state, "alice-1")
    assert await agent.stop() == 0
    result, _ = await soon(service.completed.get())
    assert (result.final_task_status, result.output) == ("Failed", ENDED_BY_AGENT)
    assert await exited(worker)
    assert not list(state.sessions.iterdir())


async def test_sigusr1_leaves_sessions_running(
    service: Service, client: Client, state: StateDirectory, start_agent: StartAgent
) -> None:
    agent = await start_agent()
    await open_shell(service, client)
    assert await agent.stop(signal.SIGUSR1) == 0
    client.type("echo left-$((1+1))\n")
    await client.shows("left-2")
    assert service.completed.empty()


async def test_an_unconfirmed_result_is_sent_again_with_the_same_id(service: Service, start_agent: StartAgent) -> None:
    service.acknowledge_results = False
    await start_agent()
    control = await soon(service.controls.get())
    await control.send(shell_task("alice-1", {"schemaVersion": "1.0", "sessionType": "Telepathy"}))
    first, first_id = await soon(service.completed.get())
    assert "Telepathy" in first.output
    service.acknowledge_results = True
    again, again_id = await soon(service.completed.get())
    assert (again_id, again.task_id, again.output) == (first_id, first.task_id, first.output)
    assert (first.retry_number, again.retry_number) == (1, 2)


@pytest.mark.parametrize(
    ("inputs", "text"),
    [
        ({"runAsEnabled": True}, "please set the RunAs default user"),
        ({"runAsEnabled": "true", "runAsDefaultUser": "no-such-user"}, "RunAs user no-such-user does not exist"),
        ({"runAsEnabled": True, "runAsDefaultUser": "root"}, "invalid uid and gid"),
    ],
)
async def test_run_as_that_cannot_be_is_told(
    service: Service, start_agent: StartAgent, inputs: dict[str, object], text: str
) -> None:
    await start_agent()
    control = await soon(service.controls.get())
    await control.send(shell_task("alice-1", {**SHELL_DOCUMENT, "inputs": inputs}))
    result, _ = await soon(service.completed.get())
    assert result.final_task_status == "Failed"
    assert text in result.output


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can run a session as another account")
async def test_run_as_another_account(service: Service, client: Client, start_agent: StartAgent) -> None:
    await start_agent()
    control = await soon(service.controls.get())
    inputs = {"runAsEnabled": True, "runAsDefaultUser": "nobody"}
    await control.send(shell_task("alice-1", {**SHELL_DOCUMENT, "inputs": inputs}))
    await client.join(await soon(service.channels.get()))
    client.type("unset HISTFILE; id -un; exit\n")
    result, _ = await soon(service.completed.get())
    assert result.final_task_status == "Success"
    assert b"nobody\r\n" in client.output


def task_of(session_id: str, session_type: str, properties: dict[str, object]) -> bytes:
    return shell_task(session_id, {**SHELL_DOCUMENT, "sessionType": session_type, "properties": properties})


async def test_a_command_from_task_to_result(service: Service, client: Client, start_agent: StartAgent) -> None:
    await start_agent()
    control = await soon(service.controls.get())
    commands = {"linux": {"commands": "sh -c 'env | grep -c AWS_; wc -c >&2; exit 5'", "separateOutputStream": "true"}}
    await control.send(task_of("alice-1", "NonInteractiveCommands", {**commands}))
    channel = await soon(service.channels.get())
    await client.join(channel)
    client.type(b"x" * 2_000_000)
    client.flag(Flag.INPUT_ENDED)
    result, _ = await soon(service.completed.get())
    assert (result.final_task_status, result.output) == ("Success", "")
    assert client.payloads(PayloadType.OUTPUT) == b"0\n"
    assert client.payloads(PayloadType.STD_ERR) == b"2000000\n"
    assert client.payloads(PayloadType.EXIT_CODE) == b"EXIT_CODE: 5"
    assert [state.session_state for state in channel.states] == ["Connected", "Connected", "Terminating"]


async def test_a_port_from_task_to_result(service: Service, client: Client, start_agent: StartAgent) -> None:
    async def shout(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write((await reader.read(-1)).upper())
        writer.close()

    server = await asyncio.start_server(shout, "127.0.0.1", 0)
    await start_agent()
    control = await soon(service.controls.get())
    await control.send(task_of("alice-1", "Port", {"portNumber": str(server.sockets[0].getsockname()[1])}))
    await client.join(await soon(service.channels.get()))
    client.type(b"quietly")
    client.flag(Flag.INPUT_ENDED)
    result, _ = await soon(service.completed.get())
    assert (result.final_task_status, result.output) == ("Success", "")
    assert client.output == b"QUIETLY"
    server.close()
    await server.wait_closed()


async def test_no_more_sessions_than_the_agent_allows(
    service: Service, client: Client, state: StateDirectory, start_agent: StartAgent
) -> None:
    (state.path / "agent.toml").write_text("max_sessions = 1\n")
    await start_agent()
    await open_shell(service, client)
    control = await soon(service.controls.get())
    await control.send(shell_task("alice-2"))
    result, _ = await soon(service.completed.get())
    assert (result.task_id, result.final_task_status) == ("alice-2", "Failed")
    assert result.output == "This node already runs 1 sessions, as many as its agent allows."
    client.type("exit\n")
    ended, _ = await soon(service.completed.get())
    assert (ended.task_id, ended.final_task_status) == ("alice-1", "Success")


async def test_a_wrong_configuration_stops_the_agent(state: StateDirectory, start_agent: StartAgent) -> None:
    (state.path / "agent.toml").write_text("max_sessions = 0\n")
    agent = await start_agent()
    assert await soon(agent.process.wait()) == 1


async def test_a_session_that_the_server_ended_meanwhile_ends(
    service: Service, client: Client, state: StateDirectory, start_agent: StartAgent
) -> None:
    await start_agent()
    await open_shell(service, client)
    worker = await worker_of(state, "alice-1")
    service.over.add("alice-1")
    await service.stop()
    await service.start()
    result, _ = await soon(service.completed.get())
    assert result.final_task_status == "Success"
    assert await exited(worker)


async def test_a_killed_zygote_is_replaced(service: Service, client: Client, start_agent: StartAgent) -> None:
    agent = await start_agent()
    control = await soon(service.controls.get())
    service.controls.put_nowait(control)
    [zygote] = psutil.Process(agent.process.pid).children()
    zygote.kill()
    await open_shell(service, client)
    [successor] = psutil.Process(agent.process.pid).children()
    assert successor.pid != zygote.pid


async def test_the_zygote_goes_with_its_agent(service: Service, start_agent: StartAgent) -> None:
    agent = await start_agent()
    await soon(service.controls.get())
    [zygote] = psutil.Process(agent.process.pid).children()
    await agent.kill()
    assert await exited(zygote.pid)


async def test_a_task_that_cannot_be_read_is_answered(
    service: Service, client: Client, start_agent: StartAgent
) -> None:
    await start_agent()
    control = await soon(service.controls.get())
    service.controls.put_nowait(control)
    await open_shell(service, client)
    for session_id in ("alice-1", "alice-2"):
        task = encode_payload(InteractiveShell('{"SessionId":"x"}', session_id))
        await control.send(frame("interactive_shell", task))
    result, _ = await soon(service.completed.get())
    assert (result.task_id, result.final_task_status) == ("alice-2", "Failed")
    assert "DocumentContent" in result.output
    client.type("echo alive-$((1+1))\n")
    await client.shows("alive-2")


async def test_bad_control_frames_change_nothing(service: Service, client: Client, start_agent: StartAgent) -> None:
    await start_agent()
    control = await soon(service.controls.get())
    service.controls.put_nowait(control)
    task = shell_task("alice-1")
    for bad in (b"", b"\xff" * 50, b"\xff" * 300, task[:-1], task[:116], "text"):
        await control.send(bad)
    await open_shell(service, client)


async def test_a_second_agent_on_the_same_state_is_refused(service: Service, start_agent: StartAgent) -> None:
    await start_agent()
    await soon(service.controls.get())
    second = await start_agent()
    assert await soon(second.process.wait()) != 0


async def test_a_task_for_a_running_session_is_not_a_second_shell(
    service: Service, client: Client, state: StateDirectory, start_agent: StartAgent
) -> None:
    await start_agent()
    await open_shell(service, client)
    worker = await worker_of(state, "alice-1")
    control = await soon(service.controls.get())
    await control.send(shell_task("alice-1"))
    client.type("echo same-$((1+1))\n")
    await client.shows("same-2")
    assert await worker_of(state, "alice-1") == worker
    assert service.channels.empty()


async def test_twenty_sessions_at_once(service: Service, start_agent: StartAgent) -> None:
    agent = await start_agent()
    control = await soon(service.controls.get())
    for number in range(20):
        await control.send(shell_task(f"alice-{number}"))
    channels = [await soon(service.channels.get()) for _ in range(20)]
    clients = [Client() for _ in channels]
    for client, channel in zip(clients, channels, strict=True):
        await client.join(channel)
        client.type("unset HISTFILE; echo sum-$((40+2))\n")
    for client in clients:
        await client.shows("sum-42")
        await client.leave()
    assert await agent.stop() == 0
    results = {(await soon(service.completed.get()))[0].task_id for _ in range(20)}
    assert results == {f"alice-{number}" for number in range(20)}
