"""Two smux sessions over a byte pipe that is cut anywhere: every byte once, in order, whatever the consumers do."""

import itertools
import random
from dataclasses import dataclass, field

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ferryman.channel.mux.events import (
    MuxEvent,
    MuxFailed,
    StreamClosed,
    StreamData,
    StreamFinished,
    StreamOpened,
)
from ferryman.channel.mux.session import MuxSession, Role
from ferryman.channel.mux.stream import INITIAL_WINDOW, SEND_BUFFER
from ferryman.wire.smux import MalformedSmux, SmuxReader
from tests.examples import examples

STREAMS = 100
SIZES = st.integers(0, 3000) | st.integers(200_000, 600_000)


@dataclass
class Peer:
    """One end: what it has yet to write to each stream, and what it got."""

    session: MuxSession
    to_write: dict[int, bytes] = field(default_factory=dict)
    read: dict[int, bytearray] = field(default_factory=dict)
    waiting: dict[int, int] = field(default_factory=dict)
    finished: set[int] = field(default_factory=set)
    closed: set[int] = field(default_factory=set)
    inbox: bytearray = field(default_factory=bytearray)

    def write(self, source: random.Random) -> None:
        for stream_id, data in list(self.to_write.items()):
            room = self.session.writable(stream_id)
            size = min(room, source.randrange(1, 70_000), len(data))
            self.session.write(stream_id, data[:size])
            assert SEND_BUFFER >= room >= 0
            if size == len(data):
                self.session.finish(stream_id)
                del self.to_write[stream_id]
            else:
                self.to_write[stream_id] = data[size:]

    def handle(self, events: list[MuxEvent]) -> None:
        for event in events:
            match event:
                case StreamData():
                    assert event.stream_id not in self.finished | self.closed
                    self.read.setdefault(event.stream_id, bytearray()).extend(event.data)
                    self.waiting[event.stream_id] = self.waiting.get(event.stream_id, 0) + len(event.data)
                case StreamFinished():
                    self.finished.add(event.stream_id)
                case StreamClosed():
                    assert event.aborted is None
                    self.closed.add(event.stream_id)
                case MuxFailed():
                    pytest.fail(event.reason)
                case _:
                    pass

    def consume(self, source: random.Random, stalled: set[int]) -> None:
        for stream_id, size in list(self.waiting.items()):
            if stream_id in stalled:
                continue
            some = source.randrange(size + 1) if source.random() < 0.5 else size
            self.session.consumed(stream_id, some)
            self.waiting[stream_id] -= some


def progress(*peers: Peer) -> list[int]:
    return [len(peer.closed) + len(peer.finished) + sum(map(len, peer.read.values())) for peer in peers]


def exchange(client: Peer, server: Peer, source: random.Random, stalled: set[int]) -> None:
    """Go on until nothing moves any more."""
    idle = 0
    while idle < 30:
        before = progress(client, server)
        for sender, receiver in ((client, server), (server, client)):
            sender.write(source)
            receiver.inbox += sender.session.data_to_send(source.choice([256, 1024, 65536, 1 << 20]))
            if not receiver.session.saturated:
                cut = source.randrange(len(receiver.inbox) + 1)
                receiver.session.receive(bytes(receiver.inbox[:cut]))
                del receiver.inbox[:cut]
            sender.handle(sender.session.events())
            receiver.handle(receiver.session.events())
            receiver.consume(source, stalled)
        idle = idle + 1 if progress(client, server) == before else 0


