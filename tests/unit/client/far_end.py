"""The server and the node, as a client under test sees them."""

import asyncio
import dataclasses
import json
import os
import threading
import time
import uuid
from collections.abc import Callable, Coroutine, Mapping, Sequence
from typing import Any, TypeVar

import msgspec
from aiohttp import web

from ferryman.channel.agent import AgentChannel
from ferryman.channel.events import AgentEvent, ClientReady, InputReceived
from ferryman.model.session_types import TERMINAL_TYPES
from ferryman.model.values.versions import AGENT_VERSION
from ferryman.transport.pump import Pump
from ferryman.transport.websocket import WebSocket
from ferryman.wire.agent_message import SYN_FIN, Flag, MessageType, PayloadType, decode, encode, frame, peek
from ferryman.wire.opening import OpenDataChannel, decode_data_channel_opening
from ferryman.wire.payloads import (
    ChannelClosed,
    ClosedBecause,
    Publication,
    Size,
    decode_flag,
    decode_payload,
    encode_payload,
)
from tests.waiting import PATIENCE

SESSION_ID = "ann-0123456789abcdef0"

_Result = TypeVar("_Result")


def control_frame(message_type: MessageType, payload: bytes) -> bytes:
    """A frame outside the numbered streams."""
    return frame(message_type, 0, SYN_FIN, uuid.uuid4().bytes, time.time_ns() // 1_000_000, PayloadType.NONE, payload)


class Relayed(WebSocket):
    """The node's way to the client: its words to the server go no further.

    `plain`: the handshake offers nothing beyond what AWS's agent does. `customer_message` is what its end says.
    """

    __slots__ = ("customer_message", "plain")
    plain: bool
    customer_message: str

    async def send(self, data: bytes | str) -> None:
        assert isinstance(data, bytes)
        header = peek(data)
        if header.message_type == MessageType.AGENT_SESSION_STATE:
            return
        if self.plain and header.payload_type == PayloadType.HANDSHAKE_REQUEST:
            message = decode(data)
            request = json.loads(message.payload)
            del request["Ferryman"]
            data = encode(dataclasses.replace(message, payload=json.dumps(request).encode()))
        if self.customer_message and header.payload_type == PayloadType.HANDSHAKE_COMPLETE:
            message = decode(data)
            complete = json.loads(message.payload) | {"CustomerMessage": self.customer_message}
            data = encode(dataclasses.replace(message, payload=json.dumps(complete).encode()))
        await super().send(data)


class FarEnd:
    """Takes data channels and the two calls. What happened is in its attributes; what shall happen, too."""

    def __init__(
        self, session_type: str, properties: Mapping[str, str] | None = None, agent_version: str = AGENT_VERSION
    ) -> None:
        self.session_type = session_type
        self.properties = properties
        self.agent_version = agent_version
        self.flags: list[int] = []
        self.on_input: Callable[[InputReceived], None] | None = None
        """Takes Output and its acknowledgement over, on the far end's own loop."""
        self.request: dict[str, Any] | None = None
        """Members of the StartSession request beside Target; None for a document of which the client knows nothing."""
        self.plain = False
        """Whether to be as AWS's agent: no extensions in the handshake."""
        self.customer_message = ""
        self.payload_sizes: list[int] = []
        self.on_room: Callable[[], None] | None = None
        self.openings: list[OpenDataChannel] = []
        self.calls: list[str] = []
        self.typed = b""
        self.sizes: list[tuple[int, int]] = []
        self.tokens = {"first-token"}
        self.upgrade_status = 101
        self.upgrades = 0
        self.resume: Callable[[], tuple[int, dict[str, Any]]] = self.resumed
        self.answering = True
        self.breaking = False
        self.stale_openings = 0
        """How many further openings are refused as the server refuses a token that a later ResumeSession replaced."""
        self.ends_unacknowledged = False
        """Whether the flag TerminateSession is answered by the session's end alone."""
        self.paths: list[str] = []
        self.dialled_at = 0.0
        self._changed = threading.Condition()
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever)
        self._thread.start()
        self.run(self._start())

    # What a test does

    def run(self, coroutine: Coroutine[Any, Any, _Result]) -> _Result:
        return asyncio.run_coroutine_threadsafe(coroutine, self._loop).result(PATIENCE)

    def arguments(self, **changes: str) -> list[str]:
        """How the AWS CLI would launch the plugin for this session."""
        response = {"SessionId": SESSION_ID, "TokenValue": "first-token", "StreamUrl": self.stream_url} | changes
        asked = {"DocumentName": "Example-Document"} if self.request is None else self.request
        request = {"Target": "mi-01234567890123456", **asked}
        return [json.dumps(response), "eu-north-1", "StartSession", "", json.dumps(request), self.endpoint]

    def until(self, condition: Callable[[], _Result]) -> _Result:
        """Wait until `condition` is true."""
        with self._changed:
            assert self._changed.wait_for(condition, PATIENCE), (
                self.typed[-200:],
                self.sizes,
                self.openings,
                self.calls,
                self.flags,
            )
            return condition()

    def say(self, output: bytes, payload_type: PayloadType = PayloadType.OUTPUT) -> None:
        """Output of the node's program."""

        async def say() -> None:
            self.channel.send(payload_type, output, time.monotonic())
            self.pump.wake()

        self.run(say())

    def all_acknowledged(self) -> bool:
        async def all_acknowledged() -> bool:
            return self.channel.all_acknowledged

        return self.run(all_acknowledged())

    def delivered(self) -> None:
        """Wait until the client has begun the session, and has shown all output."""
        assert self.started.wait(PATIENCE)
        self.run(self._delivered())

    def end(self, output: str = "", *, lost: bool = False, code: int = 0) -> None:
        """The session is over, all output being shown; a terminal's program says its exit code if nobody ended it."""

        async def end() -> None:
            by_itself = not output and not lost and self.started.is_set()
            if by_itself and not self.plain and self.session_type in TERMINAL_TYPES:
                self.channel.send(PayloadType.EXIT_CODE, b"EXIT_CODE: %d" % code, time.monotonic())
                self.pump.wake()
            await self._delivered()
            await self._end(output, lost=lost)

        self.run(end())

    def cut(self) -> None:
        """The client's socket breaks."""

        async def cut() -> None:
            assert self._transport is not None
            self._transport.abort()

        self.run(cut())

    def freeze(self) -> None:
        """The client's peer is still connected and dead: reads nothing, answers nothing."""

        async def freeze() -> None:
            assert self._transport is not None
            self._transport.pause_reading()

        self.run(freeze())

    def stop(self) -> None:
        self.run(self._stop())
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()

    def resumed(self) -> tuple[int, dict[str, Any]]:
        """What ResumeSession answers normally."""
        token = f"token-{uuid.uuid4()}"
        self.tokens.add(token)
        return 200, {"SessionId": SESSION_ID, "TokenValue": token, "StreamUrl": self.stream_url + "&resumed=1"}

    # What it is

    async def _start(self) -> None:
        self.channel = AgentChannel(
            session_id=SESSION_ID,
            session_type=self.session_type,
            properties=self.properties,
            agent_version=self.agent_version,
            entropy=os.urandom,
            wall_clock_ms=lambda: time.time_ns() // 1_000_000,
        )
        self.started = threading.Event()
        """The client has shaken hands."""
        self.pump = Pump(self.channel, self._on_events)
        self._transport: asyncio.Transport | None = None
        self._socket: WebSocket | None = None
        application = web.Application()
        application.router.add_get("/v1/data-channel/{session}", self._data_channel)
        application.router.add_post("/", self._call)
        self._runner = web.AppRunner(application, shutdown_timeout=1.0)
        await self._runner.setup()
        site = web.TCPSite(self._runner, "127.0.0.1", 0)
        await site.start()
        port = self._runner.addresses[0][1]
        self.endpoint = f"http://127.0.0.1:{port}"
        self.stream_url = f"ws://127.0.0.1:{port}/v1/data-channel/{SESSION_ID}?role=publish_subscribe"

    async def _stop(self) -> None:
        if self._transport is not None:
            self._transport.abort()
        await self._runner.cleanup()

    async def _delivered(self) -> None:
        while not self.channel.all_acknowledged:
            await asyncio.sleep(0.01)

    async def _end(self, output: str, *, lost: bool = False) -> None:
        assert self._socket is not None
        because = ClosedBecause(lost=True) if lost else msgspec.UNSET
        closed = encode_payload(ChannelClosed(session_id=SESSION_ID, output=output, ferryman=because))
        await self._socket.send(control_frame(MessageType.CHANNEL_CLOSED, closed))
        await self._socket.close()

    async def _data_channel(self, request: web.Request) -> web.StreamResponse:
        self.dialled_at = time.monotonic()
        with self._changed:
            self.upgrades += 1
            self._changed.notify_all()
        if self.upgrade_status != 101:
            return web.Response(status=self.upgrade_status)
        response = web.WebSocketResponse(compress=False, max_msg_size=4 << 20)
        await response.prepare(request)
        websocket = Relayed(response)
        websocket.plain = self.plain
        websocket.customer_message = self.customer_message
        opening = decode_data_channel_opening(await websocket.receive())
        assert isinstance(opening, OpenDataChannel)
        with self._changed:
            self.openings.append(opening)
            self.paths.append(request.path_qs)
            self._changed.notify_all()
        if self.stale_openings:
            self.stale_openings -= 1
            await websocket.close(1008, "AccessDeniedException")
            return response
        if opening.token_value not in self.tokens:
            closed = encode_payload(ChannelClosed(session_id=SESSION_ID, output="The token is not valid."))
            await websocket.send(control_frame(MessageType.CHANNEL_CLOSED, closed))
            await websocket.close()
            return response
        self.tokens.remove(opening.token_value)
        assert isinstance(request.transport, asyncio.Transport)
        if self.breaking:
            request.transport.abort()
            return response
        self._transport, self._socket = request.transport, websocket
        carrying = asyncio.create_task(self.pump.run(websocket))
        await asyncio.sleep(0)
        if not self.answering:
            await carrying
            return response
        publication = encode_payload(Publication(opening.client_id))
        self.channel.receive(control_frame(MessageType.START_PUBLICATION, publication), time.monotonic())
        self.pump.wake()
        await carrying
        return response

    async def _call(self, request: web.Request) -> web.Response:
        operation = request.headers["X-Amz-Target"].partition(".")[2]
        assert json.loads(await request.read()) == {"SessionId": SESSION_ID}
        assert "AKIDEXAMPLE/" in request.headers["Authorization"]
        with self._changed:
            self.calls.append(operation)
            self._changed.notify_all()
        status, answer = self.resume() if operation == "ResumeSession" else (200, {"SessionId": SESSION_ID})
        return web.json_response(answer, status=status, content_type="application/x-amz-json-1.1")

    def _on_events(self, events: Sequence[AgentEvent]) -> None:
        with self._changed:
            for event in events:
                if isinstance(event, InputReceived):
                    self._input(event)
                elif isinstance(event, ClientReady):
                    self.started.set()
            if self.on_room is not None:
                self.on_room()
            self._changed.notify_all()

    def _input(self, event: InputReceived) -> None:
        self.payload_sizes.append(len(event.payload))
        if event.payload_type == PayloadType.SIZE:
            size = decode_payload(event.payload, Size)
            self.sizes.append((size.cols, size.rows))
        elif event.payload_type == PayloadType.FLAG:
            self.flags.append(decode_flag(event.payload))
            if self.ends_unacknowledged and self.flags[-1] == Flag.TERMINATE_SESSION:
                self._ending = asyncio.ensure_future(self._end(""))
                return
        elif self.on_input is not None:
            self.on_input(event)
            return
        else:
            assert event.payload_type == PayloadType.OUTPUT
            self.typed += event.payload
        self.channel.acknowledge(event.sequence_number, time.monotonic())
        self.pump.wake()
