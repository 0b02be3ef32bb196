import pytest

from ferryman.channel.streams.round_trip import MAX_TIMEOUT, RoundTrip


def test_it_starts_as_awss_ends_do() -> None:
    estimate = RoundTrip()
    assert (estimate.round_trip, estimate.variation, estimate.timeout) == (0.1, 0.0, 0.2)


def test_the_constants_of_the_reference() -> None:
    """client.md §7.1: var = 3/4 var + 1/4 |rtt - sample|, then rtt = 7/8 rtt + 1/8 sample."""
    estimate = RoundTrip()
    estimate.sample(0.3)
    assert estimate.variation == pytest.approx(0.05)
    assert estimate.round_trip == pytest.approx(0.125)
    assert estimate.timeout == pytest.approx(0.125 + 4 * 0.05)
    estimate.sample(0.1)
    assert estimate.variation == pytest.approx(0.75 * 0.05 + 0.25 * 0.025)
    assert estimate.round_trip == pytest.approx(0.125 * 7 / 8 + 0.1 / 8)


def test_a_steady_path_keeps_the_granularity_above_its_round_trip() -> None:
    estimate = RoundTrip()
    for _ in range(500):
        estimate.sample(0.02)
    assert estimate.timeout == pytest.approx(0.03, abs=1e-6)


def test_the_timeout_is_at_most_a_second() -> None:
    estimate = RoundTrip()
    estimate.sample(60.0)
    assert estimate.timeout == MAX_TIMEOUT
