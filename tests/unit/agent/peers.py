"""The server and the client, as an agent under test sees them."""

import asyncio
import dataclasses
import json
import os
import time
import uuid
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any, TypeVar

import msgspec
from aiohttp import web

from ferryman.channel.client import ClientChannel
from ferryman.channel.events import ClientEvent, OutputReceived, SessionEnded, SessionStarted
from ferryman.model.errors import ServiceError
from ferryman.model.values.secret import Secret
from ferryman.model.values.versions import CLIENT_VERSION
from ferryman.signing.canonical import SignableRequest
from ferryman.signing.rsa import decode_public_key, is_rsa, verify_rsa
from ferryman.signing.sigv4 import parse, verify, verify_scope
from ferryman.transport.errors import ConnectionLost
from ferryman.transport.websocket import WebSocket
from ferryman.wire.agent_message import AgentMessage, Flag, MessageType, PayloadType, decode, encode, peek
from ferryman.wire.opening import decode_control_channel_opening, decode_data_channel_opening
from ferryman.wire.payloads import (
    AgentSessionState,
    ChannelClosed,
    HandshakeRequest,
    Publication,
    Size,
    decode_payload,
    encode_flag,
    encode_payload,
)
from ferryman.wire.tasks import (
    AgentTaskAcknowledge,
    AgentTaskComplete,
    InteractiveShellContent,
    encode_interactive_shell,
)
from tests.waiting import PATIENCE

Arrived = TypeVar("Arrived")
REGION = "test-1"
NODE_ID = "mi-0123456789abcdef0"
ACTIVATION_ID = "11111111-2222-4333-8444-555555555555"
ACTIVATION_CODE = "an-activation-code-of-20"
SHELL_DOCUMENT = {"schemaVersion": "1.0", "sessionType": "Standard_Stream", "inputs": {}}


def frame(message_type: str, payload: bytes, message_id: uuid.UUID | None = None) -> bytes:
    now = time.time_ns() // 1_000_000
    return encode(AgentMessage(message_type, 0, 3, message_id or uuid.uuid4(), now, PayloadType.NONE, payload))


@dataclass
class Channel:
    """One of the agent's data channels, as the server sees it."""

    websocket: WebSocket
    frames: "asyncio.Queue[bytes | None]" = field(default_factory=asyncio.Queue)
    states: list[AgentSessionState] = field(default_factory=list)
    lost: asyncio.Event = field(default_factory=asyncio.Event)


class Arrivals(asyncio.Queue[Arrived]):
    """What arrives at the service. No test waits forever for what does not."""

    async def get(self) -> Arrived:
        async with asyncio.timeout(PATIENCE):
            return await super().get()


