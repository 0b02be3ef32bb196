"""SendAutomationSignal: approvers approve, reject or revoke access requests, and requesters withdraw their own.

On AWS an access request is an OpsItem, and its approval is an Automation execution that receives the signals. Here the
execution is only a second id of the request.
"""

from dataclasses import dataclass
from enum import StrEnum

from ferryman.core.access_requests.events import access_request_changed
from ferryman.core.access_requests.expiry import as_of_now
from ferryman.core.access_requests.own_requests import require_unless_own
from ferryman.core.access_requests.people import is_approver, is_own, requester_of
from ferryman.core.authorization.request_context import resource_keys
from ferryman.core.ports.people.access_requests import AccessRequestChanges
from ferryman.core.service import Service
from ferryman.core.sessions.access import end_sessions_of
from ferryman.model.access_requests import AccessRequest, AccessRequestStatus, Approval
from ferryman.model.errors import ServiceError
from ferryman.model.identity.callers import Caller
from ferryman.model.tags import ResourceType

WITHDRAWN = "Withdrawn by its requester."


class Signal(StrEnum):
    """The signals that an access request accepts, out of all that Automation has."""

    APPROVE = "Approve"
    REJECT = "Reject"
    REVOKE = "Revoke"


@dataclass(frozen=True, slots=True)
class SendSignal:
    """SendAutomationSignal. `signal` is as sent; the comment has at most 512 characters, by the model."""

    execution_id: str
    signal: str
    comment: str = ""


async def send_automation_signal(service: Service, caller: Caller, sent: SendSignal) -> AccessRequest:
    """SendAutomationSignal: approve, reject or revoke an access request; returns its new state.

    To approve or reject, a caller must be an approver at the request's current level and not its requester. Anyone who
    may send signals may revoke approved access, and so may the requester, because revoking only removes access.
    Revoking a pending request withdraws it, which only its requester may do: approvers reject. Raises
    AccessDeniedException, AutomationExecutionNotFoundException, InvalidAutomationSignalException.
    """
    found = await service.store.access_requests.by_execution(sent.execution_id)
    keys = {} if found is None else await resource_keys(service, ResourceType.OPS_ITEM, found.request_id)
    resource = service.arns.execution(sent.execution_id)
    revoked = found if sent.signal == Signal.REVOKE else None
    require_unless_own(service, caller, "ssm:SendAutomationSignal", resource, revoked, keys)
    if found is None:
        raise ServiceError(
            "AutomationExecutionNotFoundException", f"There is no automation execution {sent.execution_id}."
        )
    if sent.signal not in list(Signal):
        raise _invalid(f"An access request accepts the signals {', '.join(Signal)}, not {sent.signal}.")
    found = await as_of_now(service, found)
    if sent.signal == Signal.REVOKE:
        return await _revoke(service, caller, found, sent.comment)
    level = await _level_of(service, caller, found, sent.signal)
    if sent.signal == Signal.REJECT:
        return await _reject(service, caller, found, sent.comment)
    person_id = requester_of(caller).person_id
    return await _approve(service, found, Approval(level, person_id, caller.arn, service.clock(), sent.comment))


async def _level_of(service: Service, caller: Caller, request: AccessRequest, signal: str) -> int:
    """Return the level at which the caller may decide now; raises if there is none."""
    if is_own(request, caller):
        raise _denied(caller, request, "requesters cannot decide on their own access requests")
    level = request.current_level
    if request.status is not AccessRequestStatus.PENDING or level is None:
        raise _not_now(request, signal)
    if not await is_approver(service, caller, request.levels[level].approvers):
        raise _denied(caller, request, f"{request.policy} names others as approvers at {request.levels[level].name}")
    return level


async def _approve(service: Service, request: AccessRequest, approval: Approval) -> AccessRequest:
    approved = await service.store.access_requests.approve(request.request_id, approval)
    if approved is None:
        now = await service.store.access_requests.get(request.request_id) or request
        if any(each.person_id == approval.person_id for each in now.approvals):
            raise _invalid(f"You have approved {request.request_id} already; every approval must be another person's.")
        raise _not_now(now, Signal.APPROVE)
    if approved.current_level is None:
        return await as_of_now(service, approved)
    access_request_changed(service, approved)
    return approved


async def _reject(service: Service, caller: Caller, request: AccessRequest, comment: str) -> AccessRequest:
    now = service.clock()
    changes = AccessRequestChanges(decided_at=now, decided_by=caller.arn, ended_at=now, details=comment or None)
    return await _changed(service, request, AccessRequestStatus.REJECTED, changes, Signal.REJECT)


async def _revoke(service: Service, caller: Caller, request: AccessRequest, comment: str) -> AccessRequest:
    pending = request.status is AccessRequestStatus.PENDING
    if pending and not is_own(request, caller):
        raise _denied(caller, request, "it is pending, so only its requester can withdraw it; approvers reject it")
    now = service.clock()
    details = comment or (WITHDRAWN if pending else None)
    changes = AccessRequestChanges(decided_by=caller.arn, ended_at=now, details=details)
    revoked = await _changed(service, request, AccessRequestStatus.REVOKED, changes, Signal.REVOKE)
    await end_sessions_of(service, revoked, f"The access of {request.request_id} was revoked by {caller.arn}.")
    return revoked


async def _changed(
    service: Service,
    request: AccessRequest,
    to: AccessRequestStatus,
    changes: AccessRequestChanges,
    signal: Signal,
) -> AccessRequest:
    changed = await service.store.access_requests.transition(request.request_id, to, changes, service.clock())
    if changed is None:
        raise _not_now(await service.store.access_requests.get(request.request_id) or request, signal)
    access_request_changed(service, changed)
    return changed


def _not_now(request: AccessRequest, signal: str) -> ServiceError:
    return _invalid(f"{request.request_id} is {request.status} and no longer accepts the signal {signal}.")


def _invalid(message: str) -> ServiceError:
    return ServiceError("InvalidAutomationSignalException", message)


def _denied(caller: Caller, request: AccessRequest, cause: str) -> ServiceError:
    return ServiceError(
        "AccessDeniedException", f"User: {caller.arn} is not authorized to decide on {request.request_id}: {cause}"
    )
