"""The agent message: the binary frame of both channels (`protocol/client.md` §5, `protocol/agent.md` §0.3).

A frame is a header of 120 bytes and a payload. All integers are big-endian; the message id is stored with its second
half first. This module knows nothing of what payloads mean.
"""

import hashlib
import struct
import uuid
from dataclasses import dataclass
from enum import IntEnum, IntFlag, StrEnum
from typing import NamedTuple

HEADER_SIZE = 120
HEADER_LENGTH = 116
"""The value of a frame's first field: the offset of PayloadLength. Peers crash on anything larger (client.md §12.2)."""
TYPE_SIZE = 32
SCHEMA_VERSION = 1

_HEADER = struct.Struct(">I32sIQqQ16s32sII")
_PEEK = struct.Struct(">I32s12xqQ48xII")
_NO_DIGEST = bytes(32)


class MalformedFrame(ValueError):
    """The bytes are not an agent message; the text says which check failed."""


class MessageType(StrEnum):
    """The message types of the data channel and the control channel (client.md §5.1, agent.md §3.4, §4.2)."""

    INPUT_STREAM_DATA = "input_stream_data"
    OUTPUT_STREAM_DATA = "output_stream_data"
    ACKNOWLEDGE = "acknowledge"
    CHANNEL_CLOSED = "channel_closed"
    START_PUBLICATION = "start_publication"
    PAUSE_PUBLICATION = "pause_publication"
    AGENT_SESSION_STATE = "agent_session_state"
    INTERACTIVE_SHELL = "interactive_shell"
    AGENT_TASK_COMPLETE = "agent_task_complete"
    AGENT_TASK_ACKNOWLEDGE = "agent_task_acknowledge"
    AGENT_JOB = "agent_job"
    AGENT_JOB_ACK = "agent_job_ack"
    AGENT_JOB_REPLY = "agent_job_reply"
    AGENT_JOB_REPLY_ACK = "agent_job_reply_ack"
    AGENT_TELEMETRY = "agent_telemetry"
    AGENT_UPDATE_RESULT = "agent_update_result"
    SSH_PUBLIC_KEY = "ssh_public_key"
    SSH_PUBLIC_KEY_RESULT = "ssh_public_key_result"
    """These two are Ferryman's own, between its server and its agent."""
    NOTICE = "notice"
    """Ferryman's own, from its server to its client: a sentence for the person."""


class PayloadType(IntEnum):
    """The type of a stream message's payload (client.md §5.2); NONE in all other messages."""

    NONE = 0
    OUTPUT = 1
    ERROR = 2
    SIZE = 3
    PARAMETER = 4
    HANDSHAKE_REQUEST = 5
    HANDSHAKE_RESPONSE = 6
    HANDSHAKE_COMPLETE = 7
    ENCRYPTION_CHALLENGE_REQUEST = 8
    ENCRYPTION_CHALLENGE_RESPONSE = 9
    FLAG = 10
    STD_ERR = 11
    EXIT_CODE = 12


class Flag(IntEnum):
    """The value of a Flag payload, four bytes big-endian (client.md §6)."""

    DISCONNECT_TO_PORT = 1
    TERMINATE_SESSION = 2
    CONNECT_TO_PORT_ERROR = 3
    INPUT_ENDED = 4
    """Ferryman's addition, where both ends agreed on `Extensions.stdin`: the client's input has ended."""


class FrameFlag(IntFlag):
    """The Flags field of a frame. Receivers read none of them; AWS's agent sets SYN on its first stream message."""

    NONE = 0
    SYN = 1
    FIN = 2


SYN_FIN = FrameFlag.SYN | FrameFlag.FIN
"""The flags of messages outside the numbered streams on a data channel (agent.md §4.2)."""


@dataclass(frozen=True, slots=True)
class AgentMessage:
    """One agent message.

    `message_type` is at most 32 bytes of ASCII; `sequence_number` a signed and `flags` an unsigned 64-bit integer;
    `created_date` milliseconds since the epoch, never 0; `payload` what the frame holds behind its header, as sent.
    """

    message_type: str
    sequence_number: int
    flags: int
    message_id: uuid.UUID
    created_date: int
    payload_type: int
    payload: bytes
    schema_version: int = SCHEMA_VERSION


class Header(NamedTuple):
    """The fields of a frame that a relay reads."""

    message_type: str
    sequence_number: int
    payload_type: int
    flags: int


def _padded(message_type: str) -> bytes:
    field = message_type.encode("ascii")
    if not 0 < len(field) <= TYPE_SIZE:
        raise ValueError(f"a message type has 1 to {TYPE_SIZE} bytes, {message_type!r} has {len(field)}")
    return field.ljust(TYPE_SIZE)


