"""Live updates: what is told to whom, and for how long."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from typing import NoReturn

import aiohttp
import pytest

from ferryman.core.changes import SUBJECT, Kind
from ferryman.core.console import change_feed
from ferryman.core.console.change_feed import visible_kinds
from ferryman.core.iam.operator import create_access_key, create_user, set_access_key_active
from ferryman.core.identity.callers import caller_of
from ferryman.model.identity.callers import BuiltinRole
from ferryman.policy.work import EvaluationTooLarge
from ferryman.server.console import events
from ferryman.server.console.events import STREAMS_A_PERSON
from tests.server.browsers import Browser
from tests.server.running import Server
from tests.waiting import PATIENCE

EVENTS = "/console/api/events"


@pytest.fixture(autouse=True)
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    """Look for the end of a session often."""
    monkeypatch.setattr(events, "HEARTBEAT_SECONDS", 0.2)


@pytest.fixture
async def streams() -> AsyncIterator[AsyncExitStack]:
    """What is left open is closed with the test."""
    async with AsyncExitStack() as stack:
        yield stack


async def follow(server: Server, browser: Browser, streams: AsyncExitStack) -> aiohttp.ClientResponse:
    cookie = "; ".join(f"{name}={value}" for name, value in browser.cookies.items())
    headers = {"Cookie": cookie, "Accept": "text/event-stream", "Sec-Fetch-Site": "same-origin"}
    answer = await streams.enter_async_context(server.http.get(server.url_of(EVENTS), headers=headers))
    assert answer.status == 200, await answer.text()
    assert answer.headers["Content-Type"] == "text/event-stream"
    return answer


async def next_event(stream: aiohttp.ClientResponse) -> tuple[str, str]:
    """The next event's name and data; heartbeats and the retry time are skipped."""
    name = ""
    async with asyncio.timeout(PATIENCE):
        async for line in stream.content:
            text = line.decode().rstrip("\n")
            if text.startswith("event: "):
                name = text.removeprefix("event: ")
            elif text.startswith("data: "):
                return name, text.removeprefix("data: ")
    raise EOFError


async def test_pages_are_told_what_changes_and_not_what_it_is(server: Server, streams: AsyncExitStack) -> None:
    browser = Browser(server)
    await browser.sign_in()
    stream = await follow(server, browser, streams)
    node = await server.register()
    assert await next_event(stream) == ("change", '{"subject":"nodes"}')
    await node.control()
    assert await next_event(stream) == ("change", '{"subject":"nodes"}')
    await server.start(node)
    assert await next_event(stream) == ("change", '{"subject":"sessions"}')


async def test_only_what_one_may_list_is_told(server: Server, streams: AsyncExitStack) -> None:
    """A person without a policy does not even learn that something happens."""
    await create_user(server.service, "nobody")
    await create_user(server.service, "alice", BuiltinRole.OPERATOR)
    nobody, alice = Browser(server), Browser(server)
    await nobody.sign_in(await create_access_key(server.service, "nobody"))
    key = await create_access_key(server.service, "alice")
    await alice.sign_in(key)
    theirs, hers = await follow(server, nobody, streams), await follow(server, alice, streams)
    server.service.changes.note(Kind.RECORDINGS)
    server.service.changes.note(Kind.SESSIONS)
    assert await next_event(hers) == ("change", '{"subject":"sessions"}')
    await nobody.post("/console/api/sign-out", {})
    assert await next_event(theirs) == ("end", '{"reason":"signed-out"}')


async def test_policies_that_cannot_be_evaluated_show_nothing(server: Server, monkeypatch: pytest.MonkeyPatch) -> None:
    def too_large(*_: object) -> NoReturn:
        raise EvaluationTooLarge(1)

    root = await server.store.identities.user_named("root")
    assert root is not None
    caller = await caller_of(server.service, root)
    assert visible_kinds(server.service, caller) == set(Kind)
    monkeypatch.setattr(change_feed, "decide", too_large)
    assert visible_kinds(server.service, caller) == set()


