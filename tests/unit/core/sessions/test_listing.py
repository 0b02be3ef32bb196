"""DescribeSessions: states, filters, pages, tokens."""

from collections.abc import Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from ferryman.core.paging import Page
from ferryman.core.sessions.listing import describe_sessions
from ferryman.core.sessions.requests import DescribeSessionsRequest
from ferryman.core.vault import Vault
from ferryman.model.errors import ServiceError
from ferryman.model.identifiers import Millis, NodeId, SessionId
from ferryman.model.identity.callers import Caller
from ferryman.model.sessions import ENDED, AccessType, Session, SessionState, SessionStatus

if TYPE_CHECKING:
    from tests.unit.core.conftest import World

ACTIVE, HISTORY = SessionState.ACTIVE, SessionState.HISTORY
START = Millis(1_700_000_000_000)
ISO_START = "2023-11-14T22:13:20Z"


async def add(
    world: "World",
    name: str,
    status: SessionStatus = SessionStatus.CONNECTED,
    *,
    at: int = 0,
    ended_at: int | None = None,
    owner: Caller | None = None,
    target: str = "mi-1",
    access_type: AccessType = AccessType.STANDARD,
) -> SessionId:
    """Store a session that started `at` milliseconds after the clock's start."""
    owner = owner or world.alice
    if status in ENDED and ended_at is None:
        ended_at = at
    session = Session(
        session_id=SessionId(name),
        target=NodeId(target),
        status=status,
        started_at=Millis(START + at),
        document_name="SSM-SessionManagerRunShell",
        owner=owner.arn,
        owner_id=owner.user_id,
        owner_name=owner.name,
        deadline_at=Millis(START + at + 60_000),
        idle_timeout=20,
        ended_at=None if ended_at is None else Millis(START + ended_at),
        access_type=access_type,
    )
    await world.store.sessions.add(session)
    return session.session_id


async def describe(
    world: "World",
    state: SessionState = ACTIVE,
    *filters: tuple[str, str],
    size: int | None = None,
    token: str | None = None,
    caller: Caller | None = None,
) -> Page[Session]:
    request = DescribeSessionsRequest(state, size, token, filters)
    return await describe_sessions(world.service, caller or world.alice, request)


async def names(world: "World", state: SessionState = ACTIVE, *filters: tuple[str, str]) -> Sequence[str]:
    return [session.session_id for session in (await describe(world, state, *filters)).items]


async def test_each_state_lists_its_half(world: "World") -> None:
    for number, status in enumerate(SessionStatus):
        await add(world, status.value, status, at=number)
    assert set(await names(world, ACTIVE)) == {"Connecting", "Connected", "Disconnected", "Terminating"}
    assert set(await names(world, HISTORY)) == {"Terminated", "Failed"}


async def test_newest_first_then_by_id(world: "World") -> None:
    for name, at in (("c", 5), ("a", 5), ("b", 9), ("d", 1)):
        await add(world, name, at=at)
    assert await names(world) == ["b", "a", "c", "d"]


async def test_history_reaches_back_thirty_days_from_the_end(world: "World") -> None:
    day = 86_400_000
    await add(world, "kept", SessionStatus.TERMINATED, at=-50 * day, ended_at=0)
    await add(world, "gone", SessionStatus.FAILED, at=-2, ended_at=-1)
    world.clock.advance(days=30)
    assert await names(world, HISTORY) == ["kept"]
    assert await names(world, HISTORY, ("SessionId", "gone")) == []
    world.clock.advance(seconds=0.001)
    assert await names(world, HISTORY) == []


async def test_everyone_sees_everyones(world: "World") -> None:
    await add(world, "a", owner=world.alice)
    await add(world, "b", owner=world.bob)
    for caller in (world.alice, world.bob, world.administrator):
        assert len((await describe(world, caller=caller)).items) == 2
    node = world.node_caller(NodeId("mi-1"))
    with pytest.raises(ServiceError) as refused:
        await describe(world, caller=node)
    assert refused.value.code == "AccessDeniedException"


@pytest.mark.parametrize(
    ("key", "value", "expected"),
    [
        ("Target", "mi-2", {"theirs"}),
        ("Target", "mi-", set()),
        ("Owner", "alice", {"mine", "just"}),
        ("Owner", "arn:aws:iam::123456789012:user/bob", {"theirs"}),
        ("Owner", "arn:aws:iam::123456789012:user/ali", set()),
        ("Owner", "al", set()),
        ("Status", "Connected", {"mine", "just"}),
        ("Status", "Connecting", {"theirs"}),
        ("Status", "Terminated", set()),
        ("SessionId", "mine", {"mine"}),
        ("SessionId", "min", set()),
        ("AccessType", "JustInTime", {"just"}),
        ("AccessType", "Standard", {"mine", "theirs"}),
        ("InvokedAfter", ISO_START, {"theirs", "just"}),
        ("InvokedBefore", ISO_START, {"mine"}),
    ],
)
async def test_each_filter(world: "World", key: str, value: str, expected: set[str]) -> None:
    await add(world, "mine", at=-1, owner=world.alice)
    await add(world, "theirs", SessionStatus.CONNECTING, at=0, owner=world.bob, target="mi-2")
    await add(world, "just", at=1, access_type=AccessType.JUST_IN_TIME)
    assert set(await names(world, ACTIVE, (key, value))) == expected


