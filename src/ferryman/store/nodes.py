"""Managed nodes and activations in SQL."""

from collections.abc import Sequence
from dataclasses import asdict, fields
from typing import Any

from sqlalchemy import ColumnElement, Select, and_, bindparam, delete, insert, not_, or_, select, update

from ferryman.core.ports.nodes import ActivationPosition, ActivationQuery, NodeQuery, Values, Wildcard
from ferryman.model.identifiers import ActivationId, Millis, NodeId
from ferryman.model.nodes import Activation, ManagedNode, NodeInformation
from ferryman.model.tags import NAME_TAG, ResourceType
from ferryman.store.connections import Connections, Record
from ferryman.store.listings.wildcards import matches
from ferryman.store.tables import activations, nodes, tags

_INFORMATION = tuple(field.name for field in fields(NodeInformation))
_NODE = tuple(field.name for field in fields(ManagedNode) if field.name != "information")
_NODE_COLUMNS = tuple(nodes.c[name] for name in (*_NODE, *_INFORMATION))
_GET_NODE = select(*_NODE_COLUMNS).where(nodes.c.node_id == bindparam("node_id"))
_ACTIVATION_COLUMNS = tuple(activations.c[field.name] for field in fields(Activation))


def _node(row: Record) -> ManagedNode:
    own = dict(zip(_NODE, row, strict=False))
    return ManagedNode(**own, information=NodeInformation(*row[len(_NODE) :]))


def node_page_statement(query: NodeQuery, after: NodeId | None, limit: int) -> Select[tuple[object, ...]]:
    """Return the statement of `SqlNodes.page`."""
    return _page_of(_NODE_COLUMNS, query, after, limit)


def node_pings_statement(query: NodeQuery, after: NodeId | None, limit: int) -> Select[tuple[object, ...]]:
    """Return the statement of `SqlNodes.pings`."""
    return _page_of((nodes.c.node_id, nodes.c.last_ping_at), query, after, limit)


def _page_of(
    columns: Sequence[ColumnElement[Any]], query: NodeQuery, after: NodeId | None, limit: int
) -> Select[tuple[object, ...]]:
    wanted: list[ColumnElement[bool]] = [_is_any(nodes.c[member.value], values) for member, values in query.members]
    wanted += [_tagged(tags.c.key == key, _is_any(tags.c.value, values)) for key, values in query.tags]
    wanted += [_tagged(_is_any(tags.c.key, keys)) for keys in query.tag_keys]
    wanted += [_named(values) for values in query.names]
    wanted += [or_(_tagged(_is_any(tags.c.key, keys)), _HAS_NAME) for keys in query.named_or_tagged]
    if after is not None:
        wanted.append(nodes.c.node_id > after)
    return select(*columns).where(*wanted).order_by(nodes.c.node_id).limit(limit)


def _tagged(*conditions: ColumnElement[bool]) -> ColumnElement[bool]:
    statement = select(tags.c.resource_id).where(tags.c.resource_type == ResourceType.NODE.value, *conditions)
    return nodes.c.node_id.in_(statement)


_HAS_NAME = and_(nodes.c.name.is_not(None), nodes.c.name != "")


def _named(values: Values) -> ColumnElement[bool]:
    untagged = not_(_tagged(tags.c.key == NAME_TAG))
    return or_(_tagged(tags.c.key == NAME_TAG, _is_any(tags.c.value, values)), and_(untagged, _is_named(values)))


def _is_named(values: Values) -> ColumnElement[bool]:
    return and_(_HAS_NAME, _is_any(nodes.c.name, values))


def _is_any(column: ColumnElement[str], values: Values) -> ColumnElement[bool]:
    """Return the condition that a column is one of these; only exact values can use an index."""
    exact = [each for each in values if isinstance(each, str)]
    wildcards = [each for each in values if isinstance(each, Wildcard)]
    if not wildcards:
        return column.in_(exact)
    return or_(column.in_(exact), *(matches(column, each) for each in wildcards))


def activation_page_statement(
    query: ActivationQuery, after: ActivationPosition | None, limit: int
) -> Select[tuple[object, ...]]:
    """Return the statement of `SqlActivations.page`."""
    wanted: list[ColumnElement[bool]] = [activations.c[member.value].in_(values) for member, values in query]
    if after is not None:
        older = activations.c.created_at < after.created_at
        beside = and_(activations.c.created_at == after.created_at, activations.c.activation_id > after.activation_id)
        wanted += [activations.c.created_at <= after.created_at, or_(older, beside)]
    order = (activations.c.created_at.desc(), activations.c.activation_id)
    return select(*_ACTIVATION_COLUMNS).where(*wanted).order_by(*order).limit(limit)


