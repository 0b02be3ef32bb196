"""The frame against vectors taken from, or made by, AWS's own ends, and against frames no peer should send."""

import hashlib
import json
import struct
import uuid
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from ferryman.wire.agent_message import (
    HEADER_SIZE,
    AgentMessage,
    Header,
    MalformedFrame,
    MessageType,
    PayloadType,
    decode,
    encode,
    peek,
)

VECTORS = Path(__file__).parents[2] / "vectors"


def load(name: str) -> list[dict[str, Any]]:
    vectors: list[dict[str, Any]] = json.loads((VECTORS / name).read_text())
    return vectors


CLIENT_MESSAGES = [vector for vector in load("client.json") if vector["kind"] == "agent_message"]
AGENT_MESSAGES = load("agent.json")


def by_name(vector: dict[str, Any]) -> str:
    return str(vector["name"])


@pytest.fixture
def keystrokes() -> bytes:
    return bytes.fromhex(next(v["hex"] for v in CLIENT_MESSAGES if v["name"] == "input_stream_data_output_keystrokes"))


@pytest.mark.parametrize("vector", CLIENT_MESSAGES, ids=by_name)
def test_client_vectors_decode_to_their_fields(vector: dict[str, Any]) -> None:
    assert decode(bytes.fromhex(vector["hex"])) == AgentMessage(
        message_type=vector["message_type"],
        sequence_number=vector["sequence_number"],
        flags=vector["flags"],
        message_id=uuid.UUID(vector["message_id"]),
        created_date=vector["created_date_ms"],
        payload_type=vector["payload_type"],
        payload=bytes.fromhex(vector["payload_hex"]),
        schema_version=vector["schema_version"],
    )


@pytest.mark.parametrize("vector", CLIENT_MESSAGES + AGENT_MESSAGES, ids=by_name)
def test_vectors_encode_to_the_same_bytes(vector: dict[str, Any]) -> None:
    frame = bytes.fromhex(vector["hex"])
    assert encode(decode(frame)) == frame


@pytest.mark.parametrize("vector", AGENT_MESSAGES, ids=by_name)
def test_agent_captures_decode_to_their_fields(vector: dict[str, Any]) -> None:
    message = decode(bytes.fromhex(vector["hex"]))
    expected = vector["message"]
    assert message.message_type == expected["MessageType"]
    assert message.sequence_number == expected["SequenceNumber"]
    assert message.flags == expected["Flags"]
    assert str(message.message_id) == expected["MessageId"]
    assert message.payload_type == expected["PayloadType"]
    if "Payload(JSON)" in expected:
        assert json.loads(message.payload) == expected["Payload(JSON)"]


@pytest.mark.parametrize("vector", CLIENT_MESSAGES, ids=by_name)
def test_peek_agrees_with_decode(vector: dict[str, Any]) -> None:
    frame = bytes.fromhex(vector["hex"])
    message = decode(frame)
    assert peek(frame) == Header(message.message_type, message.sequence_number, message.payload_type, message.flags)


def test_types_compare_with_the_enumerations(keystrokes: bytes) -> None:
    assert peek(keystrokes).message_type == MessageType.INPUT_STREAM_DATA
    assert decode(keystrokes).payload_type == PayloadType.OUTPUT


def test_an_empty_payload_is_tolerated_whatever_its_digest() -> None:
    message = AgentMessage("output_stream_data", 3, 0, uuid.UUID(int=5), 1, 1, b"")
    frame = bytearray(encode(message))
    frame[80:112] = bytes(32)
    assert decode(bytes(frame)) == message


@pytest.mark.parametrize("padding", [b"\0", b" ", b"\t"])
def test_padding_is_not_part_of_the_message_type(keystrokes: bytes, padding: bytes) -> None:
    frame = keystrokes[:4] + b"novel_type".ljust(32, padding) + keystrokes[36:]
    assert decode(frame).message_type == "novel_type"
    assert peek(frame).message_type == "novel_type"


def patched(frame: bytes, offset: int, value: bytes) -> bytes:
    return frame[:offset] + value + frame[offset + len(value) :]


LENGTH_FAULTS: dict[str, Callable[[bytes], bytes]] = {
    "empty": lambda frame: b"",
    "one byte short of a header": lambda frame: frame[: HEADER_SIZE - 1],
    "cut payload": lambda frame: frame[:-1],
    "trailing byte": lambda frame: frame + b"x",
    "HeaderLength 0": lambda frame: patched(frame, 0, struct.pack(">I", 0)),
    "HeaderLength 112": lambda frame: patched(frame, 0, struct.pack(">I", 112)),
    "HeaderLength beyond the frame": lambda frame: patched(frame, 0, struct.pack(">I", 0x7B22)),
    "JSON text": lambda frame: b'{"MessageSchemaVersion":"1.0"}'.ljust(200),
    "blank type": lambda frame: patched(frame, 4, b" " * 32),
    "NUL type": lambda frame: patched(frame, 4, b"\0" * 32),
    "type outside ASCII": lambda frame: patched(frame, 4, b"\xff"),
    "PayloadLength too large": lambda frame: patched(frame, 116, b"\xff\xff\xff\xff"),
}
CONTENT_FAULTS: dict[str, Callable[[bytes], bytes]] = {
    "CreatedDate 0": lambda frame: patched(frame, 40, bytes(8)),
    "changed payload": lambda frame: patched(frame, HEADER_SIZE, b"L"),
    "changed digest": lambda frame: patched(frame, 80, b"\0"),
}


@pytest.mark.parametrize("fault", [*LENGTH_FAULTS, *CONTENT_FAULTS])
def test_decode_refuses(keystrokes: bytes, fault: str) -> None:
    spoil = {**LENGTH_FAULTS, **CONTENT_FAULTS}[fault]
    with pytest.raises(MalformedFrame):
        decode(spoil(keystrokes))


@pytest.mark.parametrize("fault", LENGTH_FAULTS)
def test_peek_refuses_what_could_kill_a_peer(keystrokes: bytes, fault: str) -> None:
    with pytest.raises(MalformedFrame):
        peek(LENGTH_FAULTS[fault](keystrokes))


@pytest.mark.parametrize("message_type", ["", "x" * 33])
def test_a_type_that_does_not_fit_its_field_cannot_be_encoded(message_type: str) -> None:
    with pytest.raises(ValueError, match="1 to 32 bytes"):
        encode(AgentMessage(message_type, 0, 0, uuid.UUID(int=1), 1, 0, b"{}"))


def test_half_a_digest_in_hexadecimal_will_do_and_no_other() -> None:
    """The npm package ssm-session writes it so, and its types behind NULs."""
    payload = b'{"cols":97,"rows":34}'
    good = encode(AgentMessage(MessageType.INPUT_STREAM_DATA, 0, 1, uuid.UUID(int=7), 1, PayloadType.SIZE, payload))
    half = hashlib.sha256(payload).hexdigest()[:32].encode()
    odd = good[:4] + b"input_stream_data".rjust(32, b"\0") + good[36:80] + half + good[112:]
    assert decode(odd) == decode(good)
    for wrong in (half[:-1] + b"g", half.upper(), bytes(32)):
        with pytest.raises(MalformedFrame, match="digest"):
            decode(odd[:80] + wrong + odd[112:])
