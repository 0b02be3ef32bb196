"""Records of what a session carried: a summary of its connections, and the file that it copied."""

from dataclasses import dataclass

from ferryman.core.audit.records import event
from ferryman.core.audit.redaction import text
from ferryman.core.record_budget import Cause, channel_changes
from ferryman.core.service import Service
from ferryman.model.sessions import Session
from ferryman.model.values.copy_reasons import FileCopy

CONNECTIONS = "Session Manager Port Connection Summary"
COPY = "Session Manager File Copy Notification"


@dataclass(slots=True)
class PortTotals:
    """What a port session carried while it was on this server.

    `opened` connections, the first `listed` of which are in the recording one by one; `refused` ones could not be made
    by the node. `sent` are bytes from the client, `received` from the node. `is_complete`: every connection was seen;
    if not, there may have been others, and bytes are those of messages.
    """

    opened: int = 0
    listed: int = 0
    refused: int = 0
    sent: int = 0
    received: int = 0
    is_complete: bool = True


def connections_summed(service: Service, session: Session, host: str, port: str, totals: PortTotals) -> None:
    """Record what a port session carried while it had an end on this server; beyond its allowance, only count it."""
    if not service.records.allows(
        channel_changes(session.session_id, "connections"), Cause(session.session_id, CONNECTIONS), service.clock()
    ):
        return
    detail = {
        "sessionId": session.session_id,
        "target": session.target,
        "owner": session.owner,
        "host": text(host) or None,
        "port": text(port) or None,
        "connections": totals.opened,
        "listed": totals.listed,
        "refused": totals.refused,
        "bytesFromClient": totals.sent,
        "bytesFromNode": totals.received,
        "complete": totals.is_complete,
    }
    service.trail.note(event(service, CONNECTIONS, [service.arns.session(session.session_id)], detail))


def file_copied(service: Service, session: Session, copy: FileCopy, exit_code: int | None) -> None:
    """Record what the client of a session says that it copies, and the exit code that the node reports, if any."""
    if not service.records.allows(
        channel_changes(session.session_id, "copy"), Cause(session.session_id, COPY), service.clock()
    ):
        return
    said = {key: text(value) if isinstance(value, str) else value for key, value in copy.members.items()}
    detail = {
        "sessionId": session.session_id,
        "target": session.target,
        "owner": session.owner,
        **said,
        "exitCode": exit_code,
        "reportedBy": "client",
    }
    service.trail.note(event(service, COPY, [service.arns.session(session.session_id)], detail))
