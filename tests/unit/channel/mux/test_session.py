import json
from pathlib import Path
from typing import Any

import pytest

from ferryman.channel.mux.events import (
    MuxFailed,
    StreamClosed,
    StreamData,
    StreamFinished,
    StreamOpened,
)
from ferryman.channel.mux.session import MuxSession, Role
from ferryman.channel.mux.stream import INITIAL_WINDOW
from ferryman.wire.smux import Command, SmuxFrame, encode, encode_update
from tests.unit.channel.mux.pair import Pair, frames, received

VECTORS = Path(__file__).parents[3] / "vectors"


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


def test_a_half_closed_stream_still_receives(windowed: Pair) -> None:
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


def test_writes_after_the_end_are_dropped(pair: Pair) -> None:
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
