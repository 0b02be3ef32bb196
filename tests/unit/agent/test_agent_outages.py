"""Agents, workers and servers that are killed or replaced: sessions survive, or end with a result."""

import asyncio
import signal

import psutil

from ferryman.agent.identity.state import StateDirectory
from ferryman.agent.records import ENDED_BY_AGENT
from ferryman.signing.rsa import encode_public_key
from tests.unit.agent.agent_processes import StartAgent, end_process, exited, numbers_shown, open_shell, soon, worker_of
from tests.unit.agent.peers import Client, Service, closing, frame, shell_task


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


async def test_a_paused_session_stops_and_continues(service: Service, client: Client, start_agent: StartAgent) -> None:
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
