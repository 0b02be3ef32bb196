"""Recordings: Ferryman's own operations, in the style of AWS's."""

from datetime import datetime

from ferryman.core.ports.recordings.store import Recording, RecordingHold, RecordingQuery
from ferryman.core.recordings import actions as recordings
from ferryman.core.recordings.listing import list_recordings
from ferryman.core.recordings.requests import GetRecordingEventsRequest, ListRecordingsRequest
from ferryman.core.recordings.retention import delete_recording_hold, put_recording_hold
from ferryman.core.recordings.search import Match, SearchRecordingsRequest, search_recordings
from ferryman.model.identifiers import Millis
from ferryman.model.identity.callers import Caller
from ferryman.model.values.timestamps import to_millis
from ferryman.server.operations.context import OperationContext, Operations, Parameters, Result
from ferryman.server.operations.results import as_datetime


async def _list_recordings(context: OperationContext, caller: Caller, parameters: Parameters) -> Result:
    request = ListRecordingsRequest(_query(parameters), parameters.get("MaxResults"), parameters.get("NextToken"))
    page = await list_recordings(context.service, caller, request)
    return {"Recordings": [_recording(item) for item in page.items], "NextToken": page.next_token}


async def _search_recordings(context: OperationContext, caller: Caller, parameters: Parameters) -> Result:
    request = SearchRecordingsRequest(
        parameters["Phrase"], _query(parameters), parameters.get("MaxResults"), parameters.get("NextToken")
    )
    page = await search_recordings(context.service, caller, request)
    return {"Matches": [_match(item) for item in page.items], "NextToken": page.next_token}


async def _get_recording(context: OperationContext, caller: Caller, parameters: Parameters) -> Result:
    return {"Recording": _recording(await recordings.get_recording(context.service, caller, parameters["SessionId"]))}


async def _get_recording_events(context: OperationContext, caller: Caller, parameters: Parameters) -> Result:
    request = GetRecordingEventsRequest(
        parameters["SessionId"],
        parameters.get("StartAt") or 0,
        bool(parameters.get("IncludeInput")),
        parameters.get("NextToken"),
    )
    page = await recordings.get_recording_events(context.service, caller, request)
    events = [{"At": event.at, "Kind": event.kind, "Data": event.data} for event in page.events]
    return {"Events": events, "NextToken": page.next_token}


async def _verify_recording(context: OperationContext, caller: Caller, parameters: Parameters) -> Result:
    verification = await recordings.verify_recording(context.service, caller, parameters["SessionId"])
    return {
        "SessionId": verification.session_id,
        "Intact": verification.problem is None,
        "Problem": verification.problem,
    }


async def _delete_recording(context: OperationContext, caller: Caller, parameters: Parameters) -> Result:
    await recordings.delete_recording(context.service, caller, parameters["SessionId"])
    return {"SessionId": parameters["SessionId"]}


async def _put_recording_hold(context: OperationContext, caller: Caller, parameters: Parameters) -> Result:
    session_id, reason = parameters["SessionId"], parameters["Reason"]
    return {"Recording": _recording(await put_recording_hold(context.service, caller, session_id, reason))}


async def _delete_recording_hold(context: OperationContext, caller: Caller, parameters: Parameters) -> Result:
    await delete_recording_hold(context.service, caller, parameters["SessionId"])
    return {"SessionId": parameters["SessionId"]}


def _query(parameters: Parameters) -> RecordingQuery:
    return RecordingQuery(
        target=parameters.get("Target"),
        owner=parameters.get("Owner"),
        started_after=_millis(parameters.get("StartedAfter")),
        started_before=_millis(parameters.get("StartedBefore")),
    )


def _match(match: Match) -> Result:
    recording, line = match.recording, match.line
    return {
        "SessionId": recording.session_id,
        "Target": recording.target,
        "Owner": recording.owner,
        "DocumentName": recording.document_name,
        "Date": as_datetime(Millis(recording.started_at + line.at)),
        "At": line.at,
        "Line": line.text,
    }


def _recording(recording: Recording) -> Result:
    finished = recording.finished_at is not None
    return {
        "SessionId": recording.session_id,
        "Status": "Finished" if finished else "Recording",
        "Target": recording.target,
        "Owner": recording.owner,
        "DocumentName": recording.document_name,
        "Mode": recording.mode.value,
        "StartDate": as_datetime(recording.started_at),
        "FinishDate": as_datetime(recording.finished_at),
        "DurationMillis": recording.duration,
        "Size": recording.size,
        "BlockCount": recording.blocks if finished else None,
        "Head": None if recording.head is None else recording.head.hex(),
        "RetainedUntil": as_datetime(recording.retained_until),
        "Hold": None if recording.hold is None else _hold(recording.hold),
    }


def _hold(hold: RecordingHold) -> Result:
    return {"Reason": hold.reason, "HeldBy": hold.held_by, "HeldSince": as_datetime(hold.held_at)}


def _millis(moment: datetime | None) -> Millis | None:
    return None if moment is None else to_millis(moment)


OPERATIONS: Operations = {
    ("ferryman", "ListRecordings"): _list_recordings,
    ("ferryman", "SearchRecordings"): _search_recordings,
    ("ferryman", "GetRecording"): _get_recording,
    ("ferryman", "GetRecordingEvents"): _get_recording_events,
    ("ferryman", "VerifyRecording"): _verify_recording,
    ("ferryman", "DeleteRecording"): _delete_recording,
    ("ferryman", "PutRecordingHold"): _put_recording_hold,
    ("ferryman", "DeleteRecordingHold"): _delete_recording_hold,
}
