"""A server under test and its peers, which speak to it byte for byte; the fixture `server` starts one."""

import asyncio
import io
import itertools
import json
import re
import socket
import time
import uuid
from collections.abc import Awaitable, Callable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from ipaddress import IPv4Address
from pathlib import Path
from typing import Any, TypeVar
from urllib.parse import quote

import aiohttp
import psutil
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from yarl import URL

from ferryman.core.messages import Probe, control_subject
from ferryman.core.messages import encode as encode_message
from ferryman.core.ports.bus import NoResponders
from ferryman.core.service import Service
from ferryman.model.identifiers import Millis, NodeId, SessionId
from ferryman.model.identity.credentials import Credentials
from ferryman.model.sessions import Session, SessionStatus
from ferryman.model.values.secret import Secret
from ferryman.model.values.versions import AGENT_VERSION
from ferryman.server.listener.certificate import ServerCertificate
from ferryman.signing.canonical import SignableRequest
from ferryman.signing.rsa import encode_public_key, sign_rsa
from ferryman.signing.sigv4 import sign
from ferryman.store.database import SqlStore
from ferryman.wire.agent_message import MessageType
from tests.boto_clients import boto_client
from tests.server.peers import AGENT, CLIENT, Peer, state, task_complete
from tests.waiting import PATIENCE

REGION = "test-1"
ACCOUNT = "123456789012"


T = TypeVar("T")

Recorded = Callable[[Service], Service]
"""Gives a service its audit trail."""


def _node_keys() -> Iterator[rsa.RSAPrivateKey]:
    """Yield three keys in turn: making one takes a tenth of a second, and no test has more than three nodes."""
    yield from itertools.cycle([rsa.generate_private_key(65537, 2048) for _ in range(3)])


_keys = _node_keys()


@dataclass
class Clock:
    """The real time, moved at will, until it is stopped."""

    ahead: int = 0
    stopped: int | None = None

    def __call__(self) -> Millis:
        now = time.time_ns() // 1_000_000 if self.stopped is None else self.stopped
        return Millis(now + self.ahead)

    def stop(self) -> None:
        """Stand still, so that a slow machine changes nothing."""
        self.stopped = time.time_ns() // 1_000_000

    def advance(self, seconds: float) -> None:
        self.ahead += int(seconds * 1000)


@dataclass
class Node:
    """A registered machine and its keys."""

    server: "Server"
    node_id: NodeId
    private_key: rsa.RSAPrivateKey
    credentials: Credentials

    def signed(
        self, method: str, path: str, query: str = "", body: bytes = b"", headers: dict[str, str] | None = None
    ) -> dict[str, str]:
        """Headers of a request to ssmmessages with the node's credentials."""
        return self.server.signed(method, path, query, body, headers, self.credentials, "ssmmessages")

    async def create_channel(self, kind: str, channel_id: str) -> str:
        """The token of CreateControlChannel or CreateDataChannel."""
        path = f"/v1/{kind}-channel/{quote(channel_id, safe='@+=,;~')}"
        body = json.dumps({"MessageSchemaVersion": "1.0", "RequestId": str(uuid.uuid4())}).encode()
        headers = self.signed("POST", path, body=body, headers={"Content-Type": "application/json"})
        async with self.server.http.post(self.server.url_of(path), data=body, headers=headers) as answer:
            text = await answer.text()
            assert answer.status == 201, text
        found = re.search("<TokenValue>(.+)</TokenValue>", text)
        assert found is not None
        return found[1]

    async def upgrade(self, kind: str, channel_id: str, *, own_end: bool = False) -> Peer:
        query = "role=subscribe&stream=input" if kind == "control" else "role=publish_subscribe"
        path = f"/v1/{kind}-channel/{quote(channel_id, safe='@+=,;~')}"
        headers = self.signed("GET", path, query) | (AGENT if own_end else {})
        return await self.server.dial(f"{path}?{query}", headers)

    async def control(self, *, version: str = AGENT_VERSION, ferryman: int | None = 1, own_end: bool = False) -> Peer:
        """The open control channel. `ferryman` is None for AWS's agent; `own_end`: it says by its User-Agent, too, that
        it is Ferryman's, and must answer pings."""
        token = await self.create_channel("control", self.node_id)
        peer = await self.upgrade("control", self.node_id, own_end=own_end)
        opening: dict[str, Any] = {
            "Cookie": None,
            "MessageSchemaVersion": "1.0",
            "RequestId": str(uuid.uuid4()),
            "TokenValue": token,
            "AgentVersion": version,
            "PlatformType": "linux",
        }
        await peer.text(opening if ferryman is None else opening | {"Ferryman": ferryman})
        await self.server.until_connected(self.node_id)
        return peer

    async def data(self, session_id: str, *, ferryman: bool = False, token: str | None = None) -> Peer:
        """The open data channel of a session."""
        value = token if token is not None else await self.create_channel("data", session_id)
        peer = await self.upgrade("data", session_id)
        opening: dict[str, Any] = {
            "MessageSchemaVersion": "1.0",
            "RequestId": str(uuid.uuid4()),
            "TokenValue": value,
            "ClientInstanceId": self.node_id,
            "ClientId": "",
        }
        await peer.text(opening | ({"Ferryman": 1} if ferryman else {}))
        return peer


