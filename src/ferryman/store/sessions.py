"""Sessions in SQL. Every change is one statement, so it is atomic without a transaction around it."""

from collections.abc import Mapping, Sequence
from typing import Any

from sqlalchemy import ColumnElement, Delete, and_, delete, insert, or_, select, text, update
from sqlalchemy.sql import Select

from ferryman.core.ports import NO_CHANGES, SessionChanges, SessionPosition, SessionQuery
from ferryman.model.identifiers import Millis, NodeId, SessionId
from ferryman.model.sessions import (
    ENDED,
    RESUMABLE,
    AccessType,
    Session,
    SessionState,
    SessionStatus,
    sources,
)
from ferryman.store.connections import Connections, Record
from ferryman.store.tables import FIRST_ENDED_STATUS, sessions

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
_COLUMNS = (
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
)
"""In the order of `Session`'s fields."""
_STATUS = _COLUMNS.index(sessions.c.status)
_ACCESS_TYPE = _COLUMNS.index(sessions.c.access_type)

# Written into the statement, not bound: a partial index is used only if the planner can see its condition. On `status`,
# because for a condition on `ended` SQLite prefers a page's index, and sorts.
_IS_ACTIVE = text(f"status < {FIRST_ENDED_STATUS}")


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
    }


def _session(row: Record) -> Session:
    values = list(row)
    values[_STATUS] = _STATUSES[values[_STATUS]]
    values[_ACCESS_TYPE] = _ACCESS_TYPES[values[_ACCESS_TYPE]]
    return Session(*values)


def _in_status(statuses: frozenset[SessionStatus]) -> ColumnElement[bool]:
    return sessions.c.status.in_(sorted(STATUS_CODES[status] for status in statuses))


def page_statement(query: SessionQuery, after: SessionPosition | None, limit: int) -> Select[Any] | None:
    """Return the SELECT of one page, None if nothing can match.

    Conditions that an index should serve compare a bare column; the one that must not choose the index
    (`ended_since`, which would walk all of history and sort it) hides its column in an expression.
    """
    ended = query.state is SessionState.HISTORY
    conditions: list[ColumnElement[bool]] = []
    if query.status is None:
        conditions.append(sessions.c.ended == int(ended))
    elif (query.status in ENDED) is ended:
        conditions.append(sessions.c.status == STATUS_CODES[query.status])
    else:
        return None
    if query.target is not None:
        conditions.append(sessions.c.target == query.target)
    if query.owner is not None:
        conditions.append(sessions.c.owner == query.owner)
    if query.owner_name is not None:
        conditions.append(sessions.c.owner_name == query.owner_name)
    if query.access_type is not None:
        conditions.append(sessions.c.access_type == ACCESS_TYPE_CODES[query.access_type])
    if query.session_id is not None:
        conditions.append(sessions.c.session_id == query.session_id)
    if query.invoked_after is not None:
        conditions.append(sessions.c.started_at >= query.invoked_after)
    if query.ended_since is not None and ended:
        conditions.append(sessions.c.ended_at + 0 >= query.ended_since)
    conditions.extend(_upper_bound(query.invoked_before, after))
    return (
        select(*_COLUMNS)
        .where(and_(*conditions))
        .order_by(sessions.c.started_at.desc(), sessions.c.session_id)
        .limit(limit)
    )


def due_statement(now: Millis, limit: int) -> Select[Any]:
    """Return the SELECT of active sessions whose deadline has come."""
    return (
        select(*_COLUMNS).where(_IS_ACTIVE, sessions.c.deadline_at <= now).order_by(sessions.c.deadline_at).limit(limit)
    )


def prune_statement(ended_before: Millis, limit: int) -> Delete:
    """Return the DELETE of the sessions that ended first."""
    oldest = (
        select(sessions.c.number).where(sessions.c.ended_at < ended_before).order_by(sessions.c.ended_at).limit(limit)
    )
    return delete(sessions).where(sessions.c.number.in_(oldest))


def _upper_bound(invoked_before: Millis | None, after: SessionPosition | None) -> Sequence[ColumnElement[bool]]:
    if after is None:
        return () if invoked_before is None else (sessions.c.started_at < invoked_before,)
    if invoked_before is not None and invoked_before <= after.started_at:
        return (sessions.c.started_at < invoked_before,)
    return (
        sessions.c.started_at <= after.started_at,
        or_(sessions.c.started_at < after.started_at, sessions.c.session_id > after.session_id),
    )


