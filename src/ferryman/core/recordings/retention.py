"""The minimum time that recordings are kept: holds by operations and by tags, and retention by the configuration."""

from dataclasses import replace

from ferryman.core.audit.recording_records import recording_held, recording_released
from ferryman.core.ports.recordings.store import Recording, RecordingHold
from ferryman.core.recordings.access import accessible
from ferryman.core.service import Service
from ferryman.model.errors import ServiceError
from ferryman.model.identifiers import Millis, NodeId
from ferryman.model.identity.callers import Caller
from ferryman.model.tags import ResourceType
from ferryman.model.values.timestamps import from_millis, iso_seconds
from ferryman.policy.context import fold

HOLD_TAG = "ferryman:hold"
"""The key of the node's tag; its value is the reason."""


def trusted_now(service: Service) -> Millis:
    """Return the time that retention is compared with: the clock, minus the steps by which it was set forward. So
    nobody can end a retention by setting the machine's clock while the server runs.
    """
    return Millis(service.clock() - max(0, service.clock_steps.total))


async def begin_deletion(service: Service, recording: Recording) -> None:
    """Mark a recording as being deleted; raises RecordingRetainedException if it is held or retained."""
    now = trusted_now(service)
    if await service.store.recordings.begin_deletion(recording.session_id, now):
        return
    current = await service.store.recordings.get(recording.session_id) or recording
    if current.hold is not None:
        cause = f"a hold keeps it, put by {current.hold.held_by}: {current.hold.reason}"
    elif current.retained_until is not None and current.retained_until > now:
        cause = f"it is kept until {iso_seconds(from_millis(current.retained_until))}"
    else:
        raise ServiceError("DoesNotExistException", f"There is no recording of {recording.session_id}.")
    message = f"The recording of {recording.session_id} cannot be deleted: {cause}."
    raise ServiceError("RecordingRetainedException", message)


async def put_recording_hold(service: Service, caller: Caller, session_id: str, reason: str) -> Recording:
    """PutRecordingHold: keep a recording until the hold is removed; replaces the hold that it has.

    Raises AccessDeniedException, DoesNotExistException, also for a recording that is being deleted.
    """
    recording = await accessible(service, caller, "ferryman:PutRecordingHold", session_id)
    hold = RecordingHold(reason, caller.arn, service.clock())
    if not await service.store.recordings.put_hold(session_id, hold):
        raise ServiceError("DoesNotExistException", f"The recording of {session_id} is being deleted.")
    recording_held(service, recording, caller.arn, reason)
    return replace(recording, hold=hold)


async def hold_by_tag(service: Service, node_id: NodeId) -> RecordingHold | None:
    """Return the hold that a node's tag puts on each new recording; the reason is the tag's value.

    Removing the tag releases nothing: its hold is like any other.
    """
    tags = (await service.store.tags.of(ResourceType.NODE, [node_id])).get(node_id, {})
    reason = next((value for key, value in tags.items() if fold(key) == HOLD_TAG), None)
    return None if reason is None else RecordingHold(reason or HOLD_TAG, service.arns.node(node_id), service.clock())


async def delete_recording_hold(service: Service, caller: Caller, session_id: str) -> None:
    """DeleteRecordingHold: remove the hold of a recording.

    Raises AccessDeniedException, DoesNotExistException for an unknown recording or one without a hold.
    """
    recording = await accessible(service, caller, "ferryman:DeleteRecordingHold", session_id)
    if not await service.store.recordings.remove_hold(session_id):
        raise ServiceError("DoesNotExistException", f"There is no hold on the recording of {session_id}.")
    recording_released(service, recording, caller.arn)
