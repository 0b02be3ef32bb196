"""Nodes that match a query, with their connection status, for the listings of other services.

A walk ends after `MOST_READ` nodes even if the page is not full, and the next page continues there. So a filter that no
node passes costs no more than one that every node passes.
"""

from collections.abc import Callable
from dataclasses import dataclass

from ferryman.core.nodes.listing import node_views
from ferryman.core.nodes.requests import NodeView
from ferryman.core.ports.nodes import NodeQuery
from ferryman.core.service import Service
from ferryman.model.identifiers import NodeId

BATCH = 200
"""The most nodes read at a time."""
MOST_READ = 5000
"""The most nodes that one call reads."""


@dataclass(frozen=True, slots=True)
class Walk:
    """Nodes in order of id. `position` is the id that the next page begins behind, None at the end."""

    nodes: tuple[NodeView, ...]
    position: NodeId | None


async def walk(
    service: Service, query: NodeQuery, passes: Callable[[NodeView], bool], after: NodeId | None, limit: int
) -> Walk:
    """Return up to `limit` nodes behind `after` that match `query` and pass `passes`.

    `passes` gets each node with its status, which the store does not know.
    """
    found: list[NodeView] = []
    read, batch = 0, min(BATCH, limit + 1)
    while read < MOST_READ:
        nodes = await service.store.nodes.page(query, after, batch)
        for view in await node_views(service, nodes):
            if passes(view):
                if len(found) == limit:
                    return Walk(tuple(found), found[-1].node.node_id)
                found.append(view)
        if len(nodes) < batch:
            return Walk(tuple(found), None)
        read += len(nodes)
        after, batch = nodes[-1].node_id, min(BATCH, 2 * batch)
    return Walk(tuple(found), after)
