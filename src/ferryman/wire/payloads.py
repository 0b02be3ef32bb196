"""JSON payloads of the data channel (`protocol/client.md` §5.3 to §8, `protocol/agent.md` §4.2).

Attributes are snake_case; the wire's spelling and key order are those of AWS's own ends. Unknown keys are ignored,
a key of the wrong type is a MalformedPayload.
"""

from typing import Any, TypeVar

import msgspec

from ferryman.wire.agent_message import MessageType

ACTION_SUCCESS = 1
ACTION_FAILED = 2
ACTION_UNSUPPORTED = 3

SESSION_TYPE_ACTION = "SessionType"
KMS_ENCRYPTION_ACTION = "KMSEncryption"


class MalformedPayload(ValueError):
    """The payload is not the JSON that its message requires; the text names the place."""


class Acknowledge(msgspec.Struct, frozen=True, rename="pascal"):
    """The acknowledgement of one stream message, never cumulative (client.md §5.3).

    `acknowledged_message_id` is the message's UUID in its usual text form. AWS's ends always say that the message is
    sequential. Between Ferryman's, False means: all up to this number arrived, what was sent after it is lost.
    """

    acknowledged_message_type: str
    acknowledged_message_id: str
    acknowledged_message_sequence_number: int
    is_sequential_message: bool = True


class ClosedBecause(msgspec.Struct, frozen=True, rename="pascal"):
    """Ferryman's addition for its own client.

    `lost`: the session did not end normally: it failed on its node, or a person or a limit ended it.
    """

    lost: bool


class ChannelClosed(msgspec.Struct, frozen=True, rename="pascal"):
    """The end of a session (client.md §5.4); clients print `output` unless it is empty, nodes read `session_id`."""

    message_id: str = ""
    created_date: str | int = ""
    destination_id: str = ""
    session_id: str = ""
    message_type: str = MessageType.CHANNEL_CLOSED.value
    schema_version: int = 1
    output: str = ""
    ferryman: ClosedBecause | msgspec.UnsetType = msgspec.UNSET


class Notice(msgspec.Struct, frozen=True, rename="pascal"):
    """A message of Ferryman's server to the person at its client about the session: sentences.

    `paused`: whether the server holds the session back, so that its node does not answer; None if that has not changed.
    """

    text: str
    paused: bool | None = None


class Size(msgspec.Struct, frozen=True):
    """The terminal's size in character cells."""

    cols: int
    rows: int


class Extensions(msgspec.Struct, frozen=True, rename="pascal", omit_defaults=True):
    """The abilities beyond those of AWS's ends that one of Ferryman's ends offers the other in the handshake.

    `max_payload`: the largest stream payload it takes, in bytes. `mux`: the newest smux version it speaks. `stdin`: the
    input of a non-interactive command is its standard input, to be closed by the flag InputEnded. `undigested`: it
    takes messages without a PayloadDigest. `exit_code`: a terminal's program has an exit code, too, which
    is not shown. `terminal_type`: TERM of the client's terminal, empty if there is none.
    """

    max_payload: int
    mux: int = 1
    stdin: bool = False
    undigested: bool = False
    exit_code: bool = False
    terminal_type: str = ""


class RequestedAction(msgspec.Struct, frozen=True, rename="pascal"):
    """An action that a node requests of a client; the parameters' shape depends on the type (client.md §8.1)."""

    action_type: str
    action_parameters: msgspec.Raw = msgspec.Raw(b"null")


class SessionTypeParameters(msgspec.Struct, frozen=True, rename="pascal"):
    """Parameters of the SessionType action; `properties` is any JSON value, an object for Port."""

    session_type: str
    properties: Any = None


class KmsEncryptionParameters(msgspec.Struct, frozen=True):
    """Parameters of the KMSEncryption action; `challenge` is base64 of 16 bytes, or None."""

    kms_key_id: str = msgspec.field(name="KMSKeyId")
    challenge: str | None = msgspec.field(name="Challenge", default=None)


class KmsEncryptionResult(msgspec.Struct, frozen=True):
    """Result of the KMSEncryption action: the data key's ciphertext in base64.

    `challenge_acknowledgement`: the key is bound to the node's challenge; AWS's client leaves it out.
    """

    cipher_text_key: str = msgspec.field(name="KMSCipherTextKey")
    cipher_text_hash: str | None = msgspec.field(name="KMSCipherTextHash", default=None)
    challenge_acknowledgement: bool | msgspec.UnsetType = msgspec.field(
        name="ChallengeAcknowledgement", default=msgspec.UNSET
    )


class HandshakeRequest(msgspec.Struct, frozen=True, rename="pascal", omit_defaults=True):
    """The node's opening of the handshake; `ferryman` is there only when the node is Ferryman's."""

    agent_version: str
    requested_client_actions: list[RequestedAction]
    ferryman: Extensions | None = None


