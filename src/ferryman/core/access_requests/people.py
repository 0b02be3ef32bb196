"""The people in just-in-time access: the requester, the Cedar principal, and who is an approver."""

from ferryman.core.service import Service
from ferryman.model.access_requests import AccessRequest, Approver, ApproverKind, Requester
from ferryman.model.identity.callers import Caller, CallerKind
from ferryman.policy.cedar import CedarPrincipal


def requester_of(caller: Caller) -> Requester:
    """Return the caller as a requester."""
    identity_id = caller.user_id if caller.session is None else caller.session.identity_id
    return Requester(identity_id, caller.person_id, caller.arn, caller.name)


async def principal_of(service: Service, caller: Caller) -> CedarPrincipal:
    """Return the Cedar principal: the user id, groups by id and by name, tags."""
    groups = await service.store.groups.of(caller.user_id)
    names = frozenset(name for group in groups for name in (group.group_id, group.name))
    return CedarPrincipal(caller.user_id, names, caller.tags)


def is_own(request: AccessRequest, caller: Caller) -> bool:
    """Return whether a request is the caller's own, under any of its names."""
    requester, own = request.requester, requester_of(caller)
    return own.identity_id == requester.identity_id or own.person_id == requester.person_id or own.arn == requester.arn


async def is_approver(service: Service, caller: Caller, approvers: tuple[Approver, ...]) -> bool:
    """Return whether the caller is one of these approvers."""
    names = await _names(service, caller)
    return any(approver.name in names[approver.kind] for approver in approvers)


async def _names(service: Service, caller: Caller) -> dict[ApproverKind, set[str]]:
    """Return the names that may denote the caller, for each kind of approver."""
    names: dict[ApproverKind, set[str]] = {kind: set() for kind in ApproverKind}
    names[ApproverKind.ARN].add(caller.arn)
    if caller.kind is CallerKind.USER:
        names[ApproverKind.USER] |= {caller.name, caller.user_id, caller.arn}
        for group in await service.store.groups.of(caller.user_id):
            arn = service.arns.group(group.name, group.path)
            names[ApproverKind.GROUP] |= {group.group_id, group.name, arn}
    if caller.role_arn:
        names[ApproverKind.ROLE] |= {caller.role_arn, caller.role_arn.rpartition("/")[2]}
    return names
