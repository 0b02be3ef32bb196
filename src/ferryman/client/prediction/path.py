"""Says whether a path is slow enough to show guesses."""

SLOW_SECONDS = 0.040
"""From this round trip on, typing feels slow."""
FAST_SECONDS = 0.030
"""Below this, it does not."""


class PathSpeed:
    """Remembers whether the path is slow; between the two bounds it stays what it was, so that guesses do not flicker.

    Without a measurement a path counts as fast.
    """

    def __init__(self) -> None:
        self.is_slow = False

    def measured(self, round_trip: float | None) -> None:
        """Note the round trip in seconds, smoothed; None before the first measurement."""
        if round_trip is not None:
            self.is_slow = round_trip >= (FAST_SECONDS if self.is_slow else SLOW_SECONDS)