@given(
    seed=st.integers(0, 2**32),
    sizes=st.lists(st.tuples(SIZES, SIZES), min_size=1, max_size=6),
)
@settings(max_examples=examples(25), deadline=None)
def test_every_byte_once_and_in_order_with_half_closed_streams(seed: int, sizes: list[tuple[int, int]]) -> None:
    source = random.Random(seed)  # noqa: S311 - repeatable
    client, server = Peer(MuxSession(Role.CLIENT, 2)), Peer(MuxSession(Role.SERVER, 2))
    sent = {}
    for up, down in sizes:
        stream_id = client.session.open()
        sent[stream_id] = (source.randbytes(up), source.randbytes(down))
        client.to_write[stream_id], server.to_write[stream_id] = sent[stream_id]
    server.session.receive(client.session.data_to_send(1 << 20))
    assert server.session.events() == [StreamOpened(stream_id) for stream_id in sent]
    exchange(client, server, source, set())
    for stream_id, (up_data, down_data) in sent.items():
        assert server.read.get(stream_id, b"") == up_data
        assert client.read.get(stream_id, b"") == down_data
    assert client.closed == server.closed == set(sent)
    assert len(client.session) == len(server.session) == 0
    assert not client.session.pending
    assert not server.session.pending


@given(seed=st.integers(0, 2**32), up=SIZES)
@settings(max_examples=examples(15), deadline=None)
def test_version_1_delivers_everything_before_the_fin(seed: int, up: int) -> None:
    source = random.Random(seed)  # noqa: S311 - repeatable
    client, server = Peer(MuxSession(Role.CLIENT, 1)), Peer(MuxSession(Role.SERVER, 1))
    sent = {client.session.open(): source.randbytes(up) for _ in range(5)}
    client.to_write = dict(sent)
    exchange(client, server, source, set())
    assert {stream_id: bytes(server.read.get(stream_id, b"")) for stream_id in sent} == sent
    assert client.closed == server.closed == set(sent)
    assert len(client.session) == len(server.session) == 0


def test_a_hundred_streams_share_fairly_beside_stalled_ones() -> None:
    source = random.Random(1)  # noqa: S311 - repeatable
    client, server = Peer(MuxSession(Role.CLIENT, 2)), Peer(MuxSession(Role.SERVER, 2))
    streams = [client.session.open() for _ in range(STREAMS)]
    stalled = set(streams[::10])
    flowing = [stream_id for stream_id in streams if stream_id not in stalled]
    client.to_write = {stream_id: bytes(1 << 20) for stream_id in streams}
    while len(server.finished) == 0:
        client.write(source)
        server.session.receive(client.session.data_to_send(131072))
        server.handle(server.session.events())
        server.consume(source, stalled)
        client.session.receive(server.session.data_to_send(131072))
        client.session.events()
    sizes = [len(server.read[stream_id]) for stream_id in flowing]
    assert min(sizes) >= 0.5 * sum(sizes) / len(sizes)
    exchange(client, server, source, stalled)
    assert server.finished == set(flowing)
    assert all(len(server.read[stream_id]) == INITIAL_WINDOW for stream_id in stalled)
    exchange(client, server, source, set())
    assert server.finished == set(streams)
    assert all(bytes(server.read[stream_id]) == bytes(1 << 20) for stream_id in streams)


@given(data=st.binary(max_size=400), version=st.sampled_from([1, 2]), role=st.sampled_from(Role))
def test_no_bytes_make_a_session_raise(data: bytes, version: int, role: Role) -> None:
    session = MuxSession(role, version)
    session.open()
    session.receive(data)
    session.receive(bytes([version, 0, 0, 0, 7, 0, 0, 0]) + data)
    session.events()
    session.data_to_send(1 << 20)


@given(data=st.binary(min_size=1, max_size=300), cuts=st.lists(st.integers(0, 300)), version=st.sampled_from([1, 2]))
def test_a_reader_finds_the_same_frames_wherever_the_stream_is_cut(data: bytes, cuts: list[int], version: int) -> None:
    head = bytes([version, 2, len(data) % 256, 0, 3, 0, 0, 0])
    stream = (head + data[: len(data) % 256]) * 3
    whole = SmuxReader(version).feed(stream)
    reader = SmuxReader(version)
    edges = sorted({0, len(stream), *(cut for cut in cuts if cut < len(stream))})
    pieces = [stream[a:b] for a, b in itertools.pairwise(edges)]
    assert [frame for piece in pieces for frame in reader.feed(piece)] == whole
    with pytest.raises(MalformedSmux):
        reader.feed(b"\x09" * 8)
