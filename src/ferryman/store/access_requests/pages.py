"""The SELECT of a page of access requests. As in `store.sessions.pages`, its cost does not grow with history.

A page takes one walk along an index for each status that may match, which are merged in order until the page is full
(`store.listings.walks`). `access_request_nodes` repeats what a page of one node's requests selects.
"""

from collections.abc import Iterator, Mapping
from typing import Any

from sqlalchemy import ColumnElement, Integer, Select, Table, column, literal_column, or_, select

from ferryman.core.ports.people.access_requests import AccessRequestPosition, AccessRequestQuery
from ferryman.model.access_requests import AccessRequestStatus
from ferryman.store.listings.walks import merged_walks
from ferryman.store.tables import access_request_nodes as nodes
from ferryman.store.tables import access_requests as requests

STATUS_CODES: Mapping[AccessRequestStatus, int] = {
    AccessRequestStatus.PENDING: 1,
    AccessRequestStatus.APPROVED: 2,
    AccessRequestStatus.REJECTED: 10,
    AccessRequestStatus.REVOKED: 11,
    AccessRequestStatus.EXPIRED: 12,
}
"""Never renumber: these are in every database. Statuses with a deadline are below 10."""
OF_NODES = ("status", "requester_id", "requester_arn", "created_at")
"""Columns of a request that every row of its nodes has."""


def page_statement(
    query: AccessRequestQuery, after: AccessRequestPosition | None, limit: int, *, merges: bool = True
) -> Select[Any]:
    """Return the SELECT of one page. `merges`: see `store.listings.walks`."""
    codes = sorted(STATUS_CODES[each] for each in (AccessRequestStatus if query.statuses is None else query.statuses))
    is_named = query.node_id is not None or query.requester_id is not None or query.requester_arn is not None
    if query.request_id is not None or not codes or (query.statuses is None and not is_named):
        return _plain(query, after, limit)
    table = requests if query.node_id is None else nodes
    conditions = list(_conditions(query, after, table))
    walks = [
        select(table.c.request_id, table.c.created_at).where(
            table.c.status == literal_column(str(code), Integer), *conditions
        )
        for code in codes
    ]
    order: tuple[ColumnElement[Any], ...] = column("created_at").desc(), column("request_id")
    page = merged_walks(walks, order, limit, merges=merges).order_by(*order).limit(limit).subquery("page")
    found = select(requests).join(page, page.c.request_id == requests.c.request_id)
    return found.order_by(page.c.created_at.desc(), page.c.request_id)


def _plain(query: AccessRequestQuery, after: AccessRequestPosition | None, limit: int) -> Select[Any]:
    """Return the SELECT of a page of all requests by age, or of at most one of them."""
    conditions = list(_conditions(query, after, requests))
    if query.request_id is not None:
        conditions.append(requests.c.request_id == query.request_id)
    if query.statuses is not None:
        conditions.append(requests.c.status.in_(sorted(STATUS_CODES[status] for status in query.statuses)))
    if query.node_id is not None:
        of_node = (nodes.c.node_id == query.node_id) & (nodes.c.request_id == requests.c.request_id)
        conditions.append(select(nodes.c.request_id).where(of_node).exists())
    found = select(requests).where(*conditions)
    return found.order_by(requests.c.created_at.desc(), requests.c.request_id).limit(limit)


def _conditions(
    query: AccessRequestQuery, after: AccessRequestPosition | None, table: Table
) -> Iterator[ColumnElement[bool]]:
    if query.node_id is not None and table is nodes:
        yield nodes.c.node_id == query.node_id
    if query.requester_arn is not None:
        yield table.c.requester_arn == query.requester_arn
    if query.requester_id is not None:
        yield table.c.requester_id == query.requester_id
    if query.created_after is not None:
        yield table.c.created_at > query.created_after
    if query.created_before is not None:
        yield table.c.created_at < query.created_before
    if after is not None:
        yield table.c.created_at <= after.created_at
        yield or_(table.c.created_at < after.created_at, table.c.request_id > after.request_id)
