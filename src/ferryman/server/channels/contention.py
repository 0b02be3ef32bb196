"""Two agents that claim one node: each closes the other's control channel and dials again, and would for ever.

The newest wins, a few times a minute. Then the one that is there stays, newcomers are refused until the minute is over,
and agents wait longer from one refusal to the next.
"""

from collections import deque

import structlog

from ferryman.model.errors import ServiceError
from ferryman.model.identifiers import Millis, NodeId

REPLACEMENTS = 5
"""How often a node's control channel may be replaced within `WINDOW`."""
WINDOW = 60_000
"""Milliseconds."""
REMEMBERED = 10_000
"""Nodes; those whose channel was replaced longest ago are forgotten first."""

_log = structlog.get_logger("ferryman.server.channels.contention")


class Contention:
    """Counts, on one server, how often a control channel took the place of one that was still open."""

    def __init__(self) -> None:
        self._replaced: dict[NodeId, deque[Millis]] = {}

    def replaced(self, node_id: NodeId, now: Millis) -> None:
        """Note that a newer channel of the node took over from one that was open."""
        times = self._replaced.pop(node_id, None)
        self._replaced[node_id] = times = times if times is not None else deque(maxlen=REPLACEMENTS)
        times.append(now)
        if len(self._replaced) > REMEMBERED:
            del self._replaced[next(iter(self._replaced))]
        if self._is_contested(node_id, now):
            _log.warning(
                "two agents claim one node, the newest stays for a minute; register one machine as a node of its own",
                node_id=node_id,
            )

    def check(self, node_id: NodeId, now: Millis) -> None:
        """Raise ThrottlingException, which agents answer by waiting longer, while the node is claimed too often."""
        if self._is_contested(node_id, now):
            raise ServiceError(
                "ThrottlingException",
                f"The control channel of {node_id} was replaced {REPLACEMENTS} times within a minute: "
                "another agent claims this node. Register one of the two machines as a node of its own.",
            )

    def _is_contested(self, node_id: NodeId, now: Millis) -> bool:
        times = self._replaced.get(node_id)
        return times is not None and len(times) == REPLACEMENTS and now - times[0] < WINDOW
