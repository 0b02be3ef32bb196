"""How long to wait before the next attempt: growing, capped, with jitter, so that peers do not all return together."""

from dataclasses import dataclass

from ferryman.channel.streams.outgoing import Entropy


@dataclass(frozen=True, slots=True)
class Backoff:
    """Waits in seconds: `initial` before the first retry, times `ratio` each further one, at most `cap`.

    `jitter` is the part of each wait, 0 to 1, that is random: with 0.5 a wait is between half and all of its length.
    """

    initial: float = 0.1
    ratio: float = 2.0
    cap: float = 5.0
    jitter: float = 0.5

    def delay(self, attempt: int, entropy: Entropy) -> float:
        """Return the wait before retry number `attempt`, counted from 0; `entropy(n)` returns n random bytes."""
        ceiling = self.cap
        if self.initial < self.cap and attempt < _EXPONENT_LIMIT:
            ceiling = min(self.cap, self.initial * self.ratio**attempt)
        fraction = int.from_bytes(entropy(4), "big") / (1 << 32)
        return ceiling * (1 - self.jitter * fraction)


_EXPONENT_LIMIT = 64
"""From here on the wait is the cap; a larger power could overflow a float."""


BRIEF_SECONDS = 1.0
BRIEF_ATTEMPTS = 4
"""The limit while connections are made but lost immediately: then the path is bad, not the server."""


class Attempts:
    """Counts the attempts to have a connection, and says how long to wait before the next.

    Every attempt that fails makes the next wait longer. A connection that comes about and is lost within BRIEF_SECONDS
    does so as well, but the wait is then at most that of BRIEF_ATTEMPTS; one that held longer makes the next wait as
    short as the first. So on a path that is cut every second, the connection is restored every second.
    """

    def __init__(self, backoff: Backoff, entropy: Entropy) -> None:
        self._backoff = backoff
        self._entropy = entropy
        self.made = 0

    def failed(self) -> None:
        """Note that connecting failed."""
        self.made += 1

    def lost(self, held: float) -> bool:
        """Note that a connection was lost after `held` seconds; return whether it was more than a brief one."""
        brief = held < BRIEF_SECONDS
        self.made = min(self.made + 1, BRIEF_ATTEMPTS) if brief else 0
        return not brief

    def wait(self) -> float:
        """Return how many seconds to wait before the next attempt."""
        return self._backoff.delay(max(0, self.made - 1), self._entropy)
