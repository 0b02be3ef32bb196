"""A server and a node in one, scripted: what the plugin talks to, over real sockets, in a thread of its own."""

import asyncio
import json
import os
import sys
import threading
import time
import uuid
from collections.abc import Callable, Coroutine, Iterator, Sequence
from pathlib import Path
from typing import Any, TypeVar

import pytest
from aiohttp import web

from ferryman.channel.agent import AgentChannel
from ferryman.channel.events import AgentEvent, InputReceived
from ferryman.transport.pump import Pump
from ferryman.transport.websocket import WebSocket
from ferryman.wire.agent_message import SYN_FIN, MessageType, PayloadType, frame, peek
from ferryman.wire.opening import OpenDataChannel, decode_data_channel_opening
from ferryman.wire.payloads import ChannelClosed, Publication, Size, decode_payload, encode_payload

SESSION_ID = "ann-0123456789abcdef0"
SECONDS = 20.0
ENTRY = "from ferryman.cli.session_manager_plugin import main; raise SystemExit(main())"

_Result = TypeVar("_Result")


def control_frame(message_type: MessageType, payload: bytes) -> bytes:
    """A frame outside the numbered streams."""
    return frame(message_type, 0, SYN_FIN, uuid.uuid4().bytes, time.time_ns() // 1_000_000, PayloadType.NONE, payload)


class Relayed(WebSocket):
    """The node's way to the client: its words to the server go no further."""

    async def send(self, data: bytes | str) -> None:
        if isinstance(data, bytes) and peek(data).message_type == MessageType.AGENT_SESSION_STATE:
            return
        await super().send(data)


class FarEnd:
    """Takes data channels and the two calls. What happened is in its attributes; what shall happen, too."""

    def __init__(self, session_type: str, window: Any = None) -> None:
        self.session_type = session_type
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
        self.paths: list[str] = []
        self.dialled_at = 0.0
        self._changed = threading.Condition()
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever)
        self._thread.start()
        self.run(self._start())

    # What a test does

    def run(self, coroutine: Coroutine[Any, Any, _Result]) -> _Result:
        return asyncio.run_coroutine_threadsafe(coroutine, self._loop).result(SECONDS)

    def arguments(self, **changes: str) -> list[str]:
        """How the AWS CLI would launch the plugin for this session."""
        response = {"SessionId": SESSION_ID, "TokenValue": "first-token", "StreamUrl": self.stream_url} | changes
        request = {"Target": "mi-01234567890123456"}
        return [json.dumps(response), "eu-north-1", "StartSession", "", json.dumps(request), self.endpoint]

    def until(self, condition: Callable[[], _Result]) -> _Result:
        """Wait until `condition` is true."""
        with self._changed:
            assert self._changed.wait_for(condition, SECONDS), (
                self.typed[-200:],
                self.sizes,
                self.openings,
                self.calls,
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

    def end(self, output: str = "") -> None:
        """The session is over, all output being shown."""

        async def end() -> None:
            while not self.channel.all_acknowledged:
                await asyncio.sleep(0.01)
            assert self._socket is not None
            closed = encode_payload(ChannelClosed(session_id=SESSION_ID, output=output))
            await self._socket.send(control_frame(MessageType.CHANNEL_CLOSED, closed))
            await self._socket.close()

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
            properties={"portNumber": "22"} if self.session_type == "Port" else None,
            entropy=os.urandom,
            wall_clock_ms=lambda: time.time_ns() // 1_000_000,
        )
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
        opening = decode_data_channel_opening(await websocket.receive())
        assert isinstance(opening, OpenDataChannel)
        with self._changed:
            self.openings.append(opening)
            self.paths.append(request.path_qs)
            self._changed.notify_all()
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
            self._changed.notify_all()

    def _input(self, event: InputReceived) -> None:
        if event.payload_type == PayloadType.SIZE:
            size = decode_payload(event.payload, Size)
            self.sizes.append((size.cols, size.rows))
        else:
            assert event.payload_type == PayloadType.OUTPUT
            self.typed += event.payload
        self.channel.acknowledge(event.sequence_number, time.monotonic())
        self.pump.wake()


@pytest.fixture
def make_far_end() -> Iterator[Callable[..., FarEnd]]:
    """Make far ends of a session type, for this test."""
    made: list[FarEnd] = []

    def make(session_type: str = "Standard_Stream") -> FarEnd:
        made.append(FarEnd(session_type))
        return made[-1]

    yield make
    for each in made:
        each.stop()


@pytest.fixture
def far_end(make_far_end: Callable[..., FarEnd]) -> FarEnd:
    """The far end of a shell session."""
    return make_far_end()


@pytest.fixture
def environment(tmp_path: Path) -> dict[str, str]:
    """A person's environment: credentials for the two calls, nothing of this machine's user."""
    return {
        "PATH": "/usr/bin:/bin",
        "HOME": str(tmp_path),
        "TERM": "xterm",
        "AWS_ACCESS_KEY_ID": "AKIDEXAMPLE",
        "AWS_SECRET_ACCESS_KEY": "secret",
        "AWS_EC2_METADATA_DISABLED": "true",
    }


@pytest.fixture
def plugin_command() -> list[str]:
    """How to start the plugin."""
    return [sys.executable, "-c", ENTRY]
