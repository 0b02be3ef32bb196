from ferryman.core.ratelimits.token_bucket import RecentBuckets, TokenBuckets
from ferryman.model.identifiers import Millis


def test_looking_at_a_bucket_uses_no_token_and_creates_no_bucket() -> None:
    buckets = TokenBuckets[str](1, 1)
    assert not buckets.is_empty("a", Millis(0))
    assert len(buckets) == 0
    assert buckets.acquire("a", Millis(0))
    assert buckets.is_empty("a", Millis(999))
    assert not buckets.is_empty("a", Millis(1000))
    assert buckets.acquire("a", Millis(1000))


def test_a_released_token_can_be_taken_again_and_never_exceeds_the_burst() -> None:
    buckets = TokenBuckets[str](1, 0)
    assert buckets.acquire("a", Millis(0))
    buckets.release("a")
    buckets.release("a")
    buckets.release("unknown")
    assert [buckets.acquire("a", Millis(0)) for _ in range(2)] == [True, False]


def test_each_key_has_the_burst_and_rate_it_is_asked_with() -> None:
    buckets = RecentBuckets[str]()
    assert [buckets.acquire("a", 2, 0, Millis(0)) for _ in range(3)] == [True, True, False]
    assert [buckets.acquire("b", 1, 1, Millis(at)) for at in (0, 0, 1000)] == [True, False, True]
