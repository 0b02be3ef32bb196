"""What every adapter of the store ports must do."""

import asyncio
from dataclasses import replace

import pytest

from ferryman.core.ports.sessions import SessionChanges, SessionPosition, SessionQuery
from ferryman.core.ports.store import Store
from ferryman.model.errors import ServiceError
from ferryman.model.identifiers import Millis, NodeId, SessionId
from ferryman.model.identity.users import AccessKey, User
from ferryman.model.sessions import (
    ACTIVE,
    ENDED,
    TRANSITIONS,
    Session,
    SessionQuota,
    SessionState,
    SessionStatus,
    SessionUsage,
)
from tests.contract.store.sessions import FULL, SESSION


async def test_sessions_come_back_as_they_were(store: Store) -> None:
    for session in (SESSION, FULL):
        await store.sessions.add(session)
        assert await store.sessions.get(session.session_id) == session
    assert await store.sessions.get(SessionId("nobody")) is None


async def test_a_session_id_can_be_used_once(store: Store) -> None:
    await store.sessions.add(SESSION)
    with pytest.raises(Exception, match=r"(?i)unique"):
        await store.sessions.add(SESSION)


@pytest.mark.parametrize("source", list(SessionStatus))
@pytest.mark.parametrize("to", list(SessionStatus))
async def test_transitions_keep_the_table(store: Store, source: SessionStatus, to: SessionStatus) -> None:
    session = replace(SESSION, status=source, token_id="t")
    await store.sessions.add(session)
    moved = await store.sessions.transition(session.session_id, to, SessionChanges(details="why"))
    if to in TRANSITIONS[source]:
        assert moved == replace(session, status=to, details="why")
    else:
        assert moved is None
        moved = session
    assert await store.sessions.get(session.session_id) == moved


async def test_changes_go_with_the_transition(store: Store) -> None:
    await store.sessions.add(replace(SESSION, token_id="t", details="before"))
    moved = await store.sessions.transition(SESSION.session_id, SessionStatus.CONNECTED)
    assert moved is not None
    assert (moved.token_id, moved.details, moved.deadline_at) == ("t", "before", 61_000)
    changes = SessionChanges("after", Millis(5), Millis(6), "")
    moved = await store.sessions.transition(SESSION.session_id, SessionStatus.TERMINATED, changes)
    assert moved is not None
    assert (moved.details, moved.ended_at, moved.deadline_at, moved.token_id) == ("after", 5, 6, None)


async def test_one_of_many_concurrent_transitions_happens(store: Store) -> None:
    await store.sessions.add(SESSION)
    moved = await asyncio.gather(
        *(
            store.sessions.transition(SESSION.session_id, SessionStatus.FAILED, SessionChanges(details=str(number)))
            for number in range(20)
        )
    )
    (winner,) = [session for session in moved if session is not None]
    assert await store.sessions.get(SESSION.session_id) == winner


async def test_a_transition_of_an_unknown_session_returns_none(store: Store) -> None:
    assert await store.sessions.transition(SESSION.session_id, SessionStatus.FAILED) is None


async def test_a_token_is_consumed_once(store: Store) -> None:
    await store.sessions.add(replace(SESSION, token_id="old"))
    issued = await store.sessions.issue_token(SESSION.session_id, "new", Millis(7))
    assert issued is not None
    assert (issued.token_id, issued.deadline_at) == ("new", 7)
    assert await store.sessions.consume_token(SESSION.session_id, "old") is None
    answers = await asyncio.gather(*(store.sessions.consume_token(SESSION.session_id, "new") for _ in range(20)))
    assert [answer for answer in answers if answer is not None] == [replace(issued, token_id=None)]


@pytest.mark.parametrize("status", [SessionStatus.TERMINATING, SessionStatus.TERMINATED, SessionStatus.FAILED])
async def test_sessions_that_are_over_have_no_tokens(store: Store, status: SessionStatus) -> None:
    await store.sessions.add(replace(SESSION, status=status, token_id="t"))
    assert await store.sessions.consume_token(SESSION.session_id, "t") is None
    assert await store.sessions.issue_token(SESSION.session_id, "u", Millis(7)) is None


