"""What every adapter of the port for session logs must do."""

import pytest

from ferryman.core.ports.recordings.outputs import OutputBacklog, OutputKind, PendingOutput
from ferryman.core.ports.recordings.store import Recording, RecordingKey, RecordingMode
from ferryman.core.ports.sessions import SessionChanges
from ferryman.core.ports.store import Store
from ferryman.model.identifiers import Millis, SessionId
from ferryman.model.session_outputs import CloudWatchOutput, S3Output, SessionOutputs
from ferryman.model.sessions import SessionStatus
from tests.contract.store.sessions import SESSION

OUTPUTS = SessionOutputs(S3Output("logs", "p", encrypted=True), CloudWatchOutput("/g", streaming=True), "deploy")
AT_THE_END = SessionOutputs(cloud_watch=CloudWatchOutput("/g"))
ID, OTHER = SessionId("alice-0"), SessionId("bob-0")
NOW = Millis(1_000_000)
RECORDING = Recording(ID, SESSION.target, SESSION.owner, "alice", SESSION.document_name, RecordingMode.OFF, NOW)


async def row(store: Store, kind: OutputKind, session_id: SessionId = ID) -> PendingOutput:
    (found,) = [each for each in await store.outputs.of_session(session_id) if each.kind is kind]
    return found


async def due(store: Store, now: int = NOW) -> list[tuple[SessionId, OutputKind]]:
    return [(each.session_id, each.kind) for each in await store.outputs.due(Millis(now), 10)]


async def test_outputs_are_one_row_for_each_destination(store: Store) -> None:
    await store.outputs.add(ID, OUTPUTS, NOW)
    await store.outputs.add(OTHER, AT_THE_END, NOW)
    found = await store.outputs.of_session(ID)
    assert [each.kind for each in found] == [OutputKind.CLOUD_WATCH_STREAM, OutputKind.S3]
    assert all(each.outputs == OUTPUTS and each.created_at == NOW for each in found)
    assert (await row(store, OutputKind.CLOUD_WATCH, OTHER)).outputs == AT_THE_END
    await store.outputs.delete(ID)
    assert await store.outputs.of_session(ID) == []
    assert len(await store.outputs.of_session(OTHER)) == 1


async def test_only_streams_are_due_before_the_session_has_ended(store: Store) -> None:
    await store.sessions.add(SESSION)
    await store.outputs.add(ID, OUTPUTS, NOW)
    assert await due(store) == [(ID, OutputKind.CLOUD_WATCH_STREAM)]
    assert not (await row(store, OutputKind.CLOUD_WATCH_STREAM)).is_over
    await store.sessions.transition(ID, SessionStatus.FAILED, SessionChanges(ended_at=NOW))
    assert await due(store) == [(ID, OutputKind.CLOUD_WATCH_STREAM), (ID, OutputKind.S3)]
    ended = await row(store, OutputKind.S3)
    assert (ended.is_over, ended.ended_at) == (True, NOW)


async def test_output_whose_recording_is_not_finished_is_due_only_as_unfinished(store: Store) -> None:
    await store.outputs.add(ID, AT_THE_END, NOW)
    await store.sessions.add(SESSION)
    await store.recordings.add(RECORDING, RecordingKey(b"key"))
    assert await store.outputs.unfinished(NOW, 10) == []
    assert (await row(store, OutputKind.CLOUD_WATCH)).ended_at is None
    await store.sessions.transition(ID, SessionStatus.FAILED, SessionChanges(ended_at=Millis(NOW + 5)))
    assert await due(store) == []
    (found,) = await store.outputs.unfinished(NOW, 10)
    assert (found.session_id, found.ended_at, found.is_over) == (ID, NOW + 5, False)
    await store.outputs.fail(found, "damaged", Millis(NOW + 10))
    assert await store.outputs.unfinished(NOW, 10) == []
    await store.recordings.delete(ID)
    assert await store.outputs.unfinished(Millis(NOW + 10), 10) == []


async def test_output_of_a_session_that_history_no_longer_has_counts_from_its_beginning(store: Store) -> None:
    await store.outputs.add(ID, AT_THE_END, NOW)
    assert (await row(store, OutputKind.CLOUD_WATCH)).ended_at == NOW


async def test_failed_output_is_due_later_and_counts(store: Store) -> None:
    await store.outputs.add(ID, AT_THE_END, NOW)
    pending = await row(store, OutputKind.CLOUD_WATCH)
    assert await store.outputs.backlog() == OutputBacklog(1, 0)
    await store.outputs.fail(pending, "x" * 5000, Millis(NOW + 10))
    assert await due(store) == []
    assert await due(store, NOW + 10) == [(ID, OutputKind.CLOUD_WATCH)]
    failed = await row(store, OutputKind.CLOUD_WATCH)
    assert (failed.attempts, failed.failure) == (1, "x" * 1024)
    assert await store.outputs.backlog() == OutputBacklog(1, 1, failed)
    await store.outputs.advance(failed, '{"events":1}')
    advanced = await row(store, OutputKind.CLOUD_WATCH)
    assert (advanced.attempts, advanced.failure, advanced.progress) == (0, None, '{"events":1}')
    await store.outputs.deliver(advanced, NOW)
    assert (await row(store, OutputKind.CLOUD_WATCH)).delivered_at == NOW
    assert await store.outputs.backlog() == OutputBacklog(0, 0)


@pytest.mark.parametrize(("now", "free"), [(NOW + 99, False), (NOW + 101, True)])
async def test_output_is_held_by_one_server_for_a_time(store: Store, now: int, free: bool) -> None:
    await store.outputs.add(ID, OUTPUTS, NOW)
    pending = await row(store, OutputKind.S3)
    assert await store.outputs.acquire(pending, "one", NOW, Millis(NOW + 100))
    assert await store.outputs.acquire(pending, "one", Millis(NOW + 1), Millis(NOW + 100))
    assert await store.outputs.acquire(await row(store, OutputKind.CLOUD_WATCH_STREAM), "two", NOW, NOW)
    assert await store.outputs.acquire(pending, "two", Millis(now), Millis(now + 100)) is free


async def test_released_output_is_free(store: Store) -> None:
    await store.outputs.add(ID, OUTPUTS, NOW)
    pending = await row(store, OutputKind.S3)
    assert await store.outputs.acquire(pending, "one", NOW, Millis(NOW + 100))
    await store.outputs.release("two")
    assert not await store.outputs.acquire(pending, "two", NOW, Millis(NOW + 100))
    await store.outputs.release("one")
    assert await store.outputs.acquire(pending, "two", NOW, Millis(NOW + 100))


async def test_session_has_the_links_that_were_set(store: Store) -> None:
    await store.sessions.add(SESSION)
    await store.sessions.set_output_url(ID, s3="https://s3/x")
    await store.sessions.set_output_url(ID, cloud_watch="https://cw/x")
    found = await store.sessions.get(ID)
    assert found is not None
    assert (found.s3_output_url, found.cloud_watch_output_url) == ("https://s3/x", "https://cw/x")
