import os

import pytest

from ferryman.channel.backoff import Attempts, Backoff


def least(size: int) -> bytes:
    return bytes(size)


def most(size: int) -> bytes:
    return b"\xff" * size


def test_waits_grow_to_the_cap() -> None:
    waits = [Backoff(0.1, 2.0, 5.0).delay(attempt, least) for attempt in range(8)]
    assert waits == pytest.approx([0.1, 0.2, 0.4, 0.8, 1.6, 3.2, 5.0, 5.0])


def test_jitter_only_shortens() -> None:
    backoff = Backoff(1.0, 2.0, 60.0, jitter=0.5)
    assert backoff.delay(3, most) == pytest.approx(4.0, rel=1e-6)
    assert all(4.0 <= backoff.delay(3, os.urandom) <= 8.0 for _ in range(100))


def test_no_attempt_is_too_many() -> None:
    assert Backoff(0.1, 2.0, 5.0).delay(10**9, least) == 5.0
    assert Backoff(9.0, 2.0, 5.0).delay(0, least) == 5.0


def waits_after(*held: float | None) -> list[float]:
    """The waits after connections that held so long, None for attempts that failed."""
    attempts = Attempts(Backoff(1.0, 2.0, 60.0), least)
    waits = []
    for seconds in held:
        if seconds is None:
            attempts.failed()
        else:
            attempts.lost(seconds)
        waits.append(attempts.wait())
    return waits


def test_failures_make_the_waits_longer() -> None:
    assert waits_after(*[None] * 8) == [1.0, 2.0, 4.0, 8.0, 16.0, 32.0, 60.0, 60.0]


def test_brief_connections_make_the_waits_longer_within_limits() -> None:
    assert waits_after(*[0.0, 0.99] * 3) == [1.0, 2.0, 4.0, 8.0, 8.0, 8.0]
    assert waits_after(*[None] * 8, 0.0)[-1] == 8.0


def test_a_path_that_is_cut_every_second_is_restored_every_time() -> None:
    assert waits_after(*[1.0, 1.5] * 10) == [1.0] * 20
    assert waits_after(*[None] * 8, 1.0, None) == [1.0, 2.0, 4.0, 8.0, 16.0, 32.0, 60.0, 60.0, 1.0, 1.0]


def test_a_connection_tells_whether_it_was_brief() -> None:
    attempts = Attempts(Backoff(), least)
    assert [attempts.lost(seconds) for seconds in (0.0, 0.99, 1.0, 100.0)] == [False, False, True, True]
