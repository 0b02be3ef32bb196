"""The pump: two real engines joined by a real WebSocket, through losses."""

import asyncio
import contextlib
import os
import time
import uuid
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence

import aiohttp
import pytest
import pytest_asyncio
from aiohttp import web

from ferryman.channel.agent import SILENCE, AgentChannel
from ferryman.channel.client import ClientChannel
from ferryman.channel.events import AgentEvent, ClientEvent, ClientReady, InputReceived, OutputReceived, SessionStarted
from ferryman.transport.errors import ConnectionLost
from ferryman.transport.pump import STALLED_FRAMES, Pump
from ferryman.transport.websocket import WebSocket, dial
from ferryman.wire.agent_message import AgentMessage, MessageType, PayloadType, decode, encode
from ferryman.wire.payloads import ACTION_SUCCESS, HandshakeResponse, ProcessedAction, Publication, encode_payload
from tests.waiting import PATIENCE

CLIENT_ID = str(uuid.uuid4())


def wall_clock() -> int:
    return time.time_ns() // 1_000_000


def starting() -> bytes:
    payload = encode_payload(Publication(client_id=CLIENT_ID))
    return encode(AgentMessage(MessageType.START_PUBLICATION, 0, 3, uuid.uuid4(), wall_clock(), 0, payload))


def agent_channel() -> AgentChannel:
    return AgentChannel(
        session_id="s",
        session_type="Standard_Stream",
        properties=None,
        entropy=os.urandom,
        wall_clock_ms=wall_clock,
    )


class Ends:
    """An agent's engine and a client's, each with its pump and a driver that consumes at once."""

    def __init__(self) -> None:
        self.agent = AgentChannel(
            session_id="s",
            session_type="Standard_Stream",
            properties=None,
            entropy=os.urandom,
            wall_clock_ms=wall_clock,
        )
        self.client = ClientChannel(entropy=os.urandom, wall_clock_ms=wall_clock)
        self.agent_pump: Pump[AgentEvent] = Pump(self.agent, self._on_agent_events)
        self.client_pump: Pump[ClientEvent] = Pump(self.client, self._on_client_events)
        self.output = bytearray()
        self.input = bytearray()
        self._changed = asyncio.Event()
        self.started = False

    async def until(self, condition: Callable[[], bool]) -> None:
        async with asyncio.timeout(PATIENCE):
            while not condition():
                self._changed.clear()
                await self._changed.wait()

    def _on_agent_events(self, events: Sequence[AgentEvent]) -> None:
        for event in events:
            if isinstance(event, InputReceived):
                self.input += event.payload
                self.agent.acknowledge(event.sequence_number, time.monotonic())
        self._changed.set()

    def _on_client_events(self, events: Sequence[ClientEvent]) -> None:
        for event in events:
            if isinstance(event, OutputReceived):
                self.output += event.payload
                self.client.acknowledge(event.sequence_number, time.monotonic())
            self.started = self.started or isinstance(event, SessionStarted)
        self._changed.set()

    async def produce(self, data: bytes) -> None:
        """Send output as a driver does: as there is room."""
        while data:
            await self.until(lambda: self.agent.capacity() > 0)
            room = self.agent.capacity()
            self.agent.send(PayloadType.OUTPUT, data[:room], time.monotonic())
            self.agent_pump.wake()
            data = data[room:]


class Joint:
    """A server that runs the client's pump on each connection; the agent dials it."""

    def __init__(self, ends: Ends) -> None:
        self.ends = ends
        self.url = ""
        self.outcomes: asyncio.Queue[ConnectionLost] = asyncio.Queue()
        self._transport: asyncio.Transport | None = None

    def cut(self) -> None:
        """Lose the connection without a word, as a reset does."""
        assert self._transport is not None
        self._transport.abort()

    async def handle(self, request: web.Request) -> web.WebSocketResponse:
        self._transport = request.transport
        response = web.WebSocketResponse()
        await response.prepare(request)
        websocket = WebSocket(response)
        await websocket.send(starting())
        await self.outcomes.put(await self.ends.client_pump.run(_WithoutStates(websocket)))
        return response


class _WithoutStates(WebSocket):
    """What the relay does to agent_session_state: it is not for the client."""

    def __init__(self, inner: WebSocket) -> None:
        super().__init__(inner._socket)

    async def receive(self) -> bytes | str:
        while True:
            data = await super().receive()
            if isinstance(data, bytes) and b"agent_session_state" not in data[:40]:
                return data


@pytest_asyncio.fixture(loop_scope="function")
async def ends() -> Ends:
    return Ends()


@pytest_asyncio.fixture(loop_scope="function")
async def joint(ends: Ends) -> AsyncIterator[Joint]:
    joint = Joint(ends)
    application = web.Application()
    application.router.add_get("/", joint.handle)
    runner = web.AppRunner(application, shutdown_timeout=0.1)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    joint.url = f"ws://127.0.0.1:{runner.addresses[0][1]}/"
    yield joint
    await runner.cleanup()


@pytest_asyncio.fixture(loop_scope="function")
async def session() -> AsyncIterator[aiohttp.ClientSession]:
    async with aiohttp.ClientSession() as client:
        yield client


@contextlib.asynccontextmanager
async def connected(ends: Ends, joint: Joint, session: aiohttp.ClientSession) -> AsyncIterator[WebSocket]:
    """The agent's pump runs on a connection of its own until the client's side is open, and after."""
    websocket = await dial(session, joint.url)
    running = asyncio.create_task(ends.agent_pump.run(websocket))
    await ends.until(lambda: ends.started)
    yield websocket
    running.cancel()
    await asyncio.wait({running})
    await websocket.close(4321)


