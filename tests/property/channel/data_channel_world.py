"""Two engines and a relay between them that loses, doubles and delays frames, and whose ends come and go.

Time is virtual. What the relay promises the engines is what the server promises: its own messages and the order of a
socket are kept; frames for an end that is not there are dropped; frames of an end's former connection, or meant for a
former client, are not forwarded once the next is there.
"""

import heapq
import json
import random
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Protocol

from hypothesis import strategies as st

from ferryman.channel.agent import AgentChannel
from ferryman.channel.client import ClientChannel
from ferryman.channel.encryption import NONCE_SIZE
from ferryman.channel.events import (
    ClientEvent,
    ClientReplaced,
    FrameRejected,
    HandshakeRefused,
    InputReceived,
    OutputReceived,
    SessionStarted,
)
from ferryman.channel.key_agreement import DataKeyRequested, DataKeySealed, Encryption
from ferryman.channel.publication import PublicationState
from ferryman.channel.streams.window import Window
from ferryman.wire.agent_message import HEADER_SIZE, SYN_FIN, MessageType, PayloadType, decode, frame, peek

WIRE_DELAY = 0.001
DURATION = 3.0
"""Virtual seconds over which the ends have something new to send; faults fall into the same time."""
STEP = 0.02
LIMIT = 600.0
"""Virtual seconds within which everything must have arrived."""


@dataclass(frozen=True)
class Weather:
    """How a run goes wrong: rates of loss and doubling, seconds of extra delay, how slow consumers are, what is cut."""

    seed: int
    loss: float
    doubling: float
    delay: float
    slowness: float
    faults: list[tuple[float, str, float]] = field(default_factory=list)


class ClientEngine(Protocol):
    """What the world needs of a client's engine: Python's, or the browser's (`browser_engine`)."""

    @property
    def all_acknowledged(self) -> bool: ...
    def connection_made(self, now: float) -> None: ...
    def connection_lost(self, now: float) -> None: ...
    def receive(self, frame: bytes, now: float) -> None: ...
    def frames_to_send(self, now: float) -> list[bytes]: ...
    def next_timer(self) -> float | None: ...
    def events(self) -> list[ClientEvent]: ...
    def capacity(self) -> int: ...
    def send(self, payload_type: PayloadType, payload: bytes, now: float) -> None: ...
    def acknowledge(self, sequence_number: int, now: float) -> None: ...
    def use_data_key(self, data_key: bytes, ciphertext: bytes, now: float) -> None: ...


class Consumer:
    """Takes what an engine delivers, in order and later, and acknowledges it then."""

    def __init__(self, run: "Run", acknowledge: Callable[[int, float], None]) -> None:
        self.run = run
        self.acknowledge = acknowledge
        self.waiting: list[tuple[int, bytes, bytearray]] = []

    def take(self, number: int, payload: bytes, sink: bytearray) -> None:
        self.waiting.append((number, payload, sink))
        self.run.after(self.run.random.random() * self.run.weather.slowness, self.consume)

    def consume(self) -> None:
        if self.waiting:
            number, payload, sink = self.waiting.pop(0)
            sink += payload
            self.acknowledge(number, self.run.now)
            self.run.pump()


class ClientProcess:
    """A client with input to send; it reconnects as itself."""

    def __init__(self, run: "Run", client_id: str, window: Window) -> None:
        self.client_id = client_id
        self.engine = run.make_client(run.random, window)
        self.input = run.random.randbytes(run.random.randrange(3000))
        self.sent = 0
        self.output = bytearray()
        self.started = 0
        self.consumer = Consumer(run, self.engine.acknowledge)


MakeClient = Callable[[random.Random, Window], ClientEngine]


def python_client(source: random.Random, window: Window) -> ClientEngine:
    return ClientChannel(entropy=source.randbytes, wall_clock_ms=lambda: 1, window=window, encrypts=True)