class SqlSessions:
    """`core.ports.SessionStore`."""

    def __init__(self, connections: Connections) -> None:
        self._connections = connections

    async def add(self, session: Session, document_content: str | None = None) -> None:
        """Insert a session, and the document that its node is to run, as JSON; its id must be new."""
        await self._connections.write(insert(sessions), row_of(session) | {"document_content": document_content})

    async def document_content(self, session_id: SessionId) -> str | None:
        """Return what the session's node is to run; None once it ended, or for no such session."""
        statement = select(sessions.c.document_content).where(sessions.c.session_id == session_id)
        rows = await self._connections.read(statement)
        return rows[0][0] if rows else None

    async def get(self, session_id: SessionId) -> Session | None:
        """Return the session, or None."""
        rows = await self._connections.read(select(*_COLUMNS).where(sessions.c.session_id == session_id))
        return _session(rows[0]) if rows else None

    async def transition(
        self, session_id: SessionId, to: SessionStatus, changes: SessionChanges = NO_CHANGES
    ) -> Session | None:
        """Move to `to` if the status machine allows it from where the session is now, atomically."""
        values: dict[str, object] = {"status": STATUS_CODES[to]}
        if to in ENDED:
            values["document_content"] = None
        if changes.details is not None:
            values["details"] = changes.details
        if changes.ended_at is not None:
            values["ended_at"] = changes.ended_at
        if changes.deadline_at is not None:
            values["deadline_at"] = changes.deadline_at
        if changes.token_id is not None:
            values["token_id"] = changes.token_id or None
        statement = (
            update(sessions)
            .where(sessions.c.session_id == session_id, _in_status(sources(to)))
            .values(values)
            .returning(*_COLUMNS)
        )
        rows = await self._connections.write_returning(statement)
        return _session(rows[0]) if rows else None

    async def issue_token(self, session_id: SessionId, token_id: str, deadline_at: Millis) -> Session | None:
        """Replace the session's client token and deadline if it is still resumable; None otherwise."""
        statement = (
            update(sessions)
            .where(sessions.c.session_id == session_id, _in_status(RESUMABLE))
            .values(token_id=token_id, deadline_at=deadline_at)
            .returning(*_COLUMNS)
        )
        rows = await self._connections.write_returning(statement)
        return _session(rows[0]) if rows else None

    async def consume_token(self, session_id: SessionId, token_id: str) -> Session | None:
        """Clear the token of a resumable session if it is `token_id`; the session for exactly one caller per token."""
        statement = (
            update(sessions)
            .where(
                sessions.c.session_id == session_id,
                sessions.c.token_id == token_id,
                _in_status(RESUMABLE),
            )
            .values(token_id=None)
            .returning(*_COLUMNS)
        )
        rows = await self._connections.write_returning(statement)
        return _session(rows[0]) if rows else None

    async def set_deadline(self, session_id: SessionId, deadline_at: Millis) -> None:
        """Set when the sweep must next look at an active session."""
        statement = (
            update(sessions)
            .where(sessions.c.session_id == session_id, sessions.c.status < FIRST_ENDED_STATUS)
            .values(deadline_at=deadline_at)
        )
        await self._connections.write(statement)

    async def due(self, now: Millis, limit: int) -> Sequence[Session]:
        """Active sessions whose deadline has come, earliest first."""
        return [_session(row) for row in await self._connections.read(due_statement(now, limit))]

    async def page(self, query: SessionQuery, after: SessionPosition | None, limit: int) -> Sequence[Session]:
        """Up to `limit` sessions that match, from just behind `after`. Cost does not grow with history."""
        statement = page_statement(query, after, limit)
        if statement is None:
            return []
        return [_session(row) for row in await self._connections.read(statement)]

    async def active_on(self, node_id: NodeId) -> Sequence[Session]:
        """Active sessions of one node."""
        statement = select(*_COLUMNS).where(sessions.c.ended == 0, sessions.c.target == node_id)
        return [_session(row) for row in await self._connections.read(statement)]

    async def active_by(self, access_request_id: str) -> Sequence[Session]:
        """Active sessions that were started by an access request."""
        statement = select(*_COLUMNS).where(sessions.c.access_request_id == access_request_id, _IS_ACTIVE)
        return [_session(row) for row in await self._connections.read(statement)]

    async def prune(self, ended_before: Millis, limit: int) -> int:
        """Delete up to `limit` ended sessions that ended before; returns how many."""
        return await self._connections.write(prune_statement(ended_before, limit))
