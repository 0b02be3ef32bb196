"""How long to wait before the next attempt: growing, capped, with jitter, so that many peers do not return at once."""

from dataclasses import dataclass

from ferryman.channel.outgoing import Entropy


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
