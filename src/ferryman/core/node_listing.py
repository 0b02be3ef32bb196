"""DescribeInstanceInformation: nodes by id, filters, pages."""

import asyncio
from collections.abc import Callable, Mapping, Sequence

from ferryman.core.authorization import require
from ferryman.core.page_tokens import open_page_token, seal_page_token
from ferryman.core.presence import is_connected
from ferryman.core.requests import DescribeNodesRequest, NodeView, Page
from ferryman.core.service import Service
from ferryman.core.tag_filters import fits_tag_filter, is_tag_filter
from ferryman.model.callers import Caller
from ferryman.model.errors import ServiceError
from ferryman.model.identifiers import NodeId
from ferryman.model.tags import ResourceType

DEFAULT_PAGE = 10
_OPERATION = "DescribeInstanceInformation"
_BATCH = 50
"""Nodes read, and asked whether they are connected, side by side."""


def ping_status(view: NodeView) -> str:
    """Return a node's PingStatus: Online, ConnectionLost, or Inactive if it never said a word."""
    if view.online:
        return "Online"
    return "Inactive" if view.node.last_ping_at is None else "ConnectionLost"


_MEMBERS: Mapping[str, Callable[[NodeView], str]] = {
    "InstanceIds": lambda view: view.node.node_id,
    "AgentVersion": lambda view: view.node.information.agent_version,
    "PingStatus": ping_status,
    "PlatformTypes": lambda view: view.node.information.platform_type,
    "PlatformType": lambda view: view.node.information.platform_type,
    "ActivationIds": lambda view: view.node.activation_id,
    "IamRole": lambda view: view.node.iam_role,
    "ResourceType": lambda view: "ManagedInstance",
    "AssociationStatus": lambda view: "",
}
_CHOICES: Mapping[str, frozenset[str]] = {
    "PingStatus": frozenset({"Online", "ConnectionLost", "Inactive"}),
    "PlatformTypes": frozenset({"Windows", "Linux", "MacOS"}),
    "PlatformType": frozenset({"Windows", "Linux", "MacOS"}),
    "ResourceType": frozenset({"ManagedInstance", "EC2Instance"}),
}


async def describe_instance_information(
    service: Service, caller: Caller, request: DescribeNodesRequest
) -> Page[NodeView]:
    """DescribeInstanceInformation: nodes in order of id; all filters must hold, any value of each.

    Raises AccessDeniedException, InvalidFilterKey, InvalidInstanceInformationFilterValue, InvalidNextToken.
    """
    settings = service.settings
    resource = f"arn:aws:ssm:{settings.region}:{settings.account_id}:*"
    require(service, caller, "ssm:DescribeInstanceInformation", resource)
    _check_filters(request.filters)
    members = (request.max_results, sorted((key, sorted(values)) for key, values in request.filters))
    after = None
    if request.next_token is not None:
        (position,) = open_page_token(service, caller, _OPERATION, members, request.next_token)
        after = NodeId(str(position))
    limit = request.max_results or DEFAULT_PAGE
    found = await _matching(service, request.filters, after, limit + 1)
    items = tuple(found[:limit])
    if len(found) <= limit:
        return Page(items)
    return Page(items, seal_page_token(service, caller, _OPERATION, members, (items[-1].node.node_id,)))


def _check_filters(filters: Sequence[tuple[str, tuple[str, ...]]]) -> None:
    for key, values in filters:
        if is_tag_filter(key):
            continue
        if key not in _MEMBERS:
            raise ServiceError(
                "InvalidFilterKey",
                f"The filter key {key!r} is not valid. Valid keys: {', '.join(_MEMBERS)}, tag-key, tag:<key>.",
            )
        for value in values:
            if value not in _CHOICES.get(key, {value}):
                raise ServiceError(
                    "InvalidInstanceInformationFilterValue",
                    f"The value {value!r} of the filter {key} is not valid. "
                    f"Valid values: {', '.join(sorted(_CHOICES[key]))}.",
                )


async def _matching(
    service: Service, filters: Sequence[tuple[str, tuple[str, ...]]], after: NodeId | None, limit: int
) -> list[NodeView]:
    """Return up to `limit` nodes that match, walking the table in batches: filters select few of few thousands."""
    found: list[NodeView] = []
    about_tags = [each for each in filters if is_tag_filter(each[0])]
    about_nodes = [each for each in filters if not is_tag_filter(each[0])]
    while nodes := await service.store.nodes.page(after, _BATCH):
        after = nodes[-1].node_id
        last = len(nodes) < _BATCH
        if about_tags:
            tags = await service.store.tags.of(ResourceType.NODE, [node.node_id for node in nodes])
            nodes = [
                node
                for node in nodes
                if all(fits_tag_filter(tags.get(node.node_id, {}), key, values) for key, values in about_tags)
            ]
        online = await asyncio.gather(*(is_connected(service, node.node_id) for node in nodes))
        views = (NodeView(node, up) for node, up in zip(nodes, online, strict=True))
        found += [view for view in views if all(_MEMBERS[key](view) in values for key, values in about_nodes)]
        if last or len(found) >= limit:
            break
    return found[:limit]
