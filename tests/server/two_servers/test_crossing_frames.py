"""Sessions with one end on each server: frames cross, and when a server is lost, the ends connect again."""

import asyncio
import os
import uuid
from dataclasses import replace

import pytest

from ferryman.bootstrap.bus.opening import ClosableBus
from ferryman.model.sessions import SessionStatus
from ferryman.server.channels.remote.carrier import Carrier
from ferryman.wire.agent_message import MessageType
from tests.server.peers import Peer, output, state, task_complete, typed
from tests.server.relayed import MEBIBYTE, started_for
from tests.server.running import Paired, Server

SIZES = (1, 126, 1024, 65536, 300_000, 1_000_000)


@pytest.fixture
async def paired(server: Server, other: Server) -> Paired:
    """A session whose client is on one server, where its relay is, and whose agent and node are on the other."""
    node = await server.register()
    control = await replace(node, server=other).control()
    ticket, client_id = await server.start(node), str(uuid.uuid4())
    client = await server.open_client(ticket, client_id)
    await control.until(MessageType.INTERACTIVE_SHELL)
    agent = await replace(node, server=other).data(ticket["SessionId"])
    await agent.until(MessageType.START_PUBLICATION)
    await agent.send(state("Connected", ticket["SessionId"], None))
    await server.until_status(ticket["SessionId"], SessionStatus.CONNECTED)
    return Paired(server, node, control, ticket["SessionId"], client_id, client, agent)


async def resume(paired: Paired, at: Server) -> Peer:
    """The same client again, on either server."""
    return await at.open_client(await at.call("resume_session", SessionId=paired.session_id), paired.client_id)


async def test_frames_pass_unchanged_both_ways(paired: Paired) -> None:
    downwards = [output(number, os.urandom(size)) for number, size in enumerate(SIZES)]
    upwards = [typed(number, os.urandom(size)) for number, size in enumerate(SIZES)]
    for frame in downwards:
        await paired.agent.send(frame)
    for frame in upwards:
        await paired.client.send(frame)
    assert [await paired.client.frame() for _ in downwards] == downwards
    assert [await paired.agent.frame() for _ in upwards] == upwards


async def test_a_client_that_reads_slowly_loses_nothing(paired: Paired) -> None:
    """More than the window between the servers and both servers' buffers hold."""
    count = 24 * MEBIBYTE // 8192

    async def send() -> None:
        for number in range(count):
            await paired.agent.send(output(number, bytes(8192)))

    sending = asyncio.create_task(send())
    assert [(await paired.client.message()).sequence_number for _ in range(count)] == list(range(count))
    await sending


async def ended(end: Peer) -> None:
    """The end is told that the session ended, and its connection is closed."""
    await end.until(MessageType.CHANNEL_CLOSED)
    assert await end.closed() == 1000


async def test_the_end_of_a_session_reaches_both_ends(paired: Paired, other: Server) -> None:
    await other.call("terminate_session", SessionId=paired.session_id)
    await asyncio.gather(*(ended(end) for end in (paired.client, paired.agent)))


async def test_the_last_output_comes_before_the_end(paired: Paired) -> None:
    """The node's result is on another server than the relay, and may overtake what the agent has still to send."""
    await paired.control.send(task_complete(paired.session_id))
    last = output(0, b"bye")
    await paired.agent.send(last)
    await paired.agent.close()
    assert await paired.client.frame() == last
    await paired.client.until(MessageType.CHANNEL_CLOSED)


async def test_a_client_may_come_back_on_the_other_server(paired: Paired, other: Server) -> None:
    await paired.client.close()
    await paired.agent.until(MessageType.PAUSE_PUBLICATION)
    await paired.server.until_status(paired.session_id, SessionStatus.DISCONNECTED)
    client = await resume(paired, other)
    await started_for(paired.agent, paired.client_id)
    await paired.agent.send(frame := output(0, b"again"))
    assert await client.frame() == frame


async def test_an_agent_that_leaves_is_noticed(paired: Paired) -> None:
    await paired.agent.close()
    await paired.server.until_status(paired.session_id, SessionStatus.DISCONNECTED)


async def test_ends_of_a_server_that_is_gone_are_gone(paired: Paired, other_bus: ClosableBus) -> None:
    """The server that carries the agent dies, or is cut off from the relay's: noticed within `LAPSE_SECONDS`."""
    await other_bus.close()
    await paired.server.until_status(paired.session_id, SessionStatus.DISCONNECTED)


async def test_ends_are_closed_when_the_relay_is_gone(paired: Paired, other: Server, bus: ClosableBus) -> None:
    """They connect again, and the session continues on the server that is left."""
    await bus.close()
    assert await paired.agent.closed() == 1001
    client = await resume(paired, other)
    agent = await replace(paired.node, server=other).data(paired.session_id)
    await started_for(agent, paired.client_id)
    await agent.send(state("Connected", paired.session_id, None))
    await agent.send(frame := output(0, b"again"))
    assert await client.frame() == frame


async def test_a_stopping_server_passes_its_sessions_on(paired: Paired, other: Server) -> None:
    stopping = asyncio.create_task(paired.server.shut_down())
    assert await paired.client.closed() == 1001
    assert await paired.agent.closed() == 1001
    await stopping
    client = await resume(paired, other)
    agent = await replace(paired.node, server=other).data(paired.session_id)
    await started_for(agent, paired.client_id)
    await client.send(frame := typed(0, b"x"))
    assert await agent.frame() == frame


async def test_of_two_relays_the_newer_one_stays(
    paired: Paired, other: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each server may believe that it has the session, for example after an outage of NATS."""

    async def finds_no_relay(*_: object, **__: object) -> bool:
        return False

    with monkeypatch.context() as context:
        context.setattr(Carrier, "run", finds_no_relay)
        agent = await replace(paired.node, server=other).data(paired.session_id)
        assert await paired.client.closed() == 1001
    client = await resume(paired, paired.server)
    await started_for(agent, paired.client_id)
    await client.send(frame := typed(0, b"x"))
    assert await agent.frame() == frame