@dataclass
class Server:
    """A running server, and shortcuts to reach it."""

    service: Service
    store: SqlStore
    clock: Clock
    port: int
    http: aiohttp.ClientSession
    administrator: Credentials
    stop: asyncio.Event
    running: "asyncio.Task[None]"
    scheme: str = "http"
    authority: Path | None = None
    certificate: ServerCertificate | None = None
    peers: list[Peer] = field(default_factory=list)
    clients: list[Any] = field(default_factory=list)

    @property
    def url(self) -> str:
        return f"{self.scheme}://127.0.0.1:{self.port}"

    def url_of(self, target: str) -> URL:
        return URL(self.url + target, encoded=True)

    def client(self, service: str = "ssm", credentials: Credentials | None = None, **settings: Any) -> Any:
        """A boto3 client; `service` is what its signatures are scoped to."""
        given = credentials or self.administrator
        token = given.session_token.reveal() if given.session_token else None
        key = (given.access_key_id, given.secret_access_key.reveal(), token)
        settings.setdefault("verify", None if self.authority is None else str(self.authority))
        made = boto_client(service, self.url, REGION, key, **settings)
        self.clients.append(made)
        return made

    async def call(self, operation: str, **parameters: Any) -> dict[str, Any]:
        """An operation of ssm as the administrator."""
        if not self.clients:
            await asyncio.to_thread(self.client)
        return dict(await asyncio.to_thread(getattr(self.clients[0], operation), **parameters))

    def signed(
        self,
        method: str,
        path: str,
        query: str,
        body: bytes,
        headers: dict[str, str] | None = None,
        credentials: Credentials | None = None,
        service: str = "ssm",
        now: datetime | None = None,
    ) -> dict[str, str]:
        """The headers of a signed request."""
        sent = {"Host": f"127.0.0.1:{self.port}", **(headers or {})}
        request = SignableRequest(method, path, query, list(sent.items()), body)
        moment = now or datetime.fromtimestamp(self.clock() / 1000, UTC)
        return sent | sign(request, credentials or self.administrator, REGION, service, moment)

    async def dial(self, target: str, headers: dict[str, str] | None = None, **options: Any) -> Peer:
        """A WebSocket."""
        websocket = await self.http.ws_connect(
            self.url_of(target), headers=headers, max_msg_size=0, autoping=False, **options
        )
        self.peers.append(Peer(websocket))
        return self.peers[-1]

    async def json_call(
        self, target: str, body: bytes, headers: dict[str, str] | None = None
    ) -> tuple[int, dict[str, Any]]:
        """Post a JSON 1.1 call with these headers and no signature of its own."""
        sent = {"Content-Type": "application/x-amz-json-1.1", "X-Amz-Target": target, **(headers or {})}
        async with self.http.post(self.url_of("/"), data=io.BytesIO(body), headers=sent) as answer:
            return answer.status, await answer.json(content_type=None)

    async def register(self) -> Node:
        """A new node with credentials."""
        activation = await self.call("create_activation", IamRole="role")
        private_key = next(_keys)
        body = {
            "ActivationId": activation["ActivationId"],
            "ActivationCode": activation["ActivationCode"],
            "Fingerprint": "print",
            "PublicKey": encode_public_key(private_key),
            "PublicKeyType": "Rsa",
        }
        status, answer = await self.json_call("AmazonSSM.RegisterManagedInstance", json.dumps(body).encode())
        assert status == 200, answer
        node_id = NodeId(answer["InstanceId"])
        return Node(self, node_id, private_key, await self.role_token(node_id, private_key))

    async def role_token(self, node_id: NodeId, private_key: rsa.RSAPrivateKey) -> Credentials:
        """Credentials by RequestManagedInstanceRoleToken."""
        body = b'{"Fingerprint":"print"}'
        headers = {
            "Host": f"127.0.0.1:{self.port}",
            "Content-Type": "application/x-amz-json-1.1",
            "X-Amz-Target": "AmazonSSM.RequestManagedInstanceRoleToken",
        }
        request = SignableRequest("POST", "/", "", list(headers.items()), body)
        moment = datetime.fromtimestamp(self.clock() / 1000, UTC)
        headers |= sign_rsa(request, node_id, private_key, REGION, moment)
        status, answer = await self.json_call("AmazonSSM.RequestManagedInstanceRoleToken", body, headers)
        assert status == 200, answer
        return Credentials(answer["AccessKeyId"], Secret(answer["SecretAccessKey"]), Secret(answer["SessionToken"]))

    async def health(self) -> dict[str, Any]:
        """What `/healthz` says."""
        async with self.http.get(self.url_of("/healthz")) as answer:
            return dict(await answer.json())

    async def start(self, node: Node) -> dict[str, Any]:
        """StartSession."""
        return await self.call("start_session", Target=node.node_id)

    async def open_client(self, ticket: dict[str, Any], client_id: str | None = None, *, own_end: bool = False) -> Peer:
        """The client's data channel, unsigned, by the ticket's token."""
        path = f"/v1/data-channel/{quote(ticket['SessionId'])}?role=publish_subscribe"
        peer = await self.dial(path, CLIENT if own_end else None)
        await peer.text(
            {
                "MessageSchemaVersion": "1.0",
                "RequestId": str(uuid.uuid4()),
                "TokenValue": ticket["TokenValue"],
                "ClientId": client_id or str(uuid.uuid4()),
                "ClientVersion": "1.2.0.0",
            }
        )
        return peer

    async def session(self, session_id: str) -> Session:
        session = await self.store.sessions.get(SessionId(session_id))
        assert session is not None
        return session

    async def until_status(self, session_id: str, status: SessionStatus) -> Session:
        """The session once its row says so."""
        return await until(lambda: self.session(session_id), lambda session: session.status is status)

    async def until_connected(self, node_id: NodeId) -> None:
        """Wait for the node's control channel."""

        async def probe() -> bytes:
            try:
                return await self.service.bus.request(control_subject(node_id), encode_message(Probe()), timeout=1)
            except NoResponders:
                return b""

        await until(probe, bool)

    async def paired(
        self,
        *,
        ferryman: bool = False,
        client_id: str | None = None,
        own_client: bool = False,
        credentials: Credentials | None = None,
        **request: Any,
    ) -> "Paired":
        """A session with both ends here, Connected, nothing said yet; `request` is more of StartSession's."""
        node = await self.register()
        control = await node.control()
        if credentials is None:
            ticket = await self.call("start_session", Target=node.node_id, **request)
        else:
            client_of_caller = await asyncio.to_thread(self.client, credentials=credentials)
            ticket = dict(await asyncio.to_thread(client_of_caller.start_session, Target=node.node_id))
        client_id = client_id or str(uuid.uuid4())
        client = await self.open_client(ticket, client_id, own_end=own_client)
        await control.until(MessageType.INTERACTIVE_SHELL)
        agent = await node.data(ticket["SessionId"], ferryman=ferryman)
        await agent.until(MessageType.START_PUBLICATION)
        await agent.send(state("Connected", ticket["SessionId"], client_id if ferryman else None))
        await self.until_status(ticket["SessionId"], SessionStatus.CONNECTED)
        return Paired(self, node, control, ticket["SessionId"], client_id, client, agent)

    async def shut_down(self) -> None:
        """Stop the server and wait for its end; idempotent."""
        self.stop.set()
        async with asyncio.timeout(PATIENCE):
            await asyncio.shield(self.running)