_FIELD_OF_TYPE: dict[str, bytes] = {name.value: _padded(name) for name in MessageType}
_TYPE_OF_FIELD: dict[bytes, str] = {_padded(name): name.value for name in MessageType}


def encode(message: AgentMessage) -> bytes:
    """Return the frame of `message`: 120 bytes of header, then the payload.

    Raises ValueError when the message type does not fit its field, struct.error when a number does not fit its own.
    """
    return frame(
        message.message_type,
        message.sequence_number,
        message.flags,
        message.message_id.bytes,
        message.created_date,
        message.payload_type,
        message.payload,
        message.schema_version,
    )


def frame(
    message_type: str,
    sequence_number: int,
    flags: int,
    message_id: bytes,
    created_date: int,
    payload_type: int,
    payload: bytes,
    schema_version: int = SCHEMA_VERSION,
    *,
    digested: bool = True,
) -> bytes:
    """Return a frame from its fields, without an AgentMessage in between; `message_id` is 16 bytes in RFC 4122 order.

    Without `digested` its PayloadDigest is 32 zeros, for a receiver that agreed to it. Raises as `encode`.
    """
    return (
        _HEADER.pack(
            HEADER_LENGTH,
            _FIELD_OF_TYPE.get(message_type) or _padded(message_type),
            schema_version,
            created_date,
            sequence_number,
            flags,
            message_id[8:] + message_id[:8],
            hashlib.sha256(payload).digest() if digested else _NO_DIGEST,
            payload_type,
            len(payload),
        )
        + payload
    )


def _is_digest(digest: bytes, payload: bytes) -> bool:
    """Whether it is the payload's SHA-256, or the first half of that in hexadecimal.

    The npm package ssm-session writes the latter; AWS's agent looks at no digest.
    """
    made = hashlib.sha256(payload)
    return digest in (made.digest(), made.hexdigest()[:32].encode())


def decode(data: bytes, *, digested: bool = True) -> AgentMessage:
    """Return the agent message in `data`, one whole WebSocket message.

    Checked: size, HeaderLength (116 exactly, which is what every known peer sends), message type, CreatedDate, payload
    length and, if `digested` and unless the payload is empty, its digest (client.md §5). Raises MalformedFrame.
    """
    if len(data) < HEADER_SIZE:
        raise MalformedFrame(f"the frame has {len(data)} bytes, a header alone has {HEADER_SIZE}")
    header_length, field, schema_version, created_date, sequence, flags, halves, digest, payload_type, length = (
        _HEADER.unpack_from(data)
    )
    _check_lengths(data, header_length, length)
    if not created_date:
        raise MalformedFrame("the frame's CreatedDate is 0")
    payload = bytes(data[HEADER_SIZE:])
    if digested and length and not _is_digest(digest, payload):
        raise MalformedFrame("the payload does not match the frame's digest")
    return AgentMessage(
        message_type=_TYPE_OF_FIELD.get(field) or _stripped(field),
        sequence_number=sequence,
        flags=flags,
        message_id=uuid.UUID(bytes=halves[8:] + halves[:8]),
        created_date=created_date,
        payload_type=payload_type,
        payload=payload,
        schema_version=schema_version,
    )


def peek(data: bytes) -> Header:
    """Return the fields of a frame that a relay needs, without hashing or copying its payload.

    Checks the lengths and the message type only; a frame that passes cannot kill a peer's reader (client.md §12.2).
    Raises MalformedFrame.
    """
    if len(data) < HEADER_SIZE:
        raise MalformedFrame(f"the frame has {len(data)} bytes, a header alone has {HEADER_SIZE}")
    header_length, field, sequence, flags, payload_type, length = _PEEK.unpack_from(data)
    _check_lengths(data, header_length, length)
    return Header(_TYPE_OF_FIELD.get(field) or _stripped(field), sequence, payload_type, flags)


def _check_lengths(data: bytes, header_length: int, payload_length: int) -> None:
    if header_length != HEADER_LENGTH:
        raise MalformedFrame(f"the frame's HeaderLength is {header_length}, not {HEADER_LENGTH}")
    if payload_length != len(data) - HEADER_SIZE:
        raise MalformedFrame(f"the frame announces {payload_length} payload bytes and has {len(data) - HEADER_SIZE}")


def _stripped(field: bytes) -> str:
    """Return a message type as peers read it: padding of NULs, then of white space, is not part of it."""
    try:
        message_type = field.decode("ascii").strip("\0").strip()
    except UnicodeDecodeError:
        raise MalformedFrame("the frame's message type is not ASCII") from None
    if not message_type:
        raise MalformedFrame("the frame's message type is empty")
    return message_type
