"""Token buckets, one a caller and operation: who calls too often is told to wait, others do not notice."""

from collections import OrderedDict
from collections.abc import Hashable
from dataclasses import dataclass

from ferryman.core.service import Limits
from ferryman.model.errors import ServiceError
from ferryman.model.identifiers import Millis

BUCKETS = 10_000
"""How many are remembered; the one that was used longest ago goes first, and starts full again."""

PAUSE = 200
"""Milliseconds without a call after one whose policies were too much work: 20 times what that took."""

LARGE_BODY = 64 * 1024
"""Bytes of a request's body from which on reading it costs milliseconds."""
REFUSED_PAUSE = 2000
"""Milliseconds without a call after a large one that was refused: 100 times what reading it took."""

NODE_BURST, NODE_RATE = 512, 32.0
"""Calls that a node may make at once, and then a second, of all operations; an agent makes two for each session."""

DENIALS_BURST, DENIALS_RATE = 200, 20.0
"""Calls of one caller, of whatever operation, that policies may deny at once, and then a second."""
DENIED_PAUSE = 1000
"""Milliseconds without a call after more than that."""


@dataclass(slots=True)
class _Bucket:
    tokens: float
    filled_at: Millis


class TokenBuckets:
    """One bucket of tokens a key: `burst` may be taken at once, then `rate` a second."""

    def __init__(self, burst: float, rate: float) -> None:
        self._burst = burst
        self._rate = rate
        self._buckets: OrderedDict[Hashable, _Bucket] = OrderedDict()

    def __len__(self) -> int:
        return len(self._buckets)

    def take(self, key: Hashable, now: Millis) -> bool:
        """Take a token; False if there is none. `now` is milliseconds of any clock, always the same."""
        bucket = self._buckets.get(key)
        if bucket is None:
            bucket = self._buckets[key] = _Bucket(self._burst, now)
            if len(self._buckets) > BUCKETS:
                self._buckets.popitem(last=False)
        self._buckets.move_to_end(key)
        refill = max(0, now - bucket.filled_at) / 1000 * self._rate
        bucket.tokens = min(self._burst, bucket.tokens + refill)
        bucket.filled_at = now
        if bucket.tokens < 1:
            return False
        bucket.tokens -= 1
        return True

    def give_back(self, key: Hashable) -> None:
        """Put back a token that was taken."""
        bucket = self._buckets.get(key)
        if bucket is not None:
            bucket.tokens = min(self._burst, bucket.tokens + 1)


class Throttle:
    """Counts the calls of one server. `Limits.calls_burst` may come at once, `Limits.calls_per_second` go on."""

    def __init__(self, limits: Limits) -> None:
        self._buckets = TokenBuckets(limits.calls_burst, limits.calls_per_second)
        self._node_buckets = TokenBuckets(min(NODE_BURST, limits.calls_burst), min(NODE_RATE, limits.calls_per_second))
        self._denials = TokenBuckets(DENIALS_BURST, DENIALS_RATE)
        self._paused: OrderedDict[str, Millis] = OrderedDict()

    def take(self, caller_id: str, operation: str, now: Millis, *, node: bool = False) -> None:
        """Count a call of `operation`; raises ThrottlingException, which SDKs retry, if it is one too many."""
        if self._paused and now < self._paused.get(caller_id, now):
            raise ServiceError(
                "ThrottlingException", "Rate exceeded: your last call was too much work, or too many were denied"
            )
        if not (self._node_buckets.take(caller_id, now) if node else self._buckets.take((caller_id, operation), now)):
            raise ServiceError("ThrottlingException", "Rate exceeded")

    def denied(self, caller_id: str, now: Millis) -> None:
        """Count a call that policies denied; after too many the caller waits."""
        if not self._denials.take(caller_id, now):
            self.pause(caller_id, now, DENIED_PAUSE)

    def pause(self, caller_id: str, now: Millis, milliseconds: int = PAUSE) -> None:
        """Refuse every call of a caller for so long; others do not notice."""
        self._paused[caller_id] = Millis(now + milliseconds)
        self._paused.move_to_end(caller_id)
        if len(self._paused) > BUCKETS:
            self._paused.popitem(last=False)
