"""How much of one peer is read before other peers get their turn.

The event loop serves all sessions. What is read from a busy peer at once is relayed faster, but a key that somebody
types into another session waits for it, twice: on its way to the node, and back.
"""

import time

FRAMES = 64
"""Frames of any size in one turn, so that a flood of small ones delays nobody else's keystroke."""
SHORT_BYTES = 64 * 1024
"""Bytes in one turn while somebody types. This halves a keystroke's delay next to a saturated session, whose relay then
costs a tenth more CPU."""
TYPING_SECONDS = 5.0
"""How long turns stay short after a keystroke."""


class ReadTurns:
    """Notes when somebody last typed, on a terminal of any session of this server."""

    __slots__ = ("_short_until", "_time")

    def __init__(self) -> None:
        self._time = time.monotonic
        self._short_until = 0.0

    def typed(self) -> None:
        """Note that somebody types."""
        self._short_until = self._time() + TYPING_SECONDS

    def is_over(self, frames: int, size: int) -> bool:
        """Whether others get a turn, after this many frames of `size` bytes in total were read from one peer."""
        return frames >= FRAMES or (size >= SHORT_BYTES and self._time() < self._short_until)
