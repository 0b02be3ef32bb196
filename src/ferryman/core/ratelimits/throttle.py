"""Limits on API calls, per caller and operation: a caller that exceeds its own is throttled, others do not notice."""

from collections import OrderedDict

from ferryman.core.ratelimits.token_bucket import REMEMBERED, TokenBuckets
from ferryman.model.errors import ServiceError
from ferryman.model.identifiers import Millis

PAUSE = 200
"""Milliseconds without calls after one whose policies were too much work: 20 times what that took."""

LARGE_BODY = 64 * 1024
"""Bytes of a request body, from which on reading it costs milliseconds."""
REFUSED_PAUSE = 2000
"""Milliseconds without calls after a large one that was refused: 100 times what reading it took."""

NODE_BURST, NODE_RATE = 512, 32.0
"""Calls of a node, of all operations: at once, then per second. An agent makes two for each session."""

DENIALS_BURST, DENIALS_RATE = 200, 20.0
"""Denied or invalid calls of one caller, of all operations: at once, then per second."""
DENIED_PAUSE = 1000
"""Milliseconds without calls after more than that."""


class Throttle:
    """Counts the calls of one server: of each caller and operation `burst` at once, then `rate` a second."""

    def __init__(self, burst: float, rate: float) -> None:
        self._buckets = TokenBuckets[tuple[str, str]](burst, rate)
        self._node_buckets = TokenBuckets[str](min(NODE_BURST, burst), min(NODE_RATE, rate))
        self._denials = TokenBuckets[str](DENIALS_BURST, DENIALS_RATE)
        self._paused: OrderedDict[str, Millis] = OrderedDict()

    def acquire(self, caller_id: str, operation: str, now: Millis, *, node: bool = False) -> None:
        """Count a call of `operation`; raises ThrottlingException, which SDKs retry, if it is one too many."""
        if self._paused and now < self._paused.get(caller_id, now):
            raise ServiceError(
                "ThrottlingException", "Rate exceeded: your last call was too much work, or too many were refused"
            )
        by_operation = (caller_id, operation)
        if not (self._node_buckets.acquire(caller_id, now) if node else self._buckets.acquire(by_operation, now)):
            raise ServiceError("ThrottlingException", "Rate exceeded")

    def denied(self, caller_id: str, now: Millis) -> None:
        """Count a call that policies denied or that was not valid; after too many, the caller is paused."""
        if not self._denials.acquire(caller_id, now):
            self.pause(caller_id, now, DENIED_PAUSE)

    def pause(self, caller_id: str, now: Millis, milliseconds: int = PAUSE) -> None:
        """Refuse every call of a caller for so long; others are not affected."""
        self._paused[caller_id] = Millis(now + milliseconds)
        self._paused.move_to_end(caller_id)
        if len(self._paused) > REMEMBERED:
            self._paused.popitem(last=False)
