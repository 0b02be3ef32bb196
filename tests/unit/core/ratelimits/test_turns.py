"""Places are shared between parties: who has much waiting delays nobody else."""

import asyncio
from collections.abc import AsyncIterator
from operator import itemgetter

import pytest

from ferryman.core.ratelimits.turns import NoPlace, Turns

PLACES, MOST, MOST_PER_PARTY = 3, 256, 16


class Work:
    """Pieces of work that run until they are told to end."""

    def __init__(self) -> None:
        self.turns = Turns[str](PLACES, MOST, MOST_PER_PARTY)
        self.running: list[str] = []
        self.ends: list[tuple[str, asyncio.Event]] = []
        self.tasks: list[asyncio.Task[None]] = []

    async def start(self, *parties: str) -> list[asyncio.Task[None]]:
        tasks = [asyncio.create_task(self._run(party)) for party in parties]
        self.tasks += tasks
        await settle()
        return tasks

    async def end(self, party: str) -> None:
        """End the first running piece of a party."""
        index = self.running.index(party)
        self.ends[index][1].set()
        await settle()

    async def _run(self, party: str) -> None:
        await self.turns.acquire(party)
        running = (party, asyncio.Event())
        self.running.append(party)
        self.ends.append(running)
        try:
            await running[1].wait()
        finally:
            self.running.remove(party)
            self.ends.remove(running)
            self.turns.release(party)


async def settle() -> None:
    for _ in range(5):
        await asyncio.sleep(0)


@pytest.fixture
async def work() -> AsyncIterator[Work]:
    made = Work()
    yield made
    for task in made.tasks:
        task.cancel()
    await asyncio.gather(*made.tasks, return_exceptions=True)
    assert len(made.turns) == 0


async def test_one_party_does_not_hold_every_place(work: Work) -> None:
    await work.start(*["flood"] * 10)
    assert work.running == ["flood"] * (PLACES - 1)
    await work.start("other")
    assert work.running[-1] == "other"


async def test_parties_take_turns(work: Work) -> None:
    await work.start("a", "b", "c")
    await work.start(*["a"] * 5, "b", "c")
    for party in ("a", "b", "c"):
        await work.end(party)
    assert sorted(work.running) == ["a", "b", "c"]  # not three of a's, although they came first


async def test_work_of_one_party_is_limited(work: Work) -> None:
    await work.start(*["flood"] * MOST_PER_PARTY)
    with pytest.raises(NoPlace, match=f"{MOST_PER_PARTY} waiting"):
        await work.turns.acquire("flood")
    await work.start("other")
    assert "other" in work.running