class Run:
    """The world of one test. `encrypted`: the session is, with data keys of a KMS that takes its time."""

    def __init__(
        self,
        weather: Weather,
        window: Window,
        output_size: int,
        make_client: MakeClient = python_client,
        *,
        encrypted: bool = False,
    ) -> None:
        self.make_client = make_client
        self.weather = weather
        self.window = window
        self.random = random.Random(weather.seed)  # noqa: S311 - a run must be repeatable
        self.now = 0.0
        self.queue: list[tuple[float, int, Callable[[], None]]] = []
        self.order = 0
        self.output = self.random.randbytes(output_size)
        self.produced = 0
        self.agent = AgentChannel(
            session_id="s-1",
            session_type="Standard_Stream",
            properties=None,
            entropy=self.random.randbytes,
            wall_clock_ms=lambda: 1,
            window=window,
            encryption=Encryption("a-key", requires_challenge=True) if encrypted else None,
        )
        self.forwarded: list[tuple[int, bytes]] = []
        """Payload types and payloads of what the ends said, as the relay saw them."""
        self.inputs = [bytearray()]
        self.agent_consumer = Consumer(self, self.agent.acknowledge)
        self.clients = [ClientProcess(self, "client-0", window)]
        self.client_connection = 0
        self.client_there = False
        self.agent_connection = 0
        self.agent_there = False
        self.gate: str | None = None
        for at, fault, pause in weather.faults:
            self.after(at, lambda fault=fault, pause=pause: self.fault(fault, pause))  # type: ignore[misc]

    @property
    def client(self) -> ClientProcess:
        return self.clients[-1]

    def after(self, delay: float, action: Callable[[], None]) -> None:
        self.order += 1
        heapq.heappush(self.queue, (self.now + delay, self.order, action))

    def run(self) -> None:
        self.connect_client()
        self.connect_agent()
        for step in range(int(DURATION / STEP) + 2):
            self.after(step * STEP, self.pump)
        while self.queue and not (self.now > self.last_fault() and self.complete()):
            at, _, action = heapq.heappop(self.queue)
            assert at <= LIMIT, f"not complete: {len(self.client.output)} of {len(self.output)} bytes of output"
            self.now = at
            action()

    def last_fault(self) -> float:
        return max((at + pause for at, _, pause in self.weather.faults), default=0.0)

    def complete(self) -> bool:
        return (
            self.produced == len(self.output)
            and self.client.sent == len(self.client.input)
            and self.agent.all_acknowledged
            and self.client.engine.all_acknowledged
            and not self.agent_consumer.waiting
            and not self.client.consumer.waiting
        )

    def check(self) -> None:
        """Check that every byte arrived once and in order, at whichever client was there."""
        covered = 0
        for client in self.clients:
            start = self.output.find(client.output)
            assert start >= 0, "a client saw output that is not a part of what the program wrote"
            if len(client.output) >= 8:  # long enough to be found in one place only
                assert start <= covered, "output between two clients is lost"
                covered = max(covered, start + len(client.output))
            elif client.output:
                covered = max(covered, self.output.find(client.output, max(0, covered - 8)) + len(client.output))
        assert covered == len(self.output)
        assert self.client.started == 1

        by_epoch = {bytes(data) for data in self.inputs if data}
        assert not self.client.input or self.client.input in by_epoch, "the last client's input is not complete"
        for data in by_epoch:
            assert any(client.input.startswith(data) for client in self.clients), "input is lost, doubled or reordered"

    def check_secrecy(self) -> None:
        """Check that the relay saw nothing of what was said, and no nonce twice."""
        seen = b"".join(payload for _, payload in self.forwarded)
        said = [self.output, *(client.input for client in self.clients)]
        assert not any(text[start : start + 16] in seen for text in said for start in range(0, len(text) - 16, 500))
        sealed = {payload for payload_type, payload in self.forwarded if payload_type == PayloadType.OUTPUT}
        assert len({payload[:NONCE_SIZE] for payload in sealed}) == len(sealed), "a nonce was used twice"

    # KMS

    def generate(self, client: ClientProcess, requested: DataKeyRequested) -> None:
        key = self.random.randbytes(64)
        ciphertext = f"{requested.challenge}:".encode() + bytes(byte ^ 0xFF for byte in key)

        def done() -> None:
            client.engine.use_data_key(key, ciphertext, self.now)
            self.pump()

        self.after(self.random.random(), done)

    def decrypt(self, sealed: DataKeySealed) -> None:
        challenge, _, masked = sealed.ciphertext.partition(b":")
        assert challenge.decode() == sealed.challenge
        key = bytes(byte ^ 0xFF for byte in masked)

        def done() -> None:
            self.agent.use_data_key(sealed.attempt, key, self.now)
            self.pump()

        self.after(self.random.random(), done)

    # What comes and goes

    def fault(self, fault: str, pause: float) -> None:
        if fault == "agent":
            self.agent_connection += 1
            self.agent_there = False
            self.agent.connection_lost(self.now)
            self.after(pause, self.connect_agent)
            return
        self.client_connection += 1
        self.client_there = False
        self.client.engine.connection_lost(self.now)
        self.tell_agent(MessageType.PAUSE_PUBLICATION, b"{}")
        if fault == "another client":
            self.clients.append(ClientProcess(self, f"client-{len(self.clients)}", self.window))
        self.after(pause, self.connect_client)

    def connect_client(self) -> None:
        if not self.client_there:
            self.client_there = True
            self.client.engine.connection_made(self.now)
            self.both_there()
            self.pump()

    def connect_agent(self) -> None:
        if not self.agent_there:
            self.agent_there = True
            self.agent.connection_made(self.now)
            self.both_there()
            self.pump()

    def both_there(self) -> None:
        if self.client_there and self.agent_there:
            self.gate = self.client.client_id
            self.tell_agent(MessageType.START_PUBLICATION, json.dumps({"ClientId": self.client.client_id}).encode())

    def tell_agent(self, message_type: MessageType, payload: bytes) -> None:
        data = frame(message_type, 0, SYN_FIN, self.random.randbytes(16), 1, 0, payload)
        connection = self.agent_connection

        def arrive() -> None:
            if self.agent_there and connection == self.agent_connection:
                self.agent.receive(data, self.now)
                self.pump()

        self.after(WIRE_DELAY, arrive)

    # What is sent

    def pump(self) -> None:
        self.drive_agent()
        self.drive_client()
        for data in self.agent.frames_to_send(self.now):
            self.after(WIRE_DELAY, lambda data=data, c=self.agent_connection: self.from_agent(data, c))  # type: ignore[misc]
        for data in self.client.engine.frames_to_send(self.now):
            self.after(WIRE_DELAY, lambda data=data, c=self.client_connection: self.from_client(data, c))  # type: ignore[misc]
        for timer in (self.agent.next_timer(), self.client.engine.next_timer()):
            if timer is not None:
                self.after(max(timer - self.now, 0.0), self.tick)

    def tick(self) -> None:
        due = (self.agent.next_timer(), self.client.engine.next_timer())
        if any(timer is not None and timer <= self.now for timer in due):
            self.pump()

    def from_agent(self, data: bytes, connection: int) -> None:
        if connection != self.agent_connection or not self.agent_there:
            return
        if peek(data).message_type == MessageType.AGENT_SESSION_STATE:
            if json.loads(decode(data).payload).get("ClientId") == self.gate:
                self.gate = None
            return
        client = self.client

        def arrive() -> None:
            if self.client_there and client is self.client:
                client.engine.receive(data, self.now)
                self.pump()

        if self.gate is None and self.client_there:
            self.forwarded.append((peek(data).payload_type, data[HEADER_SIZE:]))
            self.forward(arrive)

    def from_client(self, data: bytes, connection: int) -> None:
        if connection != self.client_connection or not self.client_there:
            return
        client, agent_connection = self.client, self.agent_connection

        def arrive() -> None:
            if self.agent_there and agent_connection == self.agent_connection and client is self.client:
                self.agent.receive(data, self.now)
                self.pump()

        if self.agent_there:
            self.forwarded.append((peek(data).payload_type, data[HEADER_SIZE:]))
            self.forward(arrive)

    def forward(self, arrive: Callable[[], None]) -> None:
        for _ in range(2 if self.random.random() < self.weather.doubling else 1):
            if self.random.random() >= self.weather.loss:
                self.after(WIRE_DELAY + self.random.random() * self.weather.delay, arrive)

    # What the drivers do

    def drive_agent(self) -> None:
        for event in self.agent.events():
            match event:
                case InputReceived():
                    self.agent_consumer.take(event.sequence_number, event.payload, self.inputs[-1])
                case ClientReplaced():
                    self.inputs.append(bytearray())
                case DataKeySealed():
                    self.decrypt(event)
                case FrameRejected() | HandshakeRefused():
                    raise AssertionError(event)
        made = self.share(len(self.output))
        while self.produced < made and self.agent.publication is not PublicationState.PAUSED:
            size = min(self.agent.capacity(), self.random.randrange(1, 700), made - self.produced)
            if not size:
                break
            self.agent.send(PayloadType.OUTPUT, self.output[self.produced : self.produced + size], self.now)
            self.produced += size

    def share(self, size: int) -> int:
        """Return how many of `size` bytes exist by now."""
        return int(size * min(1.0, self.now / DURATION))

    def drive_client(self) -> None:
        client = self.client
        for event in client.engine.events():
            match event:
                case DataKeyRequested():
                    self.generate(client, event)
                case SessionStarted():
                    client.started += 1
                case OutputReceived():
                    client.consumer.take(event.sequence_number, event.payload, client.output)
                case FrameRejected():
                    raise AssertionError(event)
        while client.sent < (typed := self.share(len(client.input))):
            piece = client.input[client.sent : typed][: min(client.engine.capacity(), 200)]
            if not piece:
                break
            client.engine.send(PayloadType.OUTPUT, piece, self.now)
            client.sent += len(piece)


FAULTS = st.tuples(
    st.floats(0.0, DURATION + 1.0), st.sampled_from(["agent", "client", "another client"]), st.floats(0.0, 3.0)
)
WEATHER = st.builds(
    Weather,
    seed=st.integers(0, 2**32),
    loss=st.sampled_from([0.0, 0.05, 0.3]),
    doubling=st.sampled_from([0.0, 0.3]),
    delay=st.sampled_from([0.0, 0.05, 0.5]),
    slowness=st.sampled_from([0.0, 0.01, 0.4]),
    faults=st.lists(FAULTS, max_size=6),
)
WINDOWS = st.sampled_from([Window(), Window(4096, 16), Window(2000, 3)])
