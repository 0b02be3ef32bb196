"""Two agents that claim one node: each closes the other's control channel and reconnects, and would do so forever.

The newest wins, a few times a minute. After that the current one stays, others are refused until the minute is over,
and their agents wait longer after each refusal.
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
"""How many nodes are remembered; the one whose channel was replaced longest ago is forgotten first."""

_log = structlog.get_logger("ferryman.server.channels.contention")


class Contention:
    """Counts how often a control channel of this server replaced one that was still open."""

    def __init__(self) -> None:
        self._replaced: dict[NodeId, deque[Millis]] = {}

    def replaced(self, node_id: NodeId, now: Millis) -> None:
        """Note that a newer channel of the node replaced one that was open."""
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
        """Raise ThrottlingException while the node's channel is replaced too often; agents then wait longer."""
        if self._is_contested(node_id, now):
            raise ServiceError(
                "ThrottlingException",
                f"The control channel of {node_id} was replaced {REPLACEMENTS} times within a minute: "
                "another agent claims this node. Register one of the two machines as a node of its own.",
            )

    def _is_contested(self, node_id: NodeId, now: Millis) -> bool:
        times = self._replaced.get(node_id)
        return times is not None and len(times) == REPLACEMENTS and now - times[0] < WINDOW
