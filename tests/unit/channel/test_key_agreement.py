"""Both engines agree on a data key, or do not; the bytes in between are what `protocol/client.md` §9 has."""

import base64
import json
import random
from typing import Any

import pytest

from ferryman.channel.agent_handshake import HandshakeState
from ferryman.channel.client import ClientChannel, ClientState
from ferryman.channel.encryption import OVERHEAD, open_sealed, seal
from ferryman.channel.events import (
    ClientNotAccepted,
    ClientReady,
    CustomerMessageReceived,
    FrameRejected,
    HandshakeRefused,
    InputReceived,
    OutputReceived,
    SessionStarted,
)
from ferryman.channel.key_agreement import DataKeySealed, encryption_context
from ferryman.wire.agent_message import AgentMessage, MessageType, PayloadType, decode, encode
from tests.unit.channel.encrypted_session import CIPHERTEXT, DATA_KEY, KEYS, Session, input_frame, only, output_frame


def test_ends_agree_on_a_key_and_what_passes_then_is_sealed() -> None:
    session = Session()
    challenge = session.requested().challenge
    assert challenge is not None
    assert len(base64.b64decode(challenge)) == 16
    [request] = session.payloads(PayloadType.HANDSHAKE_REQUEST)
    assert json.loads(request)["RequestedClientActions"][1] == {
        "ActionType": "KMSEncryption",
        "ActionParameters": {"KMSKeyId": "alias/sessions", "Challenge": challenge},
    }
    assert session.payloads(PayloadType.HANDSHAKE_RESPONSE) == [], "KMS has not answered"

    session.client.use_data_key(DATA_KEY, CIPHERTEXT, 1.0)
    session.pass_frames()
    [response] = session.payloads(PayloadType.HANDSHAKE_RESPONSE)
    assert json.loads(response)["ProcessedClientActions"][1] == {
        "ActionType": "KMSEncryption",
        "ActionStatus": 1,
        "ActionResult": {
            "KMSCipherTextKey": base64.b64encode(CIPHERTEXT).decode(),
            "KMSCipherTextHash": None,
            "ChallengeAcknowledgement": True,
        },
        "Error": "",
    }
    assert session.sealed() == DataKeySealed(1, "alias/sessions", CIPHERTEXT, challenge)
    assert session.payloads(PayloadType.HANDSHAKE_COMPLETE) == []

    session.agent.use_data_key(1, DATA_KEY, 1.0)
    session.pass_frames()
    [asked], [answered] = map(
        session.payloads, (PayloadType.ENCRYPTION_CHALLENGE_REQUEST, PayloadType.ENCRYPTION_CHALLENGE_RESPONSE)
    )
    proof = open_sealed(KEYS.node, base64.b64decode(json.loads(asked)["Challenge"]))
    assert len(proof) == 64
    assert proof.startswith(b"ferryman:ordered")
    answer = open_sealed(KEYS.client, base64.b64decode(json.loads(answered)["Challenge"]))
    assert answer == b"ferryman:confirm" + proof[16:]
    assert only(session.client_events, CustomerMessageReceived).text == "This session is encrypted using AWS KMS."
    only(session.client_events, SessionStarted)
    only(session.agent_events, ClientReady)

    session.agent.send(PayloadType.OUTPUT, b"$ ", 1.0)
    session.agent.send(PayloadType.STD_ERR, b"oh", 1.0)
    session.client.send(PayloadType.OUTPUT, b"ls", 1.0)
    session.client.send(PayloadType.SIZE, b'{"cols":80,"rows":24}', 1.0)
    session.pass_frames()
    assert [
        (event.payload_type, event.payload) for event in session.client_events if isinstance(event, OutputReceived)
    ] == [
        (PayloadType.OUTPUT, b"$ "),
        (PayloadType.STD_ERR, b"oh"),
    ]
    assert [event.payload for event in session.agent_events if isinstance(event, InputReceived)] == [
        b"ls",
        b'{"cols":80,"rows":24}',
    ]
    assert {len(payload) for payload in session.payloads(PayloadType.OUTPUT)} == {2 + OVERHEAD}
    assert session.payloads(PayloadType.SIZE) == [b'{"cols":80,"rows":24}']
    assert session.client.delivered_input == 0
    session.agent.acknowledge(3, 2.0)
    session.pass_frames(3.0)
    assert session.client.delivered_input == 2, "counted without what encryption adds"


