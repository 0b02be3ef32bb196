"""Slow listings delay only each other, and end with an error that says what to do."""

import asyncio
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from typing import TYPE_CHECKING

import pytest
from botocore.exceptions import ClientError
from sqlalchemy import text

from ferryman.core.iam.operator import create_access_key, create_user
from ferryman.core.ports.sessions import SessionPosition, SessionQuery
from ferryman.model.identity.credentials import Credentials
from ferryman.store.listings.readers import MOST_PER_PERSON
from ferryman.store.sessions import store as sessions
from ferryman.store.sessions.pages import page_statement
from tests.waiting import PATIENCE

if TYPE_CHECKING:
    from tests.server.running import Server

ENDLESS = text("WITH RECURSIVE n(x) AS (SELECT 1 UNION ALL SELECT x + 1 FROM n) SELECT count(*) FROM n")
SLOW = "mi-0123456789abcdef0"
ONLY_LISTING = '{"Statement": {"Effect": "Allow", "Action": "ssm:DescribeSessions", "Resource": "*"}}'


async def only_listing(server: "Server", name: str) -> Credentials:
    """The key of a new user who may call DescribeSessions and nothing else."""
    user = await create_user(server.service, name)
    await server.store.policies.put_inline(user.user_id, "p", ONLY_LISTING)
    return await create_access_key(server.service, name)


async def test_slow_listings_do_not_hold_up_authentication(server: "Server", monkeypatch: pytest.MonkeyPatch) -> None:
    nosy = server.client("ssm", await only_listing(server, "nosy"))
    sts = server.client("sts")
    monkeypatch.setattr(sessions, "page_statement", lambda *_, **__: (ENDLESS, {}))
    server.store._connections._listings._seconds = PATIENCE
    with ThreadPoolExecutor(9) as threads:
        loop = asyncio.get_running_loop()
        ask = partial(nosy.describe_sessions, State="History")
        listings = [loop.run_in_executor(threads, ask) for _ in range(8)]
        async with asyncio.timeout(PATIENCE):
            while len(server.store._connections._listings._pending) < len(listings):
                assert not any(listing.done() for listing in listings)
                await asyncio.sleep(0.01)
            for _ in range(10):
                answer = await loop.run_in_executor(threads, sts.get_caller_identity)
                assert answer["Arn"].endswith("user/root")
        assert not any(listing.done() for listing in listings)
        for watch in list(server.store._connections._listings._pending):
            watch.left = True  # as if its time were over
        answers = await asyncio.gather(*listings, return_exceptions=True)
    for answer in answers:
        assert isinstance(answer, ClientError)
        assert answer.response["Error"]["Code"] == "ThrottlingException"
        assert f"within {PATIENCE:g} seconds. Add filters (Target, Owner, Status" in answer.response["Error"]["Message"]


async def test_a_flood_of_slow_listings_delays_nobody_elses(server: "Server", monkeypatch: pytest.MonkeyPatch) -> None:
    """One person's listings of a target never end; another person lists another target meanwhile."""

    def statement(query: SessionQuery, after: SessionPosition | None, limit: int, *, merges: bool) -> object:
        return (ENDLESS, {}) if query.target == SLOW else page_statement(query, after, limit, merges=merges)

    monkeypatch.setattr(sessions, "page_statement", statement)
    flood = server.client("ssm", await only_listing(server, "flood"))
    other = server.client("ssm", await only_listing(server, "other"))
    server.store._connections._listings._seconds = PATIENCE
    loop = asyncio.get_running_loop()
    with ThreadPoolExecutor(MOST_PER_PERSON + 1) as threads:
        ask = partial(flood.describe_sessions, State="History", Filters=[{"key": "Target", "value": SLOW}])
        listings = [loop.run_in_executor(threads, ask) for _ in range(MOST_PER_PERSON)]
        async with asyncio.timeout(PATIENCE):
            while len(server.store._connections._listings._pending) < len(listings):
                assert not any(listing.done() for listing in listings)
                await asyncio.sleep(0.01)
            with pytest.raises(ClientError, match="others of yours are waiting"):
                await loop.run_in_executor(threads, ask)
            for _ in range(10):
                answer = await loop.run_in_executor(threads, partial(other.describe_sessions, State="History"))
                assert answer["Sessions"] == []
        assert not any(listing.done() for listing in listings)
        for watch in list(server.store._connections._listings._pending):
            watch.left = True
        await asyncio.gather(*listings, return_exceptions=True)
