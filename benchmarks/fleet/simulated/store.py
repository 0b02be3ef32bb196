"""A store whose nodes are in memory; all else of it is real, in SQLite.

Building and running statements would be most of a simulation's work. What agents need of nodes is little, and a node
that never had a session is not searched for sessions that wait for it.
"""

from collections.abc import Sequence
from dataclasses import replace
from typing import Any, cast

from ferryman.core.ports.sessions import SessionPosition, SessionQuery
from ferryman.model.identifiers import Millis, NodeId
from ferryman.model.nodes import ManagedNode, NodeInformation
from ferryman.model.sessions import Session
from ferryman.store.database import SqlStore
from ferryman.store.nodes import SqlNodes
from ferryman.store.sessions.store import SqlSessions

_ACTIVATION: Any = "simulated"


class _Nodes:
    """Registered nodes."""

    def __init__(self, node_ids: Sequence[NodeId], registered_at: Millis) -> None:
        self._nodes = {
            each: ManagedNode(each, "", "", _ACTIVATION, "", registered_at, registered_at) for each in node_ids
        }

    async def get(self, node_id: NodeId) -> ManagedNode | None:
        return self._nodes.get(node_id)

    async def update_information(self, node_id: NodeId, information: NodeInformation, now: Millis) -> bool:
        known = self._nodes[node_id]
        kept = information if information.platform_type else known.information
        self._nodes[node_id] = replace(known, information=kept, last_ping_at=now)
        return True


class _Sessions:
    """The sessions of a store."""

    def __init__(self, sessions: SqlSessions) -> None:
        self._sessions = sessions
        self._targets: set[str | None] = set()

    def __getattr__(self, name: str) -> object:
        return getattr(self._sessions, name)

    async def add(self, session: Session, *others: Any) -> Any:
        self._targets.add(session.target)
        return await self._sessions.add(session, *others)

    async def page(self, query: SessionQuery, after: SessionPosition | None, limit: int) -> Sequence[Session]:
        return await self._sessions.page(query, after, limit) if query.target in self._targets else ()


def hold_nodes_in_memory(store: SqlStore, node_ids: Sequence[NodeId], registered_at: Millis) -> None:
    """Have these nodes registered in a store, which has no others."""
    store.nodes = cast(SqlNodes, _Nodes(node_ids, registered_at))
    store.sessions = cast(SqlSessions, _Sessions(store.sessions))
