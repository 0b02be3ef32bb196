"""The server's clock: it passes as time passes, and follows the machine's clock when that is set.

A machine's clock may jump by hours when it is set. How long a session has been idle or open must not jump with it, so a
jump is taken over in one step, for which `core.session_deadlines` moves the times of the sessions that are active.
"""

from typing import Protocol

from ferryman.core.ports.runtime import Clock
from ferryman.model.identifiers import Millis

LEAST_STEP = 2_000
"""Milliseconds; smaller differences are a clock that is being adjusted, and move nothing."""
SETTLED_AFTER = 600_000
"""Milliseconds after a step in which nothing is deleted because of its age: the clock may be set back again."""


class ClockSteps(Protocol):
    """By how much the clock was set."""

    @property
    def total(self) -> int:
        """Milliseconds by which it was set in all, so far."""

    @property
    def settled(self) -> bool:
        """Whether it was not set for a while."""

    def step(self) -> int:
        """Follow the machine's clock. Return by how many milliseconds it was set, until `moved` is called for them."""

    def moved(self, by: int) -> None:
        """What is stored was moved by so many milliseconds."""


class SteadyClock:
    """`wall` and `monotonic` are clocks in milliseconds: since the epoch, and since whenever but never set."""

    def __init__(self, wall: Clock, monotonic: Clock) -> None:
        self._wall = wall
        self._monotonic = monotonic
        self._offset = wall() - monotonic()
        self._stepped_at: Millis | None = None
        self._waiting = 0
        self.total = 0

    def __call__(self) -> Millis:
        """Return milliseconds since the epoch: the machine's clock as of the last `step`, and what passed since."""
        return Millis(self._monotonic() + self._offset)

    def step(self) -> int:
        """As `ClockSteps` has it."""
        difference = self._wall() - self()
        self._offset += difference
        if abs(difference) >= LEAST_STEP:
            self._stepped_at = self._monotonic()
            self._waiting += difference
            self.total += difference
        return self._waiting

    def moved(self, by: int) -> None:
        """As `ClockSteps` has it."""
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
