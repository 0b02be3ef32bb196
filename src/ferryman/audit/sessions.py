"""Sessions as the audit trail describes them: puts together the many records of each.

Anyone may have written the files, so members are read by their type. `ferryman audit verify` tells whether the server
wrote them.
"""

from collections import deque
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from ferryman.core.audit.recording_records import RECORDING_CHANGE
from ferryman.core.audit.records import CHANNEL_CHANGE, SESSION_CHANGE
from ferryman.core.audit.reports import EXIT
from ferryman.core.audit.traffic_records import CONNECTIONS, COPY
from ferryman.model.sessions import SessionStatus
from ferryman.model.values.timestamps import parse_iso

_COPY_MEMBERS = ("direction", "name", "destination", "files", "bytes", "sha256", "exitCode")


@dataclass(slots=True)
class RecordedSession:
    """A session as the trail tells it. Texts that the trail does not have are empty.

    `owner` is an ARN, `target` a node's id. `status` is the last one, `details` why the session ended. `client_address`
    is where its first client connected from. `recording` is "Finished" or "Deleted". `exit_code` is what the node says
    that the command or shell ended with. `connections` and the bytes are those of a port session, None for others;
    `copy` is the file that its client says it copied, as the record names it.
    """

    session_id: str
    owner: str = ""
    target: str = ""
    document: str = ""
    reason: str = ""
    access_type: str = ""
    status: str = ""
    details: str = ""
    client_address: str = ""
    recording: str = ""
    exit_code: int | None = None
    connections: int | None = None
    bytes_from_client: int | None = None
    bytes_from_node: int | None = None
    copy: dict[str, str | int] | None = None
    started_at: datetime | None = None
    ended_at: datetime | None = None

    @property
    def person(self) -> str:
        """The owner's name; of a role session, the session's."""
        return self.owner.rpartition("/")[2]

    @property
    def seconds(self) -> float | None:
        """How long the session lasted; None if it has not ended, or if that is not known."""
        if self.started_at is None or self.ended_at is None:
            return None
        return (self.ended_at - self.started_at).total_seconds()

    def was_open(self, earliest: datetime | None, latest: datetime | None) -> bool:
        """Return whether it was open at some time from `earliest` to before `latest`, where None sets no limit."""
        began_too_late = latest is not None and self.started_at is not None and self.started_at >= latest
        ended_too_early = earliest is not None and self.ended_at is not None and self.ended_at < earliest
        return not began_too_late and not ended_too_early


def recorded_sessions(
    newest_first: Iterable[Mapping[str, Any]], clocks_differ: timedelta = timedelta()
) -> Iterator[RecordedSession]:
    """Yield the sessions in a trail's records, both newest first.

    Sessions whose beginning was deleted with the oldest records come last. If the records are those of several servers,
    `clocks_differ` is the most that their clocks differ: a later record of a session may then come after its first one.
    """
    sessions: dict[str, RecordedSession] = {}
    begun: deque[RecordedSession] = deque()
    for record in newest_first:
        while begun and _is_older(record, begun[0], clocks_differ):
            yield from _whole(sessions, begun.popleft())
        session = _add(sessions, record)
        if session is not None:
            begun.append(session)
        if not clocks_differ and begun:
            yield from _whole(sessions, begun.popleft())
    for session in begun:
        yield from _whole(sessions, session)
    yield from (session for session in sessions.values() if session.status)


def _whole(sessions: dict[str, RecordedSession], session: RecordedSession) -> Iterator[RecordedSession]:
    """Yield a session whose records were all read, unless it was yielded before."""
    if sessions.pop(session.session_id, None) is not None:
        yield session


def _add(sessions: dict[str, RecordedSession], record: Mapping[str, Any]) -> RecordedSession | None:
    """Add a record to its session; return the session if the record is its first."""
    detail, kind = record.get("detail"), record.get("detail-type")
    if not isinstance(detail, dict):
        return None
    session_id, state = _text(detail, "sessionId"), _text(detail, "state")
    if kind == SESSION_CHANGE:
        session = sessions.setdefault(session_id, RecordedSession(session_id))
        _add_change(session, detail)
        return session if _text(detail, "status") == SessionStatus.CONNECTING else None
    if kind == RECORDING_CHANGE:
        session = sessions.setdefault(session_id, RecordedSession(session_id))
        session.recording = session.recording or state
    elif kind == EXIT and isinstance(detail.get("exitCode"), int):
        session = sessions.setdefault(session_id, RecordedSession(session_id))
        session.exit_code = detail["exitCode"]
    elif kind == CONNECTIONS:
        _add_connections(sessions.setdefault(session_id, RecordedSession(session_id)), detail)
    elif kind == COPY:
        session = sessions.setdefault(session_id, RecordedSession(session_id))
        named = {name: detail[name] for name in _COPY_MEMBERS if isinstance(detail.get(name), str | int)}
        session.copy = session.copy or named
    elif kind == CHANNEL_CHANGE and (state, detail.get("end")) == ("Opened", "client"):
        session = sessions.setdefault(session_id, RecordedSession(session_id))
        session.client_address = _text(detail, "sourceIPAddress") or session.client_address
    return None


def _is_older(record: Mapping[str, Any], session: RecordedSession, clocks_differ: timedelta) -> bool:
    """Return whether a record is from before a session, so that none of its records follow."""
    time = _instant(record, "time") or _instant(record, "eventTime")
    return session.started_at is None or (time is not None and session.started_at - time > clocks_differ)


def _add_change(session: RecordedSession, detail: Mapping[str, Any]) -> None:
    """Add a change of status; a newer record takes precedence."""
    session.owner = session.owner or _text(detail, "owner")
    session.target = session.target or _text(detail, "target")
    session.document = session.document or _text(detail, "documentName")
    session.reason = session.reason or _text(detail, "reason")
    session.access_type = session.access_type or _text(detail, "accessType")
    ended_at = _instant(detail, "endDate")
    if session.ended_at is None and ended_at is not None:  # the last change, even if another server's clock is ahead
        session.status, session.details, session.ended_at = "", "", ended_at
    session.status = session.status or _text(detail, "status")
    session.details = session.details or _text(detail, "details")
    session.started_at = session.started_at or _instant(detail, "startDate")


def _add_connections(session: RecordedSession, detail: Mapping[str, Any]) -> None:
    """Add the connections that a port session had on one server; there may be several such records."""
    opened, sent, received = (_count(detail, name) for name in ("connections", "bytesFromClient", "bytesFromNode"))
    session.connections = (session.connections or 0) + opened
    session.bytes_from_client = (session.bytes_from_client or 0) + sent
    session.bytes_from_node = (session.bytes_from_node or 0) + received


def _count(detail: Mapping[str, Any], member: str) -> int:
    found = detail.get(member)
    return found if isinstance(found, int) else 0


def _text(detail: Mapping[str, Any], member: str) -> str:
    found = detail.get(member)
    return found if isinstance(found, str) else ""


def _instant(detail: Mapping[str, Any], member: str) -> datetime | None:
    try:
        return parse_iso(_text(detail, member)).astimezone(UTC)
    except (ValueError, OverflowError):
        return None
