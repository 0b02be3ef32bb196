"""GetOpsItem and DescribeOpsItems, for access requests, the only OpsItems there are."""

from collections.abc import Mapping, Sequence
from dataclasses import replace

from ferryman.core.access_requests.expiry import as_of_now
from ferryman.core.access_requests.own_requests import require_unless_own, sees_only_own
from ferryman.core.authorization.request_context import resource_keys
from ferryman.core.listings import narrowed_by
from ferryman.core.paging import Listing, Page, Position
from ferryman.core.ports.people.access_requests import AccessRequestPosition, AccessRequestQuery
from ferryman.core.service import Service
from ferryman.model.access_requests import AccessRequest, AccessRequestId, AccessRequestStatus
from ferryman.model.errors import ServiceError
from ferryman.model.identifiers import Millis
from ferryman.model.identity.callers import Caller
from ferryman.model.tags import ResourceType
from ferryman.model.values.timestamps import parse_iso, to_millis

DEFAULT_PAGE = 50
OPS_ITEM_TYPE = "/aws/accessrequest"
FILTER_KEYS = (
    "Status",
    "OpsItemId",
    "OpsItemType",
    "CreatedTime",
    "CreatedBy",
    "AccessRequestByRequesterArn",
    "AccessRequestByRequesterId",
    "AccessRequestByTargetResourceId",
)
OPS_ITEM_STATUSES: Mapping[str, AccessRequestStatus] = {
    "PendingApproval": AccessRequestStatus.PENDING,
    "Approved": AccessRequestStatus.APPROVED,
    "Rejected": AccessRequestStatus.REJECTED,
    "Revoked": AccessRequestStatus.REVOKED,
    "Closed": AccessRequestStatus.EXPIRED,
}
"""OpsItem status → access request status."""

Filter = tuple[str, str, tuple[str, ...]]
"""Key, operator, values."""


async def get_ops_item(service: Service, caller: Caller, request_id: str) -> tuple[AccessRequest, Mapping[str, str]]:
    """GetOpsItem: an access request and its tags. Requesters see their own.

    Raises AccessDeniedException, OpsItemNotFoundException.
    """
    keys = await resource_keys(service, ResourceType.OPS_ITEM, request_id)
    found = await service.store.access_requests.get(request_id)
    require_unless_own(service, caller, "ssm:GetOpsItem", service.arns.access_request(request_id), found, keys)
    if found is None:
        raise ServiceError("OpsItemNotFoundException", f"There is no access request {request_id}.")
    tags = await service.store.tags.of(ResourceType.OPS_ITEM, [request_id])
    return await as_of_now(service, found), tags.get(request_id, {})


async def describe_ops_items(
    service: Service, caller: Caller, filters: Sequence[Filter], max_results: int | None, next_token: str | None
) -> Page[AccessRequest]:
    """DescribeOpsItems: access requests, newest first; all filters must hold. 1 to 50 a page, 50 if absent.

    Requesters who may not list everybody's see their own.
    Raises AccessDeniedException, ValidationException, InvalidNextToken.
    """
    only_own = sees_only_own(service, caller, "ssm:DescribeOpsItems", service.arns.access_request("*"))
    query = _query(filters)
    if only_own and query is not None:
        query = replace(query, requester_arn=caller.arn) if query.requester_arn in (None, caller.arn) else None
    listing = Listing(service, caller, "DescribeOpsItems", sorted(filters))

    async def read(after: Position | None, most: int) -> Sequence[AccessRequest]:
        if query is None:
            return ()
        behind = None if after is None else AccessRequestPosition(Millis(int(after[0])), AccessRequestId(str(after[1])))
        return await service.store.access_requests.page(query, behind, most)

    with narrowed_by("Status", "AccessRequestByRequesterArn", "AccessRequestByTargetResourceId", "CreatedTime"):
        return await listing.page(
            next_token, max_results or DEFAULT_PAGE, read, lambda row: (row.created_at, row.request_id)
        )


def _query(filters: Sequence[Filter]) -> AccessRequestQuery | None:
    """Return what the filters ask for; None if nothing can match."""
    given: dict[str, str] = {}
    statuses: frozenset[AccessRequestStatus] | None = None
    bounds: dict[str, Millis] = {}
    for key, operator, values in filters:
        if key not in FILTER_KEYS:
            raise _invalid(f"The filter key {key!r} is not supported. Supported keys: {', '.join(FILTER_KEYS)}.")
        if key == "CreatedTime":
            bounds[_bound(operator)] = _instant(_only(key, values))
            continue
        if operator != "Equal":
            raise _invalid(f"The filter {key} supports only the operator Equal, not {operator}.")
        if key == "Status":
            statuses = frozenset(OPS_ITEM_STATUSES[value] for value in values if value in OPS_ITEM_STATUSES)
            continue
        if key in given:
            raise _invalid(f"The filter key {key} may be used only once.")
        given[key] = _only(key, values)
    if given.pop("OpsItemType", OPS_ITEM_TYPE) != OPS_ITEM_TYPE:
        return None
    arns = {given.pop(key) for key in ("CreatedBy", "AccessRequestByRequesterArn") if key in given}
    if len(arns) > 1:
        return None
    return AccessRequestQuery(
        statuses=statuses,
        request_id=given.get("OpsItemId"),
        requester_arn=arns.pop() if arns else None,
        requester_id=given.get("AccessRequestByRequesterId"),
        node_id=given.get("AccessRequestByTargetResourceId"),
        created_after=bounds.get("GreaterThan"),
        created_before=bounds.get("LessThan"),
    )


def _only(key: str, values: tuple[str, ...]) -> str:
    if len(values) != 1:
        raise _invalid(f"The filter {key} accepts one value, not {len(values)}.")
    return values[0]


def _bound(operator: str) -> str:
    if operator not in ("GreaterThan", "LessThan"):
        raise _invalid(f"The filter CreatedTime supports only the operators GreaterThan and LessThan, not {operator}.")
    return operator


def _instant(value: str) -> Millis:
    try:
        return to_millis(parse_iso(value))
    except ValueError as error:
        raise _invalid(
            f"The value {value!r} of the filter CreatedTime is not an ISO 8601 timestamp such as 2018-08-29T00:00:00Z."
        ) from error


def _invalid(message: str) -> ServiceError:
    return ServiceError("ValidationException", message)