@dataclass
class Paired:
    """A session and both its ends."""

    server: Server
    node: Node
    control: Peer
    session_id: str
    client_id: str
    client: Peer
    agent: Peer

    async def end(self) -> None:
        """End the session as its agent does. The client answers the server's close, which is waited for otherwise."""
        await self.control.send(task_complete(self.session_id))
        await self.agent.close()
        await self.client.closed()


async def until(look: Callable[[], Awaitable[T]], good: Callable[[T], object]) -> T:
    """Look until what is seen is good, and return it; for what no event tells."""
    async with asyncio.timeout(PATIENCE):
        while not good(seen := await look()):
            await asyncio.sleep(0.005)
    return seen


async def nothing() -> None:
    """What `until` looks at when only time is needed."""


def narrow_socket(address: Any) -> socket.socket:
    """A peer's socket: with the kernel's default buffers it would take megabytes before it stalls."""
    family, kind, protocol, _, _ = address
    made = socket.socket(family, kind, protocol)
    made.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 65536)
    made.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 65536)
    made.setblocking(False)
    return made


def server_sockets(port: int) -> list[str]:
    """This process's sockets on the server's side of the port."""
    connections = psutil.Process().net_connections("tcp")
    return [f"{each.raddr} {each.status}" for each in connections if each.laddr and each.laddr.port == port]


def make_certificate(directory: Path) -> tuple[Path, Path]:
    """A self-signed certificate of 127.0.0.1 and its key."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "127.0.0.1")])
    now = datetime.now(UTC)
    certificate = (
        x509.CertificateBuilder(name, name, key.public_key(), x509.random_serial_number())
        .not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + timedelta(days=100))
        .add_extension(x509.SubjectAlternativeName([x509.IPAddress(IPv4Address("127.0.0.1"))]), critical=False)
        .sign(key, SHA256())
    )
    files = directory / "certificate.pem", directory / "key.pem"
    files[0].write_bytes(certificate.public_bytes(Encoding.PEM))
    files[1].write_bytes(key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()))
    return files
