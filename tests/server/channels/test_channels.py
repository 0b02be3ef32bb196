"""What channels accept once they are open: openings, tokens, sessions that are over."""

import json
import uuid
from dataclasses import replace
from urllib.parse import quote

import pytest
from structlog.testing import capture_logs

from ferryman.model.sessions import SessionStatus
from ferryman.server.timeouts import Timeouts
from ferryman.wire.agent_message import MessageType
from ferryman.wire.payloads import ChannelClosed, decode_payload
from tests.server.peers import task_complete, typed
from tests.server.running import Node, Server
from tests.server.upgrades import TIMEOUTS, control_opening


@pytest.fixture
def timeouts() -> Timeouts:
    return TIMEOUTS


# Openings


@pytest.mark.parametrize("timeouts", [replace(TIMEOUTS, opening=0.2)], ids=["short"])
async def test_a_peer_that_says_nothing(server: Server) -> None:
    peer = await server.dial("/v1/data-channel/root-00000000000000000")
    assert await peer.closed() == 1008


@pytest.mark.parametrize("text", ["", "{", "[]", "{}", '{"TokenValue":1}', "null", '{"ClientInstanceId":"mi-0"}'])
async def test_malformed_openings_are_refused(server: Server, text: str) -> None:
    peer = await server.dial("/v1/data-channel/root-00000000000000000")
    await peer.text(text)
    assert await peer.closed() == 1008
    node = await server.register()
    for kind in ("control", "data"):
        agent = await node.upgrade(kind, node.node_id)
        await agent.text(text)
        assert await agent.closed() == 1008


async def test_client_without_an_id_is_admitted_as_a_new_client_each_time(server: Server) -> None:
    """The npm package ssm-session gives none, neither its version."""
    node = await server.register()
    control = await node.control()
    ticket = await server.start(node)
    names: list[str] = []
    for _ in range(2):
        client = await server.dial(f"/v1/data-channel/{ticket['SessionId']}?role=publish_subscribe")
        token = ticket["TokenValue"]
        await client.text({"MessageSchemaVersion": "1.0", "RequestId": "r", "TokenValue": token})
        if not names:
            await control.until(MessageType.INTERACTIVE_SHELL)
            agent = await node.data(ticket["SessionId"])
        told = await agent.until(MessageType.START_PUBLICATION)
        names.append(json.loads(told.payload)["ClientId"])
        ticket = await server.call("resume_session", SessionId=ticket["SessionId"])
    assert len(set(names)) == 2
    assert all(uuid.UUID(name).version == 4 for name in names)


async def test_frames_before_the_opening_are_ignored(server: Server) -> None:
    node = await server.register()
    control = await node.control()
    ticket = await server.start(node)
    client = await server.dial(f"/v1/data-channel/{ticket['SessionId']}")
    await client.send(typed(0))
    await client.text(
        {
            "MessageSchemaVersion": "1.0",
            "RequestId": "r",
            "TokenValue": ticket["TokenValue"],
            "ClientId": str(uuid.uuid4()),
        }
    )
    await control.until(MessageType.INTERACTIVE_SHELL)


async def test_frames_before_the_opening_are_bounded(server: Server) -> None:
    peer = await server.dial("/v1/data-channel/root-00000000000000000")
    for number in range(65):
        await peer.send(typed(number))
    assert await peer.closed() == 1008


async def test_an_oversized_opening(server: Server) -> None:
    peer = await server.dial("/v1/data-channel/root-00000000000000000")
    peer.raw(b"\x81\xff" + (1024 * 1024 + 1).to_bytes(8, "big") + bytes(4))
    assert await peer.closed() == 1009


# The client's token


async def refused_client(server: Server, session_id: str, token: str) -> str:
    """What a client with this token is told before its channel is closed."""
    peer = await server.open_client({"SessionId": session_id, "TokenValue": token})
    closed = await peer.until(MessageType.CHANNEL_CLOSED)
    assert await peer.closed() == 1008
    content = decode_payload(closed.payload, ChannelClosed)
    assert content.session_id == session_id
    return content.output


