"""Token buckets: how often something may happen immediately (the burst), and then per second (the rate)."""

from collections import OrderedDict
from collections.abc import Hashable
from dataclasses import dataclass
from typing import Generic, TypeVar

from ferryman.model.identifiers import Millis

REMEMBERED = 10_000
"""Buckets; the one that was used longest ago is forgotten first, and starts full again."""

Key = TypeVar("Key", bound=Hashable)


@dataclass(slots=True)
class _Bucket:
    tokens: float
    filled_at: Millis

    def refill(self, burst: float, rate: float, now: Millis) -> float:
        self.tokens = min(burst, self.tokens + max(0, now - self.filled_at) / 1000 * rate)
        self.filled_at = now
        return self.tokens


class RecentBuckets(Generic[Key]):
    """The buckets of the keys used most recently, each call saying how large and how fast its key's bucket is.

    `now` is milliseconds of any one clock.
    """

    def __init__(self) -> None:
        self._buckets: OrderedDict[Key, _Bucket] = OrderedDict()

    def __len__(self) -> int:
        return len(self._buckets)

    def acquire(self, key: Key, burst: float, rate: float, now: Millis) -> bool:
        """Take a token; False if there is none."""
        bucket = self._buckets.get(key)
        if bucket is None:
            bucket = self._buckets[key] = _Bucket(burst, now)
            if len(self._buckets) > REMEMBERED:
                self._buckets.popitem(last=False)
        self._buckets.move_to_end(key)
        if bucket.refill(burst, rate, now) < 1:
            return False
        bucket.tokens -= 1
        return True

    def is_empty(self, key: Key, burst: float, rate: float, now: Millis) -> bool:
        """Return whether there is no token to take; takes none."""
        bucket = self._buckets.get(key)
        return bucket is not None and bucket.refill(burst, rate, now) < 1

    def release(self, key: Key, burst: float) -> None:
        """Put back a token that was taken."""
        bucket = self._buckets.get(key)
        if bucket is not None:
            bucket.tokens = min(burst, bucket.tokens + 1)


class TokenBuckets(Generic[Key]):
    """Buckets that are all alike: `burst` tokens can be taken at once, then `rate` a second."""

    def __init__(self, burst: float, rate: float) -> None:
        self._burst = burst
        self._rate = rate
        self._buckets = RecentBuckets[Key]()

    def __len__(self) -> int:
        return len(self._buckets)

    def acquire(self, key: Key, now: Millis) -> bool:
        """Take a token; False if there is none."""
        return self._buckets.acquire(key, self._burst, self._rate, now)

    def is_empty(self, key: Key, now: Millis) -> bool:
        """Return whether there is no token to take; takes none."""
        return self._buckets.is_empty(key, self._burst, self._rate, now)

    def release(self, key: Key) -> None:
        """Put back a token that was taken."""
        self._buckets.release(key, self._burst)
