"""Messages in the order of their numbers, each once."""

import itertools
import random

from ferryman.recording.session.message_order import HELD_BYTES, HELD_MESSAGES, MOST_GAPS, MessageOrder


def test_messages_in_order_pass() -> None:
    order = MessageOrder()
    assert [order.add(number, b"%d" % number) for number in range(3)] == [[b"0"], [b"1"], [b"2"]]
    assert not order.has_gap


def test_duplicates_are_dropped() -> None:
    order = MessageOrder()
    assert order.add(0, b"a") == [b"a"]
    assert order.add(0, b"a") == []
    assert order.add(2, b"c") == order.add(2, b"c") == []
    assert order.add(1, b"b") == [b"b", b"c"]
    assert order.add(2, b"c") == []


def test_any_permutation_comes_out_in_order() -> None:
    draw = random.Random(1)  # noqa: S311 - repeatable
    for _ in range(50):
        numbers = [number for number in range(40) for _ in range(draw.randrange(1, 3))]
        draw.shuffle(numbers)
        order = MessageOrder()
        out = [message for number in numbers for message in order.add(number, b"%d" % number)]
        assert out == [b"%d" % number for number in range(40)]
        assert not order.has_gap


def test_skipped_gap_says_how_many_messages_are_missing() -> None:
    order = MessageOrder()
    order.add(3, b"d")
    order.add(4, b"e")
    order.add(6, b"g")
    assert order.has_gap
    assert order.skip_gap() == (3, [b"d", b"e"])
    assert order.skip_gap() == (1, [b"g"])
    assert order.skip_gap() == (0, [])
    assert order.add(1, b"late") == [b"late"]
    assert order.add(1, b"late") == []


def test_message_of_a_gap_that_was_given_up_is_let_through_once() -> None:
    order = MessageOrder()
    order.add(10, b"k")
    order.skip_gap()
    continued = MessageOrder(order.expected, order.skipped)
    assert [continued.add(number, b"x") for number in (9, 0, 9, 0, 5, 10)] == [[b"x"], [b"x"], [], [], [b"x"], []]


def test_no_message_of_many_gaps_is_dropped() -> None:
    order = MessageOrder()
    for number in range(1, 4 * MOST_GAPS, 2):
        order.add(number, b"x")
        order.skip_gap()
    assert len(order.skipped) <= MOST_GAPS
    assert all(order.add(number, b"late") for number in range(0, 4 * MOST_GAPS, 2))


def test_continuing_further_on_gives_up_what_lies_between() -> None:
    order = MessageOrder()
    order.add(5, b"held")
    order.continue_at(9)
    assert order.add(5, b"held") == [b"held"]
    assert order.add(3, b"late") == [b"late"]


def test_held_messages_are_bounded() -> None:
    order = MessageOrder()
    order.add(1, bytes(HELD_BYTES))
    assert not order.is_full
    order.add(2, b"x")
    assert order.is_full
    order = MessageOrder()
    for number in range(1, HELD_MESSAGES + 2):
        order.add(number, b"")
    assert order.is_full


def test_restart_expects_the_first_number_and_drops_what_was_held() -> None:
    order = MessageOrder(7)
    order.add(9, b"old")
    order.restart()
    assert not order.has_gap
    assert order.add(0, b"new") == [b"new"]


class Compared(int):
    """Counts how often numbers are compared."""

    times = 0

    def __lt__(self, other: int) -> bool:
        Compared.times += 1
        return int(self) < int(other)


def test_gap_is_given_up_without_a_search_through_what_is_held() -> None:
    """Whoever sends every second number would make each message cost as much as thousands."""
    order = MessageOrder()
    numbers = (Compared(number) for number in itertools.count(2, 2))
    while not order.is_full:
        order.add(next(numbers), b"")
    Compared.times = 0
    assert order.skip_gap() == (2, [b""])
    order.add(next(numbers), b"")
    assert Compared.times < 100
