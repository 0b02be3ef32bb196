"""Far ends that do not answer, and those that have nothing to say."""

from ferryman.channel.liveness import ASK_AFTER, ASK_EVERY, QUESTIONS, Liveness


def asked_until(liveness: Liveness, now: float, end: float) -> list[float]:
    """When it asks from `now` on, if its timer is never late."""
    asked = []
    while (now := max(now, liveness.next_timer)) <= end:
        assert liveness.is_due(now)
        asked.append(now)
    return asked


def test_a_peer_that_does_not_answer_is_asked_and_then_counts_as_silent() -> None:
    liveness = Liveness()
    liveness.start(0.0)
    assert asked_until(liveness, 0.0, 24.9) == [10.0, 15.0, 20.0]
    assert not liveness.silent
    asked_until(liveness, 24.9, 25.0)
    assert liveness.silent
    assert len(asked_until(liveness, 25.0, 1000.0)) == 195  # asked on, so that its answer is noticed
    assert liveness.heard(1000.0)
    assert not liveness.silent
    assert not liveness.heard(1001.0)


def test_a_peer_that_answers_never_counts_as_silent() -> None:
    liveness = Liveness()
    liveness.start(0.0)
    for _ in range(100):
        now = liveness.next_timer
        assert liveness.is_due(now)
        assert not liveness.silent
        liveness.heard(now + ASK_EVERY - 0.1)


def test_a_process_that_was_stopped_itself_asks_again_first() -> None:
    liveness = Liveness()
    liveness.start(0.0)
    asked_until(liveness, 0.0, ASK_AFTER + (QUESTIONS - 1) * ASK_EVERY)
    assert liveness.is_due(5000.0)
    assert not liveness.silent


def test_without_a_connection_nobody_is_asked() -> None:
    liveness = Liveness()
    liveness.start(0.0)
    liveness.stop()
    assert not liveness.is_due(1e9)
    liveness.start(2e9)
    assert liveness.next_timer == 2e9 + ASK_AFTER
