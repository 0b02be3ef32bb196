"""What the audit trail says of session logs for S3 and CloudWatch Logs: those that were given up."""

from ferryman.core.audit.records import event, moment
from ferryman.core.audit.redaction import text
from ferryman.core.ports.recordings.outputs import PendingOutput
from ferryman.core.service import Service
from ferryman.model.identifiers import Millis

OUTPUT_CHANGE = "Session Log State-change Notification"


def output_given_up(service: Service, output: PendingOutput, ended_at: Millis, reason: str) -> None:
    """Record that a session's log was not delivered and never will be: where it was to go, and the last error."""
    detail = {
        "sessionId": output.session_id,
        "state": "GivenUp",
        "destination": text(output.destination),
        "endDate": moment(ended_at),
        "reason": text(reason),
    }
    service.trail.note(event(service, OUTPUT_CHANGE, [service.arns.session(output.session_id)], detail))
