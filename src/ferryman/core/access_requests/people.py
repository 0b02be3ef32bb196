"""Who is who in just-in-time access: the requester, the Cedar principal, and whether somebody is an approver."""

from ferryman.core.service import Service
from ferryman.model.access_requests import AccessRequest, Approver, ApproverKind, Requester
from ferryman.model.identity.callers import Caller, CallerKind
from ferryman.policy.cedar import CedarPrincipal


def requester_of(caller: Caller) -> Requester:
    """Return the requester that a caller is."""
    identity_id = caller.user_id if caller.session is None else caller.session.identity_id
    return Requester(identity_id, caller.person_id, caller.arn, caller.name)


async def principal_of(service: Service, caller: Caller) -> CedarPrincipal:
    """Return whom Cedar policies see: the user id, groups by id and by name, tags."""
    groups = await service.store.groups.of(caller.user_id)
    names = frozenset(name for group in groups for name in (group.group_id, group.name))
    return CedarPrincipal(caller.user_id, names, caller.tags)


def is_own(request: AccessRequest, caller: Caller) -> bool:
    """Whether a request is the caller's own, by whatever of its names."""
    requester, own = request.requester, requester_of(caller)
    return own.identity_id == requester.identity_id or own.person_id == requester.person_id or own.arn == requester.arn


async def is_approver(service: Service, caller: Caller, approvers: tuple[Approver, ...]) -> bool:
    """Whether the caller is one of these approvers."""
    names = await _names(service, caller)
    return any(approver.name in names[approver.kind] for approver in approvers)


async def _names(service: Service, caller: Caller) -> dict[ApproverKind, set[str]]:
    """Return what the caller may be named by, as each kind of approver."""
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
