import json
from pathlib import Path
from typing import Any

import pytest

from ferryman.channel.mux.events import (
    MuxEvent,
    MuxFailed,
    StreamClosed,
    StreamData,
    StreamFinished,
    StreamOpened,
    StreamWritable,
)
from ferryman.channel.mux.session import BUCKET, CONTROL_BYTES, GRANTED_WINDOWS, MAX_STREAMS, MuxSession, Role
from ferryman.channel.mux.stream import INITIAL_WINDOW, MAX_WINDOW, SEND_BUFFER
from ferryman.wire.smux import Command, SmuxFrame, SmuxReader, encode, encode_update

VECTORS = Path(__file__).parents[3] / "vectors"


class Pair:
    """A client's session and a server's, with nothing between them."""

    def __init__(self, version: int) -> None:
        self.version = version
        self.client = MuxSession(Role.CLIENT, version)
        self.server = MuxSession(Role.SERVER, version)

    def carry(self, limit: int = 1 << 20) -> None:
        """Carry everything that can be sent, both ways, nothing being consumed."""
        carried = True
        while carried:
            carried = False
            for sender, receiver in ((self.client, self.server), (self.server, self.client)):
                while data := sender.data_to_send(limit):
                    carried = True
                    receiver.receive(data)

    def stream(self) -> int:
        """Open a stream and let the server hear of it."""
        stream_id = self.client.open()
        self.carry()
        assert StreamOpened(stream_id) in self.server.events()
        return stream_id


@pytest.fixture(params=[1, 2])
def pair(request: pytest.FixtureRequest) -> Pair:
    return Pair(request.param)


@pytest.fixture
def windowed() -> Pair:
    return Pair(2)


@pytest.fixture
def aws() -> Pair:
    return Pair(1)


def frames(data: bytes, version: int = 1) -> list[SmuxFrame]:
    return SmuxReader(version).feed(data)


def received(events: list[MuxEvent], stream_id: int) -> bytes:
    return b"".join(event.data for event in events if isinstance(event, StreamData) and event.stream_id == stream_id)


def test_a_client_sends_the_recorded_frames() -> None:
    recorded = {
        vector["name"]: bytes.fromhex(vector["hex"])
        for vector in json.loads((VECTORS / "client.json").read_text())
        if vector["kind"] == "smux_frame"
    }
    session = MuxSession(Role.CLIENT)
    stream_id = session.open()
    session.write(stream_id, b"GET / HTTP/1.0\r\n\r\n")
    assert session.data_to_send(1024) == recorded["smux_syn_first_stream"] + recorded["smux_psh"]
    session.finish(stream_id)
    assert session.data_to_send(1024) == recorded["smux_fin"]
    session.open()
    assert session.data_to_send(1024) == recorded["smux_syn_second_stream"]
    session.receive(recorded["smux_nop"])
    assert session.events() == []


def test_the_recorded_session_of_awss_ends() -> None:
    captures = json.loads((VECTORS / "agent_captures.json").read_text())
    messages: list[dict[str, Any]] = captures["sessions"]["Port session, mux (smux v1) with one stream"]
    directions = {"input_stream_data": b"", "output_stream_data": b""}
    for entry in messages:
        message = entry.get("message", {})
        if message.get("PayloadType") == 1 and message["MessageType"] in directions:
            directions[message["MessageType"]] += message["Payload(text)"].encode("latin-1")
    server = MuxSession(Role.SERVER)
    server.receive(directions["input_stream_data"])
    assert server.events() == [StreamOpened(3), StreamData(3, b"ping")]
    server.write(3, b"E:ping")
    assert server.data_to_send(1024) == directions["output_stream_data"]
    client = MuxSession(Role.CLIENT)
    stream_id = client.open()
    client.write(stream_id, b"ping")
    assert client.data_to_send(1024) == directions["input_stream_data"]
    client.receive(directions["output_stream_data"])
    assert client.events() == [StreamData(3, b"E:ping")]


def test_a_stream_both_ways(pair: Pair) -> None:
    stream_id = pair.stream()
    pair.client.write(stream_id, b"question")
    pair.server.write(stream_id, b"answer")
    pair.carry()
    assert pair.server.events() == [StreamData(stream_id, b"question")]
    assert pair.client.events() == [StreamData(stream_id, b"answer")]


