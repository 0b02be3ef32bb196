"""DescribeInstanceInformation: nodes by id, filters, pages."""

from collections.abc import Mapping, Sequence
from dataclasses import replace

from ferryman.core.authorization.decisions import decide, denied
from ferryman.core.identity.access_request_credentials import listed_nodes
from ferryman.core.listings import narrowed_by
from ferryman.core.nodes.requests import DescribeNodesRequest, NodeView
from ferryman.core.paging import Listing, Page
from ferryman.core.ports.nodes import ANY_NODE, NodeMember, NodeQuery
from ferryman.core.presence import connected
from ferryman.core.service import Service
from ferryman.core.tags import BY_KEY, is_tag_filter, tag_of
from ferryman.model.errors import ServiceError
from ferryman.model.identifiers import NODE_ID_PATTERN, Millis, NodeId
from ferryman.model.identity.callers import Caller
from ferryman.model.nodes import ManagedNode, NodeInformation, PingStatus
from ferryman.model.tags import NAME_TAG, ResourceType
from ferryman.model.values.versions import AGENT_NAME, AGENT_VERSION
from ferryman.policy.evaluation import Verdict

DEFAULT_PAGE = 10
_ACTION = "ssm:DescribeInstanceInformation"
RESOURCE_TYPE = "ManagedInstance"
SOURCE_TYPE = "AWS::SSM::ManagedInstance"
LOOKED_AT = 1_000
"""The most nodes whose status is determined at a time, which takes a millisecond of the event loop."""
SCANNED = 100_000
"""The most nodes whose status one call determines; the next page continues there."""
_DAY = 86_400_000

Values = tuple[str, ...]

_BY_STORE: Mapping[str, NodeMember] = {
    "InstanceIds": NodeMember.NODE_ID,
    "SourceIds": NodeMember.NODE_ID,
    "AgentVersion": NodeMember.AGENT_VERSION,
    "PlatformTypes": NodeMember.PLATFORM_TYPE,
    "ActivationIds": NodeMember.ACTIVATION_ID,
    "IamRole": NodeMember.IAM_ROLE,
}
_PING_STATUS = "PingStatus"
_THE_SAME_FOR_ALL: Mapping[str, str] = {
    "ResourceType": RESOURCE_TYPE,
    "SourceTypes": SOURCE_TYPE,
    # No node has an association, so none has an association status.
    "AssociationStatus": "",
}
FILTER_KEYS = (*sorted([*_BY_STORE, _PING_STATUS, *_THE_SAME_FOR_ALL]), BY_KEY, "tag:<key>")
_CHOICES: Mapping[str, frozenset[str]] = {
    _PING_STATUS: frozenset(PingStatus),
    "PlatformTypes": frozenset({"Windows", "Linux", "MacOS"}),
    "ResourceType": frozenset({RESOURCE_TYPE, "EC2Instance"}),
    "AssociationStatus": frozenset({"Success", "Pending", "Failed"}),
    "SourceTypes": frozenset(
        {
            SOURCE_TYPE,
            "AWS::EC2::Instance",
            "AWS::IoT::Thing",
            "Microsoft.Compute/virtualMachines",
            "compute.googleapis.com/Instance",
        }
    ),
}
_EC2_LENGTHS = (10, 19)


async def describe_instance_information(
    service: Service, caller: Caller, request: DescribeNodesRequest
) -> Page[NodeView]:
    """DescribeInstanceInformation: nodes in order of id; all filters must match, any value of each.

    Raises AccessDeniedException, InvalidFilterKey, InvalidInstanceInformationFilterValue, InvalidInstanceId,
    InvalidNextToken.
    """
    own = await listed_nodes(service, caller)
    decision = decide(service, caller, _ACTION, service.arns.everything_of_ssm())
    if not decision.allowed and (own is None or decision.verdict is Verdict.EXPLICIT_DENY):
        raise denied(caller, _ACTION, service.arns.everything_of_ssm(), decision)
    for key, values in request.filters:
        _check_filter(key, values)
    members = sorted((key, sorted(values)) for key, values in request.filters)
    listing = Listing(service, caller, "DescribeInstanceInformation", members)
    position = listing.position(request.next_token)
    after = None if position is None else NodeId(str(position[0]))
    filters = request.filters if own is None else (*request.filters, ("InstanceIds", tuple(own)))
    with narrowed_by("InstanceIds", "tag:<key>", "ActivationIds", "IamRole"):
        found, more = await _matching(service, filters, after, request.max_results or DEFAULT_PAGE)
    return listing.ending_at(await _named_by_tags(service, found), more and (more,))


async def _named_by_tags(service: Service, found: Sequence[NodeView]) -> Sequence[NodeView]:
    """Return the nodes with the names that their tags Name give them."""
    known = await service.store.tags.of(ResourceType.NODE, [view.node.node_id for view in found])
    names = {node_id: tags[NAME_TAG] for node_id, tags in known.items() if tags.get(NAME_TAG)}
    return [replace(view, node=replace(view.node, name=names.get(view.node.node_id, view.node.name))) for view in found]