async def test_due_lists_active_sessions_earliest_first(store: Store) -> None:
    for number, status in enumerate(SessionStatus):
        session_id = SessionId(f"s{number}")
        ended_at = Millis(1) if status in ENDED else None
        await store.sessions.add(
            replace(SESSION, session_id=session_id, status=status, deadline_at=Millis(100 - number), ended_at=ended_at)
        )
    due = await store.sessions.due(Millis(99), 10)
    assert [session.deadline_at for session in due] == [97, 98, 99]
    assert {session.status for session in due} < ACTIVE
    assert len(await store.sessions.due(Millis(99), 1)) == 1
    assert await store.sessions.due(Millis(96), 10) == []
    await store.sessions.set_deadline(due[0].session_id, Millis(500))
    assert len(await store.sessions.due(Millis(99), 10)) == 2


async def test_an_ended_sessions_deadline_stays(store: Store) -> None:
    await store.sessions.add(FULL)
    await store.sessions.set_deadline(FULL.session_id, Millis(5))
    assert await store.sessions.get(FULL.session_id) == FULL


async def test_pages_walk_in_order_over_ties(store: Store) -> None:
    order = [("c", 3), ("a", 2), ("b", 2), ("d", 2), ("e", 1)]
    for name, at in order[::-1]:
        await store.sessions.add(replace(SESSION, session_id=SessionId(name), started_at=Millis(at)))
    query = SessionQuery(SessionState.ACTIVE)
    everything = await store.sessions.page(query, None, 10)
    assert [session.session_id for session in everything] == [name for name, _ in order]
    for at, session in enumerate(everything):
        after = SessionPosition(session.started_at, session.session_id)
        assert await store.sessions.page(query, after, 10) == everything[at + 1 :]
        assert await store.sessions.page(query, after, 1) == everything[at + 1 : at + 2]


QUOTA = SessionQuota("AIDA1", SessionUsage(waiting=5, waiting_bytes=1000, on_node=8))


def numbered(number: int, node: str = "mi-1") -> Session:
    return replace(SESSION, session_id=SessionId(f"n-{number}"), target=NodeId(node))


async def test_concurrent_sessions_are_added_up_to_the_quota(store: Store) -> None:
    used = await asyncio.gather(*(store.sessions.add(numbered(number), "{}", QUOTA) for number in range(20)))
    assert used.count(None) == 5
    assert [each for each in used if each is not None] == [SessionUsage(5, 10, 5)] * 15
    assert len(await store.sessions.active_on(NodeId("mi-1"))) == 5
    assert await store.sessions.add(numbered(20), "{}", replace(QUOTA, person_id="AIDA2")) is None
    assert await store.sessions.add(numbered(21)) is None  # without a quota


async def test_sessions_wait_until_they_are_connected_or_over(store: Store) -> None:
    for number in range(5):
        assert await store.sessions.add(numbered(number), "{}", QUOTA) is None
    for number, status in ((0, SessionStatus.CONNECTED), (1, SessionStatus.FAILED)):
        assert await store.sessions.add(numbered(9), "{}", QUOTA) is not None
        assert await store.sessions.transition(SessionId(f"n-{number}"), status) is not None
        assert await store.sessions.add(numbered(number + 10), "{}", QUOTA) is None


async def test_bytes_of_waiting_sessions_are_counted(store: Store) -> None:
    assert await store.sessions.add(numbered(0), "é" * 400, QUOTA) is None
    assert await store.sessions.add(numbered(1), "x" * 201, QUOTA) == SessionUsage(1, 800, 1)
    assert await store.sessions.add(numbered(2), "x" * 200, QUOTA) is None


async def test_a_persons_sessions_on_a_node_are_counted_connected_or_not(store: Store) -> None:
    for number in range(8):
        assert await store.sessions.add(numbered(number), "{}", QUOTA) is None
        assert await store.sessions.transition(SessionId(f"n-{number}"), SessionStatus.CONNECTED) is not None
    assert await store.sessions.add(numbered(8), "{}", QUOTA) == SessionUsage(0, 0, 8)
    assert await store.sessions.add(numbered(9, "mi-2"), "{}", QUOTA) is None


async def test_active_on_lists_one_nodes_sessions(store: Store) -> None:
    await store.sessions.add(SESSION)
    await store.sessions.add(replace(SESSION, session_id=SessionId("x"), target=NodeId("mi-2")))
    await store.sessions.add(FULL)
    assert await store.sessions.active_on(NodeId("mi-1")) == [SESSION]