def test_a_half_closed_stream_goes_on(windowed: Pair) -> None:
    stream_id = windowed.stream()
    windowed.client.write(stream_id, b"all of it")
    windowed.client.finish(stream_id)
    windowed.carry()
    assert windowed.server.events() == [StreamData(stream_id, b"all of it"), StreamFinished(stream_id)]
    windowed.server.write(stream_id, b"thanks")
    windowed.server.finish(stream_id)
    windowed.carry()
    assert windowed.client.events() == [
        StreamData(stream_id, b"thanks"),
        StreamFinished(stream_id),
        StreamClosed(stream_id),
    ]
    assert windowed.server.events() == [StreamClosed(stream_id)]


def test_with_aws_a_fin_ends_both_directions_but_loses_nothing_sent_before(aws: Pair) -> None:
    stream_id = aws.stream()
    aws.server.write(stream_id, b"sent before the FIN")
    before = aws.server.data_to_send(1024)
    aws.server.write(stream_id, b"too late")
    aws.client.finish(stream_id)
    aws.server.receive(aws.client.data_to_send(1024))
    assert aws.server.events() == [StreamFinished(stream_id), StreamClosed(stream_id)]
    aws.client.receive(before)
    aws.carry()
    assert aws.client.events() == [
        StreamData(stream_id, b"sent before the FIN"),
        StreamFinished(stream_id),
        StreamClosed(stream_id),
    ]


def test_with_aws_nothing_follows_a_fin(aws: Pair) -> None:
    stream_id = aws.stream()
    aws.client.write(stream_id, b"not consumed yet")
    aws.client.finish(stream_id)
    aws.server.write(stream_id, b"too late")
    aws.server.receive(aws.client.data_to_send(1024))
    assert frames(aws.server.data_to_send(1024)) == [SmuxFrame(Command.FIN, stream_id)]


def test_a_window_may_shrink_to_nothing(windowed: Pair) -> None:
    stream_id = windowed.stream()
    windowed.client.write(stream_id, b"waits")
    windowed.client.finish(stream_id)
    windowed.client.receive(encode(SmuxFrame(Command.UPD, stream_id, encode_update(0, 0)), 2))
    assert not windowed.client.pending
    assert windowed.client.data_to_send(1024) == b""
    windowed.client.receive(encode(SmuxFrame(Command.UPD, stream_id, encode_update(0, 2)), 2))
    windowed.carry()
    assert windowed.server.events() == [StreamData(stream_id, b"wa")]


def test_a_closed_stream_is_forgotten_when_its_last_byte_is_consumed(pair: Pair) -> None:
    stream_id = pair.stream()
    pair.client.write(stream_id, b"1234")
    pair.client.finish(stream_id)
    pair.server.finish(stream_id)
    pair.carry()
    assert len(pair.client) == 0
    assert len(pair.server) == 1
    pair.server.consumed(stream_id, 3)
    assert len(pair.server) == 1
    pair.server.consumed(stream_id, 1)
    assert len(pair.server) == 0


def test_what_is_written_after_the_end_is_dropped(pair: Pair) -> None:
    stream_id = pair.stream()
    pair.client.finish(stream_id)
    pair.client.write(stream_id, b"late")
    pair.client.finish(stream_id)
    assert pair.client.writable(stream_id) == 0
    pair.carry()
    assert received(pair.server.events(), stream_id) == b""


def test_a_reset_carries_its_reason(windowed: Pair) -> None:
    stream_id = windowed.stream()
    windowed.server.reset(stream_id, "connection refused")
    windowed.carry()
    assert windowed.server.events() == []
    assert windowed.client.events() == [StreamClosed(stream_id, "connection refused")]
    assert len(windowed.client) == len(windowed.server) == 0


def test_a_reset_drops_what_waits_and_what_still_arrives(windowed: Pair) -> None:
    stream_id = windowed.stream()
    windowed.server.write(stream_id, b"on its way")
    windowed.client.write(stream_id, b"dropped")
    windowed.client.reset(stream_id)
    windowed.carry()
    assert windowed.client.events() == []
    assert windowed.server.events() == [StreamClosed(stream_id, "")]


def test_with_aws_a_reset_is_a_fin(aws: Pair) -> None:
    stream_id = aws.stream()
    aws.server.reset(stream_id, "connection refused")
    assert frames(aws.server.data_to_send(1024)) == [SmuxFrame(Command.FIN, stream_id)]
    assert len(aws.server) == 0


def test_calls_for_streams_that_are_not_there_do_nothing(pair: Pair) -> None:
    for session in (pair.client, pair.server):
        session.write(99, b"x")
        session.finish(99)
        session.reset(99)
        session.consumed(99, 1)
        assert session.writable(99) == 0
        assert session.data_to_send(1024) == b""
        assert session.events() == []


