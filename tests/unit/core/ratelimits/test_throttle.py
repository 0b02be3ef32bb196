from contextlib import suppress

import pytest

from ferryman.core.ratelimits.throttle import (
    CHANNELS_RATE,
    DENIALS_BURST,
    DENIED_PAUSE,
    LONGEST_REFUSAL,
    NODE_BURST,
    NODE_RATE,
    PAUSE,
    PERMITTED_BURST,
    REFUSALS_A_SECOND,
    Throttle,
)
from ferryman.core.ratelimits.token_bucket import REMEMBERED
from ferryman.model.errors import ServiceError
from ferryman.model.identifiers import Millis

BURST, RATE = 3, 10


def take(throttle: Throttle, milliseconds: int, caller_id: str = "AIDA1", operation: str = "StartSession") -> bool:
    try:
        throttle.acquire(caller_id, operation, Millis(milliseconds))
    except ServiceError:
        return False
    return True


def test_a_burst_passes_and_the_next_call_waits_for_its_token() -> None:
    throttle = Throttle(BURST, RATE)
    assert [take(throttle, 0) for _ in range(4)] == [True, True, True, False]
    assert [take(throttle, 99), take(throttle, 199), take(throttle, 199)] == [False, True, False]


def test_rest_fills_the_bucket_to_its_burst_only() -> None:
    throttle = Throttle(BURST, RATE)
    take(throttle, 0)
    assert [take(throttle, 3_600_000) for _ in range(4)] == [True, True, True, False]


@pytest.mark.parametrize("other", [{"caller_id": "AIDA2"}, {"operation": "DescribeSessions"}])
def test_others_do_not_notice(other: dict[str, str]) -> None:
    throttle = Throttle(BURST, RATE)
    assert [take(throttle, 0) for _ in range(4)][-1] is False
    assert take(throttle, 0, **other)


def test_a_clock_that_goes_back_adds_no_tokens() -> None:
    throttle = Throttle(BURST, RATE)
    assert [take(throttle, 5000) for _ in range(4)] == [True, True, True, False]
    assert [take(throttle, 0), take(throttle, 99)] == [False, False]


def test_memory_is_bounded_and_the_busy_are_kept() -> None:
    throttle = Throttle(BURST, RATE)
    for _ in range(4):
        take(throttle, 0, "busy")
    for number in range(REMEMBERED - 1):
        take(throttle, 0, f"other-{number}")
    assert not take(throttle, 0, "busy")
    take(throttle, 0, "one more")
    assert not take(throttle, 0, "busy")
    assert len(throttle._buckets) == REMEMBERED


def test_a_paused_caller_waits_with_every_operation_and_others_do_not() -> None:
    throttle = Throttle(1000, 1000)
    throttle.acquire("eve", "A", Millis(0))
    throttle.pause("eve", Millis(0))
    for operation in "AB":
        with pytest.raises(ServiceError) as refused:
            throttle.acquire("eve", operation, Millis(PAUSE - 1))
        assert refused.value.code == "ThrottlingException"
        throttle.acquire("alice", operation, Millis(1))
    throttle.acquire("eve", "A", Millis(PAUSE))


def test_the_memory_of_paused_callers_is_bounded() -> None:
    throttle = Throttle(1000, 500)
    for place in range(REMEMBERED + 1):
        throttle.pause(str(place), Millis(0))
    throttle.acquire("0", "A", Millis(0))
    with pytest.raises(ServiceError):
        throttle.acquire("1", "A", Millis(0))


def test_a_node_may_call_less_often() -> None:
    throttle = Throttle(1000, 500)

    def taken(milliseconds: int) -> int:
        """How many of 1,000 calls pass."""
        passed = 0
        for _ in range(1000):
            with suppress(ServiceError):
                throttle.acquire("mi-0123456789abcdef0", "UpdateInstanceInformation", Millis(milliseconds), node=True)
                passed += 1
        return passed

    assert [taken(0), taken(1000)] == [NODE_BURST, NODE_RATE]


def test_a_caller_denied_too_often_waits_a_second_for_every_call() -> None:
    throttle = Throttle(1000, 1000)
    for _ in range(DENIALS_BURST):
        throttle.denied("AIDA1", Millis(0))
    assert take(throttle, 0)
    throttle.denied("AIDA1", Millis(0))
    assert not take(throttle, DENIED_PAUSE - 1)
    assert take(throttle, 0, "AIDA2")
    assert take(throttle, DENIED_PAUSE)


def test_refusals_of_one_caller_are_paced_and_wait_no_longer_than_allowed() -> None:
    throttle = Throttle(BURST, RATE)
    delays = [throttle.refusal_delay("AIDA1", 100.0) for _ in range(1000)]
    assert delays[:3] == [0, pytest.approx(1 / REFUSALS_A_SECOND), pytest.approx(2 / REFUSALS_A_SECOND)]
    assert max(delays) == LONGEST_REFUSAL
    assert throttle.refusal_delay("AIDA2", 100.0) == 0
    assert throttle.refusal_delay("AIDA1", 100.0 + LONGEST_REFUSAL + 1) == 0


def test_calls_that_need_no_permission_have_a_smaller_limit() -> None:
    throttle = Throttle(1000, 500)
    answers = [take(throttle, 0, operation="GetCallerIdentity") for _ in range(PERMITTED_BURST + 1)]
    assert answers == [True] * PERMITTED_BURST + [False]
    assert take(throttle, 0)
    assert take(throttle, 0, "AIDA2", "GetCallerIdentity")


def test_channels_that_a_person_opens_are_limited_together() -> None:
    throttle = Throttle(100, 500)
    answers = [take(throttle, 0, operation=f"Open{kind}Channel") for kind in ("Data", "Control") for _ in range(60)]
    assert answers == [True] * 100 + [False] * 20
    soon = [take(throttle, 500, operation="OpenDataChannel") for _ in range(100)]
    assert sum(soon) == CHANNELS_RATE / 2
    assert take(throttle, 500)
