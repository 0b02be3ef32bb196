"""What is stored of a session that moves from one server to another."""

from dataclasses import replace
from typing import Any

import pytest

from ferryman.core.sessions import lifecycle
from ferryman.model.identifiers import SessionId
from ferryman.model.sessions import Session, SessionStatus
from ferryman.server.channels.gateway import Gateway
from ferryman.server.channels.relay import progress
from tests.server.peers import Peer, state
from tests.server.relayed import started_for
from tests.server.running import Paired, Server
from tests.waiting import PATIENCE


async def moved(server: Server, monkeypatch: pytest.MonkeyPatch) -> Paired:
    """A session whose server has closed both its ends, to have them connect to the other."""
    gateways: set[Gateway] = set()
    serve_end = Gateway.serve_end

    async def noted(gateway: Gateway, *arguments: Any, **more: Any) -> None:
        gateways.add(gateway)
        await serve_end(gateway, *arguments, **more)

    with monkeypatch.context() as context:
        context.setattr(Gateway, "serve_end", noted)
        paired = await server.paired(ferryman=True)
    (gateway,) = gateways
    await gateway.move_away(0.1)
    assert [await each.closed() for each in (paired.client, paired.agent)] == [1001, 1001]
    return paired


async def joined(paired: Paired, other: Server) -> tuple[Peer, Peer]:
    """Both ends at the other server; the agent has not said that it is ready."""
    agent = await replace(paired.node, server=other).data(paired.session_id, ferryman=True)
    ticket = await other.call("resume_session", SessionId=paired.session_id)
    client = await other.open_client(ticket, paired.client_id)
    await started_for(agent, paired.client_id)
    return client, agent


async def test_it_stays_connected(server: Server, other: Server, monkeypatch: pytest.MonkeyPatch) -> None:
    """Storing that it is disconnected, and connected again, would take time while its user waits."""
    lost: list[SessionId] = []
    end_lost = lifecycle.end_lost

    async def noted(*arguments: Any) -> Session | None:
        lost.append(arguments[1])
        return await end_lost(*arguments)

    monkeypatch.setattr(lifecycle, "end_lost", noted)
    monkeypatch.setattr(progress, "FOLLOW_SECONDS", 10 * PATIENCE)  # a busy machine may need longer to connect them
    paired = await moved(server, monkeypatch)
    client, agent = await joined(paired, other)
    await agent.send(state("Connected", paired.session_id, paired.client_id))
    await server.until_status(paired.session_id, SessionStatus.CONNECTED)
    assert lost == []
    await client.close()
    await server.until_status(paired.session_id, SessionStatus.DISCONNECTED)
    assert lost == [paired.session_id]


async def test_it_is_disconnected_when_one_end_does_not_follow(
    server: Server, other: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(progress, "FOLLOW_SECONDS", 0.05)
    paired = await moved(server, monkeypatch)
    await replace(paired.node, server=other).data(paired.session_id, ferryman=True)
    await server.until_status(paired.session_id, SessionStatus.DISCONNECTED)


async def test_another_server_that_stored_it_as_disconnected_is_corrected(
    server: Server, other: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A server that starts looks for sessions that nobody relays, and this one was between two servers."""
    monkeypatch.setattr(progress, "FOLLOW_SECONDS", 10 * PATIENCE)  # it is checked when both ends are there
    paired = await moved(server, monkeypatch)
    _, agent = await joined(paired, other)
    await server.store.sessions.transition(SessionId(paired.session_id), SessionStatus.DISCONNECTED)
    await agent.send(state("Connected", paired.session_id, paired.client_id))
    await server.until_status(paired.session_id, SessionStatus.CONNECTED)


async def test_it_is_closed_if_it_ended_meanwhile(
    server: Server, other: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(progress, "FOLLOW_SECONDS", 10 * PATIENCE)
    paired = await moved(server, monkeypatch)
    client, agent = await joined(paired, other)
    await server.store.sessions.transition(SessionId(paired.session_id), SessionStatus.TERMINATED)
    await agent.send(state("Connected", paired.session_id, paired.client_id))
    assert await client.closed() == 1000
