"""DescribeInstances: managed nodes as EC2 instances, for programs that look for instances to connect to.

An instance is running while its node is connected, and stopped otherwise. Its tag Name is the node's own name unless
the node has such a tag.
"""

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace

from ferryman.core.authorization.decisions import require
from ferryman.core.listings import narrowed_by
from ferryman.core.nodes.fleet import walk
from ferryman.core.nodes.requests import NodeView
from ferryman.core.paging import InvalidPageToken, Listing, Page
from ferryman.core.ports.nodes import ANY_NODE, NodeMember, NodeQuery, Values, Wildcard
from ferryman.core.service import Service
from ferryman.core.tags import BY_KEY, is_tag_filter, tag_of
from ferryman.model.errors import ServiceError
from ferryman.model.identifiers import NodeId
from ferryman.model.identity.callers import Caller
from ferryman.model.nodes import PingStatus
from ferryman.model.tags import NAME_TAG, ResourceType

PAGE_LIMIT = 1000
WILDCARDS_LIMIT = 10
"""Values with wildcards in one request: each is compared with every node."""
RUNNING, STOPPED = "running", "stopped"
STATE_CODES = {RUNNING: 16, STOPPED: 80}
WINDOWS = "Windows"
PLATFORM_DETAILS = {WINDOWS: "Windows", "Linux": "Linux/UNIX", "MacOS": "Linux/UNIX"}
_LEAST_PAGE = 5
_INSTANCE_ID = re.compile("m?i-[0-9a-f]{8,17}")
_WILD = re.compile(r"[*?\\]")

_BY_STORE: Mapping[str, NodeMember] = {
    "instance-id": NodeMember.NODE_ID,
    "private-ip-address": NodeMember.IP_ADDRESS,
    "network-interface.addresses.private-ip-address": NodeMember.IP_ADDRESS,
    "private-dns-name": NodeMember.COMPUTER_NAME,
}
_STATE_NAME, _STATE_CODE, _PLATFORM, _PLATFORM_DETAILS, _OWNER = (
    "instance-state-name",
    "instance-state-code",
    "platform",
    "platform-details",
    "owner-id",
)
_UNKNOWN_HERE = frozenset(
    {
        "affinity", "architecture", "availability-zone", "availability-zone-id", "boot-mode",
        "capacity-reservation-id", "client-token", "current-instance-boot-mode", "dns-name", "ebs-optimized",
        "ena-support", "host-id", "hypervisor", "iam-instance-profile.arn", "iam-instance-profile.id",
        "image-id", "instance-lifecycle", "instance-type", "instance.group-id", "instance.group-name",
        "ip-address", "ipv6-address", "kernel-id", "key-name", "launch-index", "launch-time",
        "monitoring-state", "outpost-arn", "placement-group-name", "placement-partition-number",
        "product-code", "product-code.type", "ramdisk-id", "reason", "requester-id", "reservation-id",
        "root-device-name", "root-device-type", "source-dest-check", "spot-instance-request-id",
        "state-reason-code", "state-reason-message", "subnet-id", "tenancy", "tpm-support", "usage-operation",
        "usage-operation-update-time", "virtualization-type", "vpc-id",
    }
)  # fmt: skip
_UNKNOWN_GROUPS = (
    "block-device-mapping.",
    "capacity-reservation-specification.",
    "enclave-options.",
    "hibernation-options.",
    "maintenance-options.",
    "metadata-options.",
    "network-interface.",
    "network-performance-options.",
    "operator.",
    "private-dns-name-options.",
)
"""EC2's filters on properties that managed nodes do not have: no node passes them."""


@dataclass(frozen=True, slots=True)
class DescribeInstancesRequest:
    """DescribeInstances. `filters` are (name, values) as sent; 5 to 1000 a page, 1000 if absent."""

    instance_ids: tuple[str, ...] = ()
    filters: tuple[tuple[str, tuple[str, ...]], ...] = ()
    max_results: int | None = None
    next_token: str | None = None
    dry_run: bool = False


@dataclass(frozen=True, slots=True)
class InstanceView:
    """A node as an instance. `tags` include Name."""

    view: NodeView
    tags: Mapping[str, str] = field(default_factory=dict)

    @property
    def state(self) -> str:
        """`running` or `stopped`."""
        return state_of(self.view)


def state_of(view: NodeView) -> str:
    """Return `running` for a node that is connected, `stopped` for any other."""
    return RUNNING if view.ping_status is PingStatus.ONLINE else STOPPED


async def describe_instances(service: Service, caller: Caller, request: DescribeInstancesRequest) -> Page[InstanceView]:
    """DescribeInstances: nodes in order of id; every filter must match, any value of each.

    Raises AccessDeniedException, InvalidParameterValue, InvalidInstanceID.Malformed, InvalidInstanceID.NotFound,
    DryRunOperation for a dry run.
    """
    require(service, caller, "ec2:DescribeInstances", "*")
    if request.dry_run:
        raise ServiceError("DryRunOperation", "Request would have succeeded, but DryRun flag is set.", status=412)
    limit = request.max_results or PAGE_LIMIT
    if not _LEAST_PAGE <= limit <= PAGE_LIMIT:
        raise _invalid(
            f"Value ( {limit} ) for parameter maxResults is invalid. Expecting {_LEAST_PAGE} to {PAGE_LIMIT}."
        )
    query, passes = _selection(service, request)
    await _check_ids(service, request.instance_ids)
    members = (sorted(request.instance_ids), sorted((name, sorted(values)) for name, values in request.filters))
    listing = Listing(service, caller, "DescribeInstances", members)
    try:
        position = listing.position(request.next_token)
    except InvalidPageToken as error:
        raise _invalid(error.message) from error
    if query is None:
        return Page(())
    with narrowed_by("instance-id", "tag:<key>"):
        after = None if position is None else NodeId(str(position[0]))
        found = await walk(service, query, passes, after, limit)
    stored = await service.store.tags.of(ResourceType.NODE, [view.node.node_id for view in found.nodes])
    items = [InstanceView(view, _tags(view, stored.get(view.node.node_id, {}))) for view in found.nodes]
    return listing.ending_at(items, found.position and (found.position,))


