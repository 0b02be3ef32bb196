"""Agent messages as the gateway sees them: it reads a few header fields and writes messages of its own."""

import re
import struct
import uuid

import msgspec

from ferryman.core.service import Service
from ferryman.model.identifiers import SessionId
from ferryman.model.values.timestamps import from_millis, iso_millis
from ferryman.wire.agent_message import (
    HEADER_LENGTH,
    HEADER_SIZE,
    SYN_FIN,
    TYPE_SIZE,
    AgentMessage,
    MessageType,
    PayloadType,
    decode,
    encode,
)
from ferryman.wire.payloads import (
    Acknowledge,
    ChannelClosed,
    ClosedBecause,
    MalformedPayload,
    Notice,
    Publication,
    decode_payload,
    encode_payload,
)

peek_header = struct.Struct(f">{4 + TYPE_SIZE}s12xq60xI").unpack_from
"""Return the fields that decide where a frame of at least `HEADER_SIZE` bytes goes: its prefix (HeaderLength and
MessageType as on the wire, to compare with `prefix_of`), its sequence number and its payload's length. The relay does
this for every frame, and nothing else is as cheap."""


def prefix_of(message_type: MessageType) -> bytes:
    """Return the prefix of a well-formed frame of this type."""
    return struct.pack(f">I{TYPE_SIZE}s", HEADER_LENGTH, message_type.encode().ljust(TYPE_SIZE))


INPUT = prefix_of(MessageType.INPUT_STREAM_DATA)
OUTPUT = prefix_of(MessageType.OUTPUT_STREAM_DATA)
ACKNOWLEDGE = prefix_of(MessageType.ACKNOWLEDGE)
AGENT_STATE = prefix_of(MessageType.AGENT_SESSION_STATE)
_PAYLOAD_TYPE = slice(112, 116)
_HANDSHAKE_REQUEST = PayloadType.HANDSHAKE_REQUEST.to_bytes(4, "big")
_EXIT_CODE = PayloadType.EXIT_CODE.to_bytes(4, "big")
_EXIT_STATUS = re.compile(rb"EXIT_CODE: (-?[0-9]{1,10})")


def requests_handshake(frame: bytes) -> bool:
    """Whether an output frame is a HandshakeRequest."""
    return frame[_PAYLOAD_TYPE] == _HANDSHAKE_REQUEST


def output_type(frame: bytes) -> int | None:
    """Return the payload type of an output frame; None if it is another frame."""
    return int.from_bytes(frame[_PAYLOAD_TYPE], "big") if frame.startswith(OUTPUT) else None


def exit_code(frame: bytes) -> int | None:
    """Return the exit code in an output frame (`protocol/client.md` §5.2); None if it is another frame."""
    if frame[_PAYLOAD_TYPE] != _EXIT_CODE:
        return None
    found = _EXIT_STATUS.fullmatch(frame, HEADER_SIZE)
    return None if found is None else int(found[1])


def acknowledged_number(frame: bytes) -> int:
    """Return the sequence number that an acknowledgement is for, -1 if it is malformed."""
    try:
        return decode_payload(frame[HEADER_SIZE:], Acknowledge).acknowledged_message_sequence_number
    except MalformedPayload:
        return -1


def message(
    service: Service, message_type: MessageType, payload: bytes, *, flags: int = 0, message_id: uuid.UUID | None = None
) -> bytes:
    """Return a frame from the server itself: sequence number 0, dated now."""
    return encode(
        AgentMessage(
            message_type=message_type,
            sequence_number=0,
            flags=flags,
            message_id=message_id or uuid.UUID(bytes=service.entropy(16), version=4),
            created_date=service.clock(),
            payload_type=PayloadType.NONE,
            payload=payload,
        )
    )


def channel_closed(service: Service, session_id: SessionId | str, output: str = "", *, lost: bool = False) -> bytes:
    """Return the frame that ends a session at either end (`protocol/client.md` §5.4).

    Clients print `output`; with `lost`, Ferryman's client fails.
    """
    message_id = uuid.UUID(bytes=service.entropy(16), version=4)
    closed = ChannelClosed(
        message_id=str(message_id),
        created_date=iso_millis(from_millis(service.clock())),
        destination_id=session_id,
        session_id=session_id,
        output=output,
        ferryman=ClosedBecause(lost=True) if lost else msgspec.UNSET,
    )
    return message(service, MessageType.CHANNEL_CLOSED, encode_payload(closed), flags=SYN_FIN, message_id=message_id)


def notice(service: Service, text: str, *, paused: bool | None = None) -> bytes:
    """Return the frame with which the server tells the person at Ferryman's client something; AWS's drops it.

    `paused`: whether the server holds the session back from now on; None for no change.
    """
    return message(service, MessageType.NOTICE, encode_payload(Notice(text, paused)), flags=SYN_FIN)


def acknowledge(service: Service, frame: bytes) -> bytes:
    """Return the acknowledgement that a stream frame's receiver would send; raises `MalformedFrame`."""
    received = decode(frame)
    receipt = Acknowledge(received.message_type, str(received.message_id), received.sequence_number)
    return message(service, MessageType.ACKNOWLEDGE, encode_payload(receipt), flags=SYN_FIN)


def start_publication(service: Service, client_id: str, *, handshake: bool) -> bytes:
    """Return the frame that tells an agent which client is connected, and whether it expects a handshake."""
    payload = encode_payload(Publication(client_id, handshake))
    return message(service, MessageType.START_PUBLICATION, payload, flags=SYN_FIN)


def pause_publication(service: Service) -> bytes:
    """Return the frame that tells an agent that no client is connected."""
    return message(service, MessageType.PAUSE_PUBLICATION, encode_payload(Publication()), flags=SYN_FIN)
