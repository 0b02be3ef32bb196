"""A node's HandshakeRequest must start the session that was requested; otherwise the session ends."""

import json
import uuid
from typing import Any

import pytest

from ferryman.model.sessions import SessionStatus
from ferryman.server.channels.relay.handshakes import LONGEST, MOST_HANDSHAKES, objection
from ferryman.wire.agent_message import AgentMessage, MessageType, PayloadType, encode
from ferryman.wire.payloads import ChannelClosed, decode_payload
from tests.server.running import Paired, Server

FORWARDING = {"type": "LocalPortForwarding", "portNumber": "80", "localPortNumber": "8080"}
SHELL: dict[str, Any] = {"schemaVersion": "1.0", "sessionType": "Standard_Stream"}
PORT: dict[str, Any] = {"schemaVersion": "1.0", "sessionType": "Port", "properties": FORWARDING}


def action(session_type: object, properties: object = None, kind: str = "SessionType") -> dict[str, Any]:
    return {"ActionType": kind, "ActionParameters": {"SessionType": session_type, "Properties": properties}}


def encryption(key: object) -> dict[str, Any]:
    return {"ActionType": "KMSEncryption", "ActionParameters": {"KMSKeyId": key, "Challenge": "AAAA"}}


def request(*actions: object) -> bytes:
    return json.dumps({"AgentVersion": "3.3.0.0", "RequestedClientActions": actions}).encode()


@pytest.mark.parametrize(
    ("document", "asked"),
    [
        (SHELL, action("Standard_Stream")),
        (SHELL, action("InteractiveCommands")),
        ({**SHELL, "sessionType": "NonInteractiveCommands"}, action("NonInteractiveCommands")),
        (PORT, action("Port", FORWARDING)),
        (PORT, action("Port", {**FORWARDING, "portNumber": 81, "host": "elsewhere"})),
        ({**PORT, "properties": {"portNumber": "22"}}, action("Port", {"portNumber": "22"})),
        (SHELL, action("of a later agent", kind="BrandNew")),
        ({**SHELL, "inputs": {"kmsKeyId": "alias/a"}}, encryption("alias/a")),
        ({**PORT, "inputs": {"kmsKeyId": "k", "encryptionOptional": True}}, action("Port", FORWARDING)),
    ],
)
def test_what_was_asked_for(document: dict[str, Any], asked: dict[str, Any]) -> None:
    begun = [action(document["sessionType"], document.get("properties"))] if "SessionType" not in asked.values() else []
    assert objection(request(*begun, asked), json.dumps(document)) == ""


def test_ferrymans_agent_encrypts_ports_if_the_preferences_say_so() -> None:
    document = json.dumps({**PORT, "inputs": {"kmsKeyId": "k", "encryptionOptional": True}})
    asked = {"AgentVersion": "4.0.1.0", "RequestedClientActions": [action("Port", FORWARDING)], "Ferryman": {}}
    assert "requires encryption" in objection(json.dumps(asked).encode(), document)


@pytest.mark.parametrize(
    ("document", "asked", "cause"),
    [
        (
            SHELL,
            action("Port", FORWARDING),
            "the node started a session of type 'Port', but Standard_Stream was requested",
        ),
        (
            SHELL,
            action("NonInteractiveCommands"),
            "of type 'NonInteractiveCommands', but Standard_Stream was requested",
        ),
        (PORT, action("Standard_Stream"), "of type 'Standard_Stream', but Port was requested"),
        (SHELL, action(["Port"]), "of type \"['Port']\", but Standard_Stream was requested"),
        (SHELL, {"ActionType": "SessionType"}, "of type 'None', but Standard_Stream was requested"),
        (PORT, action("Port", {**FORWARDING, "localPortNumber": "22"}), "a different port or socket"),
        (
            PORT,
            action("Port", {**FORWARDING, "localConnectionType": "unix", "localUnixSocket": "/x"}),
            "a different port",
        ),
        (PORT, action("Port", {"portNumber": "80"}), "a different port or socket"),
        ({**PORT, "properties": {"portNumber": "22"}}, action("Port", FORWARDING), "a different port or socket"),
        (SHELL, encryption("k"), "encryption with a KMS key, but the document names none"),
        ({**SHELL, "inputs": {"kmsKeyId": "k"}}, encryption("other"), "another KMS key than the document's"),
        ({**SHELL, "inputs": {"kmsKeyId": "k"}}, encryption(None), "another KMS key"),
        ({**SHELL, "inputs": {"kmsKeyId": "k"}}, action("Standard_Stream"), "requires encryption"),
        ({**PORT, "inputs": {"kmsKeyId": "k"}}, action("Port", FORWARDING), "requires encryption"),
    ],
)
def test_what_was_not_asked_for(document: dict[str, Any], asked: dict[str, Any], cause: str) -> None:
    assert cause in objection(
        request(action(document["sessionType"], document.get("properties")), asked), json.dumps(document)
    )


