"""The server as a whole: start, health, pings, stop."""

import asyncio
from dataclasses import replace
from typing import Any

import aiohttp
import pytest
from aiohttp import WSMsgType
from botocore.exceptions import ClientError

from ferryman.model.identifiers import SessionId
from ferryman.model.sessions import SessionStatus
from ferryman.server.channels import draining
from ferryman.server.channels.gateway import Gateway
from ferryman.server.channels.sockets.websocket import Socket
from ferryman.server.serving import serve
from ferryman.server.timeouts import DEFAULT_TIMEOUTS, Timeouts
from ferryman.wire.agent_message import MessageType
from ferryman.wire.moving import MOVE_PING
from tests.server.peers import Peer, typed
from tests.server.running import Server, until
from tests.waiting import AT_ONCE, PATIENCE, program_start


@pytest.fixture
def timeouts() -> Timeouts:
    return Timeouts(close=0.3, shutdown=1.0)


async def test_health(server: Server) -> None:
    health = await server.health()
    assert health.pop("log_lines_dropped") >= 0  # counted for the process, whatever test lost them
    assert health == {"status": "ok", "store": "ok", "channels": 0}
    await server.paired()
    assert (await server.health())["channels"] == 3


async def test_responses_do_not_name_the_underlying_software(server: Server) -> None:
    async with server.http.get(server.url_of("/healthz")) as answer:
        assert answer.headers["Server"] == "Ferryman"


async def test_stopping_closes_both_ends_with_going_away(server: Server) -> None:
    paired = await server.paired()
    reading = [asyncio.create_task(peer.closed()) for peer in (paired.control, paired.client, paired.agent)]
    await server.shut_down()
    assert [await each for each in reading] == [1001, 1001, 1001]
    assert not any(MessageType.CHANNEL_CLOSED.encode() in frame for peer in server.peers for frame in peer.skipped)
    session = await server.session(paired.session_id)
    assert session.status is SessionStatus.DISCONNECTED


async def test_draining_closes_both_ends_of_a_session_together(server: Server, monkeypatch: pytest.MonkeyPatch) -> None:
    serve_end, leave = Gateway.serve_end, Socket.leave
    gateways: set[Gateway] = set()
    left: list[Socket] = []

    async def noted(gateway: Gateway, *arguments: Any, **more: Any) -> None:
        gateways.add(gateway)
        await serve_end(gateway, *arguments, **more)

    def ordered(socket: Socket, *arguments: Any) -> None:
        if socket not in left:
            left.append(socket)
        leave(socket, *arguments)

    monkeypatch.setattr(Gateway, "serve_end", noted)
    sessions = [SessionId((await server.paired()).session_id) for _ in range(5)]
    (gateway,) = gateways
    slots = {each: gateway.slot_of(each) for each in sessions}
    session_of = {end.socket: each for each, slot in slots.items() if slot for end in slot.ends if end}
    monkeypatch.setattr(Socket, "leave", ordered)
    await gateway.move_away(0.1)
    order = [session_of[socket] for socket in left if socket in session_of]
    assert sorted(order[::2]) == sorted(sessions)
    assert order[::2] == order[1::2]


@pytest.fixture
def gateways(monkeypatch: pytest.MonkeyPatch) -> set[Gateway]:
    """The gateways that have served an end of a session in this test."""
    found: set[Gateway] = set()
    serve_end = Gateway.serve_end

    async def noted(gateway: Gateway, *arguments: Any, **more: Any) -> None:
        found.add(gateway)
        await serve_end(gateway, *arguments, **more)

    monkeypatch.setattr(Gateway, "serve_end", noted)
    return found


