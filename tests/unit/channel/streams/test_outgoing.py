from collections.abc import Callable

import pytest

from ferryman.channel.aws_client import DOUBTFUL_SENDS, PRESUMED_SENDS, PRESUMED_SENDS_COVERED
from ferryman.channel.streams.outgoing import BATCH_BYTES, OutgoingStream, Peer, new_message_id, pooled
from ferryman.channel.streams.resending import RESEND_BYTES, RESEND_MESSAGES, RESEND_TICK
from ferryman.channel.streams.window import Window
from ferryman.wire.agent_message import AgentMessage, FrameFlag, MessageType, PayloadType, decode

Make = Callable[..., OutgoingStream]


@pytest.fixture
def make(entropy: Callable[[int], bytes]) -> Make:
    def build(window: Window | None = None, *, syn: bool = True, peer: Peer = Peer.AWS_AGENT) -> OutgoingStream:
        dates = iter(range(1, 1_000_000))
        stream = OutgoingStream(
            MessageType.OUTPUT_STREAM_DATA,
            syn=syn,
            window=window or Window(),
            entropy=entropy,
            wall_clock_ms=lambda: next(dates),
        )
        stream.meet(peer)
        return stream

    return build


def send(stream: OutgoingStream, *payloads: bytes, now: float = 0.0) -> list[AgentMessage]:
    for payload in payloads:
        stream.add(PayloadType.OUTPUT, payload)
    frames = stream.frames(now)
    while stream.next_timer() == 0.0:
        frames += stream.frames(now)
    return [decode(frame) for frame in frames]


def free(stream: OutgoingStream, message: AgentMessage, now: float = 0.0) -> None:
    stream.acknowledged(message.sequence_number, str(message.message_id), now)


def test_message_ids_are_random_uuids(entropy: Callable[[int], bytes]) -> None:
    made = {new_message_id(entropy) for _ in range(100)}
    assert len(made) == 100
    assert all(value[6] >> 4 == 4 and value[8] >> 6 == 2 for value in made)


def test_pooled_entropy_is_the_same_bytes_none_of_them_twice(entropy: Callable[[int], bytes]) -> None:
    asked: list[bytes] = []

    def remember(count: int) -> bytes:
        asked.append(entropy(count))
        return asked[-1]

    take = pooled(remember)
    taken = [take(size) for size in [16] * 100 + [5000, 1]]
    assert [len(piece) for piece in taken] == [16] * 100 + [5000, 1]
    assert taken[0] + taken[1] == asked[0][:32]
    assert len(set(taken)) == len(taken)
    assert len(asked) == 4


@pytest.mark.parametrize(("syn", "first"), [(True, FrameFlag.SYN), (False, FrameFlag.NONE)])
def test_numbers_start_at_0_and_syn_marks_that_one_only(make: Make, syn: bool, first: FrameFlag) -> None:
    messages = send(make(syn=syn), b"a", b"b", b"c")
    assert [message.sequence_number for message in messages] == [0, 1, 2]
    assert [message.flags for message in messages] == [first, 0, 0]


def test_a_resent_message_is_the_same_bytes(make: Make) -> None:
    stream = make()
    stream.add(PayloadType.OUTPUT, b"a")
    [first] = stream.frames(0.0)
    assert stream.frames(0.19) == []
    assert stream.frames(0.21) == [first]


def test_the_timer_doubles_up_to_a_second(make: Make) -> None:
    stream = make()
    send(stream, b"a")
    times = []
    for _ in range(8):
        now = stream.next_timer()
        assert now is not None
        assert len(stream.frames(now)) == 1
        times.append(now)
    gaps = [later - earlier for earlier, later in zip([0.0, *times], times, strict=False)]
    assert gaps == pytest.approx([0.2, 0.4, 0.8, 1.0, 1.0, 1.0, 1.0, 1.0])


def test_any_message_whose_timer_ran_out_is_resent_not_only_the_oldest(make: Make) -> None:
    stream = make()
    _, second, _ = send(stream, b"a", b"b", b"c")
    free(stream, second)
    assert [decode(frame).payload for frame in stream.frames(1.0)] == [b"a", b"c"]


