"""How many bytes of requests may be held in memory that have not been answered yet.

A signature covers a request's body, so nobody is known before the whole body is here. What strangers send is counted
apart from what is sent on connections whose peers have shown who they are: neither can keep out the other.
"""

from collections.abc import Hashable
from typing import Protocol


class Sender(Protocol):
    """A connection, as far as this module is concerned."""

    def refuse(self) -> None:
        """Hold nothing of the request that is being read, and refuse it."""


class RequestMemory:
    """Counts what is held for senders, by whose they are; at most `most` bytes in all.

    If that is exceeded, a request is refused that is not complete: the one that holds most, of whoever holds most.
    """

    def __init__(self, most: int) -> None:
        self._most = most
        self._held: dict[Hashable, dict[Sender, int]] = {}
        self._totals: dict[Hashable, int] = {}
        self._complete: dict[Sender, int] = {}
        self.total = 0

    def add(self, holder: Hashable, sender: Sender, size: int) -> None:
        """Count bytes that have arrived; some sender is refused if they are too many, perhaps this one."""
        senders = self._held.setdefault(holder, {})
        senders[sender] = senders.get(sender, 0) + size
        self._totals[holder] = self._totals.get(holder, 0) + size
        self.total += size
        self._refuse_largest()

    def add_complete(self, sender: Sender, size: int) -> None:
        """Count a complete request that was counted elsewhere before."""
        self._complete[sender] = self._complete.get(sender, 0) + size
        self.total += size
        self._refuse_largest()

    def complete(self, holder: Hashable, sender: Sender) -> None:
        """A request is complete: it is not refused any longer, and counted until `release`."""
        size = self._take(holder, sender)
        if size:
            self._complete[sender] = self._complete.get(sender, 0) + size

    def release(self, holder: Hashable, sender: Sender) -> int:
        """Forget what is held for a sender; return how much that was."""
        size = self._take(holder, sender) + self._complete.pop(sender, 0)
        self.total -= size
        return size

    def _take(self, holder: Hashable, sender: Sender) -> int:
        senders = self._held.get(holder)
        size = senders.pop(sender, 0) if senders is not None else 0
        if size:
            self._totals[holder] -= size
        if senders is not None and not senders:
            del self._held[holder], self._totals[holder]
        return size

    def _refuse_largest(self) -> None:
        while self.total > self._most and self._totals:
            holder = max(self._totals, key=self._totals.__getitem__)
            sender = max(self._held[holder], key=self._held[holder].__getitem__)
            self.release(holder, sender)
            sender.refuse()
