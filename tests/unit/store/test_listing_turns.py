"""Readers are shared between people: who has many listings waiting delays nobody else's."""

import asyncio
from collections.abc import AsyncIterator

import pytest

from ferryman.core.listings import ListingTooSlow
from ferryman.store.listing_turns import MOST, MOST_PER_PERSON, ListingTurns

READERS = 3


class Listings:
    """Listings that run until they are told to end."""

    def __init__(self) -> None:
        self.turns = ListingTurns(READERS)
        self.running: list[str] = []
        self.ends: list[tuple[str, asyncio.Event]] = []
        self.tasks: list[asyncio.Task[None]] = []

    async def start(self, *people: str) -> list[asyncio.Task[None]]:
        tasks = [asyncio.create_task(self._run(person)) for person in people]
        self.tasks += tasks
        await settle()
        return tasks

    async def end(self, person: str) -> None:
        """End the first running listing of a person."""
        index = self.running.index(person)
        self.ends[index][1].set()
        await settle()

    async def _run(self, person: str) -> None:
        await self.turns.acquire(person)
        running = (person, asyncio.Event())
        self.running.append(person)
        self.ends.append(running)
        try:
            await running[1].wait()
        finally:
            self.running.remove(person)
            self.ends.remove(running)
            self.turns.release(person)


async def settle() -> None:
    for _ in range(5):
        await asyncio.sleep(0)


@pytest.fixture
async def listings() -> AsyncIterator[Listings]:
    made = Listings()
    yield made
    for task in made.tasks:
        task.cancel()
    await asyncio.gather(*made.tasks, return_exceptions=True)
    assert len(made.turns) == 0


async def test_one_person_does_not_hold_every_reader(listings: Listings) -> None:
    await listings.start(*["flood"] * 10)
    assert listings.running == ["flood"] * (READERS - 1)
    await listings.start("other")
    assert listings.running[-1] == "other"


async def test_people_take_turns(listings: Listings) -> None:
    await listings.start("a", "b", "c")
    await listings.start(*["a"] * 5, "b", "c")
    for person in ("a", "b", "c"):
        await listings.end(person)
    assert sorted(listings.running) == ["a", "b", "c"]  # not three of a's, although they came first


async def test_listings_of_one_person_are_limited(listings: Listings) -> None:
    await listings.start(*["flood"] * MOST_PER_PERSON)
    with pytest.raises(ListingTooSlow, match=f"{MOST_PER_PERSON} others of yours"):
        await listings.turns.acquire("flood")
    await listings.start("other")
    assert "other" in listings.running


async def test_a_newcomer_displaces_the_newest_of_whoever_has_most(listings: Listings) -> None:
    many = [await listings.start(*[f"flood-{number}"] * MOST_PER_PERSON) for number in range(MOST // MOST_PER_PERSON)]
    assert len(listings.turns) == MOST
    (other,) = await listings.start("other")
    assert len(listings.turns) == MOST
    assert not other.done()
    displaced = [task for tasks in many for task in tasks if task.done()]
    assert [type(task.exception()) for task in displaced] == [ListingTooSlow]
    assert displaced[0] in [tasks[-1] for tasks in many]


async def test_people_with_one_listing_each_displace_nobody(listings: Listings) -> None:
    await listings.start(*[f"person-{number}" for number in range(MOST)])
    with pytest.raises(ListingTooSlow, match="too many others"):
        await listings.turns.acquire("late")


async def test_a_listing_that_is_cancelled_while_it_waits_or_begins_leaves_its_turn(listings: Listings) -> None:
    first = await listings.start("a", "a", "b")
    waiting = await listings.start("c", "d")
    waiting[0].cancel()
    await settle()
    listings.ends[0][1].set()
    first[2].cancel()  # two readers become free, while d's turn comes and d is cancelled
    waiting[1].cancel()
    await settle()
    await listings.start("e", "f", "f")
    assert sorted(listings.running) == ["a", "e", "f"]
