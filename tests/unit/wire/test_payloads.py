import json
from pathlib import Path
from typing import Any

import msgspec
import pytest

from ferryman.wire.agent_message import Flag
from ferryman.wire.payloads import (
    Acknowledge,
    AgentSessionState,
    ChannelClosed,
    EncryptionChallenge,
    Extensions,
    HandshakeComplete,
    HandshakeRequest,
    HandshakeResponse,
    KmsEncryptionParameters,
    MalformedPayload,
    Publication,
    SessionTypeParameters,
    Size,
    closing,
    decode_acknowledge,
    decode_flag,
    decode_payload,
    encode_acknowledge,
    encode_flag,
    encode_payload,
    session_type_action,
)

VECTORS: dict[str, dict[str, Any]] = {
    vector["name"]: vector
    for vector in json.loads((Path(__file__).parents[2] / "vectors" / "client.json").read_text())
    if vector["kind"] == "agent_message"
}

KIND_OF_PAYLOAD: dict[str, type[msgspec.Struct]] = {
    "acknowledge_from_client": Acknowledge,
    "acknowledge_to_client": Acknowledge,
    "captured_acknowledge": Acknowledge,
    "captured_handshake_response": HandshakeResponse,
    "captured_size": Size,
    "channel_closed_no_output": ChannelClosed,
    "channel_closed_with_output": ChannelClosed,
    "encryption_challenge_request": EncryptionChallenge,
    "encryption_challenge_response": EncryptionChallenge,
    "handshake_complete": HandshakeComplete,
    "handshake_complete_customer_message": HandshakeComplete,
    "handshake_request_interactive_kms": HandshakeRequest,
    "handshake_request_port": HandshakeRequest,
    "handshake_request_shell": HandshakeRequest,
    "handshake_response_failed_and_unsupported": HandshakeResponse,
    "handshake_response_shell": HandshakeResponse,
    "handshake_response_shell_kms": HandshakeResponse,
    "input_stream_data_size": Size,
    "pause_publication": Publication,
    "start_publication": Publication,
}


@pytest.mark.parametrize("name", KIND_OF_PAYLOAD)
def test_payloads_decode_and_encode_to_the_same_bytes(name: str) -> None:
    data = bytes.fromhex(VECTORS[name]["payload_hex"])
    assert encode_payload(decode_payload(data, KIND_OF_PAYLOAD[name])) == data


@pytest.mark.parametrize("name", ["acknowledge_from_client", "acknowledge_to_client", "captured_acknowledge"])
def test_acknowledgements_by_template_are_those_of_the_encoder(name: str) -> None:
    data = bytes.fromhex(VECTORS[name]["payload_hex"])
    ack = decode_acknowledge(data)
    made = encode_acknowledge(
        ack.acknowledged_message_type, ack.acknowledged_message_id, ack.acknowledged_message_sequence_number
    )
    assert made == data


def test_the_parameters_of_actions() -> None:
    request = decode_payload(
        bytes.fromhex(VECTORS["handshake_request_interactive_kms"]["payload_hex"]), HandshakeRequest
    )
    session, encryption = request.requested_client_actions
    assert decode_payload(bytes(session.action_parameters), SessionTypeParameters) == SessionTypeParameters(
        "InteractiveCommands", {"linux": {"commands": "top"}}
    )
    assert decode_payload(bytes(encryption.action_parameters), KmsEncryptionParameters) == KmsEncryptionParameters(
        "arn:aws:kms:us-east-1:111122223333:key/mock"
    )


def test_the_session_type_action_is_the_one_agents_send() -> None:
    data = bytes.fromhex(VECTORS["handshake_request_port"]["payload_hex"])
    properties = {"localPortNumber": "8080", "portNumber": "80", "type": "LocalPortForwarding"}
    request = HandshakeRequest("3.3.987.0", [session_type_action("Port", properties)])
    assert encode_payload(request) == data


def test_the_extra_key_is_there_only_between_ferrymans_ends() -> None:
    request = HandshakeRequest("4.0.1.0", [], Extensions(65536, mux=2, stdin=True))
    assert json.loads(encode_payload(request))["Ferryman"] == {"MaxPayload": 65536, "Mux": 2, "Stdin": True}
    assert b"Ferryman" not in encode_payload(HandshakeRequest("4.0.1.0", []))
    response = HandshakeResponse("1.3.1.0", [], None, Extensions(4096, mux=2, stdin=True))
    assert decode_payload(encode_payload(response), HandshakeResponse) == response
    assert b"Ferryman" not in encode_payload(HandshakeResponse("1.3.1.0", []))


def test_the_session_state_is_the_one_agents_send_until_it_names_a_client() -> None:
    plain = b'{"SchemaVersion":1,"SessionState":"Connected","SessionId":"user-00000000000000001"}'
    state = AgentSessionState(1, "Connected", "user-00000000000000001")
    assert encode_payload(state) == plain
    named = AgentSessionState(1, "Connected", "s-1", "c-1")
    assert json.loads(encode_payload(named))["ClientId"] == "c-1"


@pytest.mark.parametrize("flag", Flag)
def test_flags(flag: Flag) -> None:
    assert decode_flag(encode_flag(flag)) == flag


def test_the_bytes_of_a_flag() -> None:
    assert encode_flag(Flag.TERMINATE_SESSION).hex() == VECTORS["flag_terminate_session"]["payload_hex"]
    with pytest.raises(MalformedPayload):
        decode_flag(b"\0\0\2")


@pytest.mark.parametrize(
    ("data", "kind"),
    [
        (b"", Size),
        (b"{", Size),
        (b"[]", Size),
        (b'{"cols":"80","rows":24}', Size),
        (b'{"cols":80}', Size),
        (b'{"Challenge":"\xff\xfe"}', EncryptionChallenge),
        (b'{"HandshakeTimeToComplete":"1","CustomerMessage":""}', HandshakeComplete),
        (b'{"AgentVersion":"1","RequestedClientActions":null}', HandshakeRequest),
        (b"[" * 100_000, HandshakeRequest),
        (b'{"ClientVersion":"1","ProcessedClientActions":[],"Ferryman":7}', HandshakeResponse),
    ],
)
def test_wrong_content_is_a_malformed_payload(data: bytes, kind: type[msgspec.Struct]) -> None:
    with pytest.raises(MalformedPayload):
        decode_payload(data, kind)


@pytest.mark.parametrize("data", [b"", b"{}", b'{"AcknowledgedMessageSequenceNumber":"1"}', b"\xff"])
def test_wrong_acknowledgements_are_malformed_payloads(data: bytes) -> None:
    with pytest.raises(MalformedPayload):
        decode_acknowledge(data)


def test_unknown_keys_are_ignored() -> None:
    assert decode_payload(b'{"cols":1,"rows":2,"depth":3}', Size) == Size(1, 2)


def test_a_channel_closes_whatever_the_payload() -> None:
    assert closing(bytes.fromhex(VECTORS["channel_closed_with_output"]["payload_hex"]))[0].startswith("Your session")
    assert closing(b'{"CreatedDate":1700000001000,"Output":"bye"}') == ("bye", False)
    assert closing(b'{"Output":"gone","Ferryman":{"Lost":true}}') == ("gone", True)
    assert closing(b"garbage") == ("", False)
