"""Recordings that somebody alters, disks that cannot be written, and servers that share a directory."""

import asyncio
import os
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from botocore.exceptions import ClientError

from ferryman.core.ports.recordings.recorder import Unrecordable
from ferryman.core.ports.recordings.store import RecordingMode
from ferryman.core.ports.sessions import SessionChanges
from ferryman.model.identifiers import Millis, SessionId
from ferryman.model.sessions import SessionStatus
from ferryman.recording import finisher, stored_recordings
from ferryman.recording.recorder import ServerRecorder
from ferryman.recording.session import recorder as session_recorder
from tests.server.callers.own_calls import call, finished
from tests.server.peers import output, task_complete
from tests.server.recorded_sessions import Disk, Recording, failure, files, has_blocks, shown
from tests.server.running import Recorded, Server, until


@pytest.fixture
async def recording(tmp_path: Path) -> AsyncIterator[Recording]:
    made = Recording(Disk(tmp_path / "recordings"))
    yield made
    made.running.cancel()
    await made.recorder.close()


@pytest.fixture
def recorded(recording: Recording) -> Recorded:
    return recording.record


async def test_damaged_recording_keeps_no_other_from_being_finished(
    server: Server, recording: Recording, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(finisher, "FINISHED_AT_ONCE", 1)
    damaged, intact = sorted([await server.paired(), await server.paired()], key=lambda each: each.session_id)
    await damaged.agent.send(output(0, b"x"))
    (path,) = await until(files(recording, damaged.session_id), has_blocks)
    content = bytearray(path.read_bytes())
    content[-1] ^= 1
    path.write_bytes(content)
    await damaged.control.send(task_complete(damaged.session_id))
    await server.until_status(damaged.session_id, SessionStatus.TERMINATED)
    assert (await finished(server, intact))["Status"] == "Finished"
    problem = await call(server, "VerifyRecording", SessionId=damaged.session_id)
    assert "was altered" in problem["Problem"]


async def test_end_that_is_removed_while_nobody_is_connected_is_noticed(server: Server, recording: Recording) -> None:
    paired = await server.paired()
    await paired.agent.send(output(0, b"x"))
    (path,) = await until(files(recording, paired.session_id), has_blocks)
    await paired.client.close()
    await paired.agent.close()

    async def taps() -> int:
        return len(recording.recorder._taps)

    await until(taps, lambda count: not count)
    path.write_bytes(b"")

    async def problem() -> str:
        return str((await call(server, "VerifyRecording", SessionId=paired.session_id)).get("Problem"))

    await until(problem, lambda said: "were written" in said)
    await paired.control.send(task_complete(paired.session_id))
    await server.until_status(paired.session_id, SessionStatus.TERMINATED)
    await recording.recorder.finish_ended()
    assert (await call(server, "GetRecording", SessionId=paired.session_id))["Recording"]["Status"] == "Recording"


async def test_end_that_is_removed_while_the_server_is_stopped_is_noticed(server: Server, recording: Recording) -> None:
    paired = await server.paired()
    await paired.agent.send(output(0, b"x"))
    (path,) = await until(files(recording, paired.session_id), has_blocks)
    await recording.recorder.close()
    path.write_bytes(b"")
    next_recorder = ServerRecorder(server.service, Disk(recording.disk.directory), RecordingMode.REQUIRED)
    row = await server.store.recordings.get(paired.session_id)
    key = await server.store.recordings.key(paired.session_id)
    assert row is not None
    assert key is not None
    assert "were written" in str(await next_recorder.verify(row, key))
    with pytest.raises(Unrecordable, match="1 were written"):
        await next_recorder.tap(SessionId(paired.session_id))
    await next_recorder.close()


async def test_recording_of_another_server_is_left_to_it(server: Server, recording: Recording) -> None:
    paired = await server.paired()
    await paired.agent.send(output(0, b"x"))
    await until(lambda: shown(server, paired.session_id), b"x".__eq__)  # nothing waits to be written
    (path,) = await until(files(recording, paired.session_id), has_blocks)
    other = ServerRecorder(server.service, Disk(recording.disk.directory), RecordingMode.REQUIRED)
    written = path.stat().st_size
    half_a_block = b"FRB1 which the other server is just writing"
    with path.open("ab") as file:
        file.write(half_a_block)
    await server.store.sessions.transition(
        SessionId(paired.session_id), SessionStatus.TERMINATED, SessionChanges(ended_at=Millis(2000))
    )
    assert await server.store.recordings.unfinished_of_ended_sessions(9) == [paired.session_id]
    assert await other.finish_ended() == 0
    assert path.read_bytes().endswith(half_a_block)
    os.truncate(path, written)
    await recording.recorder.close()
    other._finisher._not_before.clear()
    assert await other.finish_ended() == 1
    row = await server.store.recordings.get(paired.session_id)
    key = await server.store.recordings.key(paired.session_id)
    assert row is not None
    assert key is not None
    assert row.finished_at is not None
    assert await other.verify(row, key) is None
    await other.close()


async def test_session_that_must_be_recorded_waits_for_a_recording_that_a_lost_server_keeps(
    server: Server, recording: Recording, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It would end otherwise. A frozen server keeps its locks, and a file server those of a lost machine."""
    monkeypatch.setattr(stored_recordings, "ACQUIRE_SECONDS", 0.0)
    paired = await server.paired()
    await paired.agent.send(output(0, b"x"))
    await paired.client.frame()
    disk = CountingDisk(recording.disk.directory)
    other = ServerRecorder(server.service, disk, RecordingMode.REQUIRED)
    waiting = asyncio.create_task(other.tap(SessionId(paired.session_id)))
    while disk.acquisitions < 2 and not waiting.done():
        await asyncio.sleep(0.01)
    assert not waiting.done()
    await recording.recorder.close()
    assert await waiting is not None
    await other.close()


class CountingDisk(Disk):
    """Counts attempts to write to a recording."""

    acquisitions = 0

    def acquire(self, recording_id: str) -> None:
        self.acquisitions += 1
        super().acquire(recording_id)


async def test_altered_recording_is_reported_and_not_read(server: Server, recording: Recording) -> None:
    paired = await server.paired()
    await paired.agent.send(output(0, b"rm -rf /"))
    await paired.client.frame()
    await finished(server, paired)
    (path,) = recording.disk.directory.glob("*/*")
    content = bytearray(path.read_bytes())
    content[-1] ^= 1
    path.write_bytes(content)
    answer = await call(server, "VerifyRecording", SessionId=paired.session_id)
    assert not answer["Intact"]
    assert "was altered" in answer["Problem"]
    with pytest.raises(ClientError, match="RecordingDamagedException"):
        await call(server, "GetRecordingEvents", SessionId=paired.session_id)


async def test_recording_without_its_file_or_its_end_is_not_intact(server: Server, recording: Recording) -> None:
    paired = await server.paired()
    for number in range(3):
        await paired.agent.send(output(number, bytes(70_000)))
        await paired.client.frame()
    await finished(server, paired)
    (path,) = recording.disk.directory.glob("*/*")
    blocks = list(recording.disk.index(paired.session_id))
    path.write_bytes(path.read_bytes()[: blocks[-1].offset])
    assert not (await call(server, "VerifyRecording", SessionId=paired.session_id))["Intact"]
    path.unlink()
    assert not (await call(server, "VerifyRecording", SessionId=paired.session_id))["Intact"]


async def test_session_that_must_be_recorded_ends_when_it_cannot_be(
    server: Server, recording: Recording, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(session_recorder, "PATIENCE_SECONDS", 0.5)
    paired = await server.paired()
    recording.disk.is_full = True
    await paired.agent.send(output(0, b"first"))
    await until(failure(recording), bool)
    assert recording.recorder.waiting_bytes >= len(b"first")
    await paired.agent.send(output(1, b"never shown unrecorded"))
    session = await server.until_status(paired.session_id, SessionStatus.TERMINATED)
    assert "it cannot be recorded (" in str(session.details)
    with pytest.raises(ClientError, match="ServiceUnavailable"):
        await server.call("start_session", Target=paired.node.node_id)


async def test_one_recording_that_cannot_be_written_refuses_no_other_session(
    server: Server, recording: Recording
) -> None:
    paired = await server.paired()
    recording.disk.refused.add(paired.session_id)
    await paired.agent.send(output(0, b"never shown unrecorded"))
    await until(failure(recording), bool)
    assert (await server.call("start_session", Target=paired.node.node_id))["SessionId"]


class TestBestEffort:
    @pytest.fixture
    async def recording(self, tmp_path: Path) -> AsyncIterator[Recording]:
        made = Recording(Disk(tmp_path / "recordings"), RecordingMode.BEST_EFFORT)
        yield made
        made.running.cancel()
        await made.recorder.close()

    async def test_session_continues_on_a_full_disk(self, server: Server, recording: Recording) -> None:
        paired = await server.paired()
        recording.disk.is_full = True
        await paired.agent.send(output(0, b"first"))
        await until(failure(recording), bool)
        for number in range(1, 40):
            await paired.agent.send(output(number, bytes(60_000)))
            await paired.client.frame()
        assert (await server.session(paired.session_id)).status is SessionStatus.CONNECTED
