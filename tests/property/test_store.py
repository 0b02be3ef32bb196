"""The store against a plain-Python model of it, and pages over a table that grows while they are walked."""

import asyncio
import os
import tempfile
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import replace
from pathlib import Path

from hypothesis import given, settings
from hypothesis import strategies as st

from ferryman.bus.memory import MemoryBus
from ferryman.core.authorization.builtin_policies import BUILTIN_POLICIES, ROLE_POLICIES
from ferryman.core.ports.sessions import SessionPosition, SessionQuery
from ferryman.core.service import Service, Settings
from ferryman.core.sessions.listing import describe_sessions
from ferryman.core.sessions.requests import DescribeSessionsRequest
from ferryman.core.vault import Vault
from ferryman.model.identifiers import Millis, NodeId, SessionId
from ferryman.model.identity.callers import BuiltinRole, Caller, CallerKind
from ferryman.model.identity.policies import PolicyDocument
from ferryman.model.sessions import (
    ENDED,
    RESUMABLE,
    TRANSITIONS,
    AccessType,
    Session,
    SessionState,
    SessionStatus,
)
from ferryman.store.database import SqlStore, open_store
from tests.examples import examples

OPERATOR = (PolicyDocument("operator", BUILTIN_POLICIES[ROLE_POLICIES[BuiltinRole.OPERATOR]].text),)

TARGETS = ("mi-1", "mi-2")
OWNERS = ("alice", "bob")
TIMES = st.integers(0, 12).map(Millis)
STATUSES = st.sampled_from(SessionStatus)


@st.composite
def sessions(draw: st.DrawFn) -> Session:
    """Sessions that collide often: few targets, owners and instants."""
    status = draw(STATUSES)
    owner = draw(st.sampled_from(OWNERS))
    started_at = draw(TIMES)
    return Session(
        session_id=SessionId(f"{owner}-{draw(st.integers(0, 10_000))}"),
        target=NodeId(draw(st.sampled_from(TARGETS))),
        status=status,
        started_at=started_at,
        document_name="d",
        owner=f"arn:{owner}",
        owner_id=owner,
        owner_name=owner,
        deadline_at=draw(TIMES),
        idle_timeout=20,
        ended_at=Millis(started_at + draw(st.integers(0, 5))) if status in ENDED else None,
        access_type=draw(st.sampled_from(AccessType)),
        token_id=draw(st.none() | st.just("t")),
    )


def optional(choices: Sequence[str]) -> st.SearchStrategy[str | None]:
    return st.none() | st.sampled_from(choices)


QUERIES = st.builds(
    SessionQuery,
    state=st.sampled_from(SessionState),
    ended_since=st.none() | TIMES,
    invoked_after=st.none() | TIMES,
    invoked_before=st.none() | TIMES,
    target=optional((*TARGETS, "mi-3")),
    owner=optional(("arn:alice", "arn:bob", "arn:carol")),
    owner_name=optional((*OWNERS, "carol")),
    status=st.none() | STATUSES,
    access_type=st.none() | st.sampled_from(AccessType),
)


def matches(query: SessionQuery, session: Session) -> bool:
    """Say what the query means, one member at a time."""
    return all(
        (
            session.state is query.state,
            query.ended_since is None or session.ended_at is None or session.ended_at >= query.ended_since,
            query.invoked_after is None or session.started_at >= query.invoked_after,
            query.invoked_before is None or session.started_at < query.invoked_before,
            query.target in (None, session.target),
            query.owner in (None, session.owner),
            query.owner_name in (None, session.owner_name),
            query.status in (None, session.status),
            query.session_id in (None, session.session_id),
            query.access_type in (None, session.access_type),
        )
    )


def order(session: Session) -> tuple[int, str]:
    return -session.started_at, session.session_id


def in_store(check: Callable[[SqlStore], Awaitable[None]]) -> None:
    """Run `check` on an empty store of its own, a copy of a migrated one."""

    async def run() -> None:
        with tempfile.TemporaryDirectory() as directory:
            file = Path(directory) / "store.db"
            file.write_bytes(await empty_store())
            async with await open_store(f"sqlite:///{file}") as store:
                await check(store)

    asyncio.run(run())


_empty: list[bytes] = []


async def empty_store() -> bytes:
    """Return the bytes of a migrated database without rows, made once."""
    if not _empty:
        with tempfile.TemporaryDirectory() as directory:
            file = Path(directory) / "store.db"
            await (await open_store(f"sqlite:///{file}")).close()
            _empty.append(file.read_bytes())
    return _empty[0]


@settings(max_examples=examples(25), deadline=None)
@given(
    st.lists(sessions(), max_size=25, unique_by=lambda session: session.session_id),
    st.lists(QUERIES, min_size=1, max_size=12),
    st.integers(1, 7),
    st.data(),
)
def test_pages_are_the_models_pages(
    rows: list[Session], queries: list[SessionQuery], limit: int, data: st.DataObject
) -> None:
    if rows:
        queries.append(replace(queries[0], session_id=data.draw(st.sampled_from(rows)).session_id))

    async def check(store: SqlStore) -> None:
        for row in rows:
            await store.sessions.add(row)
        for query in queries:
            expected = sorted((row for row in rows if matches(query, row)), key=order)
            found: list[Session] = []
            after = None
            while page := await store.sessions.page(query, after, limit):
                assert page == expected[len(found) : len(found) + limit]
                found += page
                after = SessionPosition(page[-1].started_at, page[-1].session_id)
            assert found == expected

    in_store(check)


