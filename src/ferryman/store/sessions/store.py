"""Sessions in SQL. Every change is one statement, so it is atomic without a transaction around it."""

from collections.abc import Mapping, Sequence
from typing import Any

from sqlalchemy import (
    BigInteger,
    ColumnElement,
    Delete,
    Integer,
    String,
    and_,
    bindparam,
    case,
    delete,
    func,
    insert,
    select,
    text,
    update,
)
from sqlalchemy.sql import Select

from ferryman.core.ports.sessions import NO_CHANGES, SessionChanges, SessionPosition, SessionQuery
from ferryman.model.identifiers import Millis, NodeId, SessionId
from ferryman.model.sessions import (
    ENDED,
    RESUMABLE,
    Session,
    SessionQuota,
    SessionStatus,
    SessionUsage,
    sources,
)
from ferryman.store.connections import Connections
from ferryman.store.sessions.pages import page_statement
from ferryman.store.sessions.rows import SESSION_COLUMNS, STATUS_CODES, row_of, session_of
from ferryman.store.tables import FIRST_ENDED_STATUS, sessions

# Written into the statement, not bound: a partial index is used only if the planner can see its condition.
_IS_ACTIVE = text(f"status < {FIRST_ENDED_STATUS}")
_GET = select(*SESSION_COLUMNS).where(sessions.c.session_id == bindparam("session_id"))
_DOCUMENT = select(sessions.c.document_content).where(sessions.c.session_id == bindparam("session_id"))


def _in_status(statuses: frozenset[SessionStatus]) -> ColumnElement[bool]:
    return sessions.c.status.in_(sorted(STATUS_CODES[status] for status in statuses))


def due_statement(now: Millis, limit: int) -> Select[Any]:
    """Return the SELECT of active sessions whose deadline has come."""
    return (
        select(*SESSION_COLUMNS)
        .where(_IS_ACTIVE, sessions.c.deadline_at <= now)
        .order_by(sessions.c.deadline_at)
        .limit(limit)
    )


def active_on_statement(node_id: NodeId) -> Select[Any]:
    """Return the SELECT of a node's active sessions."""
    return select(*SESSION_COLUMNS).where(sessions.c.target == node_id, _in_status(frozenset(SessionStatus) - ENDED))


def prune_statement(ended_before: Millis, limit: int) -> Delete:
    """Return the DELETE of the sessions that ended first."""
    oldest = (
        select(sessions.c.number).where(sessions.c.ended_at < ended_before).order_by(sessions.c.ended_at).limit(limit)
    )
    return delete(sessions).where(sessions.c.number.in_(oldest))


_OF_PERSON = and_(sessions.c.person_id == bindparam("of_person", type_=String), _IS_ACTIVE)
_WAITING = sessions.c.status == STATUS_CODES[SessionStatus.CONNECTING]
_WAITING_COUNT = select(func.count()).select_from(sessions).where(_OF_PERSON, _WAITING).scalar_subquery()
_WAITING_BYTES = (
    select(func.coalesce(func.sum(sessions.c.document_size), 0)).where(_OF_PERSON, _WAITING).scalar_subquery()
)
_ON_NODE_COUNT = (
    select(func.count())
    .select_from(sessions)
    .where(_OF_PERSON, sessions.c.target == bindparam("on_target", type_=String))
    .scalar_subquery()
)
usage_statement = select(_WAITING_COUNT, _WAITING_BYTES, _ON_NODE_COUNT)
"""A person's use of their quota; on one node, for the limits per node."""
_ADDED = [column for column in sessions.columns if column.name not in ("number", "ended")]
_ADD_WITHIN = insert(sessions).from_select(
    _ADDED,
    select(*(bindparam(f"new_{column.name}", type_=column.type) for column in _ADDED)).where(
        bindparam("most", type_=Integer) > _WAITING_COUNT,
        bindparam("most_bytes", type_=Integer) >= _WAITING_BYTES + bindparam("new_document_size", type_=Integer),
        bindparam("most_on_node", type_=Integer) > _ON_NODE_COUNT,
    ),
)
_DISCONNECT = (
    update(sessions)
    .where(
        sessions.c.session_id == bindparam("lost_id", type_=String),
        sessions.c.status == STATUS_CODES[SessionStatus.CONNECTED],
    )
    .values(status=STATUS_CODES[SessionStatus.DISCONNECTED], deadline_at=bindparam("new_deadline", type_=BigInteger))
)


_ISSUE_TOKEN = (
    update(sessions)
    .where(sessions.c.session_id == bindparam("resumed_id", type_=String), _in_status(RESUMABLE))
    .values(token_id=bindparam("new_token_id", type_=String), deadline_at=bindparam("new_deadline", type_=BigInteger))
    .returning(*SESSION_COLUMNS)
)
_CONSUME_TOKEN = (
    update(sessions)
    .where(
        sessions.c.session_id == bindparam("opened_id", type_=String),
        sessions.c.token_id == bindparam("used_token_id", type_=String),
        _in_status(RESUMABLE),
    )
    .values(token_id=None)
    .returning(*SESSION_COLUMNS)
)