@pytest.mark.parametrize("challenge", [None, "Y2hhbGxlbmdl"])
def test_the_encryption_context_has_the_challenge_only_if_it_is_acknowledged(challenge: str | None) -> None:
    context = encryption_context("s-1", "mi-1", challenge)
    bound = {} if challenge is None else {"aws:ssm:RandomChallenge": challenge}
    assert context == {"aws:ssm:SessionId": "s-1", "aws:ssm:TargetId": "mi-1", **bound}


def test_a_client_that_cannot_encrypt_is_refused() -> None:
    session = Session()
    session.join(encrypts=False)
    assert only(session.agent_events, HandshakeRefused) == HandshakeRefused("Unsupported action KMSEncryption")


def test_kms_refusing_the_client_ends_the_session_with_the_reason() -> None:
    session = Session()
    session.client.refuse_data_key("AccessDeniedException: no")
    session.pass_frames()
    refused = only(session.agent_events, HandshakeRefused)
    assert refused == HandshakeRefused("Failed to process action KMSEncryption: AccessDeniedException: no")
    session.agent.send(PayloadType.OUTPUT, b"secret", 1.0)
    session.pass_frames()
    assert session.payloads(PayloadType.OUTPUT) == []


def test_kms_refusing_the_node_ends_the_session_with_the_reason() -> None:
    session = Session()
    session.client.use_data_key(DATA_KEY, CIPHERTEXT, 1.0)
    session.pass_frames()
    session.agent.refuse_data_key(1, "DisabledException: off")
    assert session.agent.events() == [HandshakeRefused("DisabledException: off")]
    session.agent.use_data_key(1, DATA_KEY, 1.0)  # too late
    assert session.agent.handshake is HandshakeState.REFUSED


def test_ends_with_different_keys_do_not_begin() -> None:
    session = Session()
    session.client.use_data_key(DATA_KEY, CIPHERTEXT, 1.0)
    session.pass_frames()
    session.agent.use_data_key(1, bytes(64), 1.0)
    session.pass_frames()
    assert "cannot be used" in only(session.client_events, FrameRejected).reason
    assert session.client.state is ClientState.SHAKING_HANDS


@pytest.mark.parametrize("size", [0, 32, 65])
def test_a_data_key_of_another_size_is_refused(size: int) -> None:
    session = Session()
    session.client.use_data_key(bytes(size), CIPHERTEXT, 1.0)
    session.pass_frames()
    assert "a data key has 64 bytes" in only(session.agent_events, HandshakeRefused).reason


def test_repeated_and_left_out_messages_are_noticed_in_both_directions() -> None:
    session = Session()
    session.agree()
    for word in (b"one", b"two", b"three"):
        session.agent.send(PayloadType.OUTPUT, word, 1.0)
        session.client.send(PayloadType.OUTPUT, word, 1.0)
    frames = [*session.agent.frames_to_send(1.0), *session.client.frames_to_send(1.0)]
    sent = [decode(data, digested=False) for data in frames]
    down, up = (
        [each.payload for each in sent if (each.message_type, each.payload_type) == (kind, PayloadType.OUTPUT)]
        for kind in (MessageType.OUTPUT_STREAM_DATA, MessageType.INPUT_STREAM_DATA)
    )
    for engine, make, first, payloads, kind in (
        (session.client, output_frame, 3, down, OutputReceived),
        (session.agent, input_frame, 2, up, InputReceived),
    ):
        engine.receive(make(first, PayloadType.OUTPUT, payloads[1]), 1.0)  # without the first
        assert "left out" in only(engine.events(), FrameRejected).reason
        engine.receive(make(first, PayloadType.OUTPUT, payloads[0]), 1.0)
        engine.receive(make(first + 1, PayloadType.OUTPUT, payloads[0]), 1.0)  # again
        events = engine.events()
        assert only(events, kind).payload == b"one"
        assert "repeated" in only(events, FrameRejected).reason
        engine.receive(make(first + 1, PayloadType.OUTPUT, payloads[1]), 1.0)
        assert only(engine.events(), kind).payload == b"two"


def test_client_seals_no_output_that_comes_back_as_a_challenge() -> None:
    session = Session()
    session.agree()
    session.agent.send(PayloadType.OUTPUT, b"rm -rf /\n".ljust(64), 1.0)
    sent = [decode(data, digested=False) for data in session.agent.frames_to_send(1.0)]
    [shown] = [each.payload for each in sent if each.payload_type == PayloadType.OUTPUT]
    challenge = json.dumps({"Challenge": base64.b64encode(shown).decode()}).encode()
    session.client.receive(output_frame(3, PayloadType.ENCRYPTION_CHALLENGE_REQUEST, challenge), 1.0)
    assert only(session.client.events(), FrameRejected).reason == "a second encryption challenge"
    answers = [decode(data, digested=False).payload_type for data in session.client.frames_to_send(1.0)]
    assert PayloadType.ENCRYPTION_CHALLENGE_RESPONSE not in answers


