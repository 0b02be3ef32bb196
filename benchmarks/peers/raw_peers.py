"""Peers that speak to a server byte for byte: blocking sockets, signed calls, frames made by hand.

They cost as little as can be, so that what is measured is the server.
"""

import base64
import http.client
import json
import os
import re
import socket
import ssl
import struct
import time
import uuid
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, TypeAlias
from urllib.parse import urlencode

from cryptography.hazmat.primitives.asymmetric import rsa

from ferryman.model.identifiers import NodeId
from ferryman.model.identity.credentials import Credentials
from ferryman.model.values.secret import Secret
from ferryman.signing.canonical import SignableRequest
from ferryman.signing.rsa import encode_public_key, sign_rsa
from ferryman.signing.sigv4 import sign
from ferryman.wire.agent_message import AgentMessage, MessageType, PayloadType, encode

REGION = "bench-1"
LIMIT = 30.0
"""Seconds for a connection or an answer."""
TLS = ssl.create_default_context() if os.environ.get("FERRYMAN_BENCHMARK_TLS") else None
"""With FERRYMAN_BENCHMARK_TLS=1 the server speaks TLS. Its certificate is not verified."""
if TLS is not None:
    TLS.check_hostname, TLS.verify_mode = False, ssl.CERT_NONE


@dataclass(frozen=True, slots=True)
class Node:
    """A registered node with an open control channel."""

    node_id: NodeId
    credentials: Credentials
    control: socket.socket


def register_by(
    port: int, activation: dict[str, Any], key: rsa.RSAPrivateKey, region: str = REGION
) -> tuple[NodeId, Credentials]:
    """Register a node with an activation, and return its id and its first credentials."""
    members = {
        "ActivationId": activation["ActivationId"],
        "ActivationCode": activation["ActivationCode"],
        "Fingerprint": "bench",
        "PublicKey": encode_public_key(key),
        "PublicKeyType": "Rsa",
    }
    node_id = NodeId(call(port, None, "RegisterManagedInstance", members, region)["InstanceId"])
    token = call(port, (node_id, key), "RequestManagedInstanceRoleToken", {"Fingerprint": "bench"}, region)
    credentials = Credentials(token["AccessKeyId"], Secret(token["SecretAccessKey"]), Secret(token["SessionToken"]))
    return node_id, credentials


def register(port: int, administrator: Credentials, region: str = REGION) -> Node:
    activation = call(port, administrator, "CreateActivation", {"IamRole": "bench"}, region)
    key = rsa.generate_private_key(65537, 2048)
    node_id, credentials = register_by(port, activation, key, region)
    control = open_channel(port, credentials, f"/v1/control-channel/{node_id}", region)
    opening = {"AgentVersion": "4.0.1.0", "PlatformType": "linux"} | control[1]
    control[0].sendall(masked(json.dumps(opening).encode(), 1))
    return Node(node_id, credentials, control[0])


def open_channel(
    port: int, credentials: Credentials, path: str, region: str = REGION
) -> tuple[socket.socket, dict[str, Any]]:
    """Create a channel and upgrade; return the socket and the common part of its opening."""
    signed, opening = create_channel(port, credentials, path, region)
    return upgrade(port, path, signed), opening


def create_channel(
    port: int, credentials: Credentials, path: str, region: str = REGION
) -> tuple[dict[str, str], dict[str, Any]]:
    """Create a channel; return the headers that sign its upgrade and the common part of its opening."""
    body = json.dumps({"MessageSchemaVersion": "1.0", "RequestId": str(uuid.uuid4())}).encode()
    headers = {"Host": f"127.0.0.1:{port}", "Content-Type": "application/json"}
    request = SignableRequest("POST", path, "", list(headers.items()), body)
    headers |= sign(request, credentials, region, "ssmmessages", datetime.now(UTC))
    status, answer = post(port, path, headers, body)
    found = re.search(rb"<TokenValue>(.+)</TokenValue>", answer)
    assert status == 201, answer
    assert found is not None
    host = {"Host": f"127.0.0.1:{port}"}
    request = SignableRequest("GET", path, "", list(host.items()), b"")
    signed = sign(request, credentials, region, "ssmmessages", datetime.now(UTC))
    opening = {
        "MessageSchemaVersion": "1.0",
        "RequestId": str(uuid.uuid4()),
        "TokenValue": found[1].decode(),
    }
    return signed, opening


