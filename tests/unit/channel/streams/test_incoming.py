import json
import uuid
from collections.abc import Callable

import pytest

from ferryman.channel.streams.incoming import AHEAD_MESSAGES, REMEMBERED, IncomingStream
from ferryman.wire.agent_message import AgentMessage, MessageType, decode

LIMIT = 1000


@pytest.fixture
def stream(entropy: Callable[[int], bytes]) -> IncomingStream:
    return IncomingStream(limit=LIMIT, entropy=entropy, wall_clock_ms=lambda: 5)


def message(number: int, payload: bytes = b"x") -> AgentMessage:
    return AgentMessage("input_stream_data", number, 0, uuid.UUID(int=number % 2**64 + 1), 1, 1, payload)


def offer(stream: IncomingStream, number: int, payload: bytes = b"x") -> None:
    stream.offer(message(number, payload), 0.0)


def delivered(stream: IncomingStream, *, consumed: bool = False) -> list[int]:
    numbers = []
    while (item := stream.next_message()) is not None:
        stream.advance(0.0, consumed=consumed)
        numbers.append(item.sequence_number)
    return numbers


def acknowledged(stream: IncomingStream) -> list[int]:
    stream.release()
    payloads = [json.loads(decode(frame).payload) for frame in stream.acknowledgements(0.0)]
    return [payload["AcknowledgedMessageSequenceNumber"] for payload in payloads]


def test_an_acknowledgement_is_the_one_awss_ends_send(stream: IncomingStream) -> None:
    offer(stream, 0)
    delivered(stream, consumed=True)
    [frame] = stream.acknowledgements(0.0)
    made = decode(frame)
    assert (made.message_type, made.sequence_number, made.flags, made.payload_type) == (
        MessageType.ACKNOWLEDGE,
        0,
        3,
        0,
    )
    assert json.loads(made.payload) == {
        "AcknowledgedMessageType": "input_stream_data",
        "AcknowledgedMessageId": str(message(0).message_id),
        "AcknowledgedMessageSequenceNumber": 0,
        "IsSequentialMessage": True,
    }
    assert stream.acknowledgements(0.0) == []


def test_messages_come_in_order_whatever_order_they_arrive_in(stream: IncomingStream) -> None:
    numbers = []
    for number in (2, 1, 4, 0, 3):
        offer(stream, number)
        numbers += delivered(stream)
    assert numbers == [0, 1, 2, 3, 4]


def test_only_what_is_consumed_is_acknowledged(stream: IncomingStream) -> None:
    for number in range(4):
        offer(stream, number)
    delivered(stream)
    assert acknowledged(stream) == []
    stream.consume(1, 0.0)
    assert acknowledged(stream) == [0, 1]
    stream.consume(1, 0.0)
    stream.consume(-1, 0.0)
    assert acknowledged(stream) == []
    stream.consume(99, 0.0)
    assert acknowledged(stream) == [2, 3]
    offer(stream, 4)
    delivered(stream)
    assert acknowledged(stream) == [], "what had not arrived was not consumed"


def test_a_duplicate_is_acknowledged_again_once_its_original_is_consumed(stream: IncomingStream) -> None:
    offer(stream, 0)
    offer(stream, 0)
    assert delivered(stream) == [0]
    offer(stream, 0)
    assert (delivered(stream), acknowledged(stream)) == ([], [])
    stream.consume(0, 0.0)
    acknowledged(stream)
    offer(stream, 0)
    assert (delivered(stream), acknowledged(stream)) == ([], [0])


