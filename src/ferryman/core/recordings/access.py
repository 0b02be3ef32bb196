"""Who may do what with a recording: the condition keys, and the check."""

from ferryman.core.authorization.decisions import require
from ferryman.core.authorization.request_context import Keys, resource_keys
from ferryman.core.ports.recordings.search import SearchedRecording
from ferryman.core.ports.recordings.store import Recording, RecordingMode
from ferryman.core.service import Service
from ferryman.model.errors import ServiceError
from ferryman.model.identity.callers import Caller
from ferryman.model.tags import ResourceType


async def recording_keys(service: Service, recording: Recording) -> Keys:
    """Return the condition keys of a recording: its session's owner and document, and its node with the node's tags."""
    return {**await resource_keys(service, ResourceType.NODE, recording.target), **own_keys(recording)}


def own_keys(recording: Recording | SearchedRecording) -> Keys:
    """Return the condition keys of a recording without those of its node's tags."""
    return {
        "ferryman:Owner": recording.owner,
        "ferryman:Target": recording.target,
        "ferryman:DocumentName": recording.document_name,
    }


async def accessible(service: Service, caller: Caller, action: str, session_id: str) -> Recording:
    """Return a recording that `caller` may perform `action` on; one who may not does not learn whether it exists."""
    recording = await service.store.recordings.get(session_id)
    if recording is not None and recording.mode is RecordingMode.OFF:
        recording = None  # kept only until the session's log is delivered
    keys = {} if recording is None else await recording_keys(service, recording)
    require(service, caller, action, service.arns.recording(session_id), keys)
    if recording is None:
        raise ServiceError("DoesNotExistException", f"There is no recording of {session_id}.")
    return recording