def _check_filter(key: str, values: Values) -> None:
    if not is_tag_filter(key) and key not in FILTER_KEYS:
        raise ServiceError(
            "InvalidFilterKey", f"The filter key {key!r} is not valid. Valid keys: {', '.join(FILTER_KEYS)}."
        )
    for value in values:
        if value not in _CHOICES.get(key, {value}):
            raise ServiceError(
                "InvalidInstanceInformationFilterValue",
                f"The value {value!r} of the filter {key} is not valid. "
                f"Valid values: {', '.join(sorted(_CHOICES[key]))}.",
            )
        if key == "InstanceIds" and not _is_instance_id(value):
            raise ServiceError(
                "InvalidInstanceId", f"{value!r} is not a managed node id: mi- and 17 hexadecimal digits."
            )


def _is_instance_id(text: str) -> bool:
    """The id of an EC2 instance is valid too, although no node here has one."""
    return NODE_ID_PATTERN.fullmatch(text) is not None or (text.startswith("i-") and len(text) in _EC2_LENGTHS)


async def _matching(
    service: Service, filters: Sequence[tuple[str, Values]], after: NodeId | None, limit: int
) -> tuple[Sequence[NodeView], NodeId | None]:
    """Return up to `limit` matching nodes behind `after`, and the id that more may follow, None at the end.

    The store selects by everything except PingStatus, which it does not know.
    """
    query, statuses = _query(filters)
    if query is None or not statuses:
        return (), None
    if statuses == frozenset(PingStatus):
        nodes = await service.store.nodes.page(query, after, limit + 1)
        more = nodes[limit - 1].node_id if len(nodes) > limit else None
        return await node_views(service, nodes[:limit]), more
    known, more = await _with_status(service, query, statuses, after, limit)
    if not known:
        return (), more
    chosen = NodeQuery(members=((NodeMember.NODE_ID, tuple(known)),))
    nodes = await service.store.nodes.page(chosen, None, limit)
    return [_view(node, known[node.node_id]) for node in nodes], more


async def _with_status(
    service: Service, query: NodeQuery, statuses: frozenset[str], after: NodeId | None, limit: int
) -> tuple[dict[NodeId, PingStatus], NodeId | None]:
    """Return up to `limit` nodes with these statuses, and the id that more may follow.

    Every node that the store selects is checked, `SCANNED` in one call at most, reading only what its status needs.
    """
    found: dict[NodeId, PingStatus] = {}
    batch, scanned = limit + 1, 0
    while scanned < SCANNED:
        pings = await service.store.nodes.pings(query, after, batch)
        for node_id, status in (await _statuses(service, pings)).items():
            if status not in statuses:
                continue
            if len(found) == limit:
                return found, next(reversed(found))
            found[node_id] = status
        if len(pings) < batch:
            return found, None
        after, scanned, batch = pings[-1][0], scanned + batch, min(4 * batch, LOOKED_AT)
    return found, after


async def node_views(service: Service, nodes: Sequence[ManagedNode]) -> list[NodeView]:
    """Return nodes with their statuses."""
    known = await _statuses(service, [(node.node_id, node.last_ping_at) for node in nodes])
    return [_view(node, known[node.node_id]) for node in nodes]


async def _statuses(service: Service, pings: Sequence[tuple[NodeId, Millis | None]]) -> dict[NodeId, PingStatus]:
    online = await connected(service, [node_id for node_id, _ in pings])
    longest, now = service.settings.limits.inactive_days * _DAY, service.clock()
    return {
        node_id: PingStatus.ONLINE
        if node_id in online
        else PingStatus.INACTIVE
        if last_ping_at is None or now - last_ping_at > longest
        else PingStatus.CONNECTION_LOST
        for node_id, last_ping_at in pings
    }


def _query(filters: Sequence[tuple[str, Values]]) -> tuple[NodeQuery | None, frozenset[str]]:
    """Return the query for the store, None if nothing can match, and the accepted statuses."""
    query, statuses = ANY_NODE, frozenset[str](PingStatus)
    for key, values in filters:
        if key == _PING_STATUS:
            statuses &= frozenset(values)
        elif key in _THE_SAME_FOR_ALL:
            if _THE_SAME_FOR_ALL[key] not in values:
                return None, statuses
        elif key == BY_KEY:
            query = replace(query, tag_keys=(*query.tag_keys, values))
        elif is_tag_filter(key):
            query = replace(query, tags=(*query.tags, (tag_of(key), values)))
        else:
            query = replace(query, members=(*query.members, (_BY_STORE[key], values)))
    return query, statuses


def _view(node: ManagedNode, status: PingStatus) -> NodeView:
    return NodeView(node, status, is_latest_version(node.information))


def is_latest_version(information: NodeInformation) -> bool | None:
    """Return whether the agent is at least as new as this release; None for another vendor's agent."""
    if information.agent_name != AGENT_NAME:
        return None
    return _numbers(information.agent_version) >= _numbers(AGENT_VERSION)


def _numbers(version: str) -> tuple[int, ...]:
    return tuple(int(part) if part.isascii() and part.isdigit() else 0 for part in version.split("."))