async def test_a_newcomer_displaces_the_newest_of_whoever_has_most(work: Work) -> None:
    many = [await work.start(*[f"flood-{number}"] * MOST_PER_PARTY) for number in range(MOST // MOST_PER_PARTY)]
    assert len(work.turns) == MOST
    (other,) = await work.start("other")
    assert len(work.turns) == MOST
    assert not other.done()
    displaced = [task for tasks in many for task in tasks if task.done()]
    assert [type(task.exception()) for task in displaced] == [NoPlace]
    assert displaced[0] in [tasks[-1] for tasks in many]


async def test_parties_with_one_piece_each_displace_nobody(work: Work) -> None:
    await work.start(*[f"party-{number}" for number in range(MOST)])
    with pytest.raises(NoPlace, match="too many"):
        await work.turns.acquire("late")


async def test_work_with_a_lower_limit_leaves_room_for_other_work(work: Work) -> None:
    await work.start(*[f"party-{number}" for number in range(MOST - 1)])
    with pytest.raises(NoPlace, match="too many"):
        await work.turns.acquire("yielding", MOST - 1)
    await work.start("other")
    assert len(work.turns) == MOST


async def test_work_that_is_cancelled_while_it_waits_or_begins_leaves_its_turn(work: Work) -> None:
    first = await work.start("a", "a", "b")
    waiting = await work.start("c", "d")
    waiting[0].cancel()
    await settle()
    work.ends[0][1].set()
    first[2].cancel()  # two places become free, while d's turn comes and d is cancelled
    waiting[1].cancel()
    await settle()
    await work.start("e", "f", "f")
    assert sorted(work.running) == ["a", "e", "f"]


class _Looked(str):
    """A party that counts how often parties are looked up."""

    __slots__ = ()
    times = 0

    def __hash__(self) -> int:
        _Looked.times += 1
        return super().__hash__()


async def test_a_refusal_costs_the_same_however_many_wait(work: Work) -> None:
    await work.start(*[_Looked(f"party-{number}") for number in range(MOST)])
    _Looked.times = 0
    with pytest.raises(NoPlace):
        await work.turns.acquire(_Looked("late"))
    assert _Looked.times < 10


class Queue:
    """One place, which is taken, and who waits for it."""

    def __init__(self, share: int) -> None:
        self.turns = Turns[tuple[str, int]](1, MOST, MOST_PER_PARTY, itemgetter(0), share)
        self.served: list[tuple[str, int]] = []
        self._tasks = [asyncio.create_task(self.turns.acquire(("busy", 0)))]

    async def add(self, *parties: tuple[str, int], limit: int | None = None) -> list[asyncio.Task[None]]:
        """Have parties wait."""
        await settle()
        added = [asyncio.create_task(self._wait(party, limit)) for party in parties]
        self._tasks += added
        await settle()
        return added

    async def serve(self, times: int) -> None:
        """Give the place back, and again what gets it."""
        for _ in range(times):
            self.turns.release(self.served[-1] if self.served else ("busy", 0))
            await settle()

    async def end(self) -> None:
        """Cancel what waits."""
        for each in self._tasks:
            each.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    async def _wait(self, party: tuple[str, int], limit: int | None) -> None:
        await self.turns.acquire(party, limit)
        self.served.append(party)


class TestGroups:
    """Parties of one group, such as keys that are claimed from one address."""

    SHARE = 4

    async def test_a_group_has_its_share_of_turns_before_other_groups_have_theirs(self) -> None:
        queue = Queue(self.SHARE)
        await queue.add(*[("many", key) for key in range(20)], ("one", 0), ("two", 0), ("two", 1))
        await queue.serve(4 + self.SHARE)
        assert [group for group, _ in queue.served] == [*["many"] * self.SHARE, "one", "two", "two", "many"]
        await queue.serve(20 - self.SHARE - 1)
        assert queue.served[-1] == ("many", 19)
        await queue.end()

    async def test_no_number_of_parties_of_one_group_keeps_others_out(self) -> None:
        queue = Queue(self.SHARE)
        many = await queue.add(*[("many", key) for key in range(MOST - 1)])
        (other,) = await queue.add(("other", 0))
        assert not other.done()
        assert [number for number, each in enumerate(many) if each.done()] == [MOST - 2]
        await queue.end()

    async def test_a_party_with_most_of_its_group_keeps_what_has_a_higher_limit_than_the_newcomers(self) -> None:
        """An agent that has two requests waiting keeps the upgrade, with which it would be done."""
        queue = Queue(self.SHARE)
        begun = await queue.add(("here", 0), limit=MOST - 8)
        half_done = await queue.add(("here", 0), ("here", 1), limit=MOST)
        await queue.add(*[("here", key) for key in range(2, MOST - 10)])
        assert len(queue.turns) == MOST - 8
        newcomer = await queue.add(("here", MOST), limit=MOST - 8)
        assert [each.done() for each in (*begun, *half_done, *newcomer)] == [True, False, False, False]
        half_done += await queue.add(("here", 1), limit=MOST)
        (late,) = await queue.add(("here", MOST + 1), limit=MOST - 8)
        assert isinstance(late.exception(), NoPlace)
        assert not any(each.done() for each in half_done)
        await queue.end()

    async def test_groups_within_their_share_displace_nobody(self) -> None:
        queue = Queue(self.SHARE)
        waiting = await queue.add(*[(str(key // self.SHARE), key) for key in range(MOST - 1)])
        (late,) = await queue.add(("late", 0))
        assert isinstance(late.exception(), NoPlace)
        assert not any(each.done() for each in waiting)
        await queue.end()

    async def test_a_group_that_has_too_much_loses_first_what_has_the_lowest_limit(self) -> None:
        queue = Queue(self.SHARE)
        begun = await queue.add(*[("many", key) for key in range(MOST - 2)], limit=MOST - 1)
        half_done = await queue.add(("many", MOST), limit=MOST)
        (other,) = await queue.add(("other", 0), limit=MOST - 1)
        assert [begun[-1].done(), half_done[0].done(), other.done()] == [True, False, False]
        await queue.end()


async def test_closed_turns_refuse_what_waits_and_what_comes_but_not_what_runs() -> None:
    queue = Queue(1)
    waiting = await queue.add(("a", 0), ("a", 1), ("b", 0))
    queue.turns.close()
    waiting += await queue.add(("c", 0))
    assert [type(each.exception()) for each in waiting] == [NoPlace] * 4
    assert len(queue.turns) == 1
    await queue.end()