class TestNumberUsedTwice:
    """AWS's client may send a signal and a keystroke with one number, and skip the next (`client.md` §7.1)."""

    @staticmethod
    def sent(number: int, message_id: int, payload: bytes) -> AgentMessage:
        return AgentMessage("input_stream_data", number, 0, uuid.UUID(int=message_id), 1, 1, payload)

    @staticmethod
    def typed(stream: IncomingStream) -> bytes:
        text = b""
        while (item := stream.next_message()) is not None:
            stream.advance(0.0, consumed=True)
            text += item.payload
        return text

    def test_second_message_fills_the_skipped_place(self, stream: IncomingStream) -> None:
        text = b""
        for number, payload in ((0, b"a"), (1, b"\x03"), (1, b"b"), (3, b"c"), (4, b"d")):
            stream.offer(self.sent(number, ord(payload), payload), 0.0)
            text += self.typed(stream)
        assert text == b"a\x03bcd"
        assert acknowledged(stream) == [0, 1, 1, 3, 4]

    def test_nothing_is_lost_while_the_consumer_is_behind(self, stream: IncomingStream) -> None:
        for number, payload in ((0, b"a"), (1, b"\x03"), (1, b"b"), (3, b"c")):
            stream.offer(self.sent(number, ord(payload), payload), 0.0)
        assert self.typed(stream) == b"a\x03bc"

    def test_nothing_is_lost_if_no_number_was_skipped(self, stream: IncomingStream) -> None:
        text = b""
        for number, payload in ((0, b"a"), (0, b"\x03"), (1, b"b"), (2, b"c")):
            stream.offer(self.sent(number, ord(payload), payload), 0.0)
            text += self.typed(stream)
        assert text == b"a\x03bc"

    def test_late_message_follows_those_that_overtook_it(self, stream: IncomingStream) -> None:
        text = b""
        for number, payload in ((0, b"a"), (1, b"b"), (0, b"\x03"), (3, b"c")):
            stream.offer(self.sent(number, ord(payload), payload), 0.0)
            text += self.typed(stream)
        assert text == b"ab\x03c"

    def test_retransmissions_of_both_are_only_acknowledged(self, stream: IncomingStream) -> None:
        both = [self.sent(0, 1, b"\x03"), self.sent(0, 2, b"a")]
        for each in both + both:
            stream.offer(each, 0.0)
        assert self.typed(stream) == b"\x03a"
        for each in both:
            stream.offer(each, 0.0)
        assert self.typed(stream) == b""
        assert acknowledged(stream) == [0, 0, 0, 0]

    def test_equal_content_under_another_id_is_a_retransmission(self, stream: IncomingStream) -> None:
        stream.offer(self.sent(0, 1, b"a"), 0.0)
        assert self.typed(stream) == b"a"
        stream.offer(self.sent(0, 2, b"a"), 0.0)
        assert self.typed(stream) == b""

    def test_an_old_number_is_a_duplicate(self, stream: IncomingStream) -> None:
        for number in range(REMEMBERED + 1):
            stream.offer(self.sent(number, number, b"a"), 0.0)
        self.typed(stream)
        stream.offer(self.sent(0, 1000, b"b"), 0.0)
        assert self.typed(stream) == b""

    def test_consumption_is_acknowledged_under_the_number_that_was_used(self, stream: IncomingStream) -> None:
        for message_id, payload in enumerate((b"a", b"b")):
            stream.offer(self.sent(0, message_id, payload), 0.0)
        delivered(stream)
        stream.consume(1, 0.0)
        assert acknowledged(stream) == [0, 0]


def test_a_refused_message_is_expected_again(stream: IncomingStream) -> None:
    offer(stream, 0, b"bad")
    stream.refuse()
    assert (delivered(stream), acknowledged(stream)) == ([], [])
    offer(stream, 0, b"good")
    assert delivered(stream, consumed=True) == [0]
    assert acknowledged(stream) == [0]


def test_nothing_more_is_handed_out_to_a_consumer_that_is_too_far_behind(stream: IncomingStream) -> None:
    numbers = []
    for number in range(3):
        offer(stream, number, bytes(LIMIT // 2))
        numbers += delivered(stream)
    assert numbers == [0, 1]
    stream.consume(0, 0.0)
    assert delivered(stream) == [2]


def test_messages_ahead_of_a_gap_are_bounded_in_bytes(stream: IncomingStream) -> None:
    for number in range(1, 20):
        offer(stream, number, bytes(100))
        offer(stream, number, bytes(100))
    offer(stream, 0, bytes(LIMIT))
    assert delivered(stream, consumed=True) == list(range(11))


def test_messages_ahead_of_a_gap_are_bounded_in_number(entropy: Callable[[int], bytes]) -> None:
    stream = IncomingStream(limit=1 << 30, entropy=entropy, wall_clock_ms=lambda: 5)
    for number in range(AHEAD_MESSAGES + 10, 0, -1):
        offer(stream, number)
    offer(stream, 0)
    assert delivered(stream) == [0], "the oldest did not fit, and is to be sent again"


def test_a_message_larger_than_the_limit_is_accepted_in_its_turn(stream: IncomingStream) -> None:
    offer(stream, 0, bytes(2 * LIMIT))
    assert delivered(stream) == [0]


def test_numbers_below_0_are_nothing(stream: IncomingStream) -> None:
    offer(stream, -1)
    assert (delivered(stream), acknowledged(stream)) == ([], [])


def test_a_larger_window_is_accepted_from_a_ferryman_peer(stream: IncomingStream) -> None:
    stream.acknowledge_together(4 * LIMIT)
    for number in range(4):
        offer(stream, number, bytes(LIMIT))
    assert delivered(stream) == [0, 1, 2, 3]
