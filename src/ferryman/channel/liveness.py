"""Whether the far end still answers. Silence alone proves nothing: it may have nothing to say.

So after a while of silence it is asked, by a message that it has had and acknowledged: Ferryman's agent
acknowledges a duplicate again, whether or not the program takes input, and nobody counts it as use of the session.
"""

import math

ASK_AFTER = 10.0
"""Seconds without a frame of the far end."""
ASK_EVERY = 5.0
QUESTIONS = 3
"""After this many, each unanswered for ASK_EVERY, the far end counts as silent: 25 s after its last frame."""
LATE = 1.0
"""A timer that is this late says that our own process was stopped, and that nothing was read meanwhile."""


class Liveness:
    """Follows one connection; `silent` from when the far end does not answer until it does, over connections."""

    def __init__(self) -> None:
        self._due = math.inf
        self._questions = 0
        self.silent = False

    @property
    def next_timer(self) -> float:
        """When `is_due` may be true, infinity for never."""
        return self._due

    def start(self, now: float) -> None:
        """Follow a connection from now on; idempotent."""
        if self._due == math.inf:
            self._due = now + ASK_AFTER

    def stop(self) -> None:
        """Stop asking: the connection is gone."""
        self._due = math.inf
        self._questions = 0

    def heard(self, now: float) -> bool:
        """Note a frame from the far end; return whether it had counted as silent."""
        was_silent, self.silent = self.silent, False
        self._questions = 0
        if self._due != math.inf:
            self._due = now + ASK_AFTER
        return was_silent

    def is_due(self, now: float) -> bool:
        """Return whether to ask now; `silent` may have become true."""
        if now < self._due:
            return False
        if now - self._due > LATE:
            self._questions = 0
        self.silent = self.silent or self._questions >= QUESTIONS
        self._questions += 1
        self._due = now + ASK_EVERY
        return True
