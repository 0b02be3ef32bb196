"""Access requests in SQL. Every change is one statement or one transaction."""

from collections.abc import Sequence
from typing import Any

import msgspec
from sqlalchemy import ColumnElement, and_, delete, exists, func, insert, literal, select, text, update
from sqlalchemy.exc import IntegrityError
from sqlalchemy.sql import Select

from ferryman.core.ports.people.access_requests import AccessRequestChanges, AccessRequestPosition, AccessRequestQuery
from ferryman.model.access_requests import (
    AccessRequest,
    AccessRequestId,
    AccessRequestStatus,
    Approval,
    ApprovalLevel,
    Requester,
    sources,
)
from ferryman.model.identifiers import Millis, NodeId
from ferryman.model.tags import ResourceType
from ferryman.store.access_requests.pages import OF_NODES, STATUS_CODES, page_statement
from ferryman.store.connections import Connections, Reader, Record
from ferryman.store.tables import access_approvals, tags
from ferryman.store.tables import access_request_nodes as nodes
from ferryman.store.tables import access_requests as requests

_STATUSES = {code: status for status, code in STATUS_CODES.items()}
_IS_OPEN = text("status < 10")  # written out for the partial index, as in `store.sessions`


class _Plan(msgspec.Struct, frozen=True):
    targets: tuple[tuple[str, tuple[str, ...]], ...]
    nodes: tuple[str, ...]
    levels: tuple[ApprovalLevel, ...]


class SqlAccessRequests:
    """`core.ports.people.access_requests.AccessRequestStore`."""

    def __init__(self, connections: Connections) -> None:
        self._connections = connections

    async def add(self, request: AccessRequest, most_pending: int) -> bool:
        """Insert a request; False if it is Pending and its requester already has `most_pending` such requests."""
        values = _row(request)
        pending = (
            select(func.count())
            .select_from(requests)
            .where(requests.c.requester_person_id == request.requester.person_id, requests.c.status == _code("PENDING"))
            .scalar_subquery()
        )
        within = pending < most_pending if request.status is AccessRequestStatus.PENDING else literal(1) == 1
        source = select(*(literal(values[name], requests.c[name].type) for name in values)).where(within)
        of_nodes = [
            insert(nodes).from_select(
                ["request_id", "node_id", *OF_NODES],
                select(requests.c.request_id, literal(str(node)), *(requests.c[name] for name in OF_NODES)).where(
                    requests.c.request_id == request.request_id
                ),
            )
            for node in request.nodes
        ]
        counts = await self._connections.write_all(insert(requests).from_select(list(values), source), *of_nodes)
        return counts[0] == 1

    async def get(self, request_id: str) -> AccessRequest | None:
        """Return the request, or None."""
        return await self._one(requests.c.request_id == request_id)

    async def by_execution(self, execution_id: str) -> AccessRequest | None:
        """Return the request that approvers signal by this id, or None."""
        return await self._one(requests.c.execution_id == execution_id)

    async def approve(self, request_id: AccessRequestId, approval: Approval) -> AccessRequest | None:
        """Add an approval to a Pending request before its deadline, once for each person, atomically."""
        values = {
            "request_id": str(request_id),
            "person_id": approval.person_id,
            "level": approval.level,
            "arn": approval.arn,
            "approved_at": approval.approved_at,
            "comment": approval.comment,
        }
        takes = exists().where(
            requests.c.request_id == request_id,
            requests.c.status == _code("PENDING"),
            requests.c.deadline_at > approval.approved_at,
        )
        columns = (literal(values[name], access_approvals.c[name].type) for name in values)
        try:
            added = await self._connections.write(
                insert(access_approvals).from_select(list(values), select(*columns).where(takes))
            )
        except IntegrityError:
            return None
        return await self.get(request_id) if added == 1 else None

    async def transition(
        self, request_id: AccessRequestId, to: AccessRequestStatus, changes: AccessRequestChanges, now: Millis
    ) -> AccessRequest | None:
        """Move to `to` if the table allows it from where the request is now, atomically."""
        values: dict[str, object] = {
            name: value for name in changes.__slots__ if (value := getattr(changes, name)) is not None
        }
        came = requests.c.deadline_at <= now if to is AccessRequestStatus.EXPIRED else requests.c.deadline_at > now
        statement = (
            update(requests)
            .where(
                requests.c.request_id == request_id,
                requests.c.status.in_(sorted(STATUS_CODES[status] for status in sources(to))),
                came,
            )
            .values(values | {"status": STATUS_CODES[to]})
        )
        now_is = select(requests.c.status).where(requests.c.request_id == request_id).scalar_subquery()
        of_nodes = update(nodes).where(nodes.c.request_id == request_id).values(status=now_is)
        changed, _ = await self._connections.write_all(statement, of_nodes)
        return await self.get(request_id) if changed == 1 else None

    async def due(self, now: Millis, limit: int) -> Sequence[AccessRequest]:
        """Requests that are to expire, earliest first."""
        return await self._all(due_statement(now, limit))

    async def page(
        self, query: AccessRequestQuery, after: AccessRequestPosition | None, limit: int
    ) -> Sequence[AccessRequest]:
        """Return up to `limit` requests that match, newest first, starting after `after`."""
        statement = page_statement(query, after, limit, merges=self._connections.merges_walks)

        def run(read: Reader) -> Sequence[AccessRequest]:
            rows = read(statement, {})
            return _with_approvals(rows, read(_approvals(rows), {}) if rows else ())

        return await self._connections.list_together(run)

    async def prune(self, ended_before: Millis, limit: int) -> int:
        """Delete up to `limit` requests that ended before a time; return how many."""
        oldest = (
            select(requests.c.request_id)
            .where(requests.c.ended_at < ended_before)
            .order_by(requests.c.ended_at)
            .limit(limit)
        )
        of_oldest = and_(tags.c.resource_type == ResourceType.OPS_ITEM.value, tags.c.resource_id.in_(oldest))
        counts = await self._connections.write_all(
            delete(tags).where(of_oldest), delete(requests).where(requests.c.request_id.in_(oldest))
        )
        return counts[1]

    async def _one(self, condition: ColumnElement[bool]) -> AccessRequest | None:
        found = await self._all(select(requests).where(condition))
        return found[0] if found else None

    async def _all(self, statement: Select[tuple[object, ...]]) -> Sequence[AccessRequest]:
        rows = await self._connections.read(statement)
        return _with_approvals(rows, await self._connections.read(_approvals(rows)) if rows else ())


