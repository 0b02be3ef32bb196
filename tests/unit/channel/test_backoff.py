import os

import pytest

from ferryman.channel.backoff import Backoff


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
