"""Whose work runs next: places are shared between parties, not between pieces of work.

Knows futures and keys. Does not know what the work is, or who the parties are.
"""

import asyncio
from collections import Counter, OrderedDict, deque
from collections.abc import AsyncIterator, Callable, Hashable
from contextlib import asynccontextmanager
from typing import Generic, NamedTuple, TypeVar

Party = TypeVar("Party", bound=Hashable)
_Key = TypeVar("_Key", bound=Hashable)


class NoPlace(Exception):
    """Too much waits or runs; `own` of it is the party's own if that alone is too much, otherwise 0."""

    def __init__(self, own: int = 0) -> None:
        super().__init__(f"{own or 'too many'} waiting or running")
        self.own = own


class _Turn(NamedTuple):
    """A piece of work that waits, and the limit that was applied to it."""

    come: "asyncio.Future[None]"
    limit: int


class _Sizes(Generic[_Key]):
    """Who has how many pieces of work waiting; whoever has most is found without looking at all."""

    def __init__(self) -> None:
        self._sizes: dict[_Key, int] = {}
        self._of_size: dict[int, dict[_Key, None]] = {}

    def __getitem__(self, key: _Key) -> int:
        return self._sizes.get(key, 0)

    def change(self, key: _Key, by: int) -> None:
        """Note that `by` more pieces wait."""
        before = self._sizes.pop(key, 0)
        if before:
            same = self._of_size[before]
            del same[key]
            if not same:
                del self._of_size[before]
        if before + by:
            self._sizes[key] = before + by
            self._of_size.setdefault(before + by, {})[key] = None

    def most(self) -> int:
        """Return the largest number of pieces."""
        return max(self._of_size, default=0)

    def largest(self) -> list[_Key]:
        """Return all that have most; who has had as many for the longest time comes first."""
        return list(self._of_size.get(self.most(), ()))


class _Group(Generic[Party]):
    """What waits of the parties that belong together, in the order of their turns."""

    def __init__(self) -> None:
        self.waiting: OrderedDict[Party, deque[_Turn]] = OrderedDict()
        self.sizes = _Sizes[Party]()
        self.left = 0
        """How many parties still have a turn before the other groups have theirs; 0 before the first of them."""

    def least_advanced(self) -> tuple[Party, _Turn]:
        """Return what has the lowest limit, the newest of it, among the parties with most."""
        waiting = [(party, turn) for party in self.sizes.largest() for turn in self.waiting[party]]
        return min(reversed(waiting), key=lambda each: each[1].limit)


class Turns(Generic[Party]):
    """Shares `places` between parties; one event loop only.

    Parties take turns, one piece of work each. The last free place is only for parties that have nothing running, so
    one party cannot hold them all. At most `most` pieces wait or run, and `most_per_party` of one party.

    `group` returns what a party belongs to; without it, each party is a group of its own. Groups take turns, too: up to
    `share` parties of one group, then the next group. If no place is left, a newcomer displaces other work: of the
    group with most, if that has more than `share` waiting, else of the party with most in its own group. The newest
    work with the lowest limit goes.
    """

    def __init__(
        self,
        places: int,
        most: int,
        most_per_party: int,
        group: Callable[[Party], Hashable] | None = None,
        share: int = 1,
    ) -> None:
        self._free = places
        self._most = most
        self._most_per_party = most_per_party
        self._group_of: Callable[[Party], Hashable] = group or (lambda party: party)
        self._share = share
        self._running: Counter[Party] = Counter()
        self._groups: OrderedDict[Hashable, _Group[Party]] = OrderedDict()
        self._sizes = _Sizes[Hashable]()
        """How much waits of each group."""
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
        limit = self._most if most is None else min(most, self._most)
        self._make_room(party, limit)
        turn = _Turn(asyncio.get_running_loop().create_future(), limit)
        self._add(party, turn)
        self._grant()
        try:
            await turn.come
        except asyncio.CancelledError:
            if turn.come.cancelled():
                self._remove(party, turn)
            elif turn.come.exception() is None:
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

    def close(self) -> None:
        """Refuse everything that waits, and whatever comes later; what runs continues."""
        self._most = 0
        waiting = [
            (party, turn) for group in self._groups.values() for party in group.waiting for turn in group.waiting[party]
        ]
        for party, turn in waiting:
            self._refuse(party, turn)

    def _make_room(self, party: Party, limit: int) -> None:
        group = self._groups.get(self._group_of(party))
        own = self._running[party] + (0 if group is None else group.sizes[party])
        if own >= self._most_per_party:
            raise NoPlace(own)
        if self._count < limit:
            return
        own_group = max(own, self._sizes[self._group_of(party)])
        if self._sizes.most() > max(self._share, own_group + 1):
            self._refuse(*self._groups[self._sizes.largest()[0]].least_advanced())
            return
        if group is None or group.sizes.most() <= own + 1:
            raise NoPlace
        other, turn = group.least_advanced()
        if turn.limit > limit:
            raise NoPlace
        self._refuse(other, turn)

    def _refuse(self, party: Party, turn: _Turn) -> None:
        self._remove(party, turn)
        if not turn.come.done():
            turn.come.set_exception(NoPlace())

    def _grant(self) -> None:
        while self._free and (party := self._next()) is not None:
            turn = self._take(party)
            if turn.come.done():  # cancelled, and not removed yet
                continue
            self._free -= 1
            self._count += 1  # `_remove` has subtracted it
            self._running[party] += 1
            turn.come.set_result(None)

    def _next(self) -> Party | None:
        """Return the party that gets the next free place: of those that may, the one whose last turn is longest ago."""
        for group in self._groups.values():
            for party in group.waiting:
                if self._free > 1 or not self._running[party]:
                    return party
        return None

    def _take(self, party: Party) -> _Turn:
        """Remove a party's first turn; others have theirs before its next."""
        key = self._group_of(party)
        group = self._groups[key]
        group.left = (group.left or min(self._share, len(group.waiting))) - 1
        turn = group.waiting[party][0]
        self._remove(party, turn)
        if party in group.waiting:
            group.waiting.move_to_end(party)
        if key in self._groups and not group.left:
            self._groups.move_to_end(key)
        return turn

    def _add(self, party: Party, turn: _Turn) -> None:
        key = self._group_of(party)
        group = self._groups.setdefault(key, _Group())
        group.waiting.setdefault(party, deque()).append(turn)
        group.sizes.change(party, 1)
        self._sizes.change(key, 1)
        self._count += 1

    def _remove(self, party: Party, turn: _Turn) -> None:
        key = self._group_of(party)
        group = self._groups.get(key)
        turns = None if group is None else group.waiting.get(party)
        if group is None or turns is None or turn not in turns:
            return
        turns.remove(turn)
        if not turns:
            del group.waiting[party]
        if not group.waiting:
            del self._groups[key]
        group.sizes.change(party, -1)
        self._sizes.change(key, -1)
        self._count -= 1