def test_long_challenge_is_rejected() -> None:
    client = ClientChannel(entropy=random.Random(7).randbytes, wall_clock_ms=lambda: 7, encrypts=True)  # noqa: S311
    parameters = {"KMSKeyId": "k", "Challenge": "x" * 200}
    actions = [
        {"ActionType": "SessionType", "ActionParameters": {"SessionType": "Standard_Stream"}},
        {"ActionType": "KMSEncryption", "ActionParameters": parameters},
    ]
    request = json.dumps({"AgentVersion": "3.3.0.0", "RequestedClientActions": actions}).encode()
    client.receive(output_frame(0, PayloadType.HANDSHAKE_REQUEST, request), 1.0)
    assert "too long" in only(client.events(), FrameRejected).reason


@pytest.mark.parametrize("forged", [b"rm -rf /\n", seal(bytes(32), b"rm", bytes(12)), b"", bytes(OVERHEAD - 1)])
def test_input_that_was_not_sealed_is_dropped_and_can_be_sent_again(forged: bytes) -> None:
    session = Session()
    session.agree()
    session.agent_events.clear()
    session.agent.receive(input_frame(2, PayloadType.OUTPUT, forged), 1.0)
    assert isinstance(only(session.agent.events(), FrameRejected), FrameRejected)
    session.client.send(PayloadType.OUTPUT, b"ls", 1.0)
    session.pass_frames()
    assert only(session.agent_events, InputReceived).payload == b"ls"


@pytest.mark.parametrize("payload_type", [PayloadType.OUTPUT, PayloadType.STD_ERR, PayloadType.EXIT_CODE])
def test_output_that_was_not_sealed_is_dropped(payload_type: PayloadType) -> None:
    session = Session()
    session.agree()
    session.client.receive(output_frame(3, payload_type, b"forged"), 1.0)
    assert isinstance(only(session.client.events(), FrameRejected), FrameRejected)


def test_a_client_without_a_handshake_gets_and_sends_nothing() -> None:
    session = Session()
    session.agent.send(PayloadType.OUTPUT, b"$ ", 1.0)
    session.agent.receive(input_frame(0, PayloadType.OUTPUT, b"ls\n"), 1.0)
    events = session.agent.events()
    assert "cannot be encrypted" in only(events, HandshakeRefused).reason
    assert not any(isinstance(event, InputReceived) for event in events)
    session.pass_frames()
    assert session.payloads(PayloadType.OUTPUT) == []


def test_a_client_that_expects_no_handshake_gets_one() -> None:
    session = Session()
    session.tell(MessageType.START_PUBLICATION, {"ClientId": "plain", "Handshake": False})
    sent = [decode(data) for data in session.agent.frames_to_send(1.0)]
    assert PayloadType.HANDSHAKE_REQUEST in [message.payload_type for message in sent]
    assert PayloadType.OUTPUT not in [message.payload_type for message in sent]


def test_a_node_that_skips_the_proof_is_not_believed() -> None:
    session = Session()
    session.client.use_data_key(DATA_KEY, CIPHERTEXT, 1.0)
    complete = json.dumps({"HandshakeTimeToComplete": 1, "CustomerMessage": ""}).encode()
    session.client.receive(output_frame(1, PayloadType.HANDSHAKE_COMPLETE, complete), 1.0)
    assert "before the node showed" in only(session.client.events(), FrameRejected).reason


def test_a_client_that_does_not_bind_its_key_is_refused_where_that_is_required() -> None:
    for required in (True, False):
        session = Session(requires_challenge=required)
        response = {
            "ClientVersion": "1.2.677.0",
            "ProcessedClientActions": [
                {"ActionType": "SessionType", "ActionStatus": 1},
                {
                    "ActionType": "KMSEncryption",
                    "ActionStatus": 1,
                    "ActionResult": {"KMSCipherTextKey": "AAAA", "KMSCipherTextHash": None},
                },
            ],
            "Errors": None,
        }
        session.agent.receive(input_frame(0, PayloadType.HANDSHAKE_RESPONSE, json.dumps(response).encode()), 1.0)
        events = session.agent.events()
        if required:
            assert "random challenge" in only(events, HandshakeRefused).reason
        else:
            assert only(events, DataKeySealed).challenge is None


