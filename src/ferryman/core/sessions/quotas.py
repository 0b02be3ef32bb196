"""Quotas of one person's sessions: waiting for their client, and on one node.

Without them one person could fill the store or a node.
"""

from ferryman.core.service import Limits
from ferryman.model.errors import ServiceError
from ferryman.model.identifiers import NodeId
from ferryman.model.identity.callers import Caller
from ferryman.model.sessions import SessionQuota, SessionUsage


def quota_of(caller: Caller, limits: Limits) -> SessionQuota:
    """Return the quota of the person behind a caller."""
    most = SessionUsage(limits.waiting_sessions, limits.waiting_bytes, limits.sessions_on_node)
    return SessionQuota(caller.person_id, most)


def quota_exceeded(quota: SessionQuota, usage: SessionUsage, node_id: NodeId) -> ServiceError:
    """Return the error for a session that would exceed `quota`; `usage` is the current use."""
    most = quota.most
    if usage.on_node >= most.on_node:
        cause = f"You have {usage.on_node} sessions on {node_id}, the maximum for one person. End some of them"
    elif usage.waiting >= most.waiting:
        cause = f"{usage.waiting} of your sessions wait for their client, the maximum. Connect to them or end them"
    else:
        cause = (
            f"The documents of your sessions that wait for their client have {usage.waiting_bytes} bytes with their "
            f"parameters; with this one they would exceed {most.waiting_bytes}. Connect to them or end them"
        )
    return ServiceError("ServiceQuotaExceededException", f"{cause}, then try again.")
