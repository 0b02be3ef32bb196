"""GetInventory: the only inventory type here, AWS:InstanceInformation, made from what nodes report.

Nothing is collected on nodes: no applications, files or patches.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from ferryman.core.authorization.decisions import require
from ferryman.core.listings import narrowed_by
from ferryman.core.nodes.fleet import walk
from ferryman.core.nodes.listing import RESOURCE_TYPE
from ferryman.core.nodes.requests import NodeView
from ferryman.core.paging import Listing, Page
from ferryman.core.ports.nodes import ANY_NODE, NodeMember, NodeQuery
from ferryman.core.service import Service
from ferryman.model.errors import ServiceError
from ferryman.model.identifiers import NodeId
from ferryman.model.identity.callers import Caller
from ferryman.model.nodes import PingStatus

TYPE_NAME = "AWS:InstanceInformation"
SCHEMA_VERSION = "1.0"
DEFAULT_PAGE = 50
_STATUSES = {PingStatus.ONLINE: "Active", PingStatus.CONNECTION_LOST: "ConnectionLost", PingStatus.INACTIVE: "Stopped"}
_COMPARISONS = ("Equal", "NotEqual", "BeginWith", "Exists")
_EQUAL = "Equal"
_ATTRIBUTES = (
    "AgentType",
    "AgentVersion",
    "ComputerName",
    "InstanceId",
    "InstanceStatus",
    "IpAddress",
    "PlatformName",
    "PlatformType",
    "PlatformVersion",
    "ResourceType",
)


@dataclass(frozen=True, slots=True)
class InventoryFilter:
    """One filter as sent. `comparison` is one of AWS's, `Equal` if absent."""

    key: str
    values: tuple[str, ...]
    comparison: str = _EQUAL


@dataclass(frozen=True, slots=True)
class GetInventoryRequest:
    """GetInventory. `type_names` are the requested types, empty for all; 1 to 50 a page, 50 if absent.

    Aggregators, which count nodes instead of listing them, are not supported.
    """

    filters: tuple[InventoryFilter, ...] = ()
    type_names: tuple[str, ...] = ()
    max_results: int | None = None
    next_token: str | None = None
    has_aggregators: bool = False


async def get_inventory(service: Service, caller: Caller, request: GetInventoryRequest) -> Page[NodeView]:
    """GetInventory: nodes in order of id; every filter must match, any value of each.

    Raises AccessDeniedException, InvalidFilter, InvalidTypeNameException, InvalidAggregatorException, InvalidNextToken.
    """
    require(service, caller, "ssm:GetInventory", "*")
    if request.has_aggregators:
        raise ServiceError("InvalidAggregatorException", "Aggregators are not supported; list the nodes instead.")
    for name in request.type_names:
        if name != TYPE_NAME:
            raise ServiceError(
                "InvalidTypeNameException", f"The inventory type {name!r} is not collected here; only {TYPE_NAME} is."
            )
    attributes = [_attribute_of(each) for each in request.filters]
    pairs = list(zip(attributes, request.filters, strict=True))
    members = (
        sorted(request.type_names),
        sorted((name, each.comparison, sorted(each.values)) for name, each in pairs),
    )
    listing = Listing(service, caller, "GetInventory", members)
    position = listing.position(request.next_token)
    after = None if position is None else NodeId(str(position[0]))

    def passes(view: NodeView) -> bool:
        content = content_of(view)
        return all(_holds(each, content.get(name, "")) for name, each in pairs)

    with narrowed_by(f"{TYPE_NAME}.InstanceId"):
        found = await walk(service, _query(pairs), passes, after, request.max_results or DEFAULT_PAGE)
    return listing.ending_at(found.nodes, found.position and (found.position,))


def content_of(view: NodeView) -> Mapping[str, str]:
    """Return a node's entry of AWS:InstanceInformation; unknown values are left out."""
    node, information = view.node, view.node.information
    entries = {
        "AgentType": information.agent_name,
        "AgentVersion": information.agent_version,
        "ComputerName": information.computer_name,
        "InstanceId": node.node_id,
        "InstanceStatus": _STATUSES[view.ping_status],
        "IpAddress": information.ip_address,
        "PlatformName": information.platform_name,
        "PlatformType": information.platform_type,
        "PlatformVersion": information.platform_version,
        "ResourceType": RESOURCE_TYPE,
    }
    return {name: value for name, value in entries.items() if value}


def _attribute_of(given: InventoryFilter) -> str:
    """Return the attribute that a filter refers to; InvalidFilter if there is no such attribute."""
    name = given.key.removeprefix(f"{TYPE_NAME}.")
    if name not in _ATTRIBUTES:
        keys = ", ".join(f"{TYPE_NAME}.{each}" for each in _ATTRIBUTES)
        raise ServiceError("InvalidFilter", f"The filter key {given.key!r} is not valid. Valid keys: {keys}.")
    if given.comparison not in _COMPARISONS:
        raise ServiceError(
            "InvalidFilter",
            f"The filter type {given.comparison!r} cannot be used on {given.key}, which is a text. "
            f"Valid types: {', '.join(_COMPARISONS)}.",
        )
    return name


def _holds(given: InventoryFilter, value: str) -> bool:
    match given.comparison:
        case "Exists":
            return bool(value)
        case "NotEqual":
            return value not in given.values
        case "BeginWith":
            return value.startswith(given.values)
        case _:
            return value in given.values


def _query(pairs: Sequence[tuple[str, InventoryFilter]]) -> NodeQuery:
    """Return the part of the filters that the store can select by: equal ids."""
    ids = [each.values for name, each in pairs if name == "InstanceId" and each.comparison == _EQUAL]
    return NodeQuery(members=tuple((NodeMember.NODE_ID, values) for values in ids)) if ids else ANY_NODE
