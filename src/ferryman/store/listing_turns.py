"""Whose listing runs next: readers are shared between people, not between listings.

Knows futures and people's ids. Does not know statements or connections.
"""

import asyncio
from collections import Counter, OrderedDict, deque

from ferryman.core.listings import ListingTooSlow

MOST_PER_PERSON = 16
"""Listings of one person that wait or run; further ones are refused."""
MOST = 256
"""Listings of all people that wait or run."""


class ListingTurns:
    """Shares `readers` between people; one event loop only.

    People take turns, one listing each. The last free reader is only for people who have none running, so one person
    cannot hold them all. If `MOST` wait or run, a newcomer takes the place of the newest one of whoever has most.
    """

    def __init__(self, readers: int) -> None:
        self._free = readers
        self._running: Counter[str] = Counter()
        self._waiting: OrderedDict[str, deque[asyncio.Future[None]]] = OrderedDict()

    def __len__(self) -> int:
        """Return how many listings wait or run."""
        return self._running.total() + sum(len(each) for each in self._waiting.values())

    async def acquire(self, person: str) -> None:
        """Wait for a reader; raises `ListingTooSlow` if too many listings wait or run. `release` gives it back."""
        self._make_room(person)
        turn = asyncio.get_running_loop().create_future()
        self._waiting.setdefault(person, deque()).append(turn)
        self._grant()
        try:
            await turn
        except asyncio.CancelledError:
            if turn.cancelled():
                self._remove(person, turn)
            elif turn.exception() is None:
                self.release(person)  # the turn came at the same moment
            raise

    def release(self, person: str) -> None:
        """Give back a reader that `acquire` returned with."""
        self._free += 1
        self._running[person] -= 1
        if not self._running[person]:
            del self._running[person]
        self._grant()

    def _make_room(self, person: str) -> None:
        own = self._count(person)
        if own >= MOST_PER_PERSON:
            raise ListingTooSlow(f"{own} others of yours are waiting or running")
        if len(self) < MOST:
            return
        largest = max(self._waiting, key=self._count, default=person)
        if self._count(largest) <= own + 1:
            raise ListingTooSlow("too many others are waiting or running")
        turn = self._waiting[largest][-1]
        self._remove(largest, turn)
        if not turn.done():
            turn.set_exception(ListingTooSlow("too many others are waiting or running"))

    def _count(self, person: str) -> int:
        return self._running[person] + len(self._waiting.get(person, ()))

    def _grant(self) -> None:
        while self._free and (person := self._next()) is not None:
            turn = self._waiting[person][0]
            self._remove(person, turn)
            if person in self._waiting:
                self._waiting.move_to_end(person)
            if turn.done():  # cancelled, and not removed yet
                continue
            self._free -= 1
            self._running[person] += 1
            turn.set_result(None)

    def _next(self) -> str | None:
        """Return who is to have the next free reader: of those who may, who has waited longest since their last."""
        for person in self._waiting:
            if self._free > 1 or not self._running[person]:
                return person
        return None

    def _remove(self, person: str, turn: "asyncio.Future[None]") -> None:
        turns = self._waiting.get(person, deque())
        if turn in turns:
            turns.remove(turn)
            if not turns:
                del self._waiting[person]
