"""StartAccessRequest and GetAccessToken: request access to nodes, and get credentials once it is approved."""

import uuid
from collections.abc import Mapping
from dataclasses import dataclass, field

from ferryman.core.access_requests.decisions import ApprovalPlan, plan_for
from ferryman.core.access_requests.events import access_request_changed
from ferryman.core.access_requests.expiry import as_of_now
from ferryman.core.access_requests.people import principal_of, requester_of
from ferryman.core.access_requests.targets import find_targets
from ferryman.core.authorization.decisions import require
from ferryman.core.authorization.request_context import request_tag_keys, resource_keys
from ferryman.core.identity.access_request_credentials import issue_access_credentials
from ferryman.core.identity.credentials import TemporaryCredentials
from ferryman.core.service import Service
from ferryman.core.tags import check_tags, put_tags
from ferryman.model.access_requests import ID_ENTROPY, AccessRequest, AccessRequestStatus, new_access_request_id
from ferryman.model.errors import ServiceError
from ferryman.model.identifiers import Millis, NodeId
from ferryman.model.identity.callers import Caller
from ferryman.model.tags import ResourceType

MOST_PENDING = 20
"""How many requests of one identity may be pending."""


@dataclass(frozen=True, slots=True)
class StartAccessRequest:
    """StartAccessRequest. `targets` are (key, values) as sent."""

    reason: str
    targets: tuple[tuple[str, tuple[str, ...]], ...]
    tags: Mapping[str, str] = field(default_factory=dict)


async def start_access_request(service: Service, caller: Caller, request: StartAccessRequest) -> AccessRequest:
    """StartAccessRequest: Pending, or Approved immediately if a policy says so.

    Raises AccessDeniedException, ValidationException, ResourceNotFoundException, ServiceQuotaExceededException,
    TooManyTagsError, ThrottlingException: each request notifies approvers, so nobody may make too many.
    """
    asked = request_tag_keys(request.tags)
    nodes = await find_targets(service, caller, request.targets, asked)
    check_tags(request.tags)
    plan = await plan_for(service, await principal_of(service, caller), nodes)
    made = _made(service, caller, request, tuple(nodes), plan)
    if not service.access_requests.acquire(caller.person_id, service.clock()):
        raise ServiceError("ThrottlingException", "Rate exceeded: you made too many access requests. Try again later.")
    if not await service.store.access_requests.add(made, MOST_PENDING):
        service.access_requests.release(caller.person_id)
        raise ServiceError(
            "ServiceQuotaExceededException",
            f"{MOST_PENDING} of your access requests wait for approval already. Try again once some are decided.",
        )
    await put_tags(service, ResourceType.OPS_ITEM, made.request_id, request.tags)
    access_request_changed(service, made)
    return made


async def get_access_token(
    service: Service, caller: Caller, request_id: str
) -> tuple[AccessRequest, TemporaryCredentials | None]:
    """GetAccessToken: the status of one of the caller's own requests, and credentials if it is Approved.

    Raises AccessDeniedException, also for another identity's request; ResourceNotFoundException.
    """
    keys = await resource_keys(service, ResourceType.OPS_ITEM, request_id)
    resource = service.arns.access_request(request_id)
    require(service, caller, "ssm:GetAccessToken", resource, keys)
    found = await service.store.access_requests.get(request_id)
    if found is None:
        raise ServiceError("ResourceNotFoundException", f"There is no access request {request_id}.")
    if found.requester != requester_of(caller):
        raise ServiceError(
            "AccessDeniedException",
            f"User: {caller.arn} is not authorized to perform: ssm:GetAccessToken on resource: {resource} because the "
            "access request belongs to someone else",
        )
    found = await as_of_now(service, found)
    if found.status is not AccessRequestStatus.APPROVED:
        return found, None
    return found, issue_access_credentials(service, caller, found)


def _made(
    service: Service, caller: Caller, request: StartAccessRequest, nodes: tuple[NodeId, ...], plan: ApprovalPlan
) -> AccessRequest:
    now = service.clock()
    at_once = not plan.levels
    return AccessRequest(
        request_id=new_access_request_id(service.entropy(ID_ENTROPY)),
        execution_id=str(uuid.UUID(bytes=service.entropy(16), version=4)),
        status=AccessRequestStatus.APPROVED if at_once else AccessRequestStatus.PENDING,
        requester=requester_of(caller),
        reason=request.reason,
        targets=request.targets,
        nodes=nodes,
        policy=plan.policy,
        duration=plan.window,
        created_at=now,
        deadline_at=Millis(now + (plan.window if at_once else plan.wait) * 1000),
        levels=plan.levels,
        decided_at=now if at_once else None,
        decided_by=plan.policy if at_once else None,
    )
