"""A limit on the memory that unanswered requests use.

A signature covers the request's body, so a peer stays unauthenticated until the whole body has arrived. Requests on
unauthenticated connections are counted separately from the others, so neither can crowd out the other.
"""

from collections import Counter
from collections.abc import Hashable
from typing import Protocol


class Sender(Protocol):
    """A connection, as this module sees it."""

    def refuse(self) -> None:
        """Refuse the request that is being read, and drop what was read of it."""


class RequestMemory:
    """Counts the bytes held for each sender, grouped by holder (an origin or a caller); at most `most` in total.

    Beyond that, an incomplete request is refused: the largest one of the holder with the most bytes. A complete request
    stays until it is answered, which may take long. So the complete requests of one holder may not use more than what
    is then still free, and there is always room for others.
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
        """Count bytes that have arrived. If that is too much, a sender is refused, perhaps this one."""
        senders = self._held.setdefault(holder, {})
        senders[sender] = senders.get(sender, 0) + size
        self._totals[holder] = self._totals.get(holder, 0) + size
        self.total += size
        self._refuse_largest()

    def add_complete(self, holder: Hashable, sender: Sender, size: int) -> bool:
        """Count a complete request that another instance counted before; returns as `complete`."""
        self.total += size
        fits = self._completed(holder, sender, size)
        self._refuse_largest()
        return fits

    def complete(self, holder: Hashable, sender: Sender) -> bool:
        """Count a request as complete until `release`; False if its holder has too much, and it must be refused."""
        size = self._take(holder, sender)
        return self._completed(holder, sender, size)

    def release(self, holder: Hashable, sender: Sender) -> int:
        """Stop counting what is held for a sender; return how many bytes that was."""
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


class RequestMemories:
    """What is held of requests on unauthenticated connections, and on authenticated ones."""

    __slots__ = ("authenticated", "unauthenticated")

    def __init__(self, most_bytes: int) -> None:
        self.unauthenticated = RequestMemory(most_bytes)
        self.authenticated = RequestMemory(most_bytes)
