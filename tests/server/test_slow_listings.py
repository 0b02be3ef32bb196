"""Slow listings delay only each other, and end with an error that says what to do."""

import asyncio
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from typing import TYPE_CHECKING

import pytest
from botocore.exceptions import ClientError
from sqlalchemy import text

from ferryman.core.iam.operator import create_access_key, create_user
from ferryman.store.sessions import store as sessions
from tests.waiting import PATIENCE

if TYPE_CHECKING:
    from tests.server.running import Server

ENDLESS = text("WITH RECURSIVE n(x) AS (SELECT 1 UNION ALL SELECT x + 1 FROM n) SELECT count(*) FROM n")
ONLY_LISTING = '{"Statement": {"Effect": "Allow", "Action": "ssm:DescribeSessions", "Resource": "*"}}'


async def test_slow_listings_do_not_hold_up_authentication(server: "Server", monkeypatch: pytest.MonkeyPatch) -> None:
    user = await create_user(server.service, "nosy")
    await server.store.policies.put_inline(user.user_id, "p", ONLY_LISTING)
    nosy = server.client("ssm", await create_access_key(server.service, "nosy"))
    sts = server.client("sts")
    monkeypatch.setattr(sessions, "page_statement", lambda *_: (ENDLESS, {}))
    server.store._connections._listings._seconds = 5.0
    with ThreadPoolExecutor(9) as threads:
        loop = asyncio.get_running_loop()
        ask = partial(nosy.describe_sessions, State="History")
        listings = [loop.run_in_executor(threads, ask) for _ in range(8)]
        async with asyncio.timeout(PATIENCE):
            while len(server.store._connections._listings._pending) < len(listings):
                await asyncio.sleep(0.01)
            for _ in range(10):
                answer = await loop.run_in_executor(threads, sts.get_caller_identity)
                assert answer["Arn"].endswith("user/root")
        assert not any(listing.done() for listing in listings)
        answers = await asyncio.gather(*listings, return_exceptions=True)
    for answer in answers:
        assert isinstance(answer, ClientError)
        assert answer.response["Error"]["Code"] == "ThrottlingException"
        assert "within 5 seconds. Add filters (Target, Owner, Status" in answer.response["Error"]["Message"]
