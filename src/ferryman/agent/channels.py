"""Opening the node's channels: create, upgrade, first frame (`protocol/agent.md` §3.1, §3.2, §4.1)."""

import json
import re
import uuid
from urllib.parse import quote

from ferryman.agent.identity.credentials import CredentialSource, is_credential_fault
from ferryman.model.errors import ServiceError
from ferryman.model.values.versions import AGENT_VERSION
from ferryman.transport.http import Answer, HttpClient, Sign, service_error
from ferryman.transport.standby import UnopenedChannel
from ferryman.transport.websocket import WebSocket
from ferryman.wire.opening import (
    MESSAGE_SCHEMA_VERSION,
    OpenAgentDataChannel,
    OpenControlChannel,
    encode_opening,
)

SERVICE = "ssmmessages"
CONTROL_HEARTBEAT = 20.0
"""Seconds of silence before the agent pings. A server pings its nodes more often, so the agent rarely does. A lost
server usually closes its socket; otherwise the loss is noticed within 30 s."""
DATA_HEARTBEAT = 15.0
_PATH_SAFE = "@+=,;~"
_TOKEN = re.compile(r"<(?:\w+:)?TokenValue>([^<]+)</")
_CODE = re.compile(r"<(?:\w+:)?Code>([^<]+)</")
_MESSAGE = re.compile(r"<(?:\w+:)?[Mm]essage>([^<]+)</")
_OVER = "already terminated"


class SessionOver(Exception):
    """The server says that the session has already ended."""


async def open_control_channel(client: HttpClient, source: CredentialSource) -> WebSocket:
    """Return the node's open control channel; raises `ServiceError`, `Unreachable`, `ConnectionLost`."""
    node = source.registration.node_id
    path = f"/v1/control-channel/{node}"
    sign, token = await _create(client, source, path, {})
    websocket = await client.dial(path, "role=subscribe&stream=input", sign, heartbeat=CONTROL_HEARTBEAT)
    await websocket.send(
        encode_opening(
            OpenControlChannel(
                message_schema_version=MESSAGE_SCHEMA_VERSION,
                request_id=str(uuid.uuid4()),
                token_value=token,
                agent_version=AGENT_VERSION,
                platform_type="linux",
                ferryman=1,
            )
        )
    )
    return websocket


async def dial_data_channel(client: HttpClient, source: CredentialSource, session_id: str) -> UnopenedChannel:
    """Return the node's data channel of a session; raises as `open_control_channel`, and `SessionOver`."""
    path = f"/v1/data-channel/{quote(session_id, safe=_PATH_SAFE)}"
    sign, token = await _create(client, source, path, {"ClientId": ""})
    websocket = await client.dial(path, "role=publish_subscribe", sign, heartbeat=DATA_HEARTBEAT)
    opening = OpenAgentDataChannel(
        message_schema_version=MESSAGE_SCHEMA_VERSION,
        request_id=str(uuid.uuid4()),
        token_value=token,
        client_instance_id=source.registration.node_id,
        ferryman=1,
    )
    return UnopenedChannel(websocket, encode_opening(opening))


async def _create(client: HttpClient, source: CredentialSource, path: str, members: dict[str, str]) -> tuple[Sign, str]:
    """Request a channel, a second time with new credentials if refused. Returns the signer and the channel's token."""
    body = {"MessageSchemaVersion": MESSAGE_SCHEMA_VERSION, "RequestId": str(uuid.uuid4()), **members}
    for attempt in range(2):
        sign = await source.signer(SERVICE)
        answer = await client.post(path, {"Content-Type": "application/json"}, json.dumps(body).encode(), sign)
        token = _TOKEN.search(answer.body.decode(errors="replace"))
        if answer.status == 201 and token is not None:
            return sign, _unescaped(token[1])
        refusal = _refusal(answer)
        if _OVER in refusal.message:
            raise SessionOver(refusal.message)
        if attempt or not is_credential_fault(refusal):
            raise refusal
        await source.renew()
    raise AssertionError("the second attempt returns or raises")


def _refusal(answer: Answer) -> ServiceError:
    """Return the error of an answer, in XML or JSON."""
    text = answer.body.decode(errors="replace")
    code, message = _CODE.search(text), _MESSAGE.search(text)
    if code is None:
        return service_error(answer)
    return ServiceError(code[1], _unescaped(message[1]) if message else "", status=answer.status)


def _unescaped(text: str) -> str:
    if "&" not in text:
        return text
    import html  # half a megabyte, which agents and their session workers are spared: tokens have nothing to unescape

    return html.unescape(text)