class Service:
    """The scripted service. Faults are set by its attributes; what arrived is in its lists."""

    def __init__(self) -> None:
        self.calls: list[tuple[str, dict[str, Any]]] = []
        self.refusals: dict[str, tuple[int, str]] = {}
        """Operation → status and code of the next answers."""
        self.public_key = ""
        self.update_key_pair = False
        self.loses_answers = False
        """A new key is stored, and nobody learns of it."""
        self.secrets: dict[str, str] = {}
        self.token_life = 3600.0
        self.controls: Arrivals[WebSocket] = Arrivals()
        self.channels: Arrivals[Channel] = Arrivals()
        self.completed: Arrivals[tuple[AgentTaskComplete, uuid.UUID]] = Arrivals()
        self.acknowledge_results = True
        self.over: set[str] = set()
        self.url = ""
        self._port = 0
        self._runner: web.AppRunner | None = None

    async def start(self) -> None:
        application = web.Application()
        application.router.add_post("/", self._call)
        application.router.add_post("/v1/{kind}/{name}", self._create)
        application.router.add_get("/v1/control-channel/{name}", self._control)
        application.router.add_get("/v1/data-channel/{name}", self._data)
        self._runner = web.AppRunner(application, shutdown_timeout=0.05)
        await self._runner.setup()
        await web.TCPSite(self._runner, "127.0.0.1", self._port).start()
        self._port = self._runner.addresses[0][1]
        self.url = f"http://127.0.0.1:{self._port}"

    async def stop(self) -> None:
        """Cut every connection, as kill -9 does."""
        if self._runner is not None and self._runner.server is not None:
            for connection in list(self._runner.server.connections):
                if connection.transport is not None:
                    connection.transport.abort()
            await self._runner.cleanup()

    async def _authenticate(self, request: web.Request, service: str) -> None:
        raw_path, _, raw_query = request.raw_path.partition("?")
        signable = SignableRequest(
            request.method, raw_path, raw_query, list(request.headers.items()), await request.read()
        )
        presented = parse(signable)
        verify_scope(presented, REGION, service)
        if is_rsa(presented):
            verify_rsa(signable, presented, decode_public_key(self.public_key), datetime.now(UTC))
        else:
            assert presented.session_token == Secret(f"token of {presented.access_key_id}")
            verify(signable, presented, Secret(self.secrets[presented.access_key_id]), datetime.now(UTC))

    async def _call(self, request: web.Request) -> web.Response:
        operation = request.headers["X-Amz-Target"].partition(".")[2]
        members = await request.json()
        self.calls.append((operation, members))
        if operation in self.refusals:
            status, code = self.refusals[operation]
            return web.json_response({"__type": code, "message": "as scripted"}, status=status)
        if operation == "RegisterManagedInstance":
            assert "Authorization" not in request.headers
            self.public_key = members["PublicKey"]
            return web.json_response({"InstanceId": NODE_ID})
        try:
            await self._authenticate(request, "ssm")
        except ServiceError as error:
            return web.json_response({"__type": error.code, "message": error.message}, status=400)
        if operation == "UpdateManagedInstancePublicKey":
            self.public_key = members["NewPublicKey"]
            self.update_key_pair = False
            if self.loses_answers and request.transport is not None:
                request.transport.abort()
        return web.json_response(self._role_token() if operation == "RequestManagedInstanceRoleToken" else {})

    def _role_token(self) -> dict[str, Any]:
        access_key_id = f"ASIA{len(self.secrets):016d}"
        self.secrets[access_key_id] = f"secret of {access_key_id}"
        return {
            "AccessKeyId": access_key_id,
            "SecretAccessKey": self.secrets[access_key_id],
            "SessionToken": f"token of {access_key_id}",
            "TokenExpirationDate": time.time() + self.token_life,
            "UpdateKeyPair": self.update_key_pair,
        }

    async def _create(self, request: web.Request) -> web.Response:
        kind, name = request.match_info["kind"], request.match_info["name"]
        self.calls.append((kind, await request.json()))
        if kind in self.refusals:
            status, code = self.refusals[kind]
            return web.json_response({"__type": code, "message": "as scripted"}, status=status)
        await self._authenticate(request, "ssmmessages")
        if name in self.over:
            return web.json_response({"__type": "X", "message": "Session is already terminated"}, status=400)
        body = (
            '<?xml version="1.0"?><R xmlns="http://x/"><MessageSchemaVersion>1.0</MessageSchemaVersion>'
            f"<TokenValue>{name}&amp;token</TokenValue></R>"
        )
        return web.Response(status=201, text=body, content_type="application/xml")

    async def _control(self, request: web.Request) -> web.WebSocketResponse:
        await self._authenticate(request, "ssmmessages")
        assert request.query_string == "role=subscribe&stream=input"
        response = web.WebSocketResponse()
        await response.prepare(request)
        websocket = WebSocket(response)
        opening = decode_control_channel_opening(await websocket.receive())
        assert opening.token_value == f"{NODE_ID}&token"
        await self.controls.put(websocket)
        try:
            while True:
                data = await websocket.receive()
                assert isinstance(data, bytes)
                await self._take_result(websocket, decode(data))
        except ConnectionLost:
            return response

    async def _take_result(self, websocket: WebSocket, message: AgentMessage) -> None:
        assert message.message_type == MessageType.AGENT_TASK_COMPLETE
        result = decode_payload(message.payload, AgentTaskComplete)
        await self.completed.put((result, message.message_id))
        if self.acknowledge_results:
            payload = AgentTaskAcknowledge(message_id=str(message.message_id), task_id=result.task_id)
            await websocket.send(frame(MessageType.AGENT_TASK_ACKNOWLEDGE, encode_payload(payload)))

    async def _data(self, request: web.Request) -> web.WebSocketResponse:
        await self._authenticate(request, "ssmmessages")
        response = web.WebSocketResponse(max_msg_size=0)
        await response.prepare(request)
        websocket = WebSocket(response)
        opening = json.loads(await websocket.receive())
        assert opening["Ferryman"] == 1
        assert opening["ClientInstanceId"] == NODE_ID
        assert opening["TokenValue"] == f"{request.match_info['name']}&token"
        decode_data_channel_opening(json.dumps(opening))
        channel = Channel(websocket)
        await self.channels.put(channel)
        try:
            while True:
                data = await websocket.receive()
                assert isinstance(data, bytes)
                if peek(data).message_type == MessageType.AGENT_SESSION_STATE:
                    channel.states.append(decode_payload(decode(data).payload, AgentSessionState))
                channel.frames.put_nowait(data)
        except ConnectionLost:
            channel.lost.set()
            channel.frames.put_nowait(None)
            return response

    def operations(self) -> list[str]:
        return [operation for operation, _ in self.calls]


