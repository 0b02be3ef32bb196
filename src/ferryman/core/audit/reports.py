"""Records of what nodes and clients report about a session. Each says whose statement it is: the server cannot know."""

from ferryman.core.audit.records import event
from ferryman.core.record_budget import Cause, channel_changes
from ferryman.core.service import Service
from ferryman.model.identifiers import SessionId

EXIT = "Session Manager Command Exit Notification"


def exit_reported(service: Service, session_id: SessionId, exit_code: int) -> None:
    """Record the exit code that a session's node reports; beyond the session's allowance, only count it."""
    cause = Cause(session_id, EXIT)
    if not service.records.allows(channel_changes(session_id, "exit"), cause, service.clock()):
        return
    detail = {"sessionId": session_id, "exitCode": exit_code, "reportedBy": "agent"}
    service.trail.note(event(service, EXIT, [service.arns.session(session_id)], detail))
