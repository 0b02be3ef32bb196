"""The world of `test_data_channel`, with a recorder at the relay: the recording has every byte once and in order.

Servers die, too: the next one continues the recording behind what the last one wrote. What it did not write may be
missing then, and the recording says how much.
"""

import heapq
from dataclasses import replace

from hypothesis import given, settings
from hypothesis import strategies as st

from ferryman.channel.streams.window import Window
from ferryman.core.ports.recordings.recorder import RecordedEvent
from ferryman.recording.events import Event, EventKind, TranscriptPosition
from ferryman.recording.session.transcript import Transcript
from ferryman.server.channels.frames import ACKNOWLEDGE, INPUT, OUTPUT, peek_header
from ferryman.server.channels.relay.recording_tap import RecordingTap
from ferryman.wire.agent_message import MessageType, PayloadType, decode, peek
from ferryman.wire.payloads import AgentSessionState, decode_payload
from tests.examples import examples
from tests.property.channel.data_channel_world import DURATION, FAULTS, WEATHER, WINDOWS, Run, Weather
from tests.unit.recording.recorded import events_of, message


class Recorder(Transcript):
    """A `SessionTap` that keeps its events."""

    is_behind = is_full = False

    async def caught_up(self) -> None:
        raise AssertionError("it is never behind")


class RecordedRun(Run):
    """A run whose relay is recorded; at the fault "server" the relay is replaced by one on a new server."""

    def __init__(self, weather: Weather, window: Window, output_size: int) -> None:
        self.events: list[RecordedEvent] = []
        self.position = TranscriptPosition()
        self.tap = RecordingTap(lambda _: None)
        self.start_server()
        super().__init__(weather, window, output_size)

    def start_server(self) -> None:
        self.tap.recorder = self.recorder = Recorder(lambda: round(self.now * 1000), self.position, typed=True)

    def write(self) -> None:
        self.position = self.recorder.position
        for event in events_of(self.recorder.next_block()):
            self.events.append(RecordedEvent(event.at, event.kind, event.data))

    def fault(self, fault: str, pause: float) -> None:
        if fault != "server":
            if fault != "agent":
                self.tap.client_left()
            super().fault(fault, pause)
            return
        self.start_server()
        super().fault("agent", pause)
        super().fault("client", pause)

    def connect_client(self) -> None:
        if not self.client_there:
            self.tap.client_attached(self.client.client_id)
        super().connect_client()

    def from_client(self, data: bytes, connection: int) -> None:
        if connection == self.client_connection and self.client_there:
            prefix, number, _ = peek_header(data)
            self.tap.from_client(prefix, number, data)
        super().from_client(data, connection)

    def from_agent(self, data: bytes, connection: int) -> None:
        if connection == self.agent_connection and self.agent_there:
            self.record(data)
        super().from_agent(data, connection)

    def record(self, data: bytes) -> None:
        if peek(data).message_type == MessageType.AGENT_SESSION_STATE:
            state = decode_payload(decode(data).payload, AgentSessionState)
            if self.client_there and state.client_id == self.client.client_id:
                self.tap.publication(state)
        elif self.gate is None and self.client_there:
            prefix, number, _ = peek_header(data)
            assert prefix in (OUTPUT, INPUT, ACKNOWLEDGE)
            self.tap.from_agent(prefix, number, data)

    def reconnect(self) -> None:
        """Let both ends meet once more, if a server died last: the agent then says what it has delivered."""
        while self.queue and not (self.client_there and self.agent_there and self.gate is None):
            at, _, action = heapq.heappop(self.queue)
            self.now = at
            action()

    def data(self, kind: EventKind) -> bytes:
        return b"".join(event.data for event in self.events if event.kind == kind)

    def missing(self) -> list[str]:
        texts = [event.data.decode() for event in self.events if event.kind == EventKind.MARKER]
        return [text for text in texts if "missing" in text]


@settings(deadline=None, max_examples=examples(25))
@given(weather=WEATHER, window=WINDOWS, output_size=st.integers(0, 30_000))
def test_recording_has_every_byte_once_and_in_order(weather: Weather, window: Window, output_size: int) -> None:
    run = RecordedRun(weather, window, output_size)
    run.run()
    run.write()
    assert run.data(EventKind.OUTPUT) == run.output
    assert not run.missing()
    assert [event.at for event in run.events] == sorted(event.at for event in run.events)
    typed = run.data(EventKind.INPUT)
    assert run.client.input in typed


@settings(deadline=None, max_examples=examples(25))
@given(
    weather=WEATHER, window=WINDOWS, output_size=st.integers(0, 30_000), deaths=st.lists(FAULTS, min_size=1, max_size=3)
)
def test_recording_continues_behind_what_a_dead_server_wrote(
    weather: Weather, window: Window, output_size: int, deaths: list[tuple[float, str, float]]
) -> None:
    died = [(at, "server", pause) for at, _, pause in deaths]
    run = RecordedRun(replace(weather, faults=[*weather.faults, *died]), window, output_size)
    for tenth in range(int((DURATION + 2) * 10)):
        run.after(tenth / 10, run.write)
    run.run()
    run.reconnect()
    run.recorder.skip_gap()
    run.write()
    recorded, rest = run.data(EventKind.OUTPUT), run.output
    for event in run.events:
        if event.kind == EventKind.OUTPUT:
            found = rest.find(event.data)
            assert found >= 0, "the recording has output twice, or out of order"
            assert found == 0 or run.missing(), "the recording does not say that something is missing"
            rest = rest[found + len(event.data) :]
    assert recorded == run.output or run.missing()


NUMBERS = st.integers(0, 6)
TYPES = st.sampled_from([PayloadType.OUTPUT] * 4 + [PayloadType.STD_ERR, PayloadType.EXIT_CODE])
MESSAGES = st.lists(st.tuples(NUMBERS, TYPES, st.binary(max_size=3)), max_size=12)
RUNS = st.tuples(st.sampled_from([0, 0, 0, 1, 5]), st.integers(2, 20), st.sampled_from([0, 1, 5_000, 16_000])).map(
    lambda run: [(run[0] + place, PayloadType.OUTPUT, bytes([place]) * run[2]) for place in range(run[1])]
)


@settings(deadline=None, max_examples=50)
@given(turns=st.lists(MESSAGES | RUNS, max_size=6), taken_over=st.integers(0, 3))
def test_messages_of_a_turn_are_recorded_as_one_by_one(
    turns: list[list[tuple[int, PayloadType, bytes]]], taken_over: int
) -> None:
    together, one_by_one = Transcript(lambda: 1), Transcript(lambda: 1)
    for turn, messages in enumerate(turns):
        frames = [message(number, payload, payload_type) for number, payload_type, payload in messages]
        if turn == taken_over:
            for transcript in (together, one_by_one):
                transcript.publication("one", None)
                transcript.publication("two", 2)
        together.outputs(frames)
        for (number, *_), frame in zip(messages, frames, strict=True):
            one_by_one.output(number, frame)
            one_by_one.close_block()
        assert together.position == one_by_one.position
    assert all_events(together) == all_events(one_by_one)


def all_events(transcript: Transcript) -> list[Event]:
    events: list[Event] = []
    while (content := transcript.next_block()) is not None:
        events += events_of(content)
    return events