CHANGES = st.one_of(
    st.tuples(st.just("transition"), STATUSES),
    st.tuples(st.just("issue"), st.sampled_from(("t", "u"))),
    st.tuples(st.just("consume"), st.sampled_from(("t", "u"))),
    st.tuples(st.just("deadline"), TIMES),
    st.tuples(st.just("due"), TIMES),
    st.tuples(st.just("prune"), TIMES),
)


@settings(max_examples=examples(25), deadline=None)
@given(
    st.lists(sessions(), min_size=1, max_size=6, unique_by=lambda session: session.session_id),
    st.lists(st.tuples(CHANGES, st.integers(0, 5)), max_size=25),
)
def test_changes_are_the_models_changes(rows: list[Session], steps: list[tuple[tuple[str, object], int]]) -> None:
    async def check(store: SqlStore) -> None:
        model = {row.session_id: row for row in rows}
        for row in rows:
            await store.sessions.add(row)
        for (kind, value), which in steps:
            session_id = rows[which % len(rows)].session_id
            await step(store, model, session_id, kind, value)
            assert [await store.sessions.get(row.session_id) for row in rows] == [
                model.get(row.session_id) for row in rows
            ]

    in_store(check)


async def step(
    store: SqlStore, model: dict[SessionId, Session], session_id: SessionId, kind: str, value: object
) -> None:
    """Do one change to the store and to the model; their answers must agree."""
    if kind in ("due", "prune"):
        await step_over_all(store, model, kind, Millis(int(str(value))))
        return
    current = model.get(session_id)
    changed = changed_row(current, kind, value) if current is not None else None
    if isinstance(value, SessionStatus):
        assert await store.sessions.transition(session_id, value) == changed
    elif kind == "issue":
        assert await store.sessions.issue_token(session_id, str(value), Millis(3)) == changed
    elif kind == "consume":
        assert await store.sessions.consume_token(session_id, str(value)) == changed
    else:
        await store.sessions.set_deadline(session_id, Millis(int(str(value))))
    if changed is not None:
        model[session_id] = changed


def changed_row(current: Session, kind: str, value: object) -> Session | None:
    """Return the row after a change, None if the change must not happen."""
    if isinstance(value, SessionStatus):
        return replace(current, status=value) if value in TRANSITIONS[current.status] else None
    if kind == "deadline":
        return None if current.status in ENDED else replace(current, deadline_at=Millis(int(str(value))))
    if current.status not in RESUMABLE:
        return None
    if kind == "issue":
        return replace(current, token_id=str(value), deadline_at=Millis(3))
    return replace(current, token_id=None) if current.token_id == value else None


async def step_over_all(store: SqlStore, model: dict[SessionId, Session], kind: str, when: Millis) -> None:
    """Ask for what is due, or prune."""
    if kind == "due":
        due = [row for row in model.values() if row.status not in ENDED and row.deadline_at <= when]
        found = await store.sessions.due(when, 100)
        assert [row.deadline_at for row in found] == sorted(row.deadline_at for row in due)
        assert {row.session_id for row in found} == {row.session_id for row in due}
        return
    old = [row.session_id for row in model.values() if row.ended_at is not None and row.ended_at < when]
    assert await store.sessions.prune(when, 100) == len(old)
    for gone in old:
        del model[gone]


@settings(max_examples=examples(10), deadline=None)
@given(st.integers(0, 40), st.integers(1, 9), st.lists(st.integers(0, 4), max_size=12), st.booleans())
def test_a_walk_sees_all_that_was_there_once_while_more_start(
    before: int, size: int, arrivals: list[int], with_filter: bool
) -> None:
    """Sessions start, some within one millisecond, between any two pages; what was there first is seen once each."""

    async def check(store: SqlStore) -> None:
        now = Millis(1_700_000_000_000)
        caller = Caller(CallerKind.USER, "1", "arn:aws:iam::1:user/a", "AIDA", "a", policies=OPERATOR)
        vault = Vault(bytes(32), os.urandom)
        service = Service(Settings("1", "r", "http://h"), store, MemoryBus(), vault, lambda: now, os.urandom)
        number = 0

        async def start(count: int) -> None:
            nonlocal number
            for _ in range(count):
                number += 1
                session_id = SessionId(f"a-{(number * 7919) % 10007:05}")
                await store.sessions.add(
                    Session(
                        session_id=session_id,
                        target=NodeId("mi-1"),
                        status=SessionStatus.CONNECTING,
                        started_at=Millis(now + number // 3),
                        document_name="d",
                        owner=caller.arn,
                        owner_id=caller.user_id,
                        owner_name=caller.name,
                        deadline_at=now,
                        idle_timeout=20,
                    )
                )

        await start(before)
        number += 3  # what starts from now on starts later
        waiting = list(arrivals)
        filters = (("Owner", "a"), ("Target", "mi-1")) if with_filter else ()
        seen: list[Session] = []
        token: str | None = None
        while True:
            request = DescribeSessionsRequest(SessionState.ACTIVE, size, token, filters)
            page = await describe_sessions(service, caller, request)
            seen += page.items
            if (token := page.next_token) is None:
                break
            assert len(page.items) == size
            await start(waiting.pop() if waiting else 0)
        assert len(seen) == before
        assert seen == sorted(seen, key=order)
        assert len({session.session_id for session in seen}) == before

    in_store(check)
