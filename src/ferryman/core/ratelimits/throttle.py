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

NEEDS_NO_PERMISSION = frozenset({"GetCallerIdentity"})
PERMITTED_BURST, PERMITTED_RATE = 200, 20.0
"""The burst and the rate per second of these calls, which anybody with a key may make."""

CHANNELS = frozenset({"OpenControlChannel", "OpenDataChannel"})
CHANNELS_RATE = 64.0
"""Upgrades a second that one person signs, after the burst. A session's token opens its channel, not the signature, so
anybody with a key can make them."""

DENIALS_BURST, DENIALS_RATE = 200, 20.0
"""Denied or invalid calls of one caller, of all operations: at once, then per second."""
DENIED_PAUSE = 1000
"""Milliseconds without calls after more than that."""


REFUSALS_A_SECOND = 16
"""Refusals of one caller; each has the cost of authentication."""
LONGEST_REFUSAL = 8.0
"""Seconds that a refusal may wait for the ones before it. AWS's agent gives up after 15."""


class Throttle:
    """Counts the calls of one server: of each caller and operation `burst` at once, then `rate` a second."""

    def __init__(self, burst: float, rate: float) -> None:
        self._buckets = TokenBuckets[tuple[str, str]](burst, rate)
        self._node_buckets = TokenBuckets[str](min(NODE_BURST, burst), min(NODE_RATE, rate))
        self._permitted_buckets = TokenBuckets[str](min(PERMITTED_BURST, burst), min(PERMITTED_RATE, rate))
        self._channel_buckets = TokenBuckets[str](burst, min(CHANNELS_RATE, rate))
        self._denials = TokenBuckets[str](DENIALS_BURST, DENIALS_RATE)
        self._paused: OrderedDict[str, Millis] = OrderedDict()
        self._refusals: OrderedDict[str, float] = OrderedDict()

    def acquire(self, caller_id: str, operation: str, now: Millis, *, node: bool = False) -> None:
        """Count a call of `operation`; raises ThrottlingException, which SDKs retry, if it is one too many."""
        if self._paused and now < self._paused.get(caller_id, now):
            raise ServiceError(
                "ThrottlingException", "Rate exceeded: your last call was too much work, or too many were refused"
            )
        if node:
            acquired = self._node_buckets.acquire(caller_id, now)
        elif operation in NEEDS_NO_PERMISSION:
            acquired = self._permitted_buckets.acquire(caller_id, now)
        elif operation in CHANNELS:
            acquired = self._channel_buckets.acquire(caller_id, now)
        else:
            acquired = self._buckets.acquire((caller_id, operation), now)
        if not acquired:
            raise ServiceError("ThrottlingException", "Rate exceeded")

    def refusal_delay(self, caller_id: str, now: float) -> float:
        """Return how many seconds a refusal waits, so that a caller does not get too many; `now` is monotonic seconds.

        Otherwise a caller with many connections could have every one of them refused all the time.
        """
        due = min(max(now, self._refusals.get(caller_id, now)), now + LONGEST_REFUSAL)
        self._refusals[caller_id] = due + 1 / REFUSALS_A_SECOND
        self._refusals.move_to_end(caller_id)
        if len(self._refusals) > REMEMBERED:
            self._refusals.popitem(last=False)
        return due - now

    def denied(self, caller_id: str, now: Millis) -> None:
        """Count a call that policies denied or that was not valid; after too many, the caller is paused."""
        if not self._denials.acquire(caller_id, now):
            self.pause(caller_id, now, DENIED_PAUSE)

    def pause(self, caller_id: str, now: Millis, milliseconds: int = PAUSE) -> None:
        """Refuse every call of a caller for `milliseconds`; others are not affected."""
        self._paused[caller_id] = Millis(now + milliseconds)
        self._paused.move_to_end(caller_id)
        if len(self._paused) > REMEMBERED:
            self._paused.popitem(last=False)
