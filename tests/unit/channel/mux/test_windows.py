"""Windows, turns and limits of smux sessions: what a stream may send, and what stops it."""

import pytest

from ferryman.channel.mux.events import StreamClosed, StreamData, StreamWritable
from ferryman.channel.mux.session import BUCKET, CONTROL_BYTES, GRANTED_WINDOWS, MAX_STREAMS
from ferryman.channel.mux.stream import INITIAL_WINDOW, MAX_WINDOW, SEND_BUFFER
from ferryman.wire.smux import Command, SmuxFrame, encode
from tests.unit.channel.mux.pair import Pair, frames, received


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


def test_the_writer_is_notified_when_there_is_room_again(pair: Pair) -> None:
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
def test_at_most_the_requested_size_is_sent(pair: Pair, limit: int) -> None:
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