async def test_a_stream_ends_with_its_session(server: Server, streams: AsyncExitStack) -> None:
    await create_user(server.service, "alice", BuiltinRole.OPERATOR)
    key = await create_access_key(server.service, "alice")
    browser = Browser(server)
    await browser.sign_in(key)
    stream = await follow(server, browser, streams)
    await set_access_key_active(server.service, key.access_key_id, active=False)
    assert await next_event(stream) == ("end", '{"reason":"signed-out"}')
    with pytest.raises(EOFError):
        await next_event(stream)


async def test_an_open_stream_is_no_use(server: Server, streams: AsyncExitStack) -> None:
    browser = Browser(server)
    await browser.sign_in()
    stream = await follow(server, browser, streams)
    server.clock.advance(1801)
    assert await next_event(stream) == ("end", '{"reason":"signed-out"}')


async def test_strangers_and_other_sites_get_no_stream(server: Server) -> None:
    browser = Browser(server)
    assert (await browser.get(EVENTS)).error == "NotSignedIn"
    await browser.sign_in()
    for site in ("cross-site", "same-site"):
        assert (await browser.get(EVENTS, {"Sec-Fetch-Site": site})).error == "ForbiddenOrigin"


async def test_one_person_has_few_streams(server: Server, streams: AsyncExitStack) -> None:
    first, second = Browser(server), Browser(server)
    await first.sign_in()
    await second.sign_in()
    followed = [await follow(server, (first, second)[number % 2], streams) for number in range(STREAMS_A_PERSON)]
    refused = await first.get(EVENTS)
    assert (refused.status, refused.error) == (429, "TooManyStreams")
    await create_user(server.service, "alice")
    other = Browser(server)
    await other.sign_in(await create_access_key(server.service, "alice"))
    await follow(server, other, streams)
    followed[0].close()  # its place is free as soon as the server has noticed
    async with asyncio.timeout(PATIENCE):
        while await status(server, first) == 429:
            await asyncio.sleep(0.05)


async def status(server: Server, browser: Browser) -> int:
    """The status of a stream that is left at once."""
    headers = {"Cookie": f"ferryman={browser.cookies['ferryman']}"}
    async with server.http.get(server.url_of(EVENTS), headers=headers) as answer:
        answer.close()
        return answer.status


async def test_changes_on_another_server_are_told_here(server: Server, streams: AsyncExitStack) -> None:
    browser = Browser(server)
    await browser.sign_in()
    stream = await follow(server, browser, streams)
    await server.service.bus.publish(SUBJECT, b'{"kinds":["of a newer server"]}')
    await server.service.bus.publish(SUBJECT, b"broken")
    await server.service.bus.publish(SUBJECT, b'{"kinds":["access-requests","recordings"]}')
    assert await next_event(stream) == ("change", '{"subject":"access-requests"}')
    assert await next_event(stream) == ("change", '{"subject":"recordings"}')


async def test_many_changes_are_few_events(server: Server, streams: AsyncExitStack) -> None:
    browser = Browser(server)
    await browser.sign_in()
    stream = await follow(server, browser, streams)
    told: list[bytes] = []

    async def count(payload: bytes) -> bytes:
        told.append(payload)
        return b""

    subscription = await server.service.bus.subscribe(SUBJECT, count)
    for _ in range(200):
        server.service.changes.note(Kind.SESSIONS)
        await asyncio.sleep(0)
    server.service.changes.note(Kind.NODES)
    while '"nodes"' not in (await next_event(stream))[1]:
        pass
    await subscription.close()
    assert len(told) <= 3


async def test_a_server_that_stops_waits_for_no_stream(server: Server, streams: AsyncExitStack) -> None:
    browser = Browser(server)
    await browser.sign_in()
    stream = await follow(server, browser, streams)
    stopping = asyncio.create_task(server.shut_down())
    with pytest.raises((EOFError, aiohttp.ClientError)):
        await next_event(stream)
    await stopping
