"""The nodes that a request's targets match."""

from collections.abc import Mapping, Sequence

from ferryman.core.authorization.decisions import require
from ferryman.core.authorization.request_context import Keys, resource_keys
from ferryman.core.ports.nodes import NodeMember, NodeQuery
from ferryman.core.service import Service
from ferryman.core.tags import BY_KEY, is_tag_filter, tag_of
from ferryman.model.errors import ServiceError
from ferryman.model.identifiers import NodeId
from ferryman.model.identity.callers import Caller
from ferryman.model.tags import ResourceType

MOST_NODES = 50
_ACTION = "ssm:StartAccessRequest"
_BY_ID = "InstanceIds"

Targets = Sequence[tuple[str, tuple[str, ...]]]


async def find_targets(
    service: Service, caller: Caller, targets: Targets, asked: Keys
) -> Mapping[NodeId, Mapping[str, str]]:
    """Return the 1 to 50 nodes that match all of `targets`, with their tags; `asked` are the request's condition keys.

    Raises ValidationException, AccessDeniedException for a node that `caller` may not request access to,
    ResourceNotFoundException.
    """
    query = _query(targets)
    named = [NodeId(node) for key, values in targets if key == _BY_ID for node in values]
    for node_id in named or [NodeId("*")]:  # before the caller can learn whether the nodes exist
        await _require(service, caller, node_id, asked)
    found = await service.store.nodes.page(query, None, MOST_NODES + 1)
    if len(found) > MOST_NODES:
        raise ServiceError(
            "ValidationException", f"The targets match more than {MOST_NODES} nodes, the maximum for one request."
        )
    ids = [node.node_id for node in found]
    missing = sorted(set(named) - set(ids))
    if missing or not ids:
        what = f"There is no managed node {missing[0]} that matches" if missing else "No managed node matches"
        raise ServiceError("ResourceNotFoundException", f"{what} the targets.")
    if not named:
        for node_id in ids:
            await _require(service, caller, node_id, asked)
    tags = await service.store.tags.of(ResourceType.NODE, ids)
    return {node_id: tags.get(node_id, {}) for node_id in ids}


def _query(targets: Targets) -> NodeQuery:
    if not targets:
        raise ServiceError("ValidationException", "Targets must name nodes: Key=InstanceIds,Values=<node id>.")
    members, tags, tag_keys = [], [], []
    for key, values in targets:
        if not values:
            raise ServiceError("ValidationException", f"The target {key} has no values.")
        if key == _BY_ID:
            members.append((NodeMember.NODE_ID, values))
        elif key == BY_KEY:
            tag_keys.append(values)
        elif is_tag_filter(key):
            tags.append((tag_of(key), values))
        else:
            raise ServiceError(
                "ValidationException", f"The target key {key!r} is not valid. Valid keys: {_BY_ID}, tag:<key>, tag-key."
            )
    return NodeQuery(tuple(members), tuple(tags), tuple(tag_keys))


async def _require(service: Service, caller: Caller, node_id: NodeId, asked: Keys) -> None:
    keys = {**asked, **await resource_keys(service, ResourceType.NODE, node_id)}
    require(service, caller, _ACTION, service.arns.node(node_id), keys)
