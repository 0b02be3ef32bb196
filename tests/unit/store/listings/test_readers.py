"""Listings have their own connections and time limit; short reads, authentication among them, never wait for them."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress

import pytest
from sqlalchemy import make_url, text
from sqlalchemy.exc import OperationalError

from ferryman.core.listings import ListingTooSlow, listing_for, narrowed_by
from ferryman.model.errors import ServiceError, StoreUnavailable
from ferryman.store.connections import READERS, Connections, Reader
from ferryman.store.listings.readers import MOST_PER_PERSON
from ferryman.store.listings.readers import READERS as LISTING_READERS
from ferryman.store.sqlite.connections import SqliteConnections
from tests.waiting import PATIENCE

ENDLESS = text("WITH RECURSIVE n(x) AS (SELECT 1 UNION ALL SELECT x + 1 FROM n) SELECT count(*) FROM n")
SHORT = text("SELECT 1")
LONG = 3600.0


@asynccontextmanager
async def connected(url: str, seconds: float) -> AsyncIterator[Connections]:
    connections = SqliteConnections(make_url(url).set(drivername="sqlite"), listing_seconds=seconds)
    try:
        yield connections
    finally:
        await connections.close()


def started(connections: Connections, many: int) -> list[asyncio.Task[object]]:
    return [asyncio.create_task(endless(connections)) for _ in range(many)]


async def endless(connections: Connections) -> object:
    return await connections.list_rows(ENDLESS)


async def test_short_reads_do_not_wait_for_slow_listings(database_url: str) -> None:
    async with connected(database_url, LONG) as connections:
        listings = started(connections, 2 * (READERS + LISTING_READERS))
        async with asyncio.timeout(PATIENCE):
            for _ in range(100):
                assert await connections.read(SHORT) == [(1,)]
                assert await connections.read_together(lambda read: read(SHORT, {})) == [(1,)]
        assert not any(listing.done() for listing in listings)
    for listing in listings:
        with pytest.raises(ListingTooSlow):
            await listing


async def test_a_slow_listing_is_stopped_and_its_reader_is_free(database_url: str) -> None:
    async with connected(database_url, 0.2) as connections:
        for _ in range(2 * LISTING_READERS):
            with pytest.raises(ListingTooSlow, match=r"not finished within 0\.2 seconds") as refused:
                await endless(connections)
            assert (refused.value.code, refused.value.status) == ("ThrottlingException", 400)
        for _ in range(20):  # the machine may be busy, and waiting counts
            with suppress(ListingTooSlow):
                assert await connections.list_rows(SHORT) == [(1,)]
                return
        pytest.fail("no listing was finished")


async def test_waiting_counts(database_url: str) -> None:
    begun: list[int] = []

    def run(read: Reader) -> object:
        begun.append(1)
        return read(ENDLESS, {})

    async with connected(database_url, 0.2) as connections:
        answers = [connections.list_together(run) for _ in range(MOST_PER_PERSON)]
        assert {type(each) for each in await asyncio.gather(*answers, return_exceptions=True)} == {ListingTooSlow}
    assert len(begun) <= 2 * LISTING_READERS  # the others had waited for as long as they may before it was their turn


async def test_one_persons_listings_are_limited_and_delay_nobody_elses(database_url: str) -> None:
    async with connected(database_url, LONG) as connections:
        with listing_for("flood"):
            listings = started(connections, MOST_PER_PERSON)
            await asyncio.sleep(0)
            with pytest.raises(ListingTooSlow, match=f"{MOST_PER_PERSON} others of yours"):
                await connections.list_rows(SHORT)
        async with asyncio.timeout(PATIENCE):
            with listing_for("other"):
                for _ in range(20):
                    assert await connections.list_rows(SHORT) == [(1,)]
        assert not any(listing.done() for listing in listings)
        for listing in listings:
            listing.cancel()
        await asyncio.gather(*listings, return_exceptions=True)
        with listing_for("flood"):
            assert await connections.list_rows(SHORT) == [(1,)]


async def test_a_listing_whose_caller_left_makes_room(database_url: str) -> None:
    async with connected(database_url, LONG) as connections:
        listings = started(connections, LISTING_READERS)
        waiting = asyncio.create_task(connections.list_rows(SHORT))
        await asyncio.sleep(0)
        for listing in listings:
            listing.cancel()
        async with asyncio.timeout(PATIENCE):
            assert await waiting == [(1,)]


async def test_a_fault_of_the_statement_stays_one(database_url: str) -> None:
    async with connected(database_url, LONG) as connections:
        with pytest.raises(OperationalError, match="no such table"):
            await connections.list_rows(text("SELECT * FROM absent"))
        with pytest.raises(StoreUnavailable, match="readonly"):
            await connections.list_rows(text("DELETE FROM users"))


def test_the_error_names_the_filters_to_add() -> None:
    with (
        pytest.raises(ServiceError, match=r"stopped: it was slow\. Add filters \(Target, Owner\), or try") as refused,
        narrowed_by("Target", "Owner"),
    ):
        raise ListingTooSlow("it was slow")
    assert refused.value.code == "ThrottlingException"