async def closed_client(server: Server, session_id: str, token: str) -> None:
    """A client with this token is closed, and not told that its session is over: another token may open it."""
    peer = await server.open_client({"SessionId": session_id, "TokenValue": token})
    assert await peer.closed() == 1008
    assert peer.skipped == []


async def test_a_used_token(server: Server) -> None:
    node = await server.register()
    control = await node.control()
    ticket = await server.start(node)
    await server.open_client(ticket)
    await control.until(MessageType.INTERACTIVE_SHELL)
    await closed_client(server, ticket["SessionId"], ticket["TokenValue"])


async def test_an_expired_token(server: Server) -> None:
    node = await server.register()
    await node.control()
    ticket = await server.start(node)
    server.clock.advance(60)
    await closed_client(server, ticket["SessionId"], ticket["TokenValue"])


async def test_a_token_of_another_session(server: Server) -> None:
    node = await server.register()
    await node.control()
    first, second = await server.start(node), await server.start(node)
    assert "not valid for this session" in await refused_client(server, first["SessionId"], second["TokenValue"])


async def test_replaced_token_is_refused(server: Server) -> None:
    node = await server.register()
    await node.control()
    ticket = await server.start(node)
    await server.call("resume_session", SessionId=ticket["SessionId"])
    await closed_client(server, ticket["SessionId"], ticket["TokenValue"])


@pytest.mark.parametrize("cut", [0, 1, 20, -1, -10])
async def test_a_cut_token(server: Server, cut: int) -> None:
    node = await server.register()
    await node.control()
    ticket = await server.start(node)
    assert "not valid" in await refused_client(server, ticket["SessionId"], ticket["TokenValue"][:cut])
    assert (await server.session(ticket["SessionId"])).status is SessionStatus.CONNECTING


async def test_an_agents_token_opens_no_client(server: Server) -> None:
    paired = await server.paired()
    token = await paired.node.create_channel("data", paired.session_id)
    assert "not valid" in await refused_client(server, paired.session_id, token)


LONG = "x" * 500_000


@pytest.mark.parametrize("member", ["ClientId", "ClientVersion", "RequestId", "TokenValue", "Unknown"])
async def test_version_and_ids_of_a_client_are_bounded(server: Server, member: str) -> None:
    node = await server.register()
    await node.control()
    ticket = await server.start(node)
    opening = {"MessageSchemaVersion": "1.0", "RequestId": "r", "TokenValue": ticket["TokenValue"], "ClientId": "c"}
    with capture_logs() as lines:
        peer = await server.dial(f"/v1/data-channel/{ticket['SessionId']}")
        await peer.text(opening | {member: LONG})
        assert await peer.closed() == 1008
    assert max(len(str(line)) for line in lines) < 1000
    assert (await server.session(ticket["SessionId"])).status is SessionStatus.CONNECTING


async def test_a_long_session_id_is_logged_in_part(server: Server) -> None:
    with capture_logs() as lines:
        peer = await server.dial(f"/v1/data-channel/{LONG[:5000]}")
        await peer.text({"MessageSchemaVersion": "1.0", "RequestId": "r", "TokenValue": "t", "ClientId": "c"})
        assert await peer.closed() == 1008
    assert max(len(str(line)) for line in lines) < 1000


async def test_task_status_of_a_node_is_truncated_in_the_log(server: Server) -> None:
    paired = await server.paired()
    with capture_logs() as lines:
        await paired.control.send(task_complete(LONG[:100_000], LONG[:100_000]))
        await paired.control.until(MessageType.AGENT_TASK_ACKNOWLEDGE)
    assert max(len(str(line)) for line in lines) < 1000


# The agent's token


async def refused_agent(node: Node, kind: str, channel_id: str, token: str) -> None:
    """An agent with this token is closed without having been heard."""
    peer = await node.upgrade(kind, channel_id)
    opening = control_opening(token) if kind == "control" else data_opening(node, token)
    await peer.text(json.dumps(opening))
    assert await peer.closed() == 1008


