"""Managed nodes and activations in SQL."""

from collections.abc import Sequence
from dataclasses import asdict, fields

from sqlalchemy import delete, insert, select, update

from ferryman.model.identifiers import ActivationId, Millis, NodeId
from ferryman.model.nodes import Activation, ManagedNode, NodeInformation
from ferryman.store.connections import Connections, Record
from ferryman.store.tables import activations, nodes

_INFORMATION = tuple(field.name for field in fields(NodeInformation))
_NODE = tuple(field.name for field in fields(ManagedNode) if field.name != "information")
_NODE_COLUMNS = tuple(nodes.c[name] for name in (*_NODE, *_INFORMATION))
_ACTIVATION_COLUMNS = tuple(activations.c[field.name] for field in fields(Activation))


def _node(row: Record) -> ManagedNode:
    own = dict(zip(_NODE, row, strict=False))
    return ManagedNode(**own, information=NodeInformation(*row[len(_NODE) :]))


class SqlNodes:
    """`core.ports.NodeStore`."""

    def __init__(self, connections: Connections) -> None:
        self._connections = connections

    async def add(self, node: ManagedNode) -> None:
        """Insert a node; its id must be new."""
        values = {name: getattr(node, name) for name in _NODE} | asdict(node.information)
        await self._connections.write(insert(nodes), values)

    async def get(self, node_id: NodeId) -> ManagedNode | None:
        """Return the node, or None."""
        rows = await self._connections.read(select(*_NODE_COLUMNS).where(nodes.c.node_id == node_id))
        return _node(rows[0]) if rows else None

    async def update_information(self, node_id: NodeId, information: NodeInformation, now: Millis) -> bool:
        """Store what the node says of itself and when; empty members keep what was there. False if unknown."""
        said = {name: value for name, value in asdict(information).items() if value}
        statement = update(nodes).where(nodes.c.node_id == node_id).values(last_ping_at=now, **said)
        return await self._connections.write(statement) == 1

    async def replace_key(self, node_id: NodeId, old_key: str, new_key: str) -> bool:
        """Make `new_key` the node's public key if `old_key` still is; False otherwise."""
        statement = (
            update(nodes).where(nodes.c.node_id == node_id, nodes.c.public_key == old_key).values(public_key=new_key)
        )
        return await self._connections.write(statement) == 1

    async def page(self, after: NodeId | None, limit: int) -> Sequence[ManagedNode]:
        """Nodes in order of id, from just behind `after`."""
        statement = select(*_NODE_COLUMNS).order_by(nodes.c.node_id).limit(limit)
        if after is not None:
            statement = statement.where(nodes.c.node_id > after)
        return [_node(row) for row in await self._connections.read(statement)]

    async def remove(self, node_id: NodeId) -> bool:
        """Deregister; False if unknown."""
        return await self._connections.write(delete(nodes).where(nodes.c.node_id == node_id)) == 1


class SqlActivations:
    """`core.ports.ActivationStore`."""

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
        """Take one registration if the activation has not expired and its limit is not reached, atomically."""
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
