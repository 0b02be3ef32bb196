"""Recorded sessions on a whole server: what is recorded, who may read it, and what happens when it cannot be."""

import asyncio
import json
from collections.abc import AsyncIterator
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from botocore.exceptions import ClientError

from ferryman.awsapi import OWN_MODELS
from ferryman.core.iam.operator import create_access_key, create_user, delete_user
from ferryman.core.recordings import actions
from ferryman.model.identifiers import SessionId
from ferryman.model.identity.callers import BuiltinRole
from ferryman.model.sessions import SessionStatus
from ferryman.wire.agent_message import MessageType
from tests.server.callers.own_calls import call, finished
from tests.server.peers import output, state, task_complete
from tests.server.recorded_sessions import Disk, Recording, shown
from tests.server.running import Paired, Recorded, Server, until


@pytest.fixture
async def recording(tmp_path: Path) -> AsyncIterator[Recording]:
    made = Recording(Disk(tmp_path / "recordings"))
    yield made
    made.running.cancel()
    await made.recorder.close()


@pytest.fixture
def recorded(recording: Recording) -> Recorded:
    return recording.record


async def test_output_is_recorded_once_and_in_order(server: Server) -> None:
    paired = await server.paired()
    for number in (0, 1, 1, 3, 0, 2, 2, 4):
        await paired.agent.send(output(number, b"%d " % number))
    for _ in range(8):
        await paired.client.frame()
    row = await finished(server, paired)
    assert await shown(server, paired.session_id) == b"0 1 2 3 4 "
    assert row["Target"] == paired.node.node_id
    assert row["Owner"].endswith(":user/root")
    listed = await call(server, "ListRecordings", Target=paired.node.node_id)
    assert listed["Recordings"] == [row]
    assert (await call(server, "VerifyRecording", SessionId=paired.session_id))["Intact"]


async def test_output_behind_a_lost_message_is_recorded_when_the_session_ends(server: Server) -> None:
    """A server that was killed had relayed the message but not written it, and the agent does not send it again."""
    paired = await server.paired()
    await relay_with_a_lost_message(paired)
    await finished(server, paired)
    assert await shown(server, paired.session_id) == b"0 2 3 "


async def test_output_behind_a_lost_message_is_recorded_when_the_server_stops(
    server: Server, recording: Recording
) -> None:
    paired = await server.paired()
    await relay_with_a_lost_message(paired)
    await recording.recorder.close()
    row = await server.store.recordings.get(SessionId(paired.session_id))
    key = await server.store.recordings.key(SessionId(paired.session_id))
    assert row is not None
    assert key is not None
    events = recording.recorder.reader(row, key).events()
    assert [event.data for event in events if event.kind == "o"] == [b"0 ", b"2 ", b"3 "]


async def relay_with_a_lost_message(paired: Paired) -> None:
    for number in (0, 2, 3):
        await paired.agent.send(output(number, b"%d " % number))
        await paired.client.frame()


async def test_pages_of_events_join_without_gap_or_repeat(server: Server) -> None:
    paired = await server.paired()
    pieces = [bytes([number]) * 60_000 for number in range(40)]
    for number, piece in enumerate(pieces):
        await paired.agent.send(output(number, piece))
        await paired.client.frame()
    await finished(server, paired)
    assert await shown(server, paired.session_id) == b"".join(pieces)