async def test_all_filters_must_hold(world: "World") -> None:
    await add(world, "one", at=0)
    await add(world, "two", at=10, target="mi-2")
    await add(world, "three", at=20)
    filters = (
        ("InvokedAfter", ISO_START),
        ("InvokedBefore", "2023-11-14T22:13:20.015Z"),
        ("Target", "mi-2"),
        ("Owner", "alice"),
        ("Status", "Connected"),
        ("AccessType", "Standard"),
    )
    assert await names(world, ACTIVE, *filters) == ["two"]
    assert await names(world, ACTIVE, *filters[:2], ("SessionId", "one"), *filters[3:]) == ["one"]
    assert await names(world, ACTIVE, *filters[:2], ("SessionId", "three"), *filters[3:]) == []


@pytest.mark.parametrize(
    ("text", "at"),
    [
        ("2023-11-14T22:13:20Z", 0),
        ("2023-11-14T22:13:20", 0),
        ("2023-11-14T23:13:20+01:00", 0),
        ("20231114T221320Z", 0),
        ("2023-11-14T22:13:20.001Z", 1),
        ("2023-11-14T22:13:20.000001Z", 1),
        ("2023-11-14", -80_000_000),
        ("0001-01-01T00:00:00Z", -START),
        ("0001-01-01T00:00:00+23:59", -START),
    ],
)
async def test_instants(world: "World", text: str, at: int) -> None:
    for name, offset in (("before", at - 1), ("at", at)):
        if START + offset >= 0:
            await add(world, name, at=offset)
    assert await names(world, ACTIVE, ("InvokedAfter", text)) == ["at"]
    assert "at" not in await names(world, ACTIVE, ("InvokedBefore", text)) or at == -START


@pytest.mark.parametrize("key", ["InvokedAfter", "InvokedBefore"])
@pytest.mark.parametrize("text", ["yesterday", "1700000000", "2023-02-30T00:00:00Z", " ", "2023-11-14T25:00:00Z"])
async def test_an_invalid_instant_is_refused(world: "World", key: str, text: str) -> None:
    with pytest.raises(ServiceError, match=key) as refused:
        await describe(world, ACTIVE, (key, text))
    assert refused.value.code == "ValidationException"


@pytest.mark.parametrize(
    ("filters", "code"),
    [
        ((("Reason", "x"),), "InvalidFilterKey"),
        ((("owner", "alice"),), "InvalidFilterKey"),
        ((("Status", "Active"),), "ValidationException"),
        ((("Status", "connected"),), "ValidationException"),
        ((("AccessType", "Any"),), "ValidationException"),
        ((("Target", "a"), ("Target", "a")), "ValidationException"),
        ((("Status", "Failed"), ("Status", "Connected")), "ValidationException"),
    ],
)
async def test_bad_filters(world: "World", filters: tuple[tuple[str, str], ...], code: str) -> None:
    with pytest.raises(ServiceError) as refused:
        await describe(world, ACTIVE, *filters)
    assert refused.value.code == code


async def test_pages_are_full_but_the_last(world: "World") -> None:
    expected = [await add(world, f"s{number:03}", at=-number) for number in range(120)]
    first = await describe(world)
    assert len(first.items) == 50
    seen, sizes, token = [], [], None
    while True:
        page = await describe(world, size=40, token=token)
        seen += [session.session_id for session in page.items]
        sizes.append(len(page.items))
        if (token := page.next_token) is None:
            break
    assert seen == expected
    assert sizes == [40, 40, 40]


async def test_an_empty_page_is_the_last(world: "World") -> None:
    page = await describe(world, HISTORY)
    assert (page.items, page.next_token) == ((), None)


async def test_a_token_continues_its_own_listing_only(world: "World") -> None:
    for number in range(5):
        await add(world, f"a{number}", at=number)
        await add(world, f"t{number}", SessionStatus.TERMINATED, at=number)
    mine = (("Owner", "alice"), ("Target", "mi-1"))
    token = (await describe(world, ACTIVE, *mine, size=2)).next_token
    assert token is not None
    other = (("Owner", "bob"), ("Target", "mi-1"))
    for attempt in (
        describe(world, HISTORY, *mine, size=2, token=token),
        describe(world, ACTIVE, *mine[:1], size=2, token=token),
        describe(world, ACTIVE, *other, size=2, token=token),
        describe(world, ACTIVE, *mine, size=2, token=token, caller=world.bob),
        describe(world, ACTIVE, *mine, size=2, token=token[:-4]),
        describe(world, ACTIVE, *mine, size=2, token="A" + token[1:] if token[0] != "A" else "B" + token[1:]),
        describe(world, ACTIVE, *mine, size=2, token=""),
        describe(world, ACTIVE, *mine, size=2, token="nonsense"),
        describe(world, ACTIVE, *mine, size=2, token="\ud800"),
    ):
        with pytest.raises(ServiceError) as refused:
            await attempt
        assert refused.value.code == "InvalidNextToken"
    page = await describe(world, ACTIVE, *reversed(mine), size=2, token=token)
    assert [session.session_id for session in page.items] == ["a2", "a1"]


async def test_a_token_lapses_after_a_day(world: "World") -> None:
    for number in range(3):
        await add(world, f"a{number}", at=number)
    token = (await describe(world, size=1)).next_token
    world.clock.advance(days=1, seconds=-0.001)
    assert (await describe(world, size=1, token=token)).items
    world.clock.advance(seconds=0.001)
    with pytest.raises(ServiceError, match="expired") as refused:
        await describe(world, size=1, token=token)
    assert refused.value.code == "InvalidNextToken"


async def test_a_token_of_another_key_is_invalid(world: "World") -> None:
    for number in range(3):
        await add(world, f"a{number}", at=number)
    other = replace(world.service, vault=Vault(bytes(32), world.service.entropy))
    page = await describe_sessions(other, world.alice, DescribeSessionsRequest(ACTIVE, 1))
    with pytest.raises(ServiceError) as refused:
        await describe(world, size=1, token=page.next_token)
    assert refused.value.code == "InvalidNextToken"
