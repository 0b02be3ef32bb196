"""GetAuditTrailStatus: whether the trail can be written, and whether its newest records are what the server wrote.

Ferryman's own operation, of the server that answers; each server has a trail of its own. The whole trail is verified by
`ferryman audit verify`.
"""

from dataclasses import dataclass

from ferryman.core.authorization.decisions import require
from ferryman.core.ports.audit import TrailCheck
from ferryman.core.record_budget import Allowance, principal
from ferryman.core.service import Service
from ferryman.model.errors import ServiceError
from ferryman.model.identity.callers import Caller

ACTION = "ferryman:GetAuditTrailStatus"
PER_SECOND = 1.0
"""For each user or role: a call reads up to 4 MiB."""


@dataclass(frozen=True, slots=True)
class TrailStatus:
    """`failure` is why the trail cannot be written at present, None if it can; `newest` is what was verified now."""

    failure: str | None
    newest: TrailCheck


async def get_audit_trail_status(service: Service, caller: Caller) -> TrailStatus:
    """GetAuditTrailStatus. Raises AccessDeniedException, ThrottlingException."""
    require(service, caller, ACTION, "*")
    if not service.records.acquire(Allowance(f"{ACTION}:{principal(caller)}", 3, PER_SECOND), service.clock()):
        raise ServiceError("ThrottlingException", "Rate exceeded")
    try:
        newest = await service.recorded_events.check_newest()
    except OSError as error:
        newest = TrailCheck(problem=f"The trail cannot be read: {error.strerror}")
    return TrailStatus(service.trail.failure, newest)
