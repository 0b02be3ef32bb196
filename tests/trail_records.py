"""Records of sessions as the server writes them into its trail, for tests that read one."""

from typing import Any

from ferryman.core.audit.recording_records import RECORDING_CHANGE
from ferryman.core.audit.records import CHANNEL_CHANGE, SESSION_CHANGE
from ferryman.core.audit.reports import EXIT

ALICE = "arn:aws:iam::123456789012:user/alice"
NODE = "mi-0123456789abcdef0"


def session_record(session_id: str, status: str, started: str, **detail: str) -> dict[str, Any]:
    """A change of a session's status."""
    members = {"owner": ALICE, "target": NODE, "documentName": "SSM-SessionManagerRunShell", "accessType": "Standard"}
    told = {"sessionId": session_id, "status": status, "startDate": started, **members, **detail}
    return {"detail-type": SESSION_CHANGE, "time": started, "detail": told}


def life(session_id: str, started: str, ended: str, **detail: str) -> list[dict[str, Any]]:
    """A session that a client joined from 192.0.2.7 and left, oldest record first."""
    client = {"sessionId": session_id, "state": "Opened", "end": "client", "sourceIPAddress": "192.0.2.7"}
    return [
        session_record(session_id, "Connecting", started, **detail),
        {"detail-type": CHANNEL_CHANGE, "detail": client},
        session_record(session_id, "Connected", started, **detail),
        session_record(session_id, "Terminated", started, endDate=ended, **detail),
    ]


def exit_record(session_id: str, code: int) -> dict[str, Any]:
    """A node's report of a command's exit code."""
    return {"detail-type": EXIT, "detail": {"sessionId": session_id, "exitCode": code, "reportedBy": "agent"}}


def recording_record(session_id: str, state: str) -> dict[str, Any]:
    """The end or the deletion of a recording."""
    return {"detail-type": RECORDING_CHANGE, "detail": {"sessionId": session_id, "state": state}}
