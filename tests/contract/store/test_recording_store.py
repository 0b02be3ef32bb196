"""What every adapter of the port for recordings must do."""

from dataclasses import replace

import pytest

from ferryman.core.ports.recordings.store import (
    Recording,
    RecordingEnd,
    RecordingHold,
    RecordingKey,
    RecordingMode,
    RecordingPosition,
    RecordingQuery,
)
from ferryman.core.ports.sessions import SessionChanges
from ferryman.core.ports.store import Store
from ferryman.model.identifiers import Millis, NodeId, SessionId
from ferryman.model.sessions import Session, SessionQuota, SessionStatus, SessionUsage

RECORDING = Recording(
    session_id=SessionId("alice-0"),
    target=NodeId("mi-1"),
    owner="arn:aws:iam::1:user/alice",
    owner_name="alice",
    document_name="SSM-SessionManagerRunShell",
    mode=RecordingMode.REQUIRED,
    started_at=Millis(1000),
)
KEY = RecordingKey(bytes(range(256)))
END = RecordingEnd(finished_at=Millis(9000), duration=8000, blocks=3, size=10_000_000_000, head=bytes(range(32)))
HOLD = RecordingHold("case 4711", "arn:aws:iam::1:user/carol", Millis(9500))
SESSION = Session(
    session_id=SessionId("alice-0"),
    target=NodeId("mi-1"),
    status=SessionStatus.CONNECTING,
    started_at=Millis(1000),
    document_name="SSM-SessionManagerRunShell",
    owner="arn:aws:iam::1:user/alice",
    owner_id="AIDA1",
    owner_name="alice",
    deadline_at=Millis(61_000),
    idle_timeout=20,
)
QUOTA = SessionQuota("AIDA1", SessionUsage(100, 1_000_000, 100))


