"""Sessions as rows: the codes of their statuses and access types, and their columns in order."""

from collections.abc import Mapping

from ferryman.model.sessions import AccessType, Session, SessionStatus
from ferryman.store.connections import Record
from ferryman.store.tables import sessions

STATUS_CODES: Mapping[SessionStatus, int] = {
    SessionStatus.CONNECTING: 1,
    SessionStatus.CONNECTED: 2,
    SessionStatus.DISCONNECTED: 3,
    SessionStatus.TERMINATING: 4,
    SessionStatus.TERMINATED: 10,
    SessionStatus.FAILED: 11,
}
"""Never renumber: these are in every database. Codes of ended statuses are at or above `FIRST_ENDED_STATUS`."""

ACCESS_TYPE_CODES: Mapping[AccessType, int] = {AccessType.STANDARD: 1, AccessType.JUST_IN_TIME: 2}
"""Never renumber either."""

_STATUSES = {code: status for status, code in STATUS_CODES.items()}
_ACCESS_TYPES = {code: access_type for access_type, code in ACCESS_TYPE_CODES.items()}
SESSION_COLUMNS = (
    sessions.c.session_id,
    sessions.c.target,
    sessions.c.status,
    sessions.c.started_at,
    sessions.c.document_name,
    sessions.c.owner,
    sessions.c.owner_id,
    sessions.c.owner_name,
    sessions.c.deadline_at,
    sessions.c.idle_timeout,
    sessions.c.ended_at,
    sessions.c.reason,
    sessions.c.details,
    sessions.c.max_duration,
    sessions.c.access_type,
    sessions.c.token_id,
    sessions.c.document_version,
    sessions.c.idles,
    sessions.c.access_request_id,
    sessions.c.access_ends_at,
    sessions.c.s3_output_url,
    sessions.c.cloud_watch_output_url,
    sessions.c.trace_parent,
)
"""In the order of `Session`'s fields."""
_STATUS_PLACE = SESSION_COLUMNS.index(sessions.c.status)
_ACCESS_TYPE_PLACE = SESSION_COLUMNS.index(sessions.c.access_type)


def row_of(session: Session) -> dict[str, object]:
    """Return the columns of a session."""
    return {
        "session_id": session.session_id,
        "target": session.target,
        "status": STATUS_CODES[session.status],
        "started_at": session.started_at,
        "ended_at": session.ended_at,
        "deadline_at": session.deadline_at,
        "document_name": session.document_name,
        "owner": session.owner,
        "owner_id": session.owner_id,
        "owner_name": session.owner_name,
        "idle_timeout": session.idle_timeout,
        "max_duration": session.max_duration,
        "access_type": ACCESS_TYPE_CODES[session.access_type],
        "reason": session.reason,
        "details": session.details,
        "token_id": session.token_id,
        "document_version": session.document_version,
        "idles": session.idles,
        "access_request_id": session.access_request_id,
        "access_ends_at": session.access_ends_at,
        "s3_output_url": session.s3_output_url,
        "cloud_watch_output_url": session.cloud_watch_output_url,
        "trace_parent": session.trace_parent,
    }


def session_of(row: Record) -> Session:
    """Return the session of a row of `SESSION_COLUMNS`."""
    values = list(row)
    values[_STATUS_PLACE] = _STATUSES[values[_STATUS_PLACE]]
    values[_ACCESS_TYPE_PLACE] = _ACCESS_TYPES[values[_ACCESS_TYPE_PLACE]]
    return Session(*values)
