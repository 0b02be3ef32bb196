"""When acknowledgements are sent, and how many."""

import json
import math
import uuid
from collections.abc import Callable

import pytest

from ferryman.channel.streams.acknowledgements import WAIT, WAITING_BYTES, WAITING_MESSAGES
from ferryman.channel.streams.incoming import IncomingStream
from ferryman.channel.streams.window import MAX_WINDOW_BYTES
from ferryman.wire.agent_message import AgentMessage, decode

MIB = 1 << 20


class Receiver:
    """A stream whose messages are consumed as they arrive."""

    def __init__(self, entropy: Callable[[int], bytes], *, cumulative: bool) -> None:
        self.stream = IncomingStream(limit=MIB, entropy=entropy, wall_clock_ms=lambda: 5)
        if cumulative:
            self.stream.acknowledge_together(MAX_WINDOW_BYTES)
        self.count = 0

    def receive(self, now: float, size: int = 1) -> None:
        message = AgentMessage("output_stream_data", self.count, 0, uuid.UUID(int=self.count + 1), 1, 1, bytes(size))
        self.stream.offer(message, now)
        assert self.stream.next_message() is not None
        self.stream.advance(now, consumed=False)
        self.stream.consume(self.count, now)
        self.count += 1

    def receive_again(self, number: int, now: float) -> None:
        self.stream.offer(AgentMessage("output_stream_data", number, 0, uuid.UUID(int=number + 1), 1, 1, b"x"), now)

    def acknowledged(self, now: float) -> list[int]:
        payloads = [json.loads(decode(frame).payload) for frame in self.stream.acknowledgements(now)]
        return [payload["AcknowledgedMessageSequenceNumber"] for payload in payloads]


@pytest.fixture
def ferryman_peer(entropy: Callable[[int], bytes]) -> Receiver:
    return Receiver(entropy, cumulative=True)


@pytest.fixture
def aws_peer(entropy: Callable[[int], bytes]) -> Receiver:
    return Receiver(entropy, cumulative=False)


def test_one_acknowledgement_for_many_messages_is_sent_after_a_wait(ferryman_peer: Receiver) -> None:
    assert ferryman_peer.stream.next_timer() == math.inf
    ferryman_peer.receive(1.0)
    ferryman_peer.receive(1.0 + WAIT / 2)
    assert ferryman_peer.acknowledged(1.0 + WAIT / 2) == []
    assert ferryman_peer.stream.next_timer() == pytest.approx(1.0 + WAIT)
    assert ferryman_peer.acknowledged(1.0 + WAIT) == [1]
    assert ferryman_peer.stream.next_timer() == math.inf
    assert ferryman_peer.acknowledged(9.0) == []


def test_acknowledgements_of_single_messages_are_sent_together_after_a_wait(aws_peer: Receiver) -> None:
    aws_peer.receive(1.0)
    aws_peer.receive(1.0 + WAIT / 2)
    assert aws_peer.acknowledged(1.0 + WAIT / 2) == []
    assert aws_peer.stream.next_timer() == pytest.approx(1.0 + WAIT)
    assert aws_peer.acknowledged(1.0 + WAIT) == [0, 1]
    assert aws_peer.stream.next_timer() == math.inf


@pytest.mark.parametrize(("count", "size"), [(2, WAITING_BYTES // 2), (WAITING_MESSAGES, 1)])
@pytest.mark.parametrize("cumulative", [True, False])
def test_acknowledgement_does_not_wait_once_it_stands_for_much(
    entropy: Callable[[int], bytes], count: int, size: int, cumulative: bool
) -> None:
    receiver = Receiver(entropy, cumulative=cumulative)
    for _ in range(count - 1):
        receiver.receive(1.0, size)
    assert receiver.acknowledged(1.0) == []
    receiver.receive(1.0, size)
    assert receiver.acknowledged(1.0) == ([count - 1] if cumulative else list(range(count)))
    receiver.receive(1.0)
    assert receiver.acknowledged(1.0) == [], "the next begins to wait again"


def test_released_acknowledgements_are_sent_immediately(ferryman_peer: Receiver) -> None:
    ferryman_peer.stream.release()
    assert ferryman_peer.stream.next_timer() == math.inf
    ferryman_peer.receive(1.0)
    ferryman_peer.receive(1.0)
    ferryman_peer.stream.release()
    assert ferryman_peer.acknowledged(1.0) == [1]


def test_duplicate_is_answered_with_the_newest_for_a_ferryman_peer(ferryman_peer: Receiver) -> None:
    for _ in range(5):
        ferryman_peer.receive(1.0)
    assert ferryman_peer.acknowledged(2.0) == [4]
    ferryman_peer.receive_again(2, 3.0)
    assert ferryman_peer.acknowledged(3.0) + ferryman_peer.acknowledged(4.0) == [4]


def test_duplicate_is_answered_immediately_with_all_that_waits(aws_peer: Receiver) -> None:
    aws_peer.receive(1.0)
    assert aws_peer.acknowledged(2.0) == [0]
    aws_peer.receive(3.0)
    aws_peer.receive_again(0, 3.0)
    assert aws_peer.acknowledged(3.0) == [1, 0]


@pytest.mark.parametrize(
    ("size", "seconds_between", "most"),
    [
        (128 * 1024, 0.0002, 4),  # a transfer as fast as it goes
        (32 * 1024, 0.0005, 4),
        (1024, 0.00001, 4),
        (1024, 0.0001, 13),
        (1024, 0.001, 120),  # a busy terminal
        (1024, 0.01, 1024),  # somebody types: one for each message
    ],
)
def test_a_mebibyte_is_acknowledged_with_few_messages(
    ferryman_peer: Receiver, size: int, seconds_between: float, most: int
) -> None:
    sent = 0
    arrives_at = 0.0
    acknowledgements = 0
    while (now := min(arrives_at, ferryman_peer.stream.next_timer())) < math.inf:
        if now == arrives_at:
            ferryman_peer.receive(now, size)
            sent += size
            arrives_at = now + seconds_between if sent < MIB else math.inf
        acknowledgements += len(ferryman_peer.acknowledged(now))
    assert 0 < acknowledgements <= most