async def test_draining_lets_a_session_continue_until_both_ends_have_another_connection(
    server: Server, gateways: set[Gateway], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(draining, "_PREPARE_SECONDS", PATIENCE)
    paired = await server.paired()
    (gateway,) = gateways
    slot = gateway.slot_of(SessionId(paired.session_id))
    assert slot is not None
    for end in slot.ends:
        assert end is not None
        end.socket.own_end = True
    moving = asyncio.create_task(gateway.move_away(PATIENCE))
    for peer in (paired.client, paired.agent):
        asked = await peer.websocket.receive()
        assert (asked.type, asked.data) == (WSMsgType.PING, MOVE_PING)
    await paired.client.websocket.pong(MOVE_PING)
    await paired.client.send(key := typed(0, b"x"))
    assert await paired.agent.frame() == key
    await paired.agent.websocket.pong(MOVE_PING)
    assert [await peer.closed() for peer in (paired.client, paired.agent)] == [1001, 1001]
    moving.cancel()


async def test_a_session_that_never_prepares_keeps_no_other_from_it(
    server: Server, gateways: set[Gateway], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(draining, "_PREPARE_SECONDS", PATIENCE)
    monkeypatch.setattr(draining, "_PREPARING", 1)
    monkeypatch.setattr(draining, "_ASKING_SHARE", 0.001)
    sessions = [await server.paired() for _ in range(2)]
    (gateway,) = gateways
    for each in sessions:
        slot = gateway.slot_of(SessionId(each.session_id))
        assert slot is not None
        for end in slot.ends:
            assert end is not None
            end.socket.own_end = True
    moving = asyncio.create_task(gateway.move_away(PATIENCE))
    for each in sessions:
        asked = await each.client.websocket.receive()
        assert (asked.type, asked.data) == (WSMsgType.PING, MOVE_PING)
    moving.cancel()


async def test_a_draining_server_does_not_listen_while_its_channels_move(server: Server) -> None:
    """Nobody who is told to go elsewhere reaches it again, even past a load balancer that has not noticed yet."""
    ready: asyncio.Future[int] = asyncio.get_running_loop().create_future()
    stop = asyncio.Event()
    draining = asyncio.create_task(
        serve(server.service, "127.0.0.1", 0, ready=ready.set_result, stop=stop, drain_seconds=1)
    )
    other = replace(server, port=await ready, peers=[], clients=[])
    paired = await other.paired()
    stop.set()
    assert await paired.agent.closed() == 1001
    with pytest.raises(aiohttp.ClientConnectorError):
        await other.http.get(other.url_of("/readyz"))
    await draining


async def test_a_second_request_to_stop_ends_draining(server: Server) -> None:
    ready: asyncio.Future[int] = asyncio.get_running_loop().create_future()
    stop, hurry = asyncio.Event(), asyncio.Event()
    draining = asyncio.create_task(
        serve(server.service, "127.0.0.1", 0, ready=ready.set_result, stop=stop, hurry=hurry, drain_seconds=3600)
    )
    other = replace(server, port=await ready)

    async def readiness() -> int:
        async with other.http.get(other.url_of("/readyz")) as answer:
            return answer.status

    assert await readiness() == 200
    stop.set()
    await until(readiness, lambda status: status == 503)
    hurry.set()
    async with asyncio.timeout(PATIENCE):
        await draining


async def test_stopping_does_not_wait_for_unresponsive_peers(server: Server) -> None:
    paired = await server.paired()
    began = asyncio.get_running_loop().time()
    await server.shut_down()  # none of the peers reads
    assert asyncio.get_running_loop().time() - began < 4 + AT_ONCE * program_start()
    assert (await server.session(paired.session_id)).status is SessionStatus.DISCONNECTED


async def test_stopping_ends_long_polls(server: Server) -> None:
    node = await server.register()
    body = f'{{"Destination":"{node.node_id}"}}'.encode()
    target = "EC2WindowsMessageDeliveryService.GetMessages"
    headers = {"Content-Type": "application/x-amz-json-1.1", "X-Amz-Target": target}
    headers = server.signed("POST", "/", "", body, headers, node.credentials, "ec2messages")
    polling = asyncio.create_task(server.json_call(target, body, headers))
    await server.health()  # by now the poll is being held
    await server.shut_down()
    status, answer = await polling
    assert (status, answer["Messages"]) == (200, [])


async def test_a_restarted_server_resumes_the_session(server: Server) -> None:
    paired = await server.paired()
    await server.shut_down()
    ready: asyncio.Future[int] = asyncio.get_running_loop().create_future()
    stop = asyncio.Event()
    again = asyncio.create_task(serve(server.service, "127.0.0.1", 0, ready=ready.set_result, stop=stop))
    server.port = await ready
    control = await paired.node.control()
    agent = await paired.node.data(paired.session_id)
    assert (await agent.message()).message_type == MessageType.PAUSE_PUBLICATION
    server.clients.clear()
    client = await server.open_client(
        await server.call("resume_session", SessionId=paired.session_id), paired.client_id
    )
    assert (await agent.message()).message_type == MessageType.START_PUBLICATION
    await server.until_status(paired.session_id, SessionStatus.CONNECTED)
    for peer in (control, agent, client):
        await peer.close()
    stop.set()
    await again


async def test_sessions_of_a_server_that_died_are_disconnected_at_start(server: Server) -> None:
    paired = await server.paired()
    await server.shut_down()
    await server.store.sessions.transition(
        (await server.session(paired.session_id)).session_id, SessionStatus.CONNECTED
    )
    ready: asyncio.Future[int] = asyncio.get_running_loop().create_future()
    stop = asyncio.Event()
    again = asyncio.create_task(serve(server.service, "127.0.0.1", 0, ready=ready.set_result, stop=stop))
    await ready
    assert (await server.session(paired.session_id)).status is SessionStatus.DISCONNECTED
    stop.set()
    await again


async def test_port_in_use_is_an_error(server: Server) -> None:
    with pytest.raises(OSError, match="in use"):
        await serve(server.service, "127.0.0.1", server.port, ready=lambda _: None, stop=asyncio.Event())


def test_older_agents_may_be_silent_for_as_long_as_they_are() -> None:
    """They ping every five minutes (`protocol/agent.md` §0.1); GetMessages is answered before AWS's agent gives up."""
    assert DEFAULT_TIMEOUTS.silence > 6 * 60
    assert DEFAULT_TIMEOUTS.poll <= 15


class TestImpatience:
    @pytest.fixture
    def timeouts(self) -> Timeouts:
        return Timeouts(ping=0.05, silence=1.0, close=0.2)

    async def test_peers_are_pinged(self, server: Server) -> None:
        node = await server.register()
        control = await node.control()
        for _ in range(3):
            async with asyncio.timeout(PATIENCE):
                message = await control.websocket.receive()
            assert message.type is WSMsgType.PING
            await control.websocket.pong(message.data)

    async def test_peer_that_answers_pings_stays_connected(self, server: Server) -> None:
        node = await server.register()
        control = await node.control()
        loop = asyncio.get_running_loop()
        until_then = loop.time() + 2.0
        while loop.time() < until_then:
            async with asyncio.timeout(PATIENCE):
                message = await control.websocket.receive()
            assert message.type is WSMsgType.PING
            await control.websocket.pong(message.data)

    async def test_silent_peer_is_dropped(self, server: Server) -> None:
        node = await server.register()
        control = await node.control()
        assert await control.closed() in (None, 1006)
        await until(server.health, lambda health: health["channels"] == 0)


class TestOwnEnds:
    """Ferryman's own ends say so by their User-Agent, and are held to a quicker rhythm than others."""

    @pytest.fixture
    def timeouts(self) -> Timeouts:
        return Timeouts(own_ping=0.05, own_silence=1.0, close=0.2)

    async def test_silent_peer_is_dropped_and_others_stay(self, server: Server) -> None:
        node = await server.register()
        other = await (await server.register()).control()
        own = await node.control(own_end=True)
        assert await own.closed() in (None, 1006)
        await until(server.health, lambda health: health["channels"] == 1)
        await other.answered()

    async def test_a_silent_client_leaves_its_session_disconnected(self, server: Server) -> None:
        paired = await server.paired(own_client=True)
        await server.until_status(paired.session_id, SessionStatus.DISCONNECTED)


class TestSilentNodes:
    @pytest.fixture
    def timeouts(self) -> Timeouts:
        return Timeouts(close=0.2, quiet=0.0, probe=0.2)

    async def test_a_silent_node_is_pinged_before_a_session_starts(self, server: Server) -> None:
        node = await server.register()
        control = await node.control(own_end=True)
        with pytest.raises(ClientError, match="does not answer: it has been silent for"):
            await server.start(node)
        await control.close()


class TestPingedNodes:
    """A ping to a node may take as long as it will."""

    @pytest.fixture
    def timeouts(self) -> Timeouts:
        return Timeouts(close=0.2, quiet=0.0, probe=60.0)

    async def test_a_node_that_answers_gets_its_session(self, server: Server) -> None:
        node = await server.register()
        control = await node.control(own_end=True)
        answering = asyncio.create_task(answer_pings(control))
        await server.start(node)
        answering.cancel()
        await asyncio.wait({answering})

    async def test_ping_does_not_delay_a_node(self, server: Server) -> None:
        node = await server.register()
        control = await node.control(own_end=True)
        first = asyncio.create_task(server.start(node))
        ping = await control.websocket.receive()
        assert ping.type is WSMsgType.PING
        second = asyncio.create_task(server.start(node))
        status = await server.call("get_connection_status", Target=node.node_id)
        assert status["Status"] == "connected"
        assert not first.done()
        await control.websocket.pong(ping.data)
        answering = asyncio.create_task(answer_pings(control))
        async with asyncio.timeout(PATIENCE):
            await asyncio.gather(first, second)
        answering.cancel()
        await asyncio.wait({answering})

    async def test_a_node_that_leaves_while_it_is_pinged_gets_no_session(self, server: Server) -> None:
        node = await server.register()
        control = await node.control(own_end=True)
        starting = asyncio.create_task(server.start(node))
        assert (await control.websocket.receive()).type is WSMsgType.PING
        await control.close()
        with pytest.raises(ClientError, match="TargetNotConnected"):
            await starting


async def answer_pings(peer: Peer) -> None:
    while True:
        message = await peer.websocket.receive()
        if message.type is WSMsgType.PING:
            await peer.websocket.pong(message.data)


def test_silent_own_ends_are_dropped_within_45_seconds() -> None:
    assert DEFAULT_TIMEOUTS.own_ping + DEFAULT_TIMEOUTS.own_silence <= 45
