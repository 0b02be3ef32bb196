"""Resending to Ferryman's ends; that to AWS's is tested with the stream."""

import itertools

import pytest

from ferryman.channel.streams.resending import MAX_WAIT, Messages, Outstanding, WhenStuck
from ferryman.channel.streams.round_trip import RoundTrip


class Sender:
    """Messages as a stream keeps them."""

    def __init__(self, count: int) -> None:
        self.messages: Messages = {}
        self.resending = WhenStuck(self.messages, RoundTrip())
        for number in range(count):
            self.messages[number] = Outstanding(1, b"", b"", 0)
            self.send(number, 0.0)

    def send(self, number: int, now: float) -> None:
        self.messages[number].sends += 1
        self.resending.sent(self.messages[number], now)

    def acknowledge(self, number: int, now: float) -> None:
        item = self.messages[number]
        for earlier in range(number + 1):
            self.messages.pop(earlier, None)
        self.resending.acknowledged(item, now)

    def tick(self, now: float) -> list[int]:
        if not self.resending.is_due(now):
            return []
        taken = self.resending.numbers_to_resend(now)
        for number in taken:
            self.send(number, now)
        return taken


def test_while_acknowledgements_come_nothing_is_resent() -> None:
    sender = Sender(200)
    for number in range(199):
        now = 0.15 * (number + 1)
        assert sender.tick(now) == []
        sender.acknowledge(number, now)
    sender.acknowledge(199, 30.0)
    assert sender.tick(1000.0) == []


def test_a_peer_that_is_stalled_or_away_gets_the_oldest_now_and_then() -> None:
    sender = Sender(50)
    times = []
    for tick in range(10_000):
        if taken := sender.tick(tick * 0.001):
            assert taken == [0]
            times.append(tick * 0.001)
    gaps = [later - earlier for earlier, later in itertools.pairwise(times)]
    assert times[0] == pytest.approx(0.2)
    assert gaps[:3] == pytest.approx([0.4, 0.8, 1.0], abs=0.01)
    assert len(times) < 12


def test_when_the_oldest_arrives_and_no_other_does_the_rest_was_lost() -> None:
    sender = Sender(50)
    assert sender.tick(0.5) == [0]
    sender.acknowledge(0, 0.6)
    assert sender.tick(1.5) == []
    assert sender.tick(3.1) == list(range(1, 50))
    assert sender.tick(10.0) == [1], "all of it once: if that is not acknowledged, the peer is away again"


def test_when_others_arrive_after_the_oldest_it_was_only_late() -> None:
    sender = Sender(50)
    assert sender.tick(0.5) == [0]
    sender.acknowledge(0, 0.6)
    sender.acknowledge(7, 0.65)
    assert sender.tick(2.0) == [8]
    assert sender.tick(2.1) == []


def test_a_slow_path_is_waited_for() -> None:
    sender = Sender(50)
    resent = 0
    for number in range(50):
        for tick in range(10):
            resent += len(sender.tick(number * 2.0 + tick * 0.2))
        sender.acknowledge(number, number * 2.0 + 1.99)
    assert resent < 5


def test_the_wait_for_a_slow_path_is_bounded() -> None:
    sender = Sender(3)
    sender.acknowledge(0, 300.0)
    assert sender.tick(300.0 + MAX_WAIT) == [1]


def test_a_new_connection_starts_over() -> None:
    sender = Sender(3)
    sender.tick(0.5)
    sender.resending.restart()
    assert sender.resending.next_timer() == float("inf")
    for item in sender.messages.values():
        item.sends = 0
    assert sender.tick(100.0) == []
    sender.send(0, 100.0)
    assert sender.tick(100.1) == []
    assert sender.tick(100.2) == [0]