@pytest.mark.parametrize(
    "result", [None, {}, {"KMSCipherTextKey": "%"}, {"KMSCipherTextKey": ""}, {"KMSCipherTextKey": "A" * 9000}]
)
def test_a_response_without_a_usable_data_key_is_refused(result: Any) -> None:
    session = Session()
    actions = [
        {"ActionType": kind, "ActionStatus": 1, "ActionResult": result} for kind in ("SessionType", "KMSEncryption")
    ]
    response = {"ClientVersion": "1.2.677.0", "ProcessedClientActions": actions}
    session.agent.receive(input_frame(0, PayloadType.HANDSHAKE_RESPONSE, json.dumps(response).encode()), 1.0)
    assert only(session.agent.events(), HandshakeRefused).reason == "the client sent no data key"


def test_the_next_client_gets_a_key_of_its_own_and_what_the_first_did_not_get() -> None:
    session = Session()
    session.agree()
    session.agent.send(PayloadType.OUTPUT, b"for whoever comes", 1.0)
    session.agent.frames_to_send(1.0)  # lost
    first = session.sealed()
    session.client_events.clear()
    session.join()
    session.agent.use_data_key(first.attempt, DATA_KEY, 1.0)  # of the first client: too late
    other = bytes(reversed(DATA_KEY))
    session.client.use_data_key(other, b"another", 1.0)
    session.pass_frames()
    assert session.sealed().attempt == 2
    session.agent.use_data_key(2, other, 1.0)
    session.pass_frames()
    assert only(session.client_events, OutputReceived).payload == b"for whoever comes"


@pytest.mark.parametrize("by", ["client", "node"])
def test_a_running_session_survives_a_client_for_which_there_is_no_key(by: str) -> None:
    session = Session()
    session.agree()
    session.agent_events.clear()
    session.join()
    if by == "client":
        session.client.refuse_data_key("KMS cannot be reached")
    else:
        session.client.use_data_key(DATA_KEY, CIPHERTEXT, 1.0)
        session.pass_frames()
        session.agent.refuse_data_key(2, "KMS cannot be reached")
    session.pass_frames()
    assert only(session.agent_events, HandshakeRefused).is_final is False
    assert "KMS cannot be reached" in only(session.client_events, ClientNotAccepted).reason
    session.agent.send(PayloadType.OUTPUT, b"kept", 1.0)
    session.client_events.clear()
    session.join()
    session.agree()
    assert only(session.client_events, OutputReceived).payload == b"kept"


def test_port_sessions_are_sealed_too() -> None:
    session = Session(session_type="Port")
    session.agree()
    session.client.send(PayloadType.OUTPUT, b"\x01\x00known text", 1.0)
    session.pass_frames()
    assert session.payloads(PayloadType.OUTPUT)[0][12:-16] != b"\x01\x00known text"
    assert only(session.agent_events, InputReceived).payload == b"\x01\x00known text"


def test_covers_for_awss_client_are_sealed() -> None:
    """A payload of less than 12 bytes kills its reader (`protocol/client.md` §12.2)."""
    session = Session()
    session.client.use_data_key(DATA_KEY, CIPHERTEXT, 1.0)
    for data in session.client.frames_to_send(1.0):
        message = decode(data)
        if message.payload_type == PayloadType.HANDSHAKE_RESPONSE:
            response = {key: value for key, value in json.loads(message.payload).items() if key != "Ferryman"}
            payload = json.dumps(response).encode()
            data = encode(
                AgentMessage(message.message_type, 0, 0, message.message_id, 1, message.payload_type, payload)
            )
        session.agent.receive(data, 1.0)
    session.agent_events += session.agent.events()
    session.agent.use_data_key(1, DATA_KEY, 1.0)
    session.pass_frames()
    session.agent.send(PayloadType.OUTPUT, b"x" * 3000, 1.0)
    session.agent.receive(input_frame(2, PayloadType.SIZE, b"{}"), 1.0)  # it listens
    session.agent.send(PayloadType.OUTPUT, b"y", 1.0)
    sent = [decode(data) for data in session.agent.frames_to_send(2.0)]
    sizes = [len(message.payload) for message in sent if message.payload_type == PayloadType.OUTPUT]
    assert OVERHEAD in sizes
    assert min(sizes) >= OVERHEAD
    assert max(sizes) == 1024 + OVERHEAD