async def test_page_has_a_bounded_number_of_events_and_blocks(server: Server, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(actions, "PAGE_BLOCKS", 2)
    monkeypatch.setattr(actions, "PAGE_BYTES", 3 * 64)
    paired = await server.paired()
    for number in range(6):
        await paired.agent.send(output(number, b"%d" % number))
        await paired.client.frame()
    await finished(server, paired)
    page = await call(server, "GetRecordingEvents", SessionId=paired.session_id)
    assert page["NextToken"]
    assert await shown(server, paired.session_id) == b"012345"


async def test_deleted_recording_is_gone_with_its_key(server: Server, recording: Recording) -> None:
    paired = await server.paired()
    with pytest.raises(ClientError, match="while the session is active"):
        await call(server, "DeleteRecording", SessionId=paired.session_id)
    await paired.agent.send(output(0, b"x"))
    await paired.client.frame()
    await finished(server, paired)
    await call(server, "DeleteRecording", SessionId=paired.session_id)
    assert not list(recording.disk.directory.glob("*/*"))
    assert await server.store.recordings.key(paired.session_id) is None
    with pytest.raises(ClientError, match="DoesNotExistException"):
        await call(server, "GetRecording", SessionId=paired.session_id)


async def test_reading_needs_a_policy_and_nobody_learns_what_exists(server: Server) -> None:
    paired = await server.paired()
    await finished(server, paired)
    await create_user(server.service, "eve", None)
    eve = await create_access_key(server.service, "eve")
    for session_id in (paired.session_id, "root-00000000000000000"):
        for operation in ("GetRecording", "GetRecordingEvents", "VerifyRecording", "DeleteRecording"):
            with pytest.raises(ClientError, match="AccessDeniedException"):
                await call(server, operation, eve, SessionId=session_id)
    policy = {"Effect": "Allow", "Action": "ferryman:GetRecord*Events", "Resource": "*"}
    document = json.dumps({"Version": "2012-10-17", "Statement": [policy]})
    put = server.client("iam").put_user_policy
    await asyncio.to_thread(put, UserName="eve", PolicyName="p", PolicyDocument=document)
    assert (await call(server, "GetRecordingEvents", eve, SessionId=paired.session_id))["Events"]
    with pytest.raises(ClientError, match="AccessDeniedException"):
        await call(server, "GetRecording", eve, SessionId=paired.session_id)
    with pytest.raises(ClientError, match="ferryman:GetRecordingInput"):
        await call(server, "GetRecordingEvents", eve, SessionId=paired.session_id, IncludeInput=True)


async def test_recording_of_a_session_that_ended_elsewhere_is_finished(server: Server, recording: Recording) -> None:
    paired = await server.paired()
    await paired.agent.send(output(0, b"x"))
    await paired.client.frame()
    await server.call("terminate_session", SessionId=paired.session_id)
    await paired.end()

    async def look() -> Any:
        return (await call(server, "GetRecording", SessionId=paired.session_id))["Recording"]["Status"]

    await until(look, lambda status: status == "Finished")
    assert await shown(server, paired.session_id) == b"x"


async def deleted_as_expired(server: Server, recording: Recording, session_id: str) -> None:
    """Delete what has expired; the recorder itself may be doing it already."""
    await recording.recorder.delete_expired()
    await until(partial(server.store.recordings.get, SessionId(session_id)), lambda row: row is None)


async def test_recordings_are_deleted_after_their_days(server: Server, recording: Recording) -> None:
    paired = await server.paired()
    await paired.agent.send(output(0, b"x"))
    await paired.client.frame()
    row = await finished(server, paired)
    assert await recording.recorder.delete_expired() == 0
    recording.recorder._kept_millis = 86_400_000
    assert await recording.recorder.delete_expired() == 0
    server.clock.advance(2 * 86_400)
    await deleted_as_expired(server, recording, row["SessionId"])
    assert not list(recording.disk.directory.glob("*/*"))


async def test_held_recording_is_deleted_by_nobody_until_it_is_released(server: Server, recording: Recording) -> None:
    row = await shown_and_finished(server)
    session_id = row["SessionId"]
    held = await call(server, "PutRecordingHold", SessionId=session_id, Reason="case 4711")
    assert held["Recording"]["Hold"]["Reason"] == "case 4711"
    with pytest.raises(ClientError, match=r"RecordingRetainedException.*user/root: case 4711"):
        await call(server, "DeleteRecording", SessionId=session_id)
    recording.recorder._kept_millis = 86_400_000
    server.clock.advance(2 * 86_400)
    assert await recording.recorder.delete_expired() == 0
    assert await shown(server, session_id) == b"x"
    await call(server, "DeleteRecordingHold", SessionId=session_id)
    with pytest.raises(ClientError, match="DoesNotExistException"):
        await call(server, "DeleteRecordingHold", SessionId=session_id)
    await deleted_as_expired(server, recording, session_id)


async def test_retained_recording_is_deleted_by_nobody_before_its_time(server: Server, recording: Recording) -> None:
    recording.recorder._retained_millis = 7 * 86_400_000
    row = await shown_and_finished(server)
    assert row["RetainedUntil"] == pytest.approx(row["StartDate"] + 7 * 86_400, abs=0.01)
    recording.recorder._retained_millis = 0  # what the configuration says later changes nothing
    recording.recorder._kept_millis = 86_400_000
    server.clock.advance(6 * 86_400)
    assert await recording.recorder.delete_expired() == 0
    with pytest.raises(ClientError, match="it is kept until"):
        await call(server, "DeleteRecording", SessionId=row["SessionId"])
    recording.recorder._kept_millis = 30 * 86_400_000  # it does not delete the recording before the call does
    server.clock.advance(86_400 + 1)
    await call(server, "DeleteRecording", SessionId=row["SessionId"])


async def shown_and_finished(server: Server) -> dict[str, Any]:
    paired = await server.paired()
    await paired.agent.send(output(0, b"x"))
    await paired.client.frame()
    await paired.client.close()
    await paired.agent.close()
    return await finished(server, paired)


async def test_session_without_a_recording_gets_one_when_its_client_connects(server: Server) -> None:
    node = await server.register()
    control = await node.control()
    ticket = await server.start(node)
    assert await server.store.recordings.delete(ticket["SessionId"])  # as if the server had died before it was stored
    client = await server.open_client(ticket)
    await control.until(MessageType.INTERACTIVE_SHELL)
    agent = await node.data(ticket["SessionId"])
    await agent.send(state("Connected", ticket["SessionId"]))
    await server.until_status(ticket["SessionId"], SessionStatus.CONNECTED)
    await agent.send(output(0, b"recorded"))
    await client.frame()
    await control.send(task_complete(ticket["SessionId"]))

    async def look() -> Any:
        return (await call(server, "GetRecording", SessionId=ticket["SessionId"]))["Recording"]["Status"]

    await until(look, lambda status: status == "Finished")
    assert await shown(server, ticket["SessionId"]) == b"recorded"


def test_model_is_where_programs_find_it() -> None:
    assert (OWN_MODELS / "ferryman/2026-11-01/service-2.json").is_file()


async def test_recordings_of_a_deleted_user_can_be_read(server: Server) -> None:
    await create_user(server.service, "mallory", BuiltinRole.ADMINISTRATOR)
    key = await create_access_key(server.service, "mallory")
    paired = await server.paired(credentials=key)
    await paired.agent.send(output(0, b"x"))
    await paired.client.frame()
    row = await finished(server, paired)
    await delete_user(server.service, "mallory")
    assert row["Owner"].endswith(":user/mallory")
    assert (await call(server, "ListRecordings", Owner=row["Owner"]))["Recordings"] == [row]
    assert await shown(server, paired.session_id) == b"x"
    assert (await call(server, "VerifyRecording", SessionId=paired.session_id))["Intact"]


@pytest.mark.parametrize("seconds", [-86_400, 86_400])
async def test_times_never_go_back_when_the_clock_is_set(server: Server, seconds: int) -> None:
    paired = await server.paired()
    for number in range(4):
        await paired.agent.send(output(number, b"%d" % number))
        await paired.client.frame()
        if number == 1:
            server.clock.advance(seconds)
    await finished(server, paired)
    events = (await call(server, "GetRecordingEvents", SessionId=paired.session_id))["Events"]
    times = [event["At"] for event in events]
    assert times == sorted(times)
    assert times[0] >= 0
    assert await shown(server, paired.session_id) == b"0123"
    assert (await call(server, "VerifyRecording", SessionId=paired.session_id))["Intact"]