def test_without_anything_in_flight_there_is_no_timer(make: Make) -> None:
    stream = make()
    assert stream.next_timer() is None
    [message] = send(stream, b"a")
    assert stream.next_timer() is not None
    free(stream, message)
    assert stream.next_timer() is None
    assert len(stream) == 0


@pytest.mark.parametrize(
    ("size", "messages"), [(1, RESEND_MESSAGES), (65536, RESEND_BYTES // 65536 - 1), (2 * RESEND_BYTES, 1)]
)
def test_a_tick_resends_a_bounded_number_the_longest_due_first(make: Make, size: int, messages: int) -> None:
    stream = make(Window(1 << 30, 1 << 20))
    send(stream, *[bytes(size)] * 100)
    first = stream.frames(10.0)
    assert len(first) == messages
    assert stream.next_timer() == pytest.approx(10.0 + RESEND_TICK)
    second = stream.frames(10.0 + RESEND_TICK)
    assert not set(first) & set(second)
    numbers = [decode(frame).sequence_number for frame in first + second]
    assert numbers == list(range(2 * messages))


def test_new_messages_do_not_wait_for_resends(make: Make) -> None:
    stream = make()
    send(stream, b"a")
    assert [message.payload for message in send(stream, b"b", now=0.05)] == [b"b"]


def test_frames_come_in_bounded_batches_what_is_new_before_what_is_due(make: Make) -> None:
    stream = make(Window(1 << 30, 1 << 20))
    [old] = send(stream, b"old")
    for _ in range(9):
        stream.add(PayloadType.OUTPUT, bytes(BATCH_BYTES // 3))
    batches = []
    while stream.next_timer() == 0.0:
        batches.append([decode(frame).sequence_number for frame in stream.frames(10.0)])
    assert batches == [[1, 2, 3], [4, 5, 6], [7, 8, 9, old.sequence_number]]


def test_the_window_is_bounded_in_bytes_and_messages(make: Make) -> None:
    stream = make(Window(10, 3))
    assert stream.capacity() == 10
    first, *_ = send(stream, b"abc", b"d")
    assert stream.capacity() == 6
    send(stream, b"e")
    assert stream.capacity() == 0
    free(stream, first)
    assert stream.capacity() == 8


def test_acknowledgements_free_only_what_they_name(make: Make) -> None:
    stream = make()
    first, second, third = send(stream, b"a", b"b", b"c")
    free(stream, third)
    assert [payload for _, payload in stream.payloads()] == [b"a", b"b"]
    free(stream, third)
    stream.acknowledged(99, "", 0.0)
    stream.acknowledged(0, str(second.message_id), 0.0)
    assert len(stream) == 2
    stream.acknowledged(0, str(first.message_id).upper(), 0.0)
    stream.acknowledged(1, "", 0.0)
    assert len(stream) == 0
    assert stream.capacity() == Window().size


def test_ferrymans_acknowledgements_stand_for_all_before(make: Make) -> None:
    stream = make(peer=Peer.FERRYMAN)
    messages = send(stream, b"a", b"b", b"c", b"d")
    free(stream, messages[2])
    assert [payload for _, payload in stream.payloads()] == [b"d"]
    free(stream, messages[3])
    assert len(stream) == 0
    assert stream.capacity() == Window().size


def test_a_new_connection_resends_everything_immediately_and_in_order(make: Make) -> None:
    stream = make()
    stream.add(PayloadType.OUTPUT, b"a")
    stream.add(PayloadType.OUTPUT, b"b")
    before = stream.frames(0.0)
    stream.add(PayloadType.OUTPUT, b"c")
    stream.restart()
    after = stream.frames(60.0)
    assert after[:2] == before
    assert [decode(frame).payload for frame in after] == [b"a", b"b", b"c"]
    assert stream.next_timer() == pytest.approx(60.2)


def test_the_time_without_a_connection_is_not_a_round_trip(make: Make) -> None:
    stream = make()
    [message] = send(stream, b"a")
    stream.restart()
    stream.frames(1000.0)
    free(stream, message, 1000.05)
    assert stream.round_trip.round_trip < 0.1


class TestAwsClient:
    """It acknowledges once, and drops duplicates in silence (client.md §7.2)."""

    def resend(self, stream: OutgoingStream, times: int, now: float = 0.0) -> float:
        for _ in range(times):
            stream.frames(now)
            now += 1.0
        return now

    def test_lost_acknowledgements_do_not_fill_the_window_for_ever(self, make: Make) -> None:
        stream = make(Window(1000, 10), peer=Peer.AWS_CLIENT)
        send(stream, *[bytes(100)] * 10)
        assert stream.capacity() == 0
        now = self.resend(stream, DOUBTFUL_SENDS + 1)
        assert stream.capacity() == 1000
        send(stream, *[bytes(100)] * 10, now=now)
        self.resend(stream, 2 * PRESUMED_SENDS, now)
        assert stream.capacity() == 0, "at most two windows are held"

    def test_messages_before_an_acknowledged_one_count_as_delivered(self, make: Make) -> None:
        stream = make(peer=Peer.AWS_CLIENT)
        send(stream, b"acknowledgement lost")
        stream.listening()
        now = self.resend(stream, PRESUMED_SENDS + 2)
        [later] = [m for m in send(stream, b"later", now=now) if m.payload == b"later"]
        assert b"acknowledgement lost" in [payload for _, payload in stream.payloads()]
        free(stream, later, now)
        stream.frames(now)
        assert b"acknowledgement lost" not in [payload for _, payload in stream.payloads()]
        assert stream.capacity() == Window().size

    def test_a_client_that_is_not_ready_yet_loses_nothing(self, make: Make) -> None:
        """It drops the first message unacknowledged, acknowledges the next; the resend must come (client.md §7.2)."""
        stream = make(peer=Peer.AWS_CLIENT)
        first, second = send(stream, b"dropped", b"buffered")
        free(stream, second)
        self.resend(stream, 2 * PRESUMED_SENDS, 1.0)
        assert [payload for _, payload in stream.payloads()] == [first.payload]

    def test_a_stalled_client_loses_nothing(self, make: Make) -> None:
        stream = make(peer=Peer.AWS_CLIENT)
        messages = send(stream, b"a", b"b", b"c")
        now = self.resend(stream, 3 * PRESUMED_SENDS, 1.0)
        assert len(stream) == 3
        for message in messages:
            free(stream, message, now)
        assert len(stream) == 0
        assert stream.capacity() == Window().size

    def test_the_timer_of_what_it_is_past_does_not_double(self, make: Make) -> None:
        stream = make(peer=Peer.AWS_CLIENT)
        _, later = send(stream, b"silent", b"later")
        free(stream, later, 0.1)
        times = []
        for _ in range(5):
            now = stream.next_timer()
            assert now is not None
            times.append(now)
            assert len(stream.frames(now)) == 1
        assert times[-1] - times[0] < 4 * 0.3

    def test_a_message_is_not_given_up_while_its_cover_is_on_its_way(self, make: Make) -> None:
        stream = make(peer=Peer.AWS_CLIENT)
        stream.listening()
        covered, cover = send(stream, b"covered")
        assert cover.sequence_number < covered.sequence_number
        now = self.resend(stream, PRESUMED_SENDS_COVERED + 1)
        [later] = [m for m in send(stream, b"later", now=now) if m.payload == b"later"]
        free(stream, later, now)
        stream.frames(now)
        assert b"covered" in [payload for _, payload in stream.payloads()]
        free(stream, cover, now)
        send(stream, b"more", now=now)
        assert b"covered" not in [payload for _, payload in stream.payloads()]

    def test_a_new_connection_clears_all_doubt(self, make: Make) -> None:
        stream = make(Window(1000, 10), peer=Peer.AWS_CLIENT)
        send(stream, *[bytes(100)] * 10)
        self.resend(stream, PRESUMED_SENDS + 2)
        assert stream.capacity() == 1000
        stream.restart()
        assert stream.capacity() == 0
        self.resend(stream, PRESUMED_SENDS + 2, 100.0)
        assert stream.capacity() == 1000


@pytest.mark.parametrize("peer", [Peer.AWS_AGENT, Peer.FERRYMAN])
def test_peers_that_acknowledge_duplicates_are_never_doubted(make: Make, peer: Peer) -> None:
    stream = make(Window(1000, 10), peer=peer)
    send(stream, *[bytes(100)] * 10)
    for second in range(100):
        stream.frames(float(second))
    assert stream.capacity() == 0
    assert len(stream) == 10
