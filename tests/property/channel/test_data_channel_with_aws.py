"""Our engines against what AWS's ends do, as `protocol/client.md` §7 and `agent.md` §4 measured it, with cuts.

The far ends here acknowledge one by one and also ahead of a gap, resend their oldest message only, and drop what
arrives before they are ready; the client never acknowledges a duplicate. Frames and acknowledgements that are under way
when a connection is cut are lost.
"""

import json
import random
import uuid
from typing import Any, Protocol

from hypothesis import given, settings
from hypothesis import strategies as st

from ferryman.channel.agent import AgentChannel
from ferryman.channel.client import ClientChannel
from ferryman.channel.events import FrameRejected, InputReceived, OutputReceived
from ferryman.channel.streams.window import Window
from ferryman.wire.agent_message import SYN_FIN, AgentMessage, MessageType, PayloadType, decode, encode
from tests.examples import examples

STEP = 0.01
"""Seconds of virtual time; what is sent in one step arrives in the next."""
STEPS = 30_000
RESEND_EVERY = 10


class Engine(Protocol):
    """What the two engines have in common."""

    @property
    def all_acknowledged(self) -> bool: ...
    def connection_made(self, now: float) -> None: ...
    def connection_lost(self, now: float) -> None: ...
    def receive(self, frame: bytes, now: float) -> None: ...
    def frames_to_send(self, now: float) -> list[bytes]: ...
    def capacity(self) -> int: ...
    def send(self, payload_type: PayloadType, payload: bytes, now: float) -> None: ...
    def acknowledge(self, sequence_number: int, now: float) -> None: ...


class AwsEnd:
    """What AWS's client and agent do alike."""

    sends: MessageType
    acknowledges_again: bool

    def __init__(self, data: bytes, ready_after: int, rng: random.Random) -> None:
        self.data = data
        self.ready_after = ready_after
        self.random = rng
        self.step = 0
        self.open = False
        self.position = 0
        self.number = 0
        self.expected = 0
        self.received = bytearray()
        self.ahead: dict[int, AgentMessage] = {}
        self.unacknowledged: dict[int, bytes] = {}
        self.out: list[bytes] = []

    def done(self) -> bool:
        return self.position == len(self.data) and not self.unacknowledged

    def put(self, message_type: MessageType, number: int, payload_type: int, payload: bytes) -> bytes:
        message_id = uuid.UUID(bytes=self.random.randbytes(16), version=4)
        frame = encode(AgentMessage(message_type, number, 0, message_id, 1, payload_type, payload))
        self.out.append(frame)
        return frame

    def put_data(self, payload_type: int, payload: bytes) -> None:
        self.unacknowledged[self.number] = self.put(self.sends, self.number, payload_type, payload)
        self.number += 1

    def acknowledge(self, message: AgentMessage) -> None:
        payload = {
            "AcknowledgedMessageType": message.message_type,
            "AcknowledgedMessageId": str(message.message_id),
            "AcknowledgedMessageSequenceNumber": message.sequence_number,
            "IsSequentialMessage": True,
        }
        self.put(MessageType.ACKNOWLEDGE, 0, 0, json.dumps(payload).encode())

    def receive(self, frame: bytes) -> None:
        message = decode(frame)
        if message.message_type == MessageType.ACKNOWLEDGE:
            self.unacknowledged.pop(json.loads(message.payload)["AcknowledgedMessageSequenceNumber"], None)
            return
        if message.message_type in (MessageType.START_PUBLICATION, MessageType.AGENT_SESSION_STATE):
            return
        if message.sequence_number < self.expected:
            if self.acknowledges_again:
                self.acknowledge(message)
            return
        if message.sequence_number > self.expected:
            self.acknowledge(message)
            self.ahead[message.sequence_number] = message
            return
        if not self.process(message):
            return
        self.acknowledge(message)
        self.expected += 1
        while (buffered := self.ahead.pop(self.expected, None)) is not None:
            assert self.process(buffered), "acknowledged, and lost"
            self.expected += 1

    def process(self, message: AgentMessage) -> bool:
        if self.step < self.ready_after:
            return False
        self.received += message.payload
        return True

    def tick(self) -> list[bytes]:
        self.step += 1
        if self.open and self.position < len(self.data):
            piece = self.data[self.position :][: self.random.randrange(1, 1025)]
            self.put_data(PayloadType.OUTPUT, piece)
            self.position += len(piece)
        if self.step % RESEND_EVERY == 0 and self.unacknowledged:
            self.out.append(self.unacknowledged[min(self.unacknowledged)])
        out, self.out = self.out, []
        return out