class Client:
    """A client behind the scripted service: its engine is joined to the agent's channel without a network."""

    def __init__(self, *, plain: bool = False, version: str = CLIENT_VERSION, terminal_type: str = "") -> None:
        self.client_id = str(uuid.uuid4())
        self.engine = ClientChannel(
            entropy=os.urandom,
            wall_clock_ms=lambda: time.time_ns() // 1_000_000,
            client_version=version,
            terminal_type=terminal_type,
        )
        self.plain = plain
        """Able to do what AWS's client can do, no more."""
        self.output = bytearray()
        self.received: list[tuple[int, bytes]] = []
        self.consumes = True
        self.unconsumed: list[int] = []
        self.started: SessionStarted | None = None
        self.ended: SessionEnded | None = None
        self._changed = asyncio.Event()
        self._wake = asyncio.Event()
        self._tasks: list[asyncio.Task[None]] = []

    async def join(self, channel: Channel) -> None:
        """Be connected to this agent channel from now on, as the relay would."""
        await self.leave()
        self.engine.connection_made(time.monotonic())
        await channel.websocket.send(
            frame(MessageType.START_PUBLICATION, encode_payload(Publication(client_id=self.client_id)))
        )
        self._tasks = [asyncio.create_task(self._read(channel)), asyncio.create_task(self._write(channel))]

    async def leave(self) -> None:
        """Lose the connection."""
        for task in self._tasks:
            task.cancel()
        if self._tasks:
            await asyncio.wait(self._tasks)
            self.engine.connection_lost(time.monotonic())
        self._tasks = []

    def type(self, text: str | bytes) -> None:
        data = text.encode() if isinstance(text, str) else text
        self.engine.send(PayloadType.OUTPUT, data, time.monotonic())
        self._wake.set()

    def flag(self, flag: Flag) -> None:
        self.engine.send(PayloadType.FLAG, encode_flag(flag), time.monotonic())
        self._wake.set()

    def payloads(self, payload_type: PayloadType) -> bytes:
        """All that came in messages of this type."""
        return b"".join(payload for kind, payload in self.received if kind == payload_type)

    def resize(self, columns: int, rows: int) -> None:
        self.engine.send(PayloadType.SIZE, encode_payload(Size(columns, rows)), time.monotonic())
        self._wake.set()

    async def until(self, condition: Callable[[], bool]) -> None:
        async with asyncio.timeout(PATIENCE):
            while not condition():
                self._changed.clear()
                await self._changed.wait()

    async def shows(self, text: str) -> None:
        await self.until(lambda: text.encode() in self.output)

    def consume(self) -> None:
        """Consume what was held back and everything from now on."""
        self.consumes = True
        for number in self.unconsumed:
            self.engine.acknowledge(number, time.monotonic())
        self.unconsumed.clear()
        self._handle(self.engine.events())
        self._wake.set()

    async def _read(self, channel: Channel) -> None:
        meant_for_us = False
        while (data := await channel.frames.get()) is not None:
            if peek(data).message_type == MessageType.AGENT_SESSION_STATE:
                state = decode_payload(decode(data).payload, AgentSessionState)
                meant_for_us = meant_for_us or state.client_id == self.client_id
                continue
            if not meant_for_us:  # for a client before us; the server drops it too
                continue
            self.engine.receive(_without_extensions(data) if self.plain else data, time.monotonic())
            self._handle(self.engine.events())
            self._wake.set()

    def _handle(self, events: list[ClientEvent]) -> None:
        for event in events:
            if isinstance(event, SessionStarted):
                self.started = event
            elif isinstance(event, OutputReceived):
                if event.payload_type != PayloadType.EXIT_CODE:
                    self.output += event.payload
                self.received.append((event.payload_type, event.payload))
                if self.consumes:
                    self.engine.acknowledge(event.sequence_number, time.monotonic())
                else:
                    self.unconsumed.append(event.sequence_number)
            elif isinstance(event, SessionEnded):
                self.ended = event
        self._changed.set()
        if more := self.engine.events():
            self._handle(more)

    async def _write(self, channel: Channel) -> None:
        while True:
            self._wake.clear()
            for data in self.engine.frames_to_send(time.monotonic()):
                await channel.websocket.send(data)
            due = self.engine.next_timer()
            try:
                async with asyncio.timeout(None if due is None else max(0.001, due - time.monotonic())):
                    await self._wake.wait()
            except TimeoutError:
                continue


def _without_extensions(data: bytes) -> bytes:
    """Take what Ferryman's agent offers out of a handshake request."""
    if peek(data).payload_type != PayloadType.HANDSHAKE_REQUEST:
        return data
    message = decode(data)
    request = msgspec.structs.replace(decode_payload(message.payload, HandshakeRequest), ferryman=None)
    return encode(dataclasses.replace(message, payload=encode_payload(request)))


def shell_task(session_id: str, document: Mapping[str, object] = SHELL_DOCUMENT) -> bytes:
    content = InteractiveShellContent(dict(document), session_id, "SSM-SessionManagerRunShell")
    return frame(MessageType.INTERACTIVE_SHELL, encode_interactive_shell(content))


def closing(session_id: str, output: str = "") -> bytes:
    return frame(MessageType.CHANNEL_CLOSED, encode_payload(ChannelClosed(session_id=session_id, output=output)))


Soon = Callable[[Awaitable[Any]], Awaitable[Any]]