async def test_carries_both_directions_whole(ends: Ends, joint: Joint, session: aiohttp.ClientSession) -> None:
    data = os.urandom(5_000_000)
    async with connected(ends, joint, session):
        producing = asyncio.create_task(ends.produce(data))
        ends.client.send(PayloadType.OUTPUT, data[:200_000], time.monotonic())
        ends.client_pump.wake()
        await producing
        await ends.until(lambda: len(ends.output) == len(data) and len(ends.input) == 200_000)
    assert ends.output == data
    assert ends.input == data[:200_000]


async def test_loses_nothing_over_many_connections(ends: Ends, joint: Joint, session: aiohttp.ClientSession) -> None:
    data = os.urandom(8_000_000)
    producing = asyncio.create_task(ends.produce(data))
    losses = 0
    while len(ends.output) < len(data):
        websocket = await dial(session, joint.url)
        running = asyncio.create_task(ends.agent_pump.run(websocket))
        goal = min(len(data), len(ends.output) + 700_000)
        await ends.until(lambda goal=goal: len(ends.output) >= goal)  # type: ignore[misc]
        joint.cut()
        assert (await running).code == 1006
        await websocket.close()
        await joint.outcomes.get()
        losses += 1
    await producing
    assert losses > 5
    assert ends.output == data


async def test_gives_the_peers_close_code(ends: Ends, joint: Joint, session: aiohttp.ClientSession) -> None:
    async with connected(ends, joint, session):
        assert joint.outcomes.empty()
    assert (await joint.outcomes.get()).code == 4321


async def test_flushed_waits_for_what_the_engine_wants_sent(
    ends: Ends, joint: Joint, session: aiohttp.ClientSession
) -> None:
    async with connected(ends, joint, session):
        ends.agent.send(PayloadType.OUTPUT, b"x" * 100_000, time.monotonic())
        ends.agent_pump.wake()
        await ends.agent_pump.flushed()
        assert ends.agent.frames_to_send(time.monotonic()) == []


async def test_what_is_sent_is_handed_to_the_socket_immediately(
    ends: Ends, joint: Joint, session: aiohttp.ClientSession, monkeypatch: pytest.MonkeyPatch
) -> None:
    handed_over: list[bytes] = []
    begin = WebSocket.begin_sending

    def noted(websocket: WebSocket, data: bytes) -> Awaitable[None] | None:
        handed_over.append(data)
        return begin(websocket, data)

    async with connected(ends, joint, session):
        await ends.agent_pump.flushed()
        monkeypatch.setattr(WebSocket, "begin_sending", noted)
        ends.agent.send(PayloadType.OUTPUT, b"key", time.monotonic())
        ends.agent_pump.wake()
        assert [frame[-3:] for frame in handed_over] == [b"key"]  # without a turn of the event loop


async def test_a_fault_in_the_driver_ends_the_run(joint: Joint, session: aiohttp.ClientSession) -> None:
    def fail(events: Sequence[AgentEvent]) -> None:
        if events:
            raise ZeroDivisionError

    pump: Pump[AgentEvent] = Pump(agent_channel(), fail)
    websocket = await dial(session, joint.url)
    with pytest.raises(ZeroDivisionError):
        await pump.run(websocket)
    owners = [task.get_coro().cr_frame.f_locals.get("self") for task in asyncio.all_tasks()]  # type: ignore[union-attr]
    assert pump not in owners
    await websocket.close()


class _Stalled(WebSocket):
    """A peer that sends without end and never reads."""

    def __init__(self) -> None:
        self.sent = self.unanswered_bytes = 0
        self.prepare_next = None

    async def send(self, data: bytes | str) -> None:
        await asyncio.Event().wait()

    async def receive(self) -> bytes | str:
        await asyncio.sleep(0)
        self.sent += 1
        return b"not a frame"


async def test_a_peer_that_sends_and_never_reads_is_left(ends: Ends) -> None:
    stalled = _Stalled()
    lost = await ends.agent_pump.run(stalled)
    assert lost.code == 1006
    assert stalled.sent == STALLED_FRAMES + 1


class _Silent(WebSocket):
    """AWS's client, which shakes hands and then never says a word."""

    def __init__(self) -> None:
        self._answers: asyncio.Queue[bytes] = asyncio.Queue()
        self._answers.put_nowait(starting())
        self.unanswered_bytes = 0
        self.prepare_next = None

    async def send(self, data: bytes | str) -> None:
        assert isinstance(data, bytes)
        if decode(data).payload_type == PayloadType.HANDSHAKE_REQUEST:
            payload = encode_payload(
                HandshakeResponse("1.2.677.0", [ProcessedAction("SessionType", ACTION_SUCCESS)], None)
            )
            answer = AgentMessage(
                MessageType.INPUT_STREAM_DATA, 0, 0, uuid.uuid4(), 1, PayloadType.HANDSHAKE_RESPONSE, payload
            )
            self._answers.put_nowait(encode(answer))

    async def receive(self) -> bytes | str:
        return await self._answers.get()


async def test_tells_what_only_time_brought() -> None:
    ready, over = asyncio.Event(), asyncio.Event()
    late = 0.0
    agent = agent_channel()

    def on_events(events: Sequence[AgentEvent]) -> None:
        if any(isinstance(event, ClientReady) for event in events):
            ready.set()
        if ready.is_set() and agent.all_acknowledged:
            over.set()

    pump: Pump[AgentEvent] = Pump(agent, on_events, clock=lambda: time.monotonic() + late)
    running = asyncio.create_task(pump.run(_Silent()))
    async with asyncio.timeout(PATIENCE):
        await ready.wait()
        agent.send(PayloadType.OUTPUT, b"the last", time.monotonic())
        agent.finish(time.monotonic())
        await pump.flushed()
        late = SILENCE
        pump.wake()
        await over.wait()
    running.cancel()
    await asyncio.wait({running})