def upgrade(port: int, path: str, headers: dict[str, str], source: str = "127.0.0.1") -> socket.socket:
    opened = socket.create_connection(("127.0.0.1", port), LIMIT, (source, 0))
    if TLS is not None:
        opened = TLS.wrap_socket(opened)
    lines = [
        f"GET {path} HTTP/1.1",
        f"Host: 127.0.0.1:{port}",
        "Upgrade: websocket",
        "Connection: Upgrade",
        "Sec-WebSocket-Version: 13",
        f"Sec-WebSocket-Key: {base64.b64encode(os.urandom(16)).decode()}",
        *(f"{name}: {value}" for name, value in headers.items()),
    ]
    opened.sendall("\r\n".join([*lines, "", ""]).encode())
    answer = b""
    while b"\r\n\r\n" not in answer:
        answer += read_exactly(opened, 1)
    assert b" 101 " in answer, answer
    return opened


Signer: TypeAlias = Credentials | tuple[NodeId, rsa.RSAPrivateKey] | None


class SignedCall:
    """A call of ssm, signed once; `send` makes it, and signs again when the signature grows old."""

    GOOD_FOR = 120.0

    def __init__(
        self, port: int, signer: Signer, operation: str, members: dict[str, Any], region: str = REGION
    ) -> None:
        self._port = port
        self._signer = signer
        self._body = json.dumps(members).encode()
        self._operation = operation
        self._region = region
        self._signed_at = -self.GOOD_FOR
        self._headers: dict[str, str] = {}

    def send(self, source: str = "127.0.0.1") -> tuple[int, bytes]:
        """Make the call; return status and body of the answer."""
        if time.monotonic() - self._signed_at >= self.GOOD_FOR:
            self._sign()
        return post(self._port, "/", self._headers, self._body, source)

    def _sign(self) -> None:
        headers = {
            "Host": f"127.0.0.1:{self._port}",
            "Content-Type": "application/x-amz-json-1.1",
            "X-Amz-Target": f"AmazonSSM.{self._operation}",
        }
        request = SignableRequest("POST", "/", "", list(headers.items()), self._body)
        now = datetime.now(UTC)
        if isinstance(self._signer, Credentials):
            headers |= sign(request, self._signer, self._region, "ssm", now)
        elif self._signer is not None:
            headers |= sign_rsa(request, self._signer[0], self._signer[1], self._region, now)
        self._headers, self._signed_at = headers, time.monotonic()


def call(port: int, signer: Signer, operation: str, members: dict[str, Any], region: str = REGION) -> dict[str, Any]:
    """Call an operation of ssm, which must succeed."""
    status, answer = SignedCall(port, signer, operation, members, region).send()
    assert status == 200, answer
    return dict(json.loads(answer))


def call_status(
    port: int, signer: Credentials, service: str, members: dict[str, str], region: str = REGION
) -> tuple[int, bytes]:
    """Call an operation of the Query protocol; return status and body of the answer."""
    body = urlencode(members).encode()
    headers = {"Host": f"127.0.0.1:{port}", "Content-Type": "application/x-www-form-urlencoded; charset=utf-8"}
    request = SignableRequest("POST", "/", "", list(headers.items()), body)
    headers |= sign(request, signer, region, service, datetime.now(UTC))
    return post(port, "/", headers, body)


def post(port: int, path: str, headers: dict[str, str], body: bytes, source: str = "127.0.0.1") -> tuple[int, bytes]:
    connection = (
        http.client.HTTPConnection("127.0.0.1", port, timeout=LIMIT, source_address=(source, 0))
        if TLS is None
        else http.client.HTTPSConnection("127.0.0.1", port, timeout=LIMIT, source_address=(source, 0), context=TLS)
    )
    try:
        connection.request("POST", path, body, headers)
        answer = connection.getresponse()
        return answer.status, answer.read()
    finally:
        connection.close()


def stream_frame(message_type: MessageType, sequence: int, payload: bytes) -> bytes:
    return encode(AgentMessage(message_type, sequence, 0, uuid.uuid4(), 1, PayloadType.OUTPUT, payload))


def masked(content: bytes, opcode: int = 2) -> bytes:
    """A client's WebSocket message; its mask is zero, so the content stays as it is."""
    size = len(content)
    if size < 126:
        head = struct.pack(">BB", 0x80 | opcode, 0x80 | size)
    elif size < 65536:
        head = struct.pack(">BBH", 0x80 | opcode, 0x80 | 126, size)
    else:
        head = struct.pack(">BBQ", 0x80 | opcode, 0x80 | 127, size)
    return head + bytes(4) + content


def read_message(source: socket.socket) -> bytes:
    """The next WebSocket message of a server."""
    size = read_exactly(source, 2)[1] & 0x7F
    if size == 126:
        (size,) = struct.unpack(">H", read_exactly(source, 2))
    elif size == 127:
        (size,) = struct.unpack(">Q", read_exactly(source, 8))
    return read_exactly(source, size)


def read_exactly(source: socket.socket, size: int) -> bytes:
    content = b""
    while len(content) < size:
        part = source.recv(size - len(content))
        if not part:
            raise ConnectionError("the server closed the connection")
        content += part
    return content