class SqlSessions:
    """`core.ports.sessions.SessionStore`."""

    def __init__(self, connections: Connections) -> None:
        self._connections = connections

    async def add(
        self, session: Session, document_content: str | None = None, quota: SessionQuota | None = None
    ) -> SessionUsage | None:
        """Insert a session and its document, unless that would exceed `quota`: then return what is used of it."""
        size = 0 if document_content is None else len(document_content.encode())
        row = row_of(session) | {"document_content": document_content, "document_size": size, "person_id": None}
        if quota is None:
            await self._connections.write(insert(sessions), row)
            return None
        row["person_id"] = quota.person_id
        most = quota.most
        person = {"of_person": quota.person_id, "on_target": session.target}
        limits = {"most": most.waiting, "most_bytes": most.waiting_bytes, "most_on_node": most.on_node}
        if await self._connections.write(_ADD_WITHIN, {f"new_{name}": row[name] for name in row} | person | limits):
            return None
        (used,) = await self._connections.read(usage_statement, person)
        return SessionUsage(*used)

    async def person_of(self, session_id: SessionId) -> str | None:
        """Return who has a session, as `Caller.person_id`; None if that is not known."""
        rows = await self._connections.read(select(sessions.c.person_id).where(sessions.c.session_id == session_id))
        return rows[0][0] if rows else None

    async def document_content(self, session_id: SessionId) -> str | None:
        """Return the document for the session's node; None if the session has ended or does not exist."""
        rows = await self._connections.read(_DOCUMENT, {"session_id": session_id})
        return rows[0][0] if rows else None

    async def get(self, session_id: SessionId) -> Session | None:
        """Return the session, or None."""
        rows = await self._connections.read(_GET, {"session_id": session_id})
        return session_of(rows[0]) if rows else None

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
            .returning(*SESSION_COLUMNS)
        )
        rows = await self._connections.write_returning(statement)
        return session_of(rows[0]) if rows else None

    async def issue_token(self, session_id: SessionId, token_id: str, deadline_at: Millis) -> Session | None:
        """Replace the session's client token and deadline if it is still resumable; None otherwise."""
        values = {"resumed_id": session_id, "new_token_id": token_id, "new_deadline": deadline_at}
        rows = await self._connections.write_returning(_ISSUE_TOKEN, values)
        return session_of(rows[0]) if rows else None

    async def consume_token(self, session_id: SessionId, token_id: str) -> Session | None:
        """Clear the token of a resumable session if it is `token_id`; the session for exactly one caller per token."""
        values = {"opened_id": session_id, "used_token_id": token_id}
        rows = await self._connections.write_returning(_CONSUME_TOKEN, values)
        return session_of(rows[0]) if rows else None

    async def disconnect(self, deadlines: Mapping[SessionId, Millis]) -> frozenset[SessionId]:
        """Move those that are Connected to Disconnected, with new deadlines, in one transaction; returns which were."""
        rows = [{"lost_id": session_id, "new_deadline": at} for session_id, at in deadlines.items()]
        changed = await self._connections.write_each(_DISCONNECT, rows)
        return frozenset(session_id for session_id, count in zip(deadlines, changed, strict=True) if count)

    async def set_output_url(
        self, session_id: SessionId, *, s3: str | None = None, cloud_watch: str | None = None
    ) -> None:
        """Set where a session's log can be found; None leaves a link as it is."""
        links = {"s3_output_url": s3, "cloud_watch_output_url": cloud_watch}
        values = {name: link for name, link in links.items() if link is not None}
        await self._connections.write(update(sessions).where(sessions.c.session_id == session_id).values(values))

    async def set_deadline(self, session_id: SessionId, deadline_at: Millis) -> None:
        """Set when the sweep must next look at an active session."""
        statement = (
            update(sessions)
            .where(sessions.c.session_id == session_id, sessions.c.status < FIRST_ENDED_STATUS)
            .values(deadline_at=deadline_at)
        )
        await self._connections.write(statement)

    async def move_times(self, by: int) -> int:
        """Move the start and the deadline of every active session by a number of milliseconds."""
        moved = sessions.c.deadline_at + by
        earliest = case((sessions.c.access_ends_at < moved, sessions.c.access_ends_at), else_=moved)
        statement = (
            update(sessions).where(_IS_ACTIVE).values(deadline_at=earliest, started_at=sessions.c.started_at + by)
        )
        return await self._connections.write(statement)

    async def due(self, now: Millis, limit: int) -> Sequence[Session]:
        """Active sessions whose deadline has come, earliest first."""
        return [session_of(row) for row in await self._connections.read(due_statement(now, limit))]

    async def page(self, query: SessionQuery, after: SessionPosition | None, limit: int) -> Sequence[Session]:
        """Return up to `limit` sessions that match, starting after `after`. Cost does not grow with history."""
        page = page_statement(query, after, limit, merges=self._connections.merges_walks)
        if page is None:
            return []
        statement, values = page
        return [session_of(row) for row in await self._connections.list_rows(statement, values)]

    async def active_on(self, node_id: NodeId) -> Sequence[Session]:
        """Active sessions of one node."""
        return [session_of(row) for row in await self._connections.read(active_on_statement(node_id))]

    async def active_by(self, access_request_id: str) -> Sequence[Session]:
        """Active sessions that were started by an access request."""
        statement = select(*SESSION_COLUMNS).where(sessions.c.access_request_id == access_request_id, _IS_ACTIVE)
        return [session_of(row) for row in await self._connections.read(statement)]

    async def prune(self, ended_before: Millis, limit: int) -> int:
        """Delete up to `limit` ended sessions that ended before a time; return how many."""
        return await self._connections.write(prune_statement(ended_before, limit))
