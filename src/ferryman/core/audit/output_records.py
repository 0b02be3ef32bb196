"""Audit records of session logs for S3 and CloudWatch Logs that will never be delivered."""

from ferryman.core.audit.records import event, moment
from ferryman.core.audit.redaction import text
from ferryman.core.ports.recordings.outputs import PendingOutput
from ferryman.core.service import Service
from ferryman.model.identifiers import Millis

OUTPUT_CHANGE = "Session Log State-change Notification"


def output_given_up(service: Service, output: PendingOutput, ended_at: Millis, reason: str) -> None:
    """Record that a session's log will never be delivered, with its destination and the last error."""
    detail = {
        "sessionId": output.session_id,
        "state": "GivenUp",
        "destination": text(output.destination),
        "endDate": moment(ended_at),
        "reason": text(reason),
    }
    service.trail.note(event(service, OUTPUT_CHANGE, [service.arns.session(output.session_id)], detail))
