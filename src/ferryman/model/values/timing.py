"""How long something took, counted in buckets, for whoever shows it."""

from bisect import bisect_left
from dataclasses import dataclass, field

BOUNDS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0)
"""Upper bounds of the buckets in seconds; the last bucket, for longer ones, has none."""


@dataclass(slots=True)
class Timing:
    """How often something was done, and how long it took. Used by one thread."""

    counts: list[int] = field(default_factory=lambda: [0] * (len(BOUNDS) + 1))
    """Of each bucket."""
    seconds: float = 0.0
    """All together."""
    underway: int = 0
    """How many have begun and not ended."""

    def begin(self) -> None:
        """Note that one begins."""
        self.underway += 1

    def end(self, seconds: float) -> None:
        """Note that one ended, after `seconds`."""
        self.underway -= 1
        self.seconds += seconds
        self.counts[bisect_left(BOUNDS, seconds)] += 1
