"""Audit records of recordings that were finished, held, released or deleted."""

from ferryman.core.audit.records import event
from ferryman.core.audit.redaction import text
from ferryman.core.changes import Kind
from ferryman.core.ports.recordings.store import Recording, RecordingEnd
from ferryman.core.service import Service

RECORDING_CHANGE = "Session Recording State-change Notification"


def recording_finished(service: Service, recording: Recording, end: RecordingEnd) -> None:
    """Record the end of a recording, with the hash of its last block: nothing can be changed in it afterwards."""
    detail = {
        "sessionId": recording.session_id,
        "state": "Finished",
        "target": recording.target,
        "owner": recording.owner,
        "blocks": end.blocks,
        "bytes": end.size,
        "durationMillis": end.duration,
        "head": end.head.hex(),
    }
    service.changes.note(Kind.RECORDINGS)
    service.trail.note(event(service, RECORDING_CHANGE, [service.arns.session(recording.session_id)], detail))


def recording_deleted(service: Service, recording: Recording, deleted_by: str) -> None:
    """Record that a recording was deleted, and by whom."""
    detail = {
        "sessionId": recording.session_id,
        "state": "Deleted",
        "target": recording.target,
        "owner": recording.owner,
        "deletedBy": deleted_by,
        "head": None if recording.head is None else recording.head.hex(),
    }
    service.changes.note(Kind.RECORDINGS)
    service.trail.note(event(service, RECORDING_CHANGE, [service.arns.session(recording.session_id)], detail))


def recording_held(service: Service, recording: Recording, held_by: str, reason: str) -> None:
    """Record that a hold was put on a recording."""
    _changed(service, recording, {"state": "Held", "heldBy": held_by, "reason": text(reason)})


def recording_released(service: Service, recording: Recording, released_by: str) -> None:
    """Record that a recording's hold was removed."""
    reason = None if recording.hold is None else text(recording.hold.reason)
    _changed(service, recording, {"state": "Released", "releasedBy": released_by, "reason": reason})


def _changed(service: Service, recording: Recording, change: dict[str, str | None]) -> None:
    detail = {"sessionId": recording.session_id, "target": recording.target, "owner": recording.owner, **change}
    service.changes.note(Kind.RECORDINGS)
    service.trail.note(event(service, RECORDING_CHANGE, [service.arns.session(recording.session_id)], detail))
