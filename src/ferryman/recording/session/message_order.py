"""Puts the numbered messages of one direction of a session in order, each exactly once.

The ends of a session resend, duplicate and reorder messages (`docs/reference/protocol/client.md` §7). A recording needs
each one once, in the order of its number.
"""

from collections.abc import Sequence
from heapq import heappop, heappush

HELD_BYTES = 1024 * 1024
"""Bytes of messages that are held behind a gap; more than AWS's client may send ahead."""
HELD_MESSAGES = 10_000
MOST_GAPS = 64
"""How many gaps that were given up are remembered separately."""


class MessageOrder:
    """The messages of one direction. `expected` is the number of the next one.

    A gap that will never be filled must be given up with `skip_gap`; that happens when a server died before it wrote
    what it had relayed. A message of such a gap that comes after all is let through late: whoever leaves a gap on
    purpose must not be able to send past the recording. `skipped` are the gaps that an earlier process gave up.
    """

    __slots__ = ("_held", "_held_bytes", "_numbers", "_skipped", "expected")

    def __init__(self, expected: int = 0, skipped: Sequence[tuple[int, int]] = ()) -> None:
        self.expected = expected
        self._skipped = list(skipped)
        self._held: dict[int, bytes] = {}
        self._numbers: list[int] = []
        """The numbers of the messages that are held, as a heap: many gaps must not make each message a search."""
        self._held_bytes = 0

    @property
    def has_gap(self) -> bool:
        """Whether messages are held because an earlier one is missing."""
        return bool(self._held)

    @property
    def skipped(self) -> tuple[tuple[int, int], ...]:
        """The gaps that were given up and not filled since: the first number of each, and the one behind its last."""
        return tuple(self._skipped)

    @property
    def is_full(self) -> bool:
        """Whether so much is held that the gap should be given up."""
        return self._held_bytes > HELD_BYTES or len(self._held) > HELD_MESSAGES

    def passes(self, number: int) -> bool:
        """Count a message if it is the next one and none is held; otherwise do nothing, and return False."""
        if number != self.expected or self._held:
            return False
        self.expected += 1
        return True

    def add(self, number: int, message: bytes) -> list[bytes]:
        """Return the messages that are next in order, or a late one; none if it is a duplicate, or behind a gap."""
        if number == self.expected:
            self.expected += 1
            return [message, *self._released()] if self._held else [message]
        if number > self.expected and number not in self._held:
            self._held[number] = message
            heappush(self._numbers, number)
            self._held_bytes += len(message)
        elif number < self.expected and self._skipped and self._fills_skipped(number):
            return [message]
        return []

    def skip_gap(self) -> tuple[int, list[bytes]]:
        """Give up the messages that are missing; return how many, and those that are next in order now."""
        if not self._held:
            return 0, []
        first = self._numbers[0]
        missing = first - self.expected
        self._skip_to(first)
        return missing, self._released()

    def continue_at(self, number: int) -> None:
        """Give up the messages before `number`, but none that is held."""
        self._skip_to(min(number, self._numbers[0]) if self._numbers else number)

    def restart(self) -> None:
        """Expect number 0 next: the sender starts counting again. Drop what is held from the former count."""
        self.expected = 0
        self._skipped.clear()
        self._held.clear()
        self._numbers.clear()
        self._held_bytes = 0

    def _skip_to(self, number: int) -> None:
        if number > self.expected:
            self._skipped.append((self.expected, number))
            self._forget_gaps()
            self.expected = number

    def _fills_skipped(self, number: int) -> bool:
        for index, (first, end) in enumerate(self._skipped):
            if first <= number < end:
                parts = [(first, number), (number + 1, end)]
                self._skipped[index : index + 1] = [part for part in parts if part[0] < part[1]]
                self._forget_gaps()
                return True
        return False

    def _forget_gaps(self) -> None:
        """Join the oldest gaps if there are too many; what is between them may be recorded twice, nothing is missed."""
        while len(self._skipped) > MOST_GAPS:
            self._skipped[:2] = [(self._skipped[0][0], self._skipped[1][1])]

    def _released(self) -> list[bytes]:
        messages = []
        while self._numbers and self._numbers[0] == self.expected:
            message = self._held.pop(heappop(self._numbers))
            messages.append(message)
            self._held_bytes -= len(message)
            self.expected += 1
        return messages
