"""Which of two servers relays a session, when both could."""

import asyncio
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import pytest

from ferryman.core.authorization import admission
from ferryman.core.authorization.admission import AuthorizedSession
from ferryman.core.messages import JoinRelay
from ferryman.core.ports.recordings.recorder import NoRecorder
from ferryman.model.identifiers import SessionId
from ferryman.server.channels.gateway import Gateway
from ferryman.server.channels.remote import remote_ends
from ferryman.server.channels.remote.carrier import Carrier
from ferryman.server.channels.remote.remote_ends import RemoteEnds, Serve
from ferryman.wire.agent_message import MessageType
from tests.server.peers import Peer, state, typed
from tests.server.relayed import started_for
from tests.server.running import Paired, Server


async def agent_elsewhere(paired: Paired, other: Server, monkeypatch: pytest.MonkeyPatch) -> Peer:
    """The agent opens another data channel, on a server that finds no relay of the session."""

    async def finds_no_relay(*_: object, **__: object) -> bool:
        return False

    with monkeypatch.context() as context:
        context.setattr(Carrier, "run", finds_no_relay)
        agent = await replace(paired.node, server=other).data(paired.session_id)
        assert await paired.client.closed() == 1001
    return agent


async def continues_at(server: Server, paired: Paired, agent: Peer) -> None:
    """The client resumes there, and reaches the agent."""
    ticket = await server.call("resume_session", SessionId=paired.session_id)
    client = await server.open_client(ticket, paired.client_id)
    await started_for(agent, paired.client_id)
    await client.send(frame := typed(0, b"x"))
    assert await agent.frame() == frame


async def test_an_end_that_returns_to_a_superseded_relay_reaches_the_newer_one(
    server: Server, other: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The older relay still waits for its agent, which does not read the close frame; the client is faster."""
    paired = await server.paired()
    agent = await agent_elsewhere(paired, other, monkeypatch)
    await continues_at(server, paired, agent)


async def test_the_older_relay_lets_go_of_the_recording(
    server: Server, other: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The newer one waits for it, since a recording has one writer."""
    free = asyncio.Event()
    free.set()

    async def tap(_: NoRecorder, __: SessionId) -> None:
        await free.wait()
        free.clear()

    async def release(_: NoRecorder, __: SessionId) -> None:
        free.set()

    monkeypatch.setattr(NoRecorder, "tap", tap)
    monkeypatch.setattr(NoRecorder, "release", release)
    paired = await server.paired()
    agent = await agent_elsewhere(paired, other, monkeypatch)
    assert await paired.agent.closed() == 1001
    await continues_at(other, paired, agent)


async def test_an_end_that_waits_for_the_recording_leaves_when_another_server_relays(
    server: Server, other: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The other server has the recording by then, so waiting would last until the limit."""
    waiting, free = asyncio.Event(), asyncio.Event()

    async def tap(_: NoRecorder, __: SessionId) -> None:
        if not waiting.is_set():
            waiting.set()
            await free.wait()

    paired = await server.paired()
    monkeypatch.setattr(NoRecorder, "tap", tap)
    agent = await agent_elsewhere(paired, other, monkeypatch)
    await waiting.wait()
    newest = await agent_elsewhere(replace(paired, client=agent), server, monkeypatch)
    free.set()
    await continues_at(server, paired, newest)


async def test_a_draining_server_leaves_its_sessions_to_the_one_that_asks(
    server: Server, other: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    on_message = Gateway._on_message

    async def draining(gateway: Gateway, *message: object) -> bytes:
        gateway.draining = True
        return await on_message(gateway, *message)  # type: ignore[arg-type]

    monkeypatch.setattr(Gateway, "_on_message", draining)
    paired = await server.paired()
    agent = await replace(paired.node, server=other).data(paired.session_id)
    assert await paired.client.closed() == 1001
    await continues_at(other, paired, agent)


async def test_an_end_that_was_handed_over_too_late_does_not_take_the_relay_back(
    server: Server, other: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A busy server accepts an end, and is superseded before it has admitted it."""
    paired = await server.paired()
    handed_over, superseded = asyncio.Event(), asyncio.Event()
    admit = admission.admit_from_server

    async def late(*arguments: Any) -> AuthorizedSession | None:
        handed_over.set()
        await superseded.wait()
        return await admit(*arguments)

    monkeypatch.setattr(remote_ends, "admit_from_server", late)
    elsewhere = replace(paired.node, server=other)
    carried = await elsewhere.data(paired.session_id)
    await handed_over.wait()
    agent = await agent_elsewhere(paired, other, monkeypatch)
    superseded.set()
    assert await carried.closed() == 1001
    await continues_at(other, paired, agent)


async def test_an_end_is_not_carried_to_its_own_server(server: Server, monkeypatch: pytest.MonkeyPatch) -> None:
    """The client begins the relay while the agent's server asks the others for it."""
    node = await server.register()
    control = await node.control()
    ticket = await server.start(node)
    bus, asked, relayed, joined = server.service.bus, asyncio.Event(), asyncio.Event(), []
    subscribed, join = bus.subscribed, RemoteEnds.join

    async def late_answer(subjects: Sequence[str], *, timeout: float) -> frozenset[str]:
        if not asked.is_set():
            asked.set()
            await relayed.wait()
        return await subscribed(subjects, timeout=timeout)

    async def counted(ends: RemoteEnds, session_id: SessionId, message: JoinRelay, serve: Serve) -> bytes:
        joined.append(message)
        return await join(ends, session_id, message, serve)

    monkeypatch.setattr(bus, "subscribed", late_answer)
    monkeypatch.setattr(RemoteEnds, "join", counted)
    agent = await node.data(ticket["SessionId"])
    await asked.wait()
    await server.open_client(ticket, "client")
    await control.until(MessageType.INTERACTIVE_SHELL)
    relayed.set()
    await agent.until(MessageType.START_PUBLICATION)
    await agent.send(state("Connected", ticket["SessionId"], None))
    assert not joined
