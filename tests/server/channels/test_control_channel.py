"""A node's control channel: tasks out, results in, and the newest channel wins."""

import asyncio
import json

import pytest

from ferryman.core.messages import EndTask, StartTask, control_subject, encode
from ferryman.core.ports.bus import NoResponders
from ferryman.model.sessions import SessionStatus
from ferryman.model.values.versions import AGENT_VERSION
from ferryman.server.channels.contention import REPLACEMENTS
from ferryman.server.channels.control_channel import ControlChannel
from ferryman.server.channels.gateway import Gateway
from ferryman.server.timeouts import Timeouts
from ferryman.wire.agent_message import AgentMessage, MessageType, decode
from ferryman.wire.payloads import ChannelClosed, decode_payload
from ferryman.wire.tasks import AgentTaskAcknowledge, decode_interactive_shell
from tests.server.peers import Peer, output, plain_frame, task_complete
from tests.server.running import Node, Server, until
from tests.waiting import PATIENCE


@pytest.fixture
def timeouts() -> Timeouts:
    return Timeouts(start=0.3, drain=0.1)


async def start_task(server: Server, node: Node, session_id: str) -> None:
    """What `dispatch_task` sends for a session."""
    content = {"DocumentContent": {"schemaVersion": "1.0"}, "SessionId": session_id}
    message = encode(StartTask(session_id, json.dumps(content)))
    assert await server.service.bus.request(control_subject(node.node_id), message, timeout=PATIENCE) == b"ok"


async def until_away(server: Server, node: Node) -> None:
    """Wait until the server knows that the node is not connected."""
    await until(
        lambda: server.call("get_connection_status", Target=node.node_id),
        lambda answer: answer["Status"] == "notconnected",
    )


async def session_id_of_next_start(control: Peer) -> str:
    return decode_interactive_shell((await control.until(MessageType.INTERACTIVE_SHELL)).payload).session_id


async def test_the_task_holds_the_session_document(server: Server) -> None:
    node = await server.register()
    control = await node.control()
    ticket = await server.start(node)
    await server.open_client(ticket)
    message = await control.message()
    assert message.message_type == MessageType.INTERACTIVE_SHELL
    outer = json.loads(message.payload)
    assert (outer["TaskId"], outer["Topic"], outer["SchemaVersion"]) == (
        ticket["SessionId"],
        "interactive_shell",
        1,
    )
    content = decode_interactive_shell(message.payload)
    assert content.session_id == ticket["SessionId"]
    assert content.document_content["schemaVersion"] == "1.0"
    assert content.document_content["sessionType"] == "Standard_Stream"
    assert content.session_owner == "arn:aws:iam::123456789012:user/root"


async def test_no_task_before_the_client_is_there(server: Server) -> None:
    node = await server.register()
    control = await node.control()
    await server.start(node)
    await control.answered()  # nothing came before the pong


async def test_connection_status_follows_the_channel(server: Server) -> None:
    node = await server.register()
    assert (await server.call("get_connection_status", Target=node.node_id))["Status"] == "notconnected"
    control = await node.control()
    assert (await server.call("get_connection_status", Target=node.node_id))["Status"] == "connected"
    control.cut()
    await until_away(server, node)


async def test_the_newest_channel_of_a_node_wins(server: Server) -> None:
    node = await server.register()
    older = await node.control()
    newer = await node.control()
    assert await older.closed() == 1000
    await start_task(server, node, "root-1")
    assert await session_id_of_next_start(newer) == "root-1"


async def test_two_agents_of_one_node_do_not_replace_each_other_for_ever(
    server: Server, capsys: pytest.CaptureFixture[str]
) -> None:
    """The newest wins five times a minute; then the one that is there stays, and the log says what is wrong."""
    node, other = await server.register(), await server.register()
    path, query = f"/v1/control-channel/{node.node_id}", "role=subscribe&stream=input"
    channels = [await node.control()]
    for _ in range(REPLACEMENTS):
        closed = asyncio.create_task(channels[-1].closed())
        channels.append(await node.control())
        assert await closed == 1000
    body = json.dumps({"MessageSchemaVersion": "1.0", "RequestId": "r"}).encode()
    async with server.http.post(server.url_of(path), data=body, headers=node.signed("POST", path, body=body)) as answer:
        assert answer.status == 400
        assert "ThrottlingException" in await answer.text()
    upgrade = {"Connection": "Upgrade", "Upgrade": "websocket", "Sec-WebSocket-Version": "13"}
    upgrade |= {"Sec-WebSocket-Key": "AAAAAAAAAAAAAAAAAAAAAA=="}
    headers = node.signed("GET", path, query) | upgrade
    async with server.http.get(server.url_of(f"{path}?{query}"), headers=headers) as answer:
        assert answer.status == 400
        assert "another agent claims this node" in await answer.text()
    await channels[-1].answered()
    await other.control()
    (warning,) = [line for line in capsys.readouterr().out.splitlines() if "two agents claim one node" in line]
    assert f"node_id={node.node_id}" in warning
    server.clock.advance(61)
    await node.control()
    assert await channels[-1].closed() == 1000