def data_opening(node: Node, token: str) -> dict[str, str]:
    return {
        "MessageSchemaVersion": "1.0",
        "RequestId": str(uuid.uuid4()),
        "TokenValue": token,
        "ClientInstanceId": node.node_id,
        "ClientId": "",
    }


async def test_an_expired_channel_token(server: Server) -> None:
    paired = await server.paired()
    control = await paired.node.create_channel("control", paired.node.node_id)
    data = await paired.node.create_channel("data", paired.session_id)
    server.clock.advance(60)
    await refused_agent(paired.node, "control", paired.node.node_id, control)
    await refused_agent(paired.node, "data", paired.session_id, data)


async def test_a_channel_token_of_another_kind_or_channel(server: Server) -> None:
    paired = await server.paired()
    other = await server.start(paired.node)
    control = await paired.node.create_channel("control", paired.node.node_id)
    data = await paired.node.create_channel("data", paired.session_id)
    await refused_agent(paired.node, "control", paired.node.node_id, data)
    await refused_agent(paired.node, "data", paired.session_id, control)
    await refused_agent(paired.node, "data", other["SessionId"], data)


async def test_a_cut_channel_token(server: Server) -> None:
    paired = await server.paired()
    data = await paired.node.create_channel("data", paired.session_id)
    for cut in (0, 10, -1):
        await refused_agent(paired.node, "data", paired.session_id, data[:cut])


async def test_another_nodes_session(server: Server) -> None:
    paired = await server.paired()
    other = await server.register()
    path = f"/v1/data-channel/{paired.session_id}"
    body = json.dumps({"MessageSchemaVersion": "1.0", "RequestId": "r"}).encode()
    for session_id in (paired.session_id, "root-00000000000000000"):
        path = f"/v1/data-channel/{session_id}"
        headers = other.signed("POST", path, body=body)
        async with server.http.post(server.url_of(path), data=body, headers=headers) as answer:
            assert answer.status == 403
            assert "AccessDeniedException" in await answer.text()
    data = await paired.node.create_channel("data", paired.session_id)
    await refused_agent(other, "data", paired.session_id, data)


async def test_a_user_creates_no_channel(server: Server) -> None:
    paired = await server.paired()
    body = json.dumps({"MessageSchemaVersion": "1.0", "RequestId": "r"}).encode()
    for path in (f"/v1/data-channel/{paired.session_id}", f"/v1/control-channel/{paired.node.node_id}"):
        headers = server.signed("POST", path, "", body, service="ssmmessages")
        async with server.http.post(server.url_of(path), data=body, headers=headers) as answer:
            assert answer.status == 403


# Sessions that are over


async def test_late_client_is_notified_of_the_end_of_its_session(server: Server) -> None:
    paired = await server.paired()
    resumed = await server.call("resume_session", SessionId=paired.session_id)
    await paired.control.send(task_complete(paired.session_id))
    await server.until_status(paired.session_id, SessionStatus.TERMINATED)
    assert "terminated" in await refused_client(server, paired.session_id, resumed["TokenValue"])


async def test_late_agent_is_admitted_and_closed_with_the_end_of_its_session(server: Server) -> None:
    paired = await server.paired()
    await paired.control.send(task_complete(paired.session_id))
    await server.until_status(paired.session_id, SessionStatus.TERMINATED)
    agent = await paired.node.data(paired.session_id)
    await agent.until(MessageType.CHANNEL_CLOSED)
    assert await agent.closed() == 1000


async def test_session_ids_are_read_as_agents_write_them(server: Server) -> None:
    node = await server.register()
    session_id = "user@x+y=z,1-00000000000000000"
    path = f"/v1/data-channel/{quote(session_id, safe='@+=,')}"
    body = json.dumps({"MessageSchemaVersion": "1.0", "RequestId": "r"}).encode()
    async with server.http.post(server.url_of(path), data=body, headers=node.signed("POST", path, body=body)) as answer:
        assert answer.status == 403
        assert f"session/{session_id}" in await answer.text()