class ProcessedAction(msgspec.Struct, frozen=True, rename="pascal"):
    """The result of one requested action: status 1 success, 2 failed, 3 unsupported; AWS's client sends 0 for 3."""

    action_type: str
    action_status: int
    action_result: Any = None
    error: str = ""


class HandshakeResponse(msgspec.Struct, frozen=True, rename="pascal"):
    """The client's answer, actions in the order of the request; `errors` is None when there are none."""

    client_version: str
    processed_client_actions: list[ProcessedAction]
    errors: list[str] | None = None
    ferryman: Extensions | msgspec.UnsetType | None = msgspec.UNSET


class HandshakeComplete(msgspec.Struct, frozen=True, rename="pascal"):
    """The end of the handshake: nanoseconds since the request, and a text for the user, usually empty."""

    handshake_time_to_complete: int
    customer_message: str = ""


class EncryptionChallenge(msgspec.Struct, frozen=True, rename="pascal"):
    """An encryption challenge or its answer: base64 of a sealed random text (client.md §9)."""

    challenge: str


class AgentSessionState(msgspec.Struct, frozen=True, rename="pascal", omit_defaults=True):
    """A node's report to the server: `session_state` is Connected or Terminating.

    Ferryman's additions: everything that follows on this channel is meant for the client `client_id`, and begins behind
    the first `delivered_output` bytes of the session's output and standard error, which a client has acknowledged.
    """

    schema_version: int
    session_state: str
    session_id: str
    client_id: str | None = None
    delivered_output: int | None = None


class Publication(msgspec.Struct, frozen=True, rename="pascal", omit_defaults=True):
    """Payload of start_publication and pause_publication. The members are Ferryman's addition, AWS's ends ignore them.

    `handshake`: whether the client expects one where AWS's agent sends none; older servers do not say.
    """

    client_id: str | None = None
    handshake: bool | None = None


Payload = TypeVar("Payload", bound=msgspec.Struct)

_ENCODER = msgspec.json.Encoder()
_ACKNOWLEDGE = msgspec.json.Decoder(Acknowledge)


def encode_payload(payload: msgspec.Struct) -> bytes:
    """Return the JSON of `payload` as the wire spells it, without spaces."""
    return _ENCODER.encode(payload)


def decode_payload(data: bytes, kind: type[Payload]) -> Payload:
    """Return the `kind` in the JSON text `data`; raises MalformedPayload."""
    try:
        return msgspec.json.decode(data, type=kind)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise MalformedPayload(f"the payload is not a valid {kind.__name__}: {error}") from error


def decode_acknowledge(data: bytes) -> Acknowledge:
    """Return the acknowledgement in `data`; a fast form of `decode_payload` for the most common message."""
    try:
        return _ACKNOWLEDGE.decode(data)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise MalformedPayload(f"the payload is not a valid Acknowledge: {error}") from error


def encode_acknowledge(message_type: str, message_id: str, sequence_number: int, *, sequential: bool = True) -> bytes:
    """Return the JSON of an acknowledgement, by template: `message_type` and `message_id` need no escaping."""
    is_sequential = "true" if sequential else "false"
    return (
        f'{{"AcknowledgedMessageType":"{message_type}","AcknowledgedMessageId":"{message_id}",'
        f'"AcknowledgedMessageSequenceNumber":{sequence_number},"IsSequentialMessage":{is_sequential}}}'
    ).encode()


def encode_flag(flag: int) -> bytes:
    """Return the four bytes of a Flag payload (client.md §6)."""
    return flag.to_bytes(4, "big")


def decode_flag(data: bytes) -> int:
    """Return the value of a Flag payload; raises MalformedPayload unless it has four bytes."""
    if len(data) != 4:
        raise MalformedPayload(f"a flag has 4 bytes, this one has {len(data)}")
    return int.from_bytes(data, "big")


def closing(data: bytes) -> tuple[str, bool]:
    """Return the text for the user in a channel_closed payload, and whether the session failed.

    They are "" and False for a malformed one: both of AWS's ends close whatever it looks like (client.md §5.4).
    """
    try:
        closed = decode_payload(data, ChannelClosed)
    except MalformedPayload:
        return "", False
    return closed.output, isinstance(closed.ferryman, ClosedBecause) and closed.ferryman.lost


def session_type_action(session_type: str, properties: Any) -> RequestedAction:
    """Return the SessionType action; `properties` is None, or for Port an object whose values are JSON strings."""
    parameters = SessionTypeParameters(session_type, properties)
    return RequestedAction(SESSION_TYPE_ACTION, msgspec.Raw(encode_payload(parameters)))
