"""How many bytes of requests may be held in memory that have not been answered yet.

A signature covers a request's body, so nobody is known before the whole body is here. What strangers send is counted
apart from what is sent on connections whose peers have shown who they are: neither can keep out the other.
"""

from collections import Counter
from collections.abc import Hashable
from typing import Protocol


class Sender(Protocol):
    """A connection, as far as this module is concerned."""

    def refuse(self) -> None:
        """Hold nothing of the request that is being read, and refuse it."""


class RequestMemory:
    """Counts what is held for senders, by whose they are; at most `most` bytes in all.

    If that is exceeded, a request is refused that is not complete: the one that holds most, of whoever holds most. One
    that is complete stays until it is answered, which may take long; so nobody's complete requests may hold more than
    is then left free, and there is always room for others'.
    """

    def __init__(self, most: int) -> None:
        self._most = most
        self._held: dict[Hashable, dict[Sender, int]] = {}
        self._totals: dict[Hashable, int] = {}
        self._complete: dict[Sender, tuple[Hashable, int]] = {}
        self._complete_totals: Counter[Hashable] = Counter()
        self._complete_total = 0
        self.total = 0

    def add(self, holder: Hashable, sender: Sender, size: int) -> None:
        """Count bytes that have arrived; some sender is refused if they are too many, perhaps this one."""
        senders = self._held.setdefault(holder, {})
        senders[sender] = senders.get(sender, 0) + size
        self._totals[holder] = self._totals.get(holder, 0) + size
        self.total += size
        self._refuse_largest()

    def add_complete(self, holder: Hashable, sender: Sender, size: int) -> bool:
        """Count a complete request that was counted elsewhere before; see `complete`."""
        self.total += size
        fits = self._completed(holder, sender, size)
        self._refuse_largest()
        return fits

    def complete(self, holder: Hashable, sender: Sender) -> bool:
        """Count a request as complete until `release`; False if its holder's hold too much: then refuse it."""
        size = self._take(holder, sender)
        return self._completed(holder, sender, size)

    def release(self, holder: Hashable, sender: Sender) -> int:
        """Forget what is held for a sender; return how much that was."""
        owner, complete = self._complete.pop(sender, (holder, 0))
        if complete:
            self._complete_total -= complete
            self._complete_totals[owner] -= complete
            if not self._complete_totals[owner]:
                del self._complete_totals[owner]
        size = self._take(holder, sender) + complete
        self.total -= size
        return size

    def _completed(self, holder: Hashable, sender: Sender, size: int) -> bool:
        if not size:
            return True
        self._complete[sender] = (holder, size + self._complete.get(sender, (holder, 0))[1])
        self._complete_totals[holder] += size
        self._complete_total += size
        return self._complete_totals[holder] <= self._most - self._complete_total

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
