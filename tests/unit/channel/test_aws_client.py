"""The agent's engine with AWS's client at the far end: `protocol/client.md` §7.2 as a model, and connections that die.

Every connection delivers in order, up to a moment. From then on the client still reads what had arrived, but its
acknowledgements fail; of those it wrote before, the last ones are lost on the way.
"""

import json
import random
from collections.abc import Mapping
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from ferryman.channel.agent import SILENCE, AgentChannel
from ferryman.channel.events import AgentEvent, OutputPresumed
from ferryman.wire.agent_message import AgentMessage, MessageType, PayloadType, decode, encode, frame
from ferryman.wire.payloads import encode_acknowledge
from tests.examples import examples

STEP = 0.05
TICKS = 400
"""Virtual time within which all is settled: 20 seconds."""


class AwsClient:
    """What AWS's client makes of the frames it reads."""

    def __init__(self, source: random.Random) -> None:
        self.random = source
        self.expected = 0
        self.ahead: dict[int, AgentMessage] = {}
        self.screen = b""
        self.shows = False
        self.to_send: list[bytes] = []
        self.next_input = 0
        self.extensions: Mapping[str, Any] = {}

    def read(self, data: bytes, *, connected: bool) -> None:
        message = decode(data)
        if message.message_type != MessageType.OUTPUT_STREAM_DATA:
            return
        if message.sequence_number > self.expected:
            if connected:
                self.acknowledge(message)
                self.ahead[message.sequence_number] = message
            return
        if message.sequence_number < self.expected:
            return
        if message.payload_type in (PayloadType.HANDSHAKE_REQUEST, PayloadType.HANDSHAKE_COMPLETE):
            if not connected:
                return
            self.acknowledge(message)
            self.shake_hands(message)
        else:
            if not self.shows:
                return
            self.screen += message.payload
            if not connected:
                return
            self.acknowledge(message)
        self.expected += 1
        while (message := self.ahead.pop(self.expected, message)).sequence_number == self.expected:
            self.screen += message.payload if self.shows else b""
            self.expected += 1

    def shake_hands(self, message: AgentMessage) -> None:
        if message.payload_type == PayloadType.HANDSHAKE_REQUEST:
            actions = [{"ActionType": "SessionType", "ActionStatus": 1, "ActionResult": None, "Error": ""}]
            answer = {
                "ClientVersion": "1.2.677.0",
                "ProcessedClientActions": actions,
                "Errors": None,
                **self.extensions,
            }
            self.type(PayloadType.HANDSHAKE_RESPONSE, json.dumps(answer).encode())

    def begin_to_show(self) -> None:
        self.shows = True
        self.type(PayloadType.SIZE, b'{"cols":80,"rows":24}')

    def type(self, payload_type: PayloadType, payload: bytes) -> None:
        number, self.next_input = self.next_input, self.next_input + 1
        identifier = self.random.randbytes(16)
        self.to_send.append(frame(MessageType.INPUT_STREAM_DATA, number, 0, identifier, 1, payload_type, payload))

    def acknowledge(self, message: AgentMessage) -> None:
        payload = encode_acknowledge(message.message_type, str(message.message_id), message.sequence_number)
        self.to_send.append(frame(MessageType.ACKNOWLEDGE, 0, 3, self.random.randbytes(16), 1, 0, payload))


class World:
    """The two ends, a clock, and the agent's driver, which looks at the engine when a frame or an event comes."""

    def __init__(self, seed: int) -> None:
        self.random = random.Random(seed)  # noqa: S311 - a run must be repeatable
        self.now = 0.0
        self.client = AwsClient(self.random)
        self.agent = AgentChannel(
            session_id="s-1",
            session_type="Standard_Stream",
            properties=None,
            entropy=self.random.randbytes,
            wall_clock_ms=lambda: 1,
        )
        self.written = b""
        self.told_of_end = False
        self.happened: list[AgentEvent] = []
        self.connect()

    def connect(self) -> None:
        self.agent.connection_made(self.now)
        self.agent.receive(frame(MessageType.START_PUBLICATION, 0, 3, bytes(16), 1, 0, b'{"ClientId":"c"}'), self.now)

    def write(self, data: bytes) -> None:
        self.written += data
        self.told_of_end = False
        self.agent.send(PayloadType.OUTPUT, data, self.now)

    def exchange(self) -> None:
        """Pass on what there is, both ways, until there is no more; then some time goes by."""
        while frames := self.frames():
            for data in frames:
                self.client.read(data, connected=True)
            self.to_agent(len(self.client.to_send))
        self.to_agent(len(self.client.to_send))
        self.now += STEP

    def frames(self) -> list[bytes]:
        frames = self.agent.frames_to_send(self.now)
        if events := self.agent.events():
            self.look(events)
        return frames

    def look(self, events: list[AgentEvent]) -> None:
        self.happened += events
        self.told_of_end = self.agent.all_acknowledged

    def silence(self, seconds: float) -> None:
        """Let time pass in which nothing comes from the client."""
        for _ in range(round(seconds / STEP)):
            self.frames()
            self.now += STEP

    def to_agent(self, count: int) -> None:
        for data in self.client.to_send[:count]:
            self.agent.receive(data, self.now)
            self.look(self.agent.events())
        self.client.to_send.clear()

    def cut(self) -> None:
        """Lose the connection amid what is on its way, and make the next."""
        frames = self.frames()
        cut, arrived = sorted(self.random.randrange(len(frames) + 1) for _ in range(2))
        for number, data in enumerate(frames[:arrived]):
            self.client.read(data, connected=number < cut)
        self.to_agent(self.random.randrange(len(self.client.to_send) + 1))
        self.agent.connection_lost(self.now)
        self.connect()

    def settle(self) -> None:
        for _ in range(TICKS):
            self.exchange()
            if self.told_of_end:
                return

    def open(self) -> None:
        self.exchange()
        self.client.begin_to_show()
        self.exchange()