async def numbered(store: Store, count: int) -> list[Recording]:
    """Recordings of two nodes and two owners, two of which begin at the same moment."""
    made = [
        replace(
            RECORDING,
            session_id=SessionId(f"alice-{number}"),
            target=NodeId(f"mi-{number % 2}"),
            owner=f"arn:aws:iam::1:user/{'ab'[number // 2 % 2]}",
            started_at=Millis(1000 * (number // 2)),
        )
        for number in range(count)
    ]
    for recording in made:
        await store.recordings.add(recording, KEY)
    return made


async def test_recording_comes_back_as_it_was_added(store: Store) -> None:
    await store.recordings.add(RECORDING, KEY)
    assert await store.recordings.get("alice-0") == RECORDING
    assert await store.recordings.key("alice-0") == KEY
    assert await store.recordings.get("bob-0") is None
    assert await store.recordings.key("bob-0") is None
    assert await store.recordings.with_key("alice-0") == (RECORDING, KEY)
    assert await store.recordings.with_key("bob-0") is None


async def test_recording_is_finished_once(store: Store) -> None:
    await store.recordings.add(RECORDING, KEY)
    assert await store.recordings.finish(RECORDING.session_id, END)
    assert not await store.recordings.finish(RECORDING.session_id, replace(END, blocks=4))
    assert await store.recordings.get("alice-0") == replace(
        RECORDING, finished_at=END.finished_at, duration=8000, blocks=3, size=END.size, head=END.head
    )
    assert not await store.recordings.finish(SessionId("bob-0"), END)


async def test_growth_is_noted_until_the_recording_is_finished(store: Store) -> None:
    await store.recordings.add(RECORDING, KEY)
    assert await store.recordings.note_blocks(RECORDING.session_id, 2)
    assert await store.recordings.get("alice-0") == replace(RECORDING, blocks=2)
    await store.recordings.finish(RECORDING.session_id, END)
    assert not await store.recordings.note_blocks(RECORDING.session_id, 2)
    found = await store.recordings.get("alice-0")
    assert found is not None
    assert found.blocks == 3
    assert not await store.recordings.note_blocks(SessionId("bob-0"), 2)


@pytest.mark.parametrize(
    "query",
    [
        RecordingQuery(),
        RecordingQuery(target="mi-1"),
        RecordingQuery(owner="arn:aws:iam::1:user/b"),
        RecordingQuery(target="mi-0", owner="arn:aws:iam::1:user/a"),
        RecordingQuery(started_after=Millis(2000)),
        RecordingQuery(started_before=Millis(3000)),
        RecordingQuery(target="mi-9"),
    ],
)
async def test_pages_are_newest_first_and_join(store: Store, query: RecordingQuery) -> None:
    made = await numbered(store, 9)
    wanted = sorted(
        (
            each
            for each in made
            if query.target in (None, each.target)
            and query.owner in (None, each.owner)
            and (query.started_after is None or each.started_at > query.started_after)
            and (query.started_before is None or each.started_at < query.started_before)
        ),
        key=lambda each: (-each.started_at, each.session_id),
    )
    found: list[Recording] = []
    after: RecordingPosition | None = None
    while page := await store.recordings.page(query, after, 2):
        found += page
        after = RecordingPosition(page[-1].started_at, page[-1].session_id)
    assert found == wanted


async def test_unfinished_recordings_are_those_of_sessions_that_ended_or_are_gone(store: Store) -> None:
    await store.sessions.add(SESSION, "{}", QUOTA)
    await store.recordings.add(RECORDING, KEY)
    assert await store.recordings.unfinished_of_ended_sessions(10) == []
    await store.recordings.add(replace(RECORDING, session_id=SessionId("bob-0")), KEY)
    assert await store.recordings.unfinished_of_ended_sessions(10) == ["bob-0"]
    await store.sessions.transition(SESSION.session_id, SessionStatus.FAILED, SessionChanges(ended_at=Millis(2000)))
    assert await store.recordings.unfinished_of_ended_sessions(10) == ["alice-0", "bob-0"]
    assert await store.recordings.unfinished_of_ended_sessions(1) == ["alice-0"]
    await store.recordings.finish(RECORDING.session_id, END)
    assert await store.recordings.unfinished_of_ended_sessions(10) == ["bob-0"]


async def test_old_recordings_are_found_oldest_first_unless_unfinished(store: Store) -> None:
    made = await numbered(store, 6)
    for each in made[1:]:
        await store.recordings.finish(each.session_id, END)
    old = await store.recordings.deletable(Millis(2000), Millis(9000), 10)
    assert [each.session_id for each in old] == ["alice-1", "alice-2", "alice-3"]
    assert len(await store.recordings.deletable(Millis(2000), Millis(9000), 2)) == 2


async def test_keys_are_walked_and_replaced_only_if_unchanged(store: Store) -> None:
    await numbered(store, 3)
    assert await store.recordings.keys_after("", 2) == [("alice-0", KEY), ("alice-1", KEY)]
    assert await store.recordings.keys_after("alice-1", 2) == [("alice-2", KEY)]
    new = RecordingKey(b"new")
    assert await store.recordings.reseal_key("alice-1", KEY, new)
    assert not await store.recordings.reseal_key("alice-1", KEY, RecordingKey(b"newer"))
    assert await store.recordings.key("alice-1") == new


async def test_held_or_retained_recording_cannot_be_deleted(store: Store) -> None:
    retained = replace(RECORDING, session_id=SessionId("bob-0"), retained_until=Millis(5000))
    for each in (RECORDING, retained):
        await store.recordings.add(each, KEY)
        await store.recordings.finish(each.session_id, END)
    assert await store.recordings.put_hold("alice-0", HOLD)
    held = await store.recordings.get("alice-0")
    assert held is not None
    assert held.hold == HOLD
    assert not await store.recordings.begin_deletion("alice-0", Millis(9000))
    assert not await store.recordings.begin_deletion("bob-0", Millis(4999))
    assert await store.recordings.deletable(Millis(2000), Millis(4999), 10) == []
    (deletable,) = await store.recordings.deletable(Millis(2000), Millis(5000), 10)
    assert deletable.session_id == "bob-0"
    assert await store.recordings.begin_deletion("bob-0", Millis(5000))
    assert not await store.recordings.put_hold("bob-0", HOLD)
    assert await store.recordings.begin_deletion("bob-0", Millis(5000))
    assert await store.recordings.remove_hold("alice-0")
    assert not await store.recordings.remove_hold("alice-0")
    assert await store.recordings.begin_deletion("alice-0", Millis(9000))
    assert not await store.recordings.begin_deletion("carol-0", Millis(9000))


async def test_hold_replaces_the_one_before(store: Store) -> None:
    await store.recordings.add(replace(RECORDING, hold=HOLD), KEY)
    (from_the_start,) = await store.recordings.page(RecordingQuery(), None, 10)
    assert from_the_start.hold == HOLD
    await store.recordings.put_hold("alice-0", replace(HOLD, reason="another"))
    (found,) = await store.recordings.page(RecordingQuery(), None, 10)
    assert found.hold == replace(HOLD, reason="another")


async def test_deleted_recording_is_gone_with_its_key(store: Store) -> None:
    await store.recordings.add(RECORDING, KEY)
    assert await store.recordings.delete("alice-0")
    assert not await store.recordings.delete("alice-0")
    assert await store.recordings.get("alice-0") is None
    assert await store.recordings.key("alice-0") is None


async def test_keys_of_several_recordings_are_read_together(store: Store) -> None:
    made = await numbered(store, 3)
    ids = [each.session_id for each in made]
    assert await store.recordings.keys([*ids[:2], "alice-unknown"]) == {ids[0]: KEY, ids[1]: KEY}
    assert await store.recordings.keys([]) == {}
