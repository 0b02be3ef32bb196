"""A browser that is signed in on one of two servers is signed in on both, and told what happens on either."""

import asyncio

import pytest

from ferryman.core.changes import Kind
from ferryman.server.console import events
from tests.server.browsers import Browser
from tests.server.running import Server
from tests.waiting import PATIENCE


@pytest.fixture(autouse=True)
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(events, "HEARTBEAT_SECONDS", 0.2)


async def test_one_session_on_two_servers(server: Server, other: Server) -> None:
    browser = Browser(server)
    await browser.sign_in()
    elsewhere = Browser(other, browser.cookies)
    assert (await elsewhere.me()).status == 200
    headers = {"Cookie": f"ferryman={browser.cookies['ferryman']}"}
    async with server.http.get(server.url_of("/console/api/events"), headers=headers) as stream:
        assert stream.status == 200
        other.service.changes.note(Kind.ACCESS_REQUESTS)
        told = b""
        async with asyncio.timeout(PATIENCE):
            while b'{"subject":"access-requests"}' not in told:
                told += await stream.content.readline()
            await elsewhere.post("/console/api/sign-out", {})
            while b"event: end" not in told:
                told += await stream.content.readline()
    assert (await browser.me()).status == 401
