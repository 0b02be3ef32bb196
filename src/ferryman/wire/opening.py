"""The first text frame on a channel: who opens it, and by which token (`client.md` §4.3, `agent.md` §3.2, §4.1)."""

from typing import Any

import msgspec

from ferryman.wire.payloads import decode_payload, encode_payload

MESSAGE_SCHEMA_VERSION = "1.0"


class OpenDataChannel(msgspec.Struct, frozen=True, rename="pascal"):
    """The client's opening of a data channel: `client_id` is fixed for the process, the token good for one opening.

    Some clients give no id, and open one connection only.
    """

    message_schema_version: str
    request_id: str
    token_value: str
    client_id: str = ""
    client_version: str | msgspec.UnsetType = msgspec.UNSET


class OpenAgentDataChannel(msgspec.Struct, frozen=True, rename="pascal"):
    """The node's opening of a data channel; `ferryman` is 1 when the agent is Ferryman's, otherwise unset."""

    message_schema_version: str
    request_id: str
    token_value: str
    client_instance_id: str
    client_id: str = ""
    ferryman: int | msgspec.UnsetType = msgspec.UNSET


class OpenControlChannel(msgspec.Struct, frozen=True, rename="pascal", kw_only=True):
    """The node's opening of its control channel."""

    cookie: Any = None
    message_schema_version: str
    request_id: str
    token_value: str
    agent_version: str
    platform_type: str = ""


class _Opening(msgspec.Struct, rename="pascal"):
    client_instance_id: str | msgspec.UnsetType = msgspec.UNSET


def encode_opening(opening: OpenDataChannel | OpenAgentDataChannel | OpenControlChannel) -> str:
    """Return the text frame that opens a channel."""
    return encode_payload(opening).decode()


def decode_data_channel_opening(text: str | bytes) -> OpenDataChannel | OpenAgentDataChannel:
    """Return the opening of a data channel; a ClientInstanceId makes it the node's. Raises MalformedPayload."""
    data = text.encode() if isinstance(text, str) else text
    if decode_payload(data, _Opening).client_instance_id is msgspec.UNSET:
        return decode_payload(data, OpenDataChannel)
    return decode_payload(data, OpenAgentDataChannel)


def decode_control_channel_opening(text: str | bytes) -> OpenControlChannel:
    """Return the opening of a control channel. Raises MalformedPayload."""
    return decode_payload(text.encode() if isinstance(text, str) else text, OpenControlChannel)
