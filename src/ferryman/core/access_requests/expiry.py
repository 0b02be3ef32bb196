"""The status of an access request over time: expiry, and approval once every level is complete."""

import asyncio

from ferryman.core.access_requests.events import access_request_changed
from ferryman.core.maintenance.pruning import prune
from ferryman.core.ports.people.access_requests import AccessRequestChanges
from ferryman.core.service import Service
from ferryman.model.access_requests import OVER, AccessRequest, AccessRequestStatus
from ferryman.model.identifiers import Millis

_BATCH = 200
_KEPT_DAYS = 365
"""How long AWS keeps access requests."""


async def sweep_access_requests(service: Service) -> int:
    """Expire every request whose deadline has passed; call it about once a second. Returns how many were due.

    Several servers may sweep at the same time: the store lets only one of them make each change.
    """
    due = await service.store.access_requests.due(service.clock(), _BATCH)
    await asyncio.gather(*(as_of_now(service, request) for request in due))
    if service.clock_steps.settled:
        kept_since = Millis(service.clock() - _KEPT_DAYS * 86_400_000)
        await prune(service.store.access_requests.prune, kept_since)
    return len(due)


async def as_of_now(service: Service, request: AccessRequest) -> AccessRequest:
    """Return the request's current state: Expired after its deadline, Approved once every level is complete.

    Approvals are stored one by one. Whichever server looks first decides whether they complete the request.
    """
    now = service.clock()
    if request.status in OVER:
        return request
    if request.deadline_at <= now:
        pending = request.status is AccessRequestStatus.PENDING
        to, changes = (
            AccessRequestStatus.EXPIRED,
            AccessRequestChanges(ended_at=now, details="Nobody decided it in time." if pending else None),
        )
    elif request.status is AccessRequestStatus.PENDING and request.current_level is None:
        last = request.approvals[-1]
        to, changes = (
            AccessRequestStatus.APPROVED,
            AccessRequestChanges(
                deadline_at=Millis(now + request.duration * 1000),
                decided_at=now,
                decided_by=last.arn,
                details=last.comment or None,
            ),
        )
    else:
        return request
    changed = await service.store.access_requests.transition(request.request_id, to, changes, now)
    if changed is None:
        return await service.store.access_requests.get(request.request_id) or request
    access_request_changed(service, changed)
    return changed
