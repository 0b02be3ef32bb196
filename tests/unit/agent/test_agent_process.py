"""The agent as it is run: real processes, real terminals, a scripted service."""

import asyncio
import os

import pytest

from ferryman.agent.identity.state import StateDirectory
from ferryman.agent.records import ENDED_BY_AGENT
from ferryman.wire.agent_message import Flag, PayloadType
from ferryman.wire.payloads import encode_payload
from ferryman.wire.tasks import InteractiveShell
from tests.unit.agent.agent_processes import StartAgent, exited, numbers_shown, open_shell, soon, task_of, worker_of
from tests.unit.agent.peers import SHELL_DOCUMENT, Client, Service, closing, frame, shell_task


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


@pytest.mark.parametrize(
    ("inputs", "text"),
    [
        ({"runAsEnabled": True}, "please set the RunAs default user"),
        ({"runAsEnabled": "true", "runAsDefaultUser": "no-such-user"}, "RunAs user no-such-user does not exist"),
        ({"runAsEnabled": True, "runAsDefaultUser": "root"}, "invalid uid and gid"),
    ],
)
async def test_run_as_without_permission_is_reported(
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


async def test_sessions_beyond_the_agents_limit_are_refused(
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


async def test_twenty_sessions_run_concurrently(service: Service, start_agent: StartAgent) -> None:
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