@pytest.mark.parametrize(
    "malformed",
    [
        b"",
        b"[]",
        b"{}",
        b'{"RequestedClientActions":null}',
        b'{"RequestedClientActions":[1]}',
        b'{"RequestedClientActions":[{}]}',
        b"[" * LONGEST,
        b'{"RequestedClientActions":[],"x":"\xff"}',
        request(action("Standard_Stream")).decode().encode("utf-16"),
    ],
)
def test_what_cannot_be_read(malformed: bytes) -> None:
    assert objection(malformed, json.dumps(SHELL)) == "the node's handshake is malformed"


@pytest.mark.parametrize("key", ["RequestedClientActions", "requestedclientactions", "Reque\u017ftedClientActions"])
def test_no_second_reading_passes(key: str) -> None:
    """AWS's client takes keys in any case, the long s for an s too, and the last of several."""
    first, second = json.dumps([action("Standard_Stream")]), json.dumps([action("Port", FORWARDING)])
    both = f'{{"RequestedClientActions":{first},"{key}":{second}}}'.encode()
    assert objection(both, json.dumps(SHELL)) == "the node's handshake is malformed"
    alone = f'{{"{key}":{second}}}'.encode()
    assert "of type 'Port'" in objection(alone, json.dumps(SHELL))


def test_its_length_is_bounded() -> None:
    assert "bytes" in objection(b" " * LONGEST + request(), json.dumps(SHELL))


def handshake(*actions: object, number: int = 0) -> bytes:
    kind, payload = PayloadType.HANDSHAKE_REQUEST, request(*actions)
    return encode(AgentMessage(MessageType.OUTPUT_STREAM_DATA, number, 0, uuid.uuid4(), 1, kind, payload))


async def refused(paired: Paired) -> None:
    message = await paired.client.message()
    assert message.message_type == MessageType.CHANNEL_CLOSED
    closed = decode_payload(message.payload, ChannelClosed)
    assert closed.output.startswith("The session was ended: the node started a session of type 'Port'")
    session = await paired.server.session(paired.session_id)
    assert (session.status, session.details) == (SessionStatus.TERMINATED, closed.output)


@pytest.mark.parametrize("ferryman", [False, True])
async def test_handshake_for_another_session_type_ends_the_session(server: Server, ferryman: bool) -> None:
    paired = await server.paired(ferryman=ferryman)
    await paired.agent.send(handshake(action("Port", FORWARDING)))
    await refused(paired)


async def test_second_handshake_is_checked_too(server: Server) -> None:
    paired = await server.paired()
    as_asked = handshake(action("Standard_Stream"))
    for _ in range(2):
        await paired.agent.send(as_asked)
        assert await paired.client.frame() == as_asked
    await paired.agent.send(handshake(action("Port", FORWARDING), number=1))
    await refused(paired)


async def test_a_node_cannot_keep_the_server_reading_handshakes(server: Server) -> None:
    paired = await server.paired()
    for number in range(MOST_HANDSHAKES):
        as_asked = handshake(action("Standard_Stream"), {"ActionType": f"x{number}"})
        await paired.agent.send(as_asked)
        assert await paired.client.frame() == as_asked
    await paired.agent.send(handshake(action("Standard_Stream"), {"ActionType": "one more"}))
    message = await paired.client.message()
    assert (
        decode_payload(message.payload, ChannelClosed).output
        == "The session was ended: the node sent too many different handshakes."
    )


async def encrypted(server: Server) -> Paired:
    content = json.dumps({**SHELL, "inputs": {"kmsKeyId": "alias/a"}})
    await server.call("create_document", Name="Encrypted", Content=content, DocumentType="Session")
    return await server.paired(DocumentName="Encrypted")


async def test_node_that_begins_without_encryption_ends_the_session(server: Server) -> None:
    paired = await encrypted(server)
    plain = AgentMessage(MessageType.OUTPUT_STREAM_DATA, 0, 0, uuid.uuid4(), 1, PayloadType.OUTPUT, b"$ ")
    await paired.agent.send(encode(plain))
    message = await paired.client.message()
    assert message.message_type == MessageType.CHANNEL_CLOSED
    closed = decode_payload(message.payload, ChannelClosed)
    assert "its document requires encryption" in closed.output
    assert "which began without a handshake" in closed.output


async def test_node_that_encrypts_with_the_documents_key_passes(server: Server) -> None:
    paired = await encrypted(server)
    as_asked = handshake(action("Standard_Stream"), encryption("alias/a"))
    await paired.agent.send(as_asked)
    assert await paired.client.frame() == as_asked
    await paired.agent.send(handshake(action("Standard_Stream"), encryption("alias/b"), number=1))
    message = await paired.client.message()
    assert "another KMS key" in decode_payload(message.payload, ChannelClosed).output