class SqlNodes:
    """`core.ports.nodes.NodeStore`."""

    def __init__(self, connections: Connections) -> None:
        self._connections = connections

    async def add(self, node: ManagedNode) -> None:
        """Insert a node; its id must be new."""
        values = {name: getattr(node, name) for name in _NODE} | asdict(node.information)
        await self._connections.write(insert(nodes), values)

    async def get(self, node_id: NodeId) -> ManagedNode | None:
        """Return the node, or None."""
        rows = await self._connections.read(_GET_NODE, {"node_id": node_id})
        return _node(rows[0]) if rows else None

    async def update_information(self, node_id: NodeId, information: NodeInformation, now: Millis) -> bool:
        """Store what the node reports about itself, and when. Empty members leave the old value. False if unknown."""
        said = {name: value for name, value in asdict(information).items() if value}
        statement = update(nodes).where(nodes.c.node_id == node_id).values(last_ping_at=now, **said)
        return await self._connections.write(statement) == 1

    async def replace_key(self, node_id: NodeId, old_key: str, new_key: str, now: Millis) -> bool:
        """Make `new_key` the node's public key, of age 0, if `old_key` still is; False otherwise."""
        mine = (nodes.c.node_id == node_id, nodes.c.public_key == old_key)
        statement = update(nodes).where(*mine).values(public_key=new_key, key_since=now)
        return await self._connections.write(statement) == 1

    async def set_role(self, node_id: NodeId, iam_role: str) -> bool:
        """Change the node's role; False if unknown."""
        statement = update(nodes).where(nodes.c.node_id == node_id).values(iam_role=iam_role)
        return await self._connections.write(statement) == 1

    async def page(self, query: NodeQuery, after: NodeId | None, limit: int) -> Sequence[ManagedNode]:
        """Return up to `limit` nodes that match, in order of id, starting after `after`."""
        return [_node(row) for row in await self._connections.list_rows(node_page_statement(query, after, limit))]

    async def pings(self, query: NodeQuery, after: NodeId | None, limit: int) -> Sequence[tuple[NodeId, Millis | None]]:
        """Return the ids of the same nodes, and when each was last heard from."""
        rows = await self._connections.list_rows(node_pings_statement(query, after, limit))
        return [(node_id, last_ping_at) for node_id, last_ping_at in rows]

    async def remove(self, node_id: NodeId) -> bool:
        """Deregister; False if unknown."""
        return await self._connections.write(delete(nodes).where(nodes.c.node_id == node_id)) == 1


class SqlActivations:
    """`core.ports.nodes.ActivationStore`."""

    def __init__(self, connections: Connections) -> None:
        self._connections = connections

    async def add(self, activation: Activation) -> None:
        """Insert an activation."""
        await self._connections.write(insert(activations), asdict(activation))

    async def get(self, activation_id: ActivationId) -> Activation | None:
        """Return the activation, or None."""
        statement = select(*_ACTIVATION_COLUMNS).where(activations.c.activation_id == activation_id)
        rows = await self._connections.read(statement)
        return Activation(*rows[0]) if rows else None

    async def claim(self, activation_id: ActivationId, now: Millis) -> bool:
        """Use one registration if the activation has not expired and its limit is not reached, atomically."""
        statement = (
            update(activations)
            .where(
                activations.c.activation_id == activation_id,
                activations.c.expires_at > now,
                activations.c.registrations < activations.c.registration_limit,
            )
            .values(registrations=activations.c.registrations + 1)
        )
        return await self._connections.write(statement) == 1

    async def page(self, query: ActivationQuery, after: ActivationPosition | None, limit: int) -> Sequence[Activation]:
        """Return up to `limit` activations that match, newest first, starting after `after`."""
        rows = await self._connections.list_rows(activation_page_statement(query, after, limit))
        return [Activation(*row) for row in rows]

    async def remove(self, activation_id: ActivationId) -> bool:
        """Delete; False if unknown."""
        statement = delete(activations).where(activations.c.activation_id == activation_id)
        return await self._connections.write(statement) == 1