async def test_prune_deletes_the_oldest_ended(store: Store) -> None:
    await store.sessions.add(SESSION)
    for number in range(10):
        session_id = SessionId(f"s{number}")
        await store.sessions.add(replace(FULL, session_id=session_id, ended_at=Millis(number)))
    assert await store.sessions.prune(Millis(5), 3) == 3
    assert await store.sessions.get(SessionId("s2")) is None
    assert await store.sessions.get(SessionId("s3")) is not None
    assert await store.sessions.prune(Millis(5), 100) == 2
    assert await store.sessions.prune(Millis(5), 100) == 0
    assert await store.sessions.get(SESSION.session_id) == SESSION
    assert await store.sessions.get(SessionId("s5")) is not None


ALICE = User("AIDA1", "alice", Millis(1))
KEY = AccessKey("AKIA1", "AIDA1", b"\0sealed", True, Millis(2))


async def test_keys_are_walked_and_resealed(store: Store) -> None:
    await store.identities.add_user(ALICE)
    keys = [replace(KEY, access_key_id=f"AKIA{n}") for n in range(5)]
    for key in keys:
        await store.identities.add_key(key)
    assert await store.identities.keys_after("", 3) == keys[:3]
    assert await store.identities.keys_after("AKIA2", 3) == keys[3:]
    assert not await store.identities.reseal_key("AKIA0", b"other", b"new")
    assert await store.identities.reseal_key("AKIA0", KEY.sealed_secret, b"new")
    assert not await store.identities.reseal_key("AKIA0", KEY.sealed_secret, b"newer")
    assert await store.identities.get_key("AKIA0") == replace(keys[0], sealed_secret=b"new")


async def test_users_and_their_keys(store: Store) -> None:
    bob = User("AIDA2", "Bob", Millis(1))
    for user in (ALICE, bob):
        await store.identities.add_user(user)
        assert await store.identities.get_user(user.user_id) == user
        assert await store.identities.user_named(user.name) == user
    assert await store.identities.user_named("ALICE") is None
    assert set(await store.identities.users()) == {ALICE, bob}
    older = replace(KEY, access_key_id="AKIA2", created_at=Millis(1))
    for key in (KEY, older):
        await store.identities.add_key(key)
        assert await store.identities.get_key(key.access_key_id) == key
    assert await store.identities.keys_of("AIDA1") == [older, KEY]
    assert await store.identities.set_key_active("AKIA1", active=False)
    assert await store.identities.get_key("AKIA1") == replace(KEY, active=False)
    assert await store.identities.remove_key("AKIA2")
    assert await store.identities.remove_user("AIDA1")
    assert await store.identities.get_key("AKIA1") is None


async def test_a_user_name_can_be_used_once(store: Store) -> None:
    await store.identities.add_user(ALICE)
    with pytest.raises(ServiceError) as refused:
        await store.identities.add_user(replace(ALICE, user_id="AIDA9"))
    assert (refused.value.code, refused.value.status) == ("EntityAlreadyExists", 409)


async def test_changes_to_what_is_not_there_are_false(store: Store) -> None:
    assert not await store.identities.set_key_active("nobody", active=True)
    assert not await store.identities.remove_key("nobody")
    assert not await store.identities.remove_user("nobody")
    assert await store.identities.get_user("nobody") is None
    assert await store.identities.keys_of("nobody") == []


async def test_a_healthy_store_reports_that_it_is_healthy(store: Store) -> None:
    await store.check()


@pytest.mark.parametrize("by", [3_600_000, -500])
async def test_a_clock_that_is_set_moves_active_sessions_alone(store: Store, by: int) -> None:
    bounded = replace(SESSION, session_id=SessionId("alice-2"), access_ends_at=Millis(70_000))
    for session in (SESSION, FULL, bounded):
        await store.sessions.add(session)
    assert await store.sessions.move_times(by) == 2
    started, deadline = Millis(1000 + by), Millis(61_000 + by)
    expected = [
        replace(SESSION, started_at=started, deadline_at=deadline),
        FULL,
        replace(bounded, started_at=started, deadline_at=Millis(min(deadline, 70_000))),
    ]
    assert [await store.sessions.get(session.session_id) for session in (SESSION, FULL, bounded)] == expected
