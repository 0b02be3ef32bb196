"""What AWS's ends need from a relay: a pause after the handshake, and acknowledgements that are sent only once."""

import json
import operator
import uuid
from functools import partial

import pytest

from ferryman.core.messages import ActivityProbe, session_subject
from ferryman.core.messages import encode as encode_bus
from ferryman.core.ports.bus import NoResponders
from ferryman.model.sessions import SessionStatus
from ferryman.server.channels.relay.aws_output import IGNORED
from ferryman.server.timeouts import Timeouts
from ferryman.wire.agent_message import AgentMessage, MessageType, PayloadType, decode, encode
from ferryman.wire.payloads import Acknowledge, decode_payload
from tests.server.peers import Peer, output, plain_frame, typed
from tests.server.running import Paired, Server, until
from tests.waiting import PATIENCE


def receipt_of(frame: bytes) -> bytes:
    """A client's acknowledgement, with all its members."""
    message = decode(frame)
    content = {
        "AcknowledgedMessageType": message.message_type,
        "AcknowledgedMessageId": str(message.message_id),
        "AcknowledgedMessageSequenceNumber": message.sequence_number,
        "IsSequentialMessage": True,
    }
    return plain_frame(MessageType.ACKNOWLEDGE, json.dumps(content).encode())


async def taken(paired: Paired, client: Peer, frame: bytes) -> None:
    """The agent sends an output frame, the client acknowledges it, the agent hears of it."""
    await paired.agent.send(frame)
    assert await client.frame() == frame
    receipt = receipt_of(frame)
    await client.send(receipt)
    assert await paired.agent.frame() == receipt


async def acknowledged(peer: Peer, frame: bytes) -> None:
    """The next message is an acknowledgement of `frame`, as its receiver would write it."""
    message = await peer.message()
    assert message.message_type == MessageType.ACKNOWLEDGE
    told, sent = decode_payload(message.payload, Acknowledge), decode(frame)
    assert told == Acknowledge(sent.message_type, str(sent.message_id), sent.sequence_number, True)


async def resumed(paired: Paired) -> Peer:
    """The client's next socket, after it lost one."""
    paired.client.cut()
    assert (await paired.agent.message()).message_type == MessageType.PAUSE_PUBLICATION
    ticket = await paired.server.call("resume_session", SessionId=paired.session_id)
    client = await paired.server.open_client(ticket, paired.client_id)
    assert (await paired.agent.message()).message_type == MessageType.START_PUBLICATION
    return client


async def handshake_completed(server: Server) -> tuple[Paired, bytes]:
    """A session whose agent has completed the handshake and sent a frame right after."""
    paired = await server.paired()
    complete = encode(
        AgentMessage(MessageType.OUTPUT_STREAM_DATA, 1, 0, uuid.uuid4(), 1, PayloadType.HANDSHAKE_COMPLETE, b"{}")
    )
    trailing = plain_frame(MessageType.ACKNOWLEDGE)
    await paired.agent.send(complete)
    await paired.agent.send(trailing)
    assert await paired.client.frame() == complete
    return paired, trailing


async def test_what_follows_handshake_complete_is_sent_in_the_end(server: Server) -> None:
    paired, trailing = await handshake_completed(server)
    assert await paired.client.frame() == trailing


class TestLongPause:
    @pytest.fixture
    def timeouts(self) -> Timeouts:
        return Timeouts(handshake=3600)

    async def test_nothing_is_sent_right_after_handshake_complete(self, server: Server) -> None:
        paired, _ = await handshake_completed(server)
        await paired.client.answered()  # the pong came first
        await server.shut_down()


async def test_acknowledgements_of_the_client_are_repeated(server: Server) -> None:
    paired = await server.paired()
    first, second = output(0), output(1)
    await taken(paired, paired.client, first)
    await paired.agent.send(first)  # it had not noted yet that it sent it when the acknowledgement came
    await acknowledged(paired.agent, first)
    await paired.agent.send(second)
    assert await paired.client.frame() == second


async def test_an_acknowledgement_that_was_lost_with_the_clients_socket(server: Server) -> None:
    paired = await server.paired()
    first, lost, after = output(0), output(1), output(2)
    await taken(paired, paired.client, first)
    await paired.agent.send(lost)
    assert await paired.client.frame() == lost
    client = await resumed(paired)
    await paired.agent.send(lost)
    assert await client.frame() == lost  # AWS's client drops it in silence, and answers pings
    await client.websocket.pong(await ping(client))
    await acknowledged(paired.agent, lost)
    await taken(paired, client, after)


async def test_a_resent_message_that_is_new_to_the_client(server: Server) -> None:
    paired = await server.paired()
    first, lost = output(0), output(1)
    await taken(paired, paired.client, first)
    await paired.agent.send(lost)
    assert await paired.client.frame() == lost
    client = await resumed(paired)
    await paired.agent.send(lost)
    assert await client.frame() == lost
    receipt = receipt_of(lost)
    await client.send(receipt)
    await client.websocket.pong(await ping(client))
    assert await paired.agent.frame() == receipt
    await client.send(typed(0, b"next"))
    assert (await paired.agent.message()).payload == b"next"


async def test_nothing_is_acknowledged_for_a_client_that_has_read_nothing(server: Server) -> None:
    paired = await server.paired()
    first = output(0)
    for _ in range(2):  # AWS's client drops output while its handlers are not ready
        await paired.agent.send(first)
        assert await paired.client.frame() == first
    await paired.client.answered()  # and no ping before
    await paired.client.send(typed(0, b"next"))
    assert (await paired.agent.message()).payload == b"next"


async def test_an_acknowledgement_that_was_lost_with_the_agents_socket(server: Server) -> None:
    paired = await server.paired()
    first = output(0)
    await paired.agent.send(first)
    assert await paired.client.frame() == first
    await paired.client.send(receipt_of(first))
    await paired.client.answered()
    paired.agent.cut()  # before it read that
    await server.until_status(paired.session_id, SessionStatus.DISCONNECTED)
    agent = await paired.node.data(paired.session_id)
    assert (await agent.message()).message_type == MessageType.START_PUBLICATION
    await agent.send(first)
    await acknowledged(agent, first)


async def has_relay(paired: Paired) -> bool:
    """Whether an end of the session is connected."""
    subject = session_subject(paired.session_id)
    try:
        return bool(await paired.server.service.bus.request(subject, encode_bus(ActivityProbe()), timeout=PATIENCE))
    except NoResponders:
        return False


async def test_an_acknowledgement_that_was_lost_with_the_server(server: Server) -> None:
    paired = await server.paired()
    first, lost = output(0), output(1)
    await taken(paired, paired.client, first)
    await paired.agent.send(lost)
    assert await paired.client.frame() == lost
    for end in (paired.client, paired.agent):  # what this relay knows goes with its last end
        end.cut()
    await until(partial(has_relay, paired), operator.not_)
    ticket = await server.call("resume_session", SessionId=paired.session_id)
    client = await server.open_client(ticket, paired.client_id)
    agent = await paired.node.data(paired.session_id)
    await agent.until(MessageType.START_PUBLICATION)
    for times in range(1 + IGNORED):  # the first is new to the relay
        await agent.send(lost)
        assert await client.frame() == lost
        if times:
            await client.websocket.pong(await ping(client))
            await client.answered()
    await acknowledged(agent, lost)


async def ping(peer: Peer) -> bytes:
    """The payload of the next ping."""
    message = await peer.websocket.receive(timeout=PATIENCE)
    assert message.type.name == "PING", message
    return bytes(message.data)
