"""The first text frame on a channel: who opens it, and by which token (`client.md` §4.3, `agent.md` §3.2, §4.1)."""

from typing import Annotated, Any

import msgspec
from msgspec import Meta

from ferryman.wire.payloads import MalformedPayload, decode_payload, encode_payload

MESSAGE_SCHEMA_VERSION = "1.0"
OPENING_LIMIT = 16 * 1024
"""Characters of the whole text frame; AWS's ends send less than 1,000."""
TOKEN_LIMIT = 4096
NAME_LIMIT = 128
"""Characters of an id or version: they go into logs, the store and other messages. AWS's are UUIDs and numbers."""

Token = Annotated[str, Meta(max_length=TOKEN_LIMIT)]
Name = Annotated[str, Meta(max_length=NAME_LIMIT)]

SchemaVersion = Name | int | float
"""AWS's ends send the text "1.0", some clients the number 1. Nothing depends on it."""


class OpenDataChannel(msgspec.Struct, frozen=True, rename="pascal"):
    """The client's opening of a data channel: `client_id` is fixed for the process, the token good for one opening.

    Some clients give no id, and open one connection only.
    """

    message_schema_version: SchemaVersion
    request_id: Name
    token_value: Token
    client_id: Name = ""
    client_version: Name | msgspec.UnsetType = msgspec.UNSET


class OpenAgentDataChannel(msgspec.Struct, frozen=True, rename="pascal"):
    """The node's opening of a data channel; `ferryman` is 1 when the agent is Ferryman's, otherwise unset."""

    message_schema_version: SchemaVersion
    request_id: Name
    token_value: Token
    client_instance_id: Name
    client_id: Name = ""
    ferryman: int | msgspec.UnsetType = msgspec.UNSET


class OpenControlChannel(msgspec.Struct, frozen=True, rename="pascal", kw_only=True):
    """The node's opening of its control channel; `ferryman` is 1 when the agent is Ferryman's, otherwise unset."""

    cookie: Any = None
    message_schema_version: SchemaVersion
    request_id: Name
    token_value: Token
    agent_version: Name
    platform_type: Name = ""
    ferryman: int | msgspec.UnsetType = msgspec.UNSET


class _Opening(msgspec.Struct, rename="pascal"):
    client_instance_id: Name | msgspec.UnsetType = msgspec.UNSET


def encode_opening(opening: OpenDataChannel | OpenAgentDataChannel | OpenControlChannel) -> str:
    """Return the text frame that opens a channel."""
    return encode_payload(opening).decode()


def decode_data_channel_opening(text: str | bytes) -> OpenDataChannel | OpenAgentDataChannel:
    """Return the opening of a data channel; a ClientInstanceId makes it the node's. Raises MalformedPayload."""
    data = _bounded(text)
    if decode_payload(data, _Opening).client_instance_id is msgspec.UNSET:
        return decode_payload(data, OpenDataChannel)
    return decode_payload(data, OpenAgentDataChannel)


def decode_control_channel_opening(text: str | bytes) -> OpenControlChannel:
    """Return the opening of a control channel. Raises MalformedPayload."""
    return decode_payload(_bounded(text), OpenControlChannel)


def _bounded(text: str | bytes) -> bytes:
    if len(text) > OPENING_LIMIT:
        raise MalformedPayload(f"the opening is longer than {OPENING_LIMIT} characters")
    return text.encode() if isinstance(text, str) else text