def _tags(view: NodeView, stored: Mapping[str, str]) -> Mapping[str, str]:
    name = view.node.name
    return stored if NAME_TAG in stored or not name else {NAME_TAG: name, **stored}


async def _check_ids(service: Service, instance_ids: Sequence[str]) -> None:
    """Raise, as EC2 does, if an id is malformed or unknown: clients look for the words of the message."""
    for each in instance_ids:
        if not _INSTANCE_ID.fullmatch(each):
            raise ServiceError("InvalidInstanceID.Malformed", f'Invalid id: "{each[:100]}"')
    if instance_ids:
        query = NodeQuery(members=((NodeMember.NODE_ID, tuple(instance_ids)),))
        known = {node.node_id for node in await service.store.nodes.page(query, None, len(instance_ids))}
        unknown = [each for each in dict.fromkeys(instance_ids) if each not in known]
        if unknown:
            several = len(unknown) > 1
            ids = f"IDs '{', '.join(unknown)}' do" if several else f"ID '{unknown[0]}' does"
            raise ServiceError("InvalidInstanceID.NotFound", f"The instance {ids} not exist")


def _selection(
    service: Service, request: DescribeInstancesRequest
) -> tuple[NodeQuery | None, Callable[[NodeView], bool]]:
    """Return the query for the store, None if nothing can match, and the check of a node's status."""
    query: NodeQuery | None = ANY_NODE
    if request.instance_ids:
        query = NodeQuery(members=((NodeMember.NODE_ID, request.instance_ids),))
    states = frozenset(STATE_CODES)
    wildcards = 0
    for name, given in request.filters:
        values = _values(given)
        wildcards += sum(isinstance(each, Wildcard) for each in values)
        if wildcards > WILDCARDS_LIMIT:
            raise _invalid(f"A request may have at most {WILDCARDS_LIMIT} filter values with wildcards.")
        if name in (_STATE_NAME, _STATE_CODE):
            states &= _fitting({_state_as(name, state): state for state in STATE_CODES}, values)
        else:
            query = _narrowed(service, query, name, values)
    return query if states else None, lambda view: state_of(view) in states


def _state_as(name: str, state: str) -> str:
    return state if name == _STATE_NAME else str(STATE_CODES[state])


def _narrowed(service: Service, query: NodeQuery | None, name: str, values: Values) -> NodeQuery | None:
    """Return `query` with this filter, None if nothing can match; InvalidParameterValue if EC2 does not know it."""
    known = name in _BY_STORE or name in (_PLATFORM, _PLATFORM_DETAILS, _OWNER) or is_tag_filter(name)
    if not known and name not in _UNKNOWN_HERE and not name.startswith(_UNKNOWN_GROUPS):
        raise _invalid(f"The filter '{name[:100]}' is invalid")
    if query is None or not known:
        return None
    if name in _BY_STORE:
        return replace(query, members=(*query.members, (_BY_STORE[name], values)))
    if name == BY_KEY:
        if NAME_TAG in _fitting({NAME_TAG: NAME_TAG}, values):
            return replace(query, named_or_tagged=(*query.named_or_tagged, values))
        return replace(query, tag_keys=(*query.tag_keys, values))
    if name == _OWNER:
        account_id = service.settings.account_id
        return query if _fitting({account_id: account_id}, values) else None
    if name in (_PLATFORM, _PLATFORM_DETAILS):
        platforms = _fitting_platforms(name, values)
        return replace(query, members=(*query.members, (NodeMember.PLATFORM_TYPE, platforms))) if platforms else None
    if tag_of(name) == NAME_TAG:
        return replace(query, names=(*query.names, values))
    return replace(query, tags=(*query.tags, (tag_of(name), values)))


def _fitting_platforms(name: str, values: Values) -> tuple[str, ...]:
    if name == _PLATFORM:  # EC2 sets it for Windows only
        return tuple(_fitting({"windows": WINDOWS}, values))
    return tuple(each for each, details in PLATFORM_DETAILS.items() if _fitting({details: each}, values))


def _values(given: Sequence[str]) -> Values:
    return tuple(Wildcard(each) if _WILD.search(each) else each for each in given)


def _fitting(meanings: Mapping[str, str], values: Values) -> frozenset[str]:
    """Return the meanings of the words that any of the values equals or matches as a pattern."""
    return frozenset(meaning for word, meaning in meanings.items() if any(_fits(word, each) for each in values))


def _fits(word: str, value: str | Wildcard) -> bool:
    """Return whether a short word of ours matches a value, in time proportional to the product of their lengths."""
    if isinstance(value, str):
        return word == value
    places = {0}
    characters = iter(value.text)
    for character in characters:
        if character == "*":
            places = set(range(min(places), len(word) + 1))
        else:
            literal = next(characters, character) if character == "\\" else character
            anything = character == "?"
            places = {each + 1 for each in places if each < len(word) and (anything or word[each] == literal)}
        if not places:
            return False
    return len(word) in places


def _invalid(message: str) -> ServiceError:
    return ServiceError("InvalidParameterValue", message)
