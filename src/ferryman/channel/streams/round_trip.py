"""The estimate of a stream's round-trip time, with the constants that both of AWS's ends use (client.md §7.1, §13)."""

import math

INITIAL_ROUND_TRIP = 0.1
INITIAL_TIMEOUT = 0.2
GRANULARITY = 0.01
MAX_TIMEOUT = 1.0
_ROUND_TRIP_GAIN = 1 / 8
_VARIATION_GAIN = 1 / 4
_RECENT_GAIN = 1 / 4


class RoundTrip:
    """Estimates in seconds: `round_trip`, its `variation`, and the retransmission `timeout` that follows from them.

    `shortest` is the shortest sample, infinite before the first: the way without waiting in anybody's queue. `recent`
    follows the samples faster than `round_trip` and has no other initial value than the first; None before it.
    """

    __slots__ = ("recent", "round_trip", "shortest", "timeout", "variation")

    def __init__(self) -> None:
        self.round_trip = INITIAL_ROUND_TRIP
        self.variation = 0.0
        self.timeout = INITIAL_TIMEOUT
        self.shortest = math.inf
        self.recent: float | None = None

    def sample(self, seconds: float) -> None:
        """Add a measurement: a message was acknowledged `seconds` after it was first sent."""
        self.shortest = min(self.shortest, seconds)
        self.recent = seconds if self.recent is None else self.recent + _RECENT_GAIN * (seconds - self.recent)
        self.variation += _VARIATION_GAIN * (abs(self.round_trip - seconds) - self.variation)
        self.round_trip += _ROUND_TRIP_GAIN * (seconds - self.round_trip)
        self.timeout = min(MAX_TIMEOUT, self.round_trip + max(GRANULARITY, 4 * self.variation))
