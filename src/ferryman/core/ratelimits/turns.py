"""Whose work runs next: places are shared between parties, not between pieces of work.

Knows futures and keys. Does not know what the work is, or who the parties are.
"""

import asyncio
from collections import Counter, OrderedDict, deque
from collections.abc import AsyncIterator, Hashable
from contextlib import asynccontextmanager
from typing import Generic, TypeVar

Party = TypeVar("Party", bound=Hashable)


class NoPlace(Exception):
    """Too much waits or runs; `own` of it is the party's own if that alone is too much, otherwise 0."""

    def __init__(self, own: int = 0) -> None:
        super().__init__(f"{own or 'too many'} waiting or running")
        self.own = own


class Turns(Generic[Party]):
    """Shares `places` between parties; one event loop only.

    Parties take turns, one piece of work each. The last free place is only for parties that have nothing running, so
    one party cannot hold them all. At most `most` pieces wait or run, and `most_per_party` of one party. If `most` do,
    a newcomer takes the place of the newest of whichever party has most.
    """

    def __init__(self, places: int, most: int, most_per_party: int) -> None:
        self._free = places
        self._most = most
        self._most_per_party = most_per_party
        self._running: Counter[Party] = Counter()
        self._waiting: OrderedDict[Party, deque[asyncio.Future[None]]] = OrderedDict()
        self._by_size: dict[int, dict[Party, None]] = {}
        """The parties that wait, by how much of theirs does: who has most is found without looking at all."""
        self._count = 0

    def __len__(self) -> int:
        """Return how many pieces of work wait or run."""
        return self._count

    @asynccontextmanager
    async def turn(self, party: Party, most: int | None = None) -> AsyncIterator[None]:
        """Work inside this context; arguments and errors as of `acquire`."""
        await self.acquire(party, most)
        try:
            yield
        finally:
            self.release(party)

    async def acquire(self, party: Party, most: int | None = None) -> None:
        """Wait for a place; raises `NoPlace` if too much waits or runs. `release` gives it back.

        `most` is a lower limit than that of all work, for work that leaves room for other work.
        """
        self._make_room(party, self._most if most is None else min(most, self._most))
        turn = asyncio.get_running_loop().create_future()
        turns = self._waiting.setdefault(party, deque())
        turns.append(turn)
        self._resize(party, len(turns) - 1, len(turns))
        self._count += 1
        self._grant()
        try:
            await turn
        except asyncio.CancelledError:
            if turn.cancelled():
                self._remove(party, turn)
            elif turn.exception() is None:
                self.release(party)  # the turn came at the same moment
            raise

    def release(self, party: Party) -> None:
        """Give back a place that `acquire` returned with."""
        self._count -= 1
        self._free += 1
        self._running[party] -= 1
        if not self._running[party]:
            del self._running[party]
        self._grant()

    def _make_room(self, party: Party, limit: int) -> None:
        own = self._count_of(party)
        if own >= self._most_per_party:
            raise NoPlace(own)
        if self._count < limit:
            return
        most = max(self._by_size, default=0)
        if most <= own + 1:
            raise NoPlace
        largest = next(iter(self._by_size[most]))
        turn = self._waiting[largest][-1]
        self._remove(largest, turn)
        if not turn.done():
            turn.set_exception(NoPlace())

    def _count_of(self, party: Party) -> int:
        return self._running[party] + len(self._waiting.get(party, ()))

    def _grant(self) -> None:
        while self._free and (party := self._next()) is not None:
            turn = self._waiting[party][0]
            self._remove(party, turn)
            if party in self._waiting:
                self._waiting.move_to_end(party)
            if turn.done():  # cancelled, and not removed yet
                continue
            self._free -= 1
            self._count += 1  # `_remove` has subtracted it
            self._running[party] += 1
            turn.set_result(None)

    def _next(self) -> Party | None:
        """Return the party that gets the next free place: of those that may, the one whose last turn is longest ago."""
        for party in self._waiting:
            if self._free > 1 or not self._running[party]:
                return party
        return None

    def _remove(self, party: Party, turn: "asyncio.Future[None]") -> None:
        turns = self._waiting.get(party, deque())
        if turn in turns:
            turns.remove(turn)
            self._resize(party, len(turns) + 1, len(turns))
            self._count -= 1
            if not turns:
                del self._waiting[party]

    def _resize(self, party: Party, before: int, now: int) -> None:
        """Note how much of a party's work waits."""
        if before:
            same = self._by_size[before]
            del same[party]
            if not same:
                del self._by_size[before]
        if now:
            self._by_size.setdefault(now, {})[party] = None