def _approvals(rows: Sequence[Record]) -> Select[Any]:
    """Return the SELECT of the approvals of these requests."""
    return (
        select(access_approvals)
        .where(access_approvals.c.request_id.in_([row[0] for row in rows]))
        .order_by(access_approvals.c.level, access_approvals.c.approved_at, access_approvals.c.person_id)
    )


def _with_approvals(rows: Sequence[Record], approvals: Sequence[Record]) -> Sequence[AccessRequest]:
    given: dict[str, list[Approval]] = {}
    for request_id, person_id, level, arn, approved_at, comment in approvals:
        given.setdefault(request_id, []).append(Approval(level, person_id, arn, approved_at, comment))
    return [_request(row, tuple(given.get(row[0], ()))) for row in rows]


def due_statement(now: Millis, limit: int) -> Select[tuple[object, ...]]:
    """Return the SELECT of the requests that are due to expire."""
    came = select(requests).where(_IS_OPEN, requests.c.deadline_at <= now)
    return came.order_by(requests.c.deadline_at).limit(limit)


def _code(name: str) -> int:
    return STATUS_CODES[AccessRequestStatus[name]]


def _row(request: AccessRequest) -> dict[str, object]:
    plan = _Plan(request.targets, request.nodes, request.levels)
    return {
        "request_id": str(request.request_id),
        "execution_id": request.execution_id,
        "status": STATUS_CODES[request.status],
        "requester_id": request.requester.identity_id,
        "requester_person_id": request.requester.person_id,
        "requester_arn": request.requester.arn,
        "requester_name": request.requester.name,
        "reason": request.reason,
        "plan": msgspec.json.encode(plan).decode(),
        "policy": request.policy,
        "duration": request.duration,
        "created_at": request.created_at,
        "deadline_at": request.deadline_at,
        "decided_at": request.decided_at,
        "decided_by": request.decided_by,
        "ended_at": request.ended_at,
        "details": request.details,
    }


def _request(row: Record, approvals: tuple[Approval, ...]) -> AccessRequest:
    values = dict(zip(requests.c.keys(), row, strict=True))
    plan = msgspec.json.decode(values["plan"], type=_Plan)
    return AccessRequest(
        request_id=AccessRequestId(values["request_id"]),
        execution_id=values["execution_id"],
        status=_STATUSES[values["status"]],
        requester=Requester(
            values["requester_id"], values["requester_person_id"], values["requester_arn"], values["requester_name"]
        ),
        reason=values["reason"],
        targets=plan.targets,
        nodes=tuple(NodeId(node) for node in plan.nodes),
        policy=values["policy"],
        duration=values["duration"],
        created_at=values["created_at"],
        deadline_at=values["deadline_at"],
        levels=plan.levels,
        decided_at=values["decided_at"],
        decided_by=values["decided_by"],
        ended_at=values["ended_at"],
        details=values["details"],
        approvals=approvals,
    )
