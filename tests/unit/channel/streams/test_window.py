import pytest

from ferryman.channel.streams.round_trip import RoundTrip
from ferryman.channel.streams.window import GAIN, MAX_WINDOW_BYTES, SCHEDULING, MeasuredWindow, Window


def flow(rate: float, round_trip: float, window: Window | None = None, seconds: float = 5.0) -> MeasuredWindow:
    """A window after `seconds` in which the path took `rate` bytes a second, or what the window let through."""
    estimate = RoundTrip()
    measured = MeasuredWindow(window or Window(), estimate)
    now = 0.0
    while now < seconds:
        now += 0.005
        estimate.sample(round_trip)
        measured.acknowledged(int(min(rate, measured.size / round_trip) * 0.005), now)
    return measured


@pytest.mark.parametrize(("rate", "round_trip"), [(50e6, 0.05), (400e6, 0.005), (20e6, 0.2)])
def test_it_grows_to_what_rate_and_round_trip_need(rate: float, round_trip: float) -> None:
    assert flow(rate, round_trip).size == pytest.approx(rate * (round_trip + SCHEDULING) * GAIN, rel=0.1)


def test_it_is_bounded() -> None:
    assert flow(1e9, 0.1).size == MAX_WINDOW_BYTES
    assert flow(1e3, 0.001, Window(5000)).size == 5000


def test_waiting_in_a_queue_does_not_make_it_larger() -> None:
    estimate = RoundTrip()
    measured = MeasuredWindow(Window(), estimate)
    for step in range(1, 1000):
        estimate.sample(0.05 if step == 1 else 0.8)
        measured.acknowledged(100_000, step * 0.005)
    assert measured.size == pytest.approx(20e6 * (0.05 + SCHEDULING) * GAIN, rel=0.1)


def test_it_shrinks_slowly_when_the_path_carries_less() -> None:
    estimate = RoundTrip()
    measured = MeasuredWindow(Window(), estimate)
    sizes = []
    for step in range(1, 4001):
        estimate.sample(0.05)
        measured.acknowledged(500_000 if step <= 1000 else 50_000, step * 0.005)
        sizes.append(measured.size)
    assert sizes[999] == pytest.approx(12e6, rel=0.1)
    assert sizes[1020] > 8e6
    assert sizes[-1] == pytest.approx(1.2e6, rel=0.1)