class AwsClient(AwsEnd):
    """It shows output some time after the handshake, and its first input is the terminal's size, sent then."""

    sends = MessageType.INPUT_STREAM_DATA
    acknowledges_again = False
    shaken_hands = False

    def tick(self) -> list[bytes]:
        self.open = self.shaken_hands and self.step >= self.ready_after
        return super().tick()

    def process(self, message: AgentMessage) -> bool:
        if message.payload_type == PayloadType.HANDSHAKE_REQUEST:
            action = {"ActionType": "SessionType", "ActionStatus": 1, "ActionResult": None, "Error": ""}
            response: dict[str, Any] = {"ClientVersion": "1.2.707.0", "ProcessedClientActions": [action]}
            self.put_data(PayloadType.HANDSHAKE_RESPONSE, json.dumps({**response, "Errors": None}).encode())
            return True
        if message.payload_type == PayloadType.HANDSHAKE_COMPLETE:
            self.shaken_hands = True
            self.ready_after += self.step
            return True
        return super().process(message)


class AwsAgent(AwsEnd):
    """A plain shell: no handshake, output from the first moment."""

    sends = MessageType.OUTPUT_STREAM_DATA
    acknowledges_again = True

    def __init__(self, data: bytes, ready_after: int, rng: random.Random) -> None:
        super().__init__(data, ready_after, rng)
        self.open = True


def start_publication() -> bytes:
    payload = b'{"ClientId":"c-1"}'
    return encode(AgentMessage(MessageType.START_PUBLICATION, 0, SYN_FIN, uuid.UUID(int=1), 1, 0, payload))


def converse(engine: Engine, peer: AwsEnd, data: bytes, cuts: list[tuple[int, int]]) -> bytes:
    """Run both until all is delivered, with `cuts` of the connection; return what the engine received."""
    received = bytearray()
    to_peer: list[bytes] = []
    to_engine: list[bytes] = []
    position = 0
    coming = iter(cuts)
    cut_at, back_at = 0, 0
    for step in range(STEPS):
        now = step * STEP
        if step == cut_at and step:
            engine.connection_lost(now)
            to_peer, to_engine = [], []
        if cut_at <= step < back_at:
            continue
        if step == back_at:
            engine.connection_made(now)
            if isinstance(engine, AgentChannel):
                engine.receive(start_publication(), now)
            pause, length = next(coming, (STEPS, 0))
            cut_at = step + pause
            back_at = cut_at + length
        for frame in to_engine:
            engine.receive(frame, now)
        for frame in to_peer:
            peer.receive(frame)
        received += taken(engine, now)
        while position < len(data) and (room := engine.capacity()):
            piece = data[position : position + min(room, 300)]
            engine.send(PayloadType.OUTPUT, piece, now)
            position += len(piece)
        to_peer, to_engine = engine.frames_to_send(now), peer.tick()
        finished = position == len(data) == len(peer.received) and len(received) == len(peer.data)
        if finished and cut_at >= STEPS:
            return bytes(received)
    raise AssertionError(f"stuck: the peer has {len(peer.received)} of {len(data)}, we {len(received)}")


def taken(engine: Engine, now: float) -> bytes:
    received = b""
    assert isinstance(engine, ClientChannel | AgentChannel)
    for event in engine.events():
        assert not isinstance(event, FrameRejected), event
        if isinstance(event, OutputReceived | InputReceived):
            received += event.payload
            engine.acknowledge(event.sequence_number, now)
    return received


CUTS: st.SearchStrategy[list[tuple[int, int]]] = st.just([]) | st.lists(
    st.tuples(st.integers(1, 60), st.integers(1, 60)), min_size=6, max_size=14
)
"""Steps from the end of one cut to the next, and how long that one lasts."""
WINDOWS = st.sampled_from([Window(3000, 3), Window(3000, 16), Window()])


@settings(deadline=None, max_examples=examples(25))
@given(
    seed=st.integers(0, 2**32),
    cuts=CUTS,
    window=WINDOWS,
    size=st.integers(20_000, 60_000),
    ready_after=st.integers(0, 100),
)
def test_our_agent_with_awss_client(
    seed: int, cuts: list[tuple[int, int]], window: Window, size: int, ready_after: int
) -> None:
    rng = random.Random(seed)  # noqa: S311 - a run must be repeatable
    output, typed = rng.randbytes(size), rng.randbytes(2000)
    client = AwsClient(typed, ready_after, rng)
    agent = AgentChannel(
        session_id="s-1",
        session_type="Standard_Stream",
        properties=None,
        entropy=rng.randbytes,
        wall_clock_ms=lambda: 1,
        window=window,
    )
    assert converse(agent, client, output, cuts) == typed
    assert client.received == output


@settings(deadline=None, max_examples=examples(25))
@given(
    seed=st.integers(0, 2**32), cuts=CUTS, window=WINDOWS, size=st.integers(0, 20_000), ready_after=st.integers(0, 100)
)
def test_our_client_with_awss_agent(
    seed: int, cuts: list[tuple[int, int]], window: Window, size: int, ready_after: int
) -> None:
    rng = random.Random(seed)  # noqa: S311 - a run must be repeatable
    output, typed = b"$ " + rng.randbytes(20_000), rng.randbytes(size)
    agent = AwsAgent(output, ready_after, rng)
    client = ClientChannel(entropy=rng.randbytes, wall_clock_ms=lambda: 1, window=window)
    assert converse(client, agent, typed, cuts) == output
    assert agent.received == typed
