"""Requesters' rights on their own access requests: to see and revoke them.

Whoever may get a request's token may do both, without the permissions that approvers need for everybody's requests. An
explicit deny still counts.
"""

from ferryman.core.access_requests.people import requester_of
from ferryman.core.authorization.decisions import decide, denied
from ferryman.core.authorization.request_context import NO_KEYS, Keys
from ferryman.core.service import Service
from ferryman.model.access_requests import AccessRequest
from ferryman.model.identity.callers import Caller
from ferryman.policy.evaluation import Verdict

_TOKEN = "ssm:GetAccessToken"  # noqa: S105 - an action


def require_unless_own(
    service: Service, caller: Caller, action: str, resource: str, request: AccessRequest | None, keys: Keys = NO_KEYS
) -> None:
    """Raise AccessDeniedException unless `caller` may perform `action`, or `request` is the caller's own."""
    decision = decide(service, caller, action, resource, keys)
    if decision.allowed:
        return
    is_own = request is not None and request.requester == requester_of(caller)
    if request is None or not is_own or decision.verdict is Verdict.EXPLICIT_DENY:
        raise denied(caller, action, resource, decision)
    if not decide(service, caller, _TOKEN, service.arns.access_request(request.request_id), keys).allowed:
        raise denied(caller, action, resource, decision)


def sees_only_own(service: Service, caller: Caller, action: str, resource: str) -> bool:
    """Return whether `caller` may list only their own requests. Raises AccessDeniedException if they may list none."""
    decision = decide(service, caller, action, resource)
    if decision.allowed:
        return False
    if decision.verdict is Verdict.EXPLICIT_DENY or not decide(service, caller, _TOKEN, resource).allowed:
        raise denied(caller, action, resource, decision)
    return True