async def test_channel_that_is_replaced_again_while_it_closes_counts_once(
    server: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    """By a newer one here and by one of another server, whichever is noticed first."""
    added: list[tuple[Gateway, ControlChannel]] = []
    add = Gateway.add_control_channel

    def noted(gateway: Gateway, channel: ControlChannel) -> None:
        added.append((gateway, channel))
        add(gateway, channel)

    monkeypatch.setattr(Gateway, "add_control_channel", noted)
    node = await server.register()
    await node.control()
    [(gateway, channel)] = added
    for _ in range(REPLACEMENTS):
        gateway.supersede_control_channel(channel)
    await node.control()


async def test_a_node_that_is_deregistered_while_it_opens_does_not_stay(server: Server) -> None:
    """The credentials are verified at the upgrade; the channel hears of a deregistration only once it is subscribed."""
    node = await server.register()
    token = await node.create_channel("control", node.node_id)
    control = await node.upgrade("control", node.node_id)
    await server.call("deregister_managed_instance", InstanceId=node.node_id)
    await control.text(
        {"MessageSchemaVersion": "1.0", "RequestId": "r", "TokenValue": token, "AgentVersion": "3.3.0.0"}
    )
    assert await control.closed() == 1008


async def test_agent_without_instance_information_is_listed_by_its_opening(server: Server) -> None:
    node = await server.register()
    await node.control(version="3.3.0.0", ferryman=None)

    async def row() -> dict[str, object]:
        return dict((await server.call("describe_instance_information"))["InstanceInformationList"][0])

    seen = await until(row, lambda row: "AgentVersion" in row)
    assert (seen["AgentVersion"], seen["PlatformType"], seen["PingStatus"]) == ("3.3.0.0", "Linux", "Online")
    assert "IsLatestVersion" not in seen


async def test_starts_are_paced(server: Server) -> None:
    node = await server.register()
    control = await node.control()
    loop = asyncio.get_running_loop()
    began = loop.time()
    for number in range(3):
        await start_task(server, node, f"root-{number}")
    assert [await session_id_of_next_start(control) for _ in range(3)] == ["root-0", "root-1", "root-2"]
    assert loop.time() - began > 0.5


class TestPatience:
    @pytest.fixture
    def timeouts(self) -> Timeouts:
        return Timeouts(start=60)

    async def test_confirmed_start_releases_the_next(self, server: Server) -> None:
        paired = await server.paired()
        ticket = await server.start(paired.node)
        await start_task(server, paired.node, ticket["SessionId"])
        for number in range(2):
            await start_task(server, paired.node, f"root-{number}")
        assert await session_id_of_next_start(paired.control) == ticket["SessionId"]
        await paired.control.answered()  # and no other
        await paired.node.create_channel("data", ticket["SessionId"])
        assert await session_id_of_next_start(paired.control) == "root-0"


class TestReadiness:
    """Ferryman's agent gets its first task at once, whatever its release; others after a moment, here never."""

    @pytest.fixture
    def timeouts(self) -> Timeouts:
        return Timeouts(start=3600)

    @pytest.mark.parametrize("version", ["4.0.0.1", AGENT_VERSION, "4.999.0.0"])
    async def test_an_agent_of_another_release_of_ferryman_is_ready(self, server: Server, version: str) -> None:
        node = await server.register()
        control = await node.control(version=version, ferryman=1)
        await start_task(server, node, "root-1")
        assert await session_id_of_next_start(control) == "root-1"

    async def test_an_agent_from_before_the_member_is_ready(self, server: Server) -> None:
        node = await server.register()
        control = await node.control(version="4.0.1.0", ferryman=None)
        await start_task(server, node, "root-1")
        assert await session_id_of_next_start(control) == "root-1"


async def test_other_agents_get_a_moment_after_opening(server: Server) -> None:
    node = await server.register()
    loop = asyncio.get_running_loop()
    before = loop.time()
    control = await node.control(version="3.3.987.0", ferryman=None)
    await start_task(server, node, "root-1")
    await session_id_of_next_start(control)
    assert loop.time() - before > 0.3


async def test_queued_start_is_cancelled(server: Server) -> None:
    node = await server.register()
    control = await node.control()
    for number in range(3):
        await start_task(server, node, f"root-{number}")
    subject = control_subject(node.node_id)
    await server.service.bus.request(subject, encode(EndTask("root-1")), timeout=PATIENCE)
    await server.service.bus.request(subject, encode(EndTask("root-0")), timeout=PATIENCE)
    assert await session_id_of_next_start(control) == "root-0"
    closed = await control.message()
    assert closed.message_type == MessageType.CHANNEL_CLOSED
    assert decode_payload(closed.payload, ChannelClosed).session_id == "root-0"
    assert await session_id_of_next_start(control) == "root-2"


async def test_a_session_without_a_data_channel_ends_on_the_control_channel(server: Server) -> None:
    node = await server.register()
    control = await node.control()
    ticket = await server.start(node)
    await server.open_client(ticket)
    await control.until(MessageType.INTERACTIVE_SHELL)
    await server.call("terminate_session", SessionId=ticket["SessionId"])
    closed = await control.until(MessageType.CHANNEL_CLOSED)
    assert decode_payload(closed.payload, ChannelClosed).session_id == ticket["SessionId"]


# Results


async def acknowledged(control: Peer, frame: bytes) -> AgentMessage:
    """Send a result and return its acknowledgement, which names it."""
    await control.send(frame)
    answer = await control.until(MessageType.AGENT_TASK_ACKNOWLEDGE)
    assert decode_payload(answer.payload, AgentTaskAcknowledge).message_id == str(decode(frame).message_id)
    return answer


async def test_results_are_acknowledged_however_often_they_come(server: Server) -> None:
    paired = await server.paired()
    frame = task_complete(paired.session_id)
    await acknowledged(paired.control, frame)
    await acknowledged(paired.control, frame)
    await acknowledged(paired.control, task_complete(paired.session_id, "Failed", "late"))
    session = await server.until_status(paired.session_id, SessionStatus.TERMINATED)
    assert not session.details
    assert await paired.client.closed() == 1000


async def test_a_failed_start_is_explained(server: Server) -> None:
    node = await server.register()
    control = await node.control()
    ticket = await server.start(node)
    client = await server.open_client(ticket)
    await control.until(MessageType.INTERACTIVE_SHELL)
    await acknowledged(control, task_complete(ticket["SessionId"], "Failed", "no such user"))
    session = await server.until_status(ticket["SessionId"], SessionStatus.FAILED)
    assert session.details == "no such user"
    closed = await client.until(MessageType.CHANNEL_CLOSED)
    assert decode_payload(closed.payload, ChannelClosed).output == "no such user"


async def test_another_nodes_result_changes_nothing(server: Server) -> None:
    paired = await server.paired()
    other = await server.register()
    control = await other.control()
    await acknowledged(control, task_complete(paired.session_id))
    assert (await server.session(paired.session_id)).status is SessionStatus.CONNECTED


async def test_an_unknown_sessions_result_is_acknowledged(server: Server) -> None:
    node = await server.register()
    await acknowledged(await node.control(), task_complete("root-00000000000000000"))


async def test_result_that_cannot_be_stored_is_not_acknowledged(server: Server) -> None:
    paired = await server.paired()
    await server.store.close()
    await paired.control.send(task_complete(paired.session_id))
    await paired.control.answered()


# What else may come


async def test_unknown_and_uninteresting_messages_are_ignored(server: Server) -> None:
    node = await server.register()
    control = await node.control()
    for message_type in (MessageType.AGENT_TELEMETRY, MessageType.AGENT_JOB_ACK, "brand_new"):
        await control.send(plain_frame(message_type))
    await control.send(output(0))
    await start_task(server, node, "root-1")
    assert await session_id_of_next_start(control) == "root-1"


@pytest.mark.parametrize(
    "frame", [b"", b"x" * 119, output(0)[:-1], plain_frame(MessageType.AGENT_TASK_COMPLETE, b"[]")]
)
async def test_garbage(server: Server, frame: bytes) -> None:
    node = await server.register()
    control = await node.control()
    await control.send(frame)
    assert await control.closed() == 1002
    await node.control()


async def test_text(server: Server) -> None:
    node = await server.register()
    control = await node.control()
    await control.text("{}")
    assert await control.closed() == 1003


async def test_oversized(server: Server) -> None:
    node = await server.register()
    control = await node.control()
    control.raw(b"\x82\xff" + (2 * 1024 * 1024).to_bytes(8, "big") + bytes(4))
    assert await control.closed() == 1009


async def test_output_queue_for_a_node_that_does_not_read_is_bounded(server: Server) -> None:
    node = await server.register()
    control = await node.control()
    subject = control_subject(node.node_id)
    message = encode(EndTask("root-" + "0" * 90))
    await until(lambda: told(server, subject, message), lambda reached: not reached)
    assert await control.closed() == 1008


async def told(server: Server, subject: str, message: bytes) -> bool:
    """Send a message a hundred times; False once the channel is gone."""
    try:
        for _ in range(100):
            await server.service.bus.request(subject, message, timeout=PATIENCE)
    except NoResponders:
        return False
    return True


async def test_task_lost_with_the_control_channel_is_resent(server: Server) -> None:
    node = await server.register()
    control = await node.control()
    ticket = await server.start(node)
    await server.open_client(ticket)
    assert await session_id_of_next_start(control) == ticket["SessionId"]
    control.cut()
    assert await session_id_of_next_start(await node.control()) == ticket["SessionId"]


async def test_a_task_waits_for_a_node_that_is_away(server: Server) -> None:
    node = await server.register()
    control = await node.control()
    ticket = await server.start(node)
    await control.close()
    await until_away(server, node)
    client = await server.open_client(ticket)
    await client.answered()
    assert (await server.session(ticket["SessionId"])).status is SessionStatus.CONNECTING
    assert await session_id_of_next_start(await node.control()) == ticket["SessionId"]
