"""The server's clock, which runs steadily and follows the machine's clock when that is set.

The machine's clock may jump by hours when it is set. How long a session has been idle or open must not jump with it. So
the clock follows in one step, and `core.sessions.sweep` moves the times of active sessions by as much.
"""

from typing import Protocol

from ferryman.core.ports.runtime import Clock
from ferryman.model.identifiers import Millis

LEAST_STEP = 2_000
"""Milliseconds; smaller differences are normal clock adjustment, and move nothing."""
SETTLED_AFTER = 600_000
"""Milliseconds after a step in which nothing is deleted for its age: the clock may be set back again."""


class ClockSteps(Protocol):
    """The steps by which the clock was set."""

    @property
    def total(self) -> int:
        """Total milliseconds by which it was set so far."""

    @property
    def settled(self) -> bool:
        """Whether it was not set for a while."""

    def step(self) -> int:
        """Follow the machine's clock. Returns by how many milliseconds it was set, until `moved` is called for them."""

    def moved(self, by: int) -> None:
        """Note that stored times were moved `by` this many milliseconds."""


class SteadyClock:
    """`wall` and `monotonic` are clocks in milliseconds: one since the epoch, one that is never set."""

    def __init__(self, wall: Clock, monotonic: Clock) -> None:
        self._wall = wall
        self._monotonic = monotonic
        self._offset = wall() - monotonic()
        self._stepped_at: Millis | None = None
        self._waiting = 0
        self.total = 0

    def __call__(self) -> Millis:
        """Return milliseconds since the epoch: the machine's clock at the last `step`, plus the time since."""
        return Millis(self._monotonic() + self._offset)

    def step(self) -> int:
        """See `ClockSteps`."""
        difference = self._wall() - self()
        self._offset += difference
        if abs(difference) >= LEAST_STEP:
            self._stepped_at = self._monotonic()
            self._waiting += difference
            self.total += difference
        return self._waiting

    def moved(self, by: int) -> None:
        """See `ClockSteps`."""
        self._waiting -= by

    @property
    def settled(self) -> bool:
        """Whether the clock was not set for a while."""
        return self._stepped_at is None or self._monotonic() - self._stepped_at >= SETTLED_AFTER


class UnsetClock:
    """Steps of a clock that is never set."""

    total = 0
    settled = True

    def step(self) -> int:
        """Return 0."""
        return 0

    def moved(self, by: int) -> None:
        """Do nothing."""
