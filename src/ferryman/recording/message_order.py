"""Puts the numbered messages of one direction of a session in order, each exactly once.

The ends of a session resend, duplicate and reorder messages (`docs/reference/protocol/client.md` §7). A recording needs
each one once, in the order of its number.
"""

HELD_BYTES = 1024 * 1024
"""Bytes of messages that are held behind a gap; what AWS's client may send ahead is less."""
HELD_MESSAGES = 10_000


class MessageOrder:
    """The messages of one direction. `expected` is the number of the next one.

    A gap that will never be filled must be given up with `skip_gap`; that happens when a server died before it wrote
    what it had relayed.
    """

    __slots__ = ("_held", "_held_bytes", "expected")

    def __init__(self, expected: int = 0) -> None:
        self.expected = expected
        self._held: dict[int, bytes] = {}
        self._held_bytes = 0

    @property
    def has_gap(self) -> bool:
        """Whether messages are held because an earlier one is missing."""
        return bool(self._held)

    @property
    def is_full(self) -> bool:
        """Whether so much is held that the gap should be given up."""
        return self._held_bytes > HELD_BYTES or len(self._held) > HELD_MESSAGES

    def add(self, number: int, message: bytes) -> list[bytes]:
        """Return the messages that are next in order, which may be none; duplicates are dropped."""
        if number == self.expected:
            self.expected += 1
            return [message, *self._released()] if self._held else [message]
        if number > self.expected and number not in self._held:
            self._held[number] = message
            self._held_bytes += len(message)
        return []

    def skip_gap(self) -> tuple[int, list[bytes]]:
        """Give up the messages that are missing; return how many, and those that are next in order now."""
        if not self._held:
            return 0, []
        first = min(self._held)
        missing, self.expected = first - self.expected, first
        return missing, self._released()

    def restart(self) -> None:
        """Expect number 0 next: the sender starts counting again. Drop what is held from the former count."""
        self.expected = 0
        self._held.clear()
        self._held_bytes = 0

    def _released(self) -> list[bytes]:
        messages = []
        while (message := self._held.pop(self.expected, None)) is not None:
            messages.append(message)
            self._held_bytes -= len(message)
            self.expected += 1
        return messages