def test_frames_of_streams_that_are_over_are_ignored(windowed: Pair) -> None:
    for frame in (
        SmuxFrame(Command.PSH, 9, b"x"),
        SmuxFrame(Command.FIN, 9),
        SmuxFrame(Command.UPD, 9, encode_update(0, 1)),
        SmuxFrame(Command.RST, 9),
    ):
        windowed.server.receive(encode(frame, 2))
    assert windowed.server.events() == []


def test_a_window_is_never_exceeded_and_opens_as_data_is_consumed(windowed: Pair) -> None:
    stream_id = windowed.stream()
    sent = 0
    while room := windowed.client.writable(stream_id):
        windowed.client.write(stream_id, bytes(min(room, 50_000)))
        sent += min(room, 50_000)
        windowed.carry()
    assert sent == INITIAL_WINDOW + SEND_BUFFER
    assert len(received(windowed.server.events(), stream_id)) == INITIAL_WINDOW
    windowed.server.consumed(stream_id, INITIAL_WINDOW // 2 - 1)
    windowed.carry()
    assert windowed.server.events() == [], "an update for every byte would be an update for every frame"
    windowed.server.consumed(stream_id, 1)
    windowed.carry()
    assert len(received(windowed.server.events(), stream_id)) == INITIAL_WINDOW // 2


def test_a_stream_that_flows_gets_a_larger_window_one_that_stalls_does_not(windowed: Pair) -> None:
    flowing, stalled = windowed.stream(), windowed.stream()
    for _ in range(400):
        for stream_id in (flowing, stalled):
            if windowed.client.writable(stream_id):
                windowed.client.write(stream_id, bytes(65536))
        windowed.carry()
        for event in windowed.server.events():
            if isinstance(event, StreamData) and event.stream_id == flowing:
                windowed.server.consumed(flowing, len(event.data))
    held = dict.fromkeys((flowing, stalled), 0)
    while windowed.client.writable(flowing):
        windowed.client.write(flowing, bytes(65536))
        windowed.carry()
    for event in windowed.server.events():
        assert isinstance(event, StreamData)
        held[event.stream_id] += len(event.data)
    assert MAX_WINDOW // 2 < held[flowing] <= MAX_WINDOW
    assert held[stalled] == 0


def test_all_windows_together_are_bounded(windowed: Pair) -> None:
    streams = [windowed.stream() for _ in range(64)]
    for _ in range(200):
        for stream_id in streams:
            if windowed.client.writable(stream_id):
                windowed.client.write(stream_id, bytes(131072))
        windowed.carry()
        for event in windowed.server.events():
            if isinstance(event, StreamData):
                windowed.server.consumed(event.stream_id, len(event.data))
    held = 0
    while room := sum(windowed.client.writable(stream_id) for stream_id in streams):
        for stream_id in streams:
            if windowed.client.writable(stream_id):
                windowed.client.write(stream_id, bytes(131072))
        windowed.carry()
        held += sum(len(event.data) for event in windowed.server.events() if isinstance(event, StreamData))
    assert room == 0
    assert GRANTED_WINDOWS // 2 < held <= GRANTED_WINDOWS


def test_a_stalled_stream_does_not_stop_the_others(windowed: Pair) -> None:
    stalled, other = windowed.stream(), windowed.stream()
    while windowed.client.writable(stalled):
        windowed.client.write(stalled, bytes(SEND_BUFFER))
        windowed.carry()
    windowed.server.events()
    for _ in range(100):
        windowed.client.write(other, bytes(100_000))
        windowed.carry()
        assert len(received(windowed.server.events(), other)) == 100_000
        windowed.server.consumed(other, 100_000)


def test_with_aws_all_streams_share_one_bucket(aws: Pair) -> None:
    first, second = aws.stream(), aws.stream()
    for _ in range(BUCKET // 65536):
        assert not aws.server.saturated
        aws.client.write(first, bytes(65536))
        aws.carry()
    assert aws.server.saturated
    aws.server.consumed(second, 1)
    assert aws.server.saturated, "nothing of this stream was there to consume"
    aws.server.consumed(first, 1)
    assert not aws.server.saturated


def test_a_reset_stream_gives_back_its_share_of_the_bucket(aws: Pair) -> None:
    stream_id = aws.stream()
    for _ in range(BUCKET // 65536):
        aws.client.write(stream_id, bytes(65536))
        aws.carry()
    aws.server.reset(stream_id)
    assert not aws.server.saturated


def test_the_writer_is_told_when_there_is_room_again(pair: Pair) -> None:
    stream_id = pair.stream()
    pair.client.write(stream_id, bytes(SEND_BUFFER))
    assert pair.client.writable(stream_id) == 0
    assert pair.client.events() == []
    pair.carry()
    assert pair.client.events() == [StreamWritable(stream_id)]
    assert pair.client.writable(stream_id) == SEND_BUFFER


def test_streams_take_turns_by_bytes(pair: Pair) -> None:
    streams = [pair.stream() for _ in range(5)]
    for stream_id in streams:
        for _ in range(SEND_BUFFER // 8192):
            pair.client.write(stream_id, bytes(8192))
    sizes = dict.fromkeys(streams, 0)
    for frame in frames(pair.client.data_to_send(10 * (32768 + 8)), pair.version):
        sizes[frame.stream_id] += len(frame.data)
    assert set(sizes.values()) == {65536}


def test_a_keystroke_passes_a_bulk_transfer(pair: Pair) -> None:
    bulk, shell = pair.stream(), pair.stream()
    pair.client.write(bulk, bytes(SEND_BUFFER))
    pair.client.data_to_send(40_000)
    pair.client.write(shell, b"x")
    pair.server.receive(pair.client.data_to_send(2 * 32768 + 24))
    assert received(pair.server.events(), shell) == b"x"


@pytest.mark.parametrize("limit", [256, 1000, 1024, 32768, 131072])
def test_no_more_is_sent_than_asked_for(pair: Pair, limit: int) -> None:
    streams = [pair.client.open() for _ in range(20)]
    for stream_id in streams:
        pair.client.write(stream_id, bytes(9999))
        pair.client.finish(stream_id)
    sent = []
    while data := pair.client.data_to_send(limit):
        assert len(data) <= limit
        sent.append(data)
        pair.server.receive(data)
    assert not pair.client.pending
    assert sum(len(event.data) for event in pair.server.events() if isinstance(event, StreamData)) == 20 * 9999


def test_streams_beyond_the_limit_are_refused(pair: Pair) -> None:
    for _ in range(MAX_STREAMS):
        pair.stream()
    refused = pair.client.open()
    pair.carry()
    assert pair.server.events() == []
    assert isinstance(pair.client.events()[-1], StreamClosed)
    assert len(pair.server) == MAX_STREAMS
    pair.client.write(refused, b"x")
    assert len(pair.client) == MAX_STREAMS


def test_a_peer_that_only_asks_saturates_the_session(windowed: Pair) -> None:
    for _ in range(MAX_STREAMS):
        windowed.stream()
    syn = 2 * MAX_STREAMS + 9
    while not windowed.server.saturated:
        windowed.server.receive(encode(SmuxFrame(Command.SYN, syn), 2))
        syn += 2
    assert CONTROL_BYTES <= len(windowed.server.data_to_send(1 << 20)) < CONTROL_BYTES + 256
    assert not windowed.server.saturated


@pytest.mark.parametrize(
    "frame",
    [
        SmuxFrame(Command.SYN, 3),
        SmuxFrame(Command.SYN, 4),
        SmuxFrame(Command.UPD, 3, b"short"),
        SmuxFrame(Command.UPD, 3, encode_update(1, 100)),
        SmuxFrame(Command.UPD, 3, encode_update(-1, 100)),
    ],
)
def test_a_broken_protocol_ends_the_session(windowed: Pair, frame: SmuxFrame) -> None:
    windowed.stream()
    windowed.server.receive(encode(frame, 2))
    [failed] = windowed.server.events()
    assert isinstance(failed, MuxFailed)
    windowed.server.receive(encode(SmuxFrame(Command.SYN, 7), 2))
    windowed.server.write(3, b"x")
    assert windowed.server.events() == []
    assert windowed.server.data_to_send(1024) == b""


def test_data_beyond_the_window_or_after_the_end_breaks_the_protocol(windowed: Pair) -> None:
    greedy, ended = Pair(2), windowed
    stream_id = greedy.stream()
    for _ in range(INITIAL_WINDOW // 32768):
        greedy.server.receive(encode(SmuxFrame(Command.PSH, stream_id, bytes(32768)), 2))
    greedy.server.receive(encode(SmuxFrame(Command.PSH, stream_id, b"x"), 2))
    assert isinstance(greedy.server.events()[-1], MuxFailed)
    stream_id = ended.stream()
    ended.server.receive(encode(SmuxFrame(Command.FIN, stream_id), 2))
    ended.server.receive(encode(SmuxFrame(Command.PSH, stream_id, b"x"), 2))
    assert isinstance(ended.server.events()[-1], MuxFailed)


def test_an_unknown_version_ends_the_session(aws: Pair) -> None:
    aws.server.receive(b"\2\0\0\0\3\0\0\0")
    assert aws.server.events() == [MuxFailed("smux version 2 is not 1")]