@settings(max_examples=examples(25), deadline=None)
@given(
    seed=st.integers(0, 1 << 32),
    steps=st.lists(st.tuples(st.integers(0, 120_000), st.sampled_from(["pass", "pass", "cut"])), max_size=12),
)
def test_output_over_lost_connections_is_shown_once_and_in_order(seed: int, steps: list[tuple[int, str]]) -> None:
    world = World(seed)
    world.open()
    for size, then in [*steps, (100, "cut")]:
        world.write(world.random.randbytes(size))
        if then == "cut":
            world.cut()
        else:
            world.exchange()
    world.settle()
    assert world.client.screen == world.written
    assert world.told_of_end


def test_acknowledgements_that_never_come_do_not_hold_up_the_end() -> None:
    world = World(1)
    world.open()
    world.write(b"x" * 200_000)
    for data in world.agent.frames_to_send(world.now):
        world.client.read(data, connected=True)
    world.client.to_send.clear()
    world.agent.connection_lost(world.now)
    world.connect()
    began = world.now
    world.settle()
    assert world.told_of_end
    assert world.now - began < 10
    assert world.client.screen == world.written


def test_room_that_appears_with_time_is_reported() -> None:
    world = World(4)
    world.open()
    world.write(b"x" * (1 << 20))
    assert not world.agent.capacity()
    world.happened.clear()
    world.silence(15)
    assert OutputPresumed() in world.happened
    assert world.agent.capacity()


def test_the_end_does_not_wait_for_a_client_that_tells_nothing() -> None:
    world = World(5)
    world.open()
    world.write(b"x" * 10_000)
    world.silence(4 * SILENCE)
    assert not world.agent.all_acknowledged
    world.agent.finish(world.now)
    world.silence(SILENCE - 1)
    assert not world.agent.all_acknowledged
    world.silence(2)
    assert world.told_of_end
    assert [event for event in world.happened if isinstance(event, OutputPresumed) and event.given_up]
    assert not world.frames()


def test_time_without_a_client_is_not_its_silence() -> None:
    world = World(6)
    world.open()
    world.write(b"x" * 10_000)
    world.agent.finish(world.now)
    world.silence(SILENCE - 1)
    world.agent.receive(frame(MessageType.PAUSE_PUBLICATION, 0, 3, bytes(16), 1, 0, b""), world.now)
    world.silence(SILENCE)
    world.connect()
    world.silence(SILENCE - 1)
    assert not world.agent.all_acknowledged
    world.silence(2)
    assert world.told_of_end


def test_an_acknowledgement_ends_the_silence() -> None:
    world = World(7)
    world.open()
    world.write(b"x" * 10_000)
    world.agent.finish(world.now)
    for data in world.frames():
        world.client.read(data, connected=True)
    world.silence(SILENCE - 1)
    world.to_agent(3)
    world.silence(SILENCE - 1)
    assert not world.agent.all_acknowledged


def test_ferrymans_client_is_never_given_up() -> None:
    world = World(8)
    world.client.extensions = {"Ferryman": {"MaxPayload": 65536}}
    world.open()
    world.write(b"x" * 10_000)
    world.agent.finish(world.now)
    world.silence(10 * SILENCE)
    assert not world.agent.all_acknowledged


def test_output_for_a_client_that_does_not_show_it_yet_is_kept() -> None:
    world = World(2)
    world.exchange()
    world.write(b"a" * 3000)
    for _ in range(TICKS):
        world.exchange()
    world.client.begin_to_show()
    world.write(b"b" * 3000)
    world.settle()
    assert world.client.screen == world.written


def test_a_client_that_accepts_nothing_is_not_probed_for_ever() -> None:
    world = World(3)
    world.open()
    world.write(b"x" * 10_000)
    numbers: set[int] = set()
    for _ in range(60 * 20):
        for data in world.agent.frames_to_send(world.now):
            message = decode(data)
            numbers.add(message.sequence_number)
            assert encode(message) == data
        world.now += STEP
    assert len(numbers) < 40
