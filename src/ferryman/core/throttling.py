"""Token buckets, one a caller and operation: who calls too often is told to wait, others do not notice."""

from collections import OrderedDict
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


@dataclass(slots=True)
class _Bucket:
    tokens: float
    filled_at: Millis


class Throttle:
    """Counts the calls of one server. `Limits.calls_burst` may come at once, `Limits.calls_per_second` go on."""

    def __init__(self, limits: Limits) -> None:
        self._rate = limits.calls_per_second
        self._burst = limits.calls_burst
        self._buckets: OrderedDict[tuple[str, str], _Bucket] = OrderedDict()
        self._paused: OrderedDict[str, Millis] = OrderedDict()

    def take(self, caller_id: str, operation: str, now: Millis) -> None:
        """Count a call of `operation`; raises ThrottlingException, which SDKs retry, if it is one too many."""
        if self._paused and now < self._paused.get(caller_id, now):
            raise ServiceError("ThrottlingException", "Rate exceeded: your last call was too much work")
        key = (caller_id, operation)
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
            raise ServiceError("ThrottlingException", "Rate exceeded")
        bucket.tokens -= 1

    def pause(self, caller_id: str, now: Millis, milliseconds: int = PAUSE) -> None:
        """Refuse every call of a caller for so long; others do not notice."""
        self._paused[caller_id] = Millis(now + milliseconds)
        self._paused.move_to_end(caller_id)
        if len(self._paused) > BUCKETS:
            self._paused.popitem(last=False)
