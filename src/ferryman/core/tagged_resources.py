"""GetResources: managed nodes and documents by their tags.

The type `ec2:instance` returns nodes under the ARNs of instances, for programs that look for instances.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from ferryman.core.authorization.decisions import require
from ferryman.core.listings import narrowed_by
from ferryman.core.paging import InvalidPageToken, Listing, Page
from ferryman.core.service import Service
from ferryman.model.errors import ServiceError
from ferryman.model.identifiers import NodeId
from ferryman.model.identity.callers import Caller
from ferryman.model.tags import TAG_LIMIT, ResourceType

PAGE_LIMIT = 100
TAGS_PAGE_LIMIT = 500
_NODE, _DOCUMENT, _INSTANCE = "ssm:managed-instance", "ssm:document", "ec2:instance"
_KINDS = {_DOCUMENT: ResourceType.DOCUMENT, _INSTANCE: ResourceType.NODE, _NODE: ResourceType.NODE}
"""In the order of the listing."""

Filters = tuple[tuple[str, tuple[str, ...]], ...]


@dataclass(frozen=True, slots=True)
class GetResourcesRequest:
    """GetResources. `tag_filters` are (key, values), and all must match; `types` are `service` or `service:type`.

    A page has up to `per_page` resources (1 to 100) or `tags_per_page` tags (100 to 500), 100 resources if neither is
    set.
    """

    tag_filters: Filters = ()
    types: tuple[str, ...] = ()
    arns: tuple[str, ...] = ()
    per_page: int | None = None
    tags_per_page: int | None = None
    token: str = ""
    with_compliance: bool = False


@dataclass(frozen=True, slots=True)
class TaggedResource:
    """An ARN and its tags, (key, value), in order of key."""

    arn: str
    tags: tuple[tuple[str, str], ...]


async def get_resources(service: Service, caller: Caller, request: GetResourcesRequest) -> Page[TaggedResource]:
    """GetResources: tagged resources, by type and id.

    Raises AccessDeniedException, InvalidParameterException.
    """
    require(service, caller, "tag:GetResources", "*")
    limit = _page_size(request)
    if request.arns:
        return Page(await _named(service, request))
    kinds = _kinds(request.types)
    members = (sorted((key, sorted(values)) for key, values in request.tag_filters), kinds)
    listing = Listing(service, caller, "GetResources", members)
    try:
        position = listing.position(request.token or None) or (0, "")
    except InvalidPageToken as error:
        raise _invalid(error.message.replace("NextToken", "PaginationToken")) from error
    kind, after = int(position[0]), str(position[1])
    found: list[TaggedResource] = []
    while kind < len(kinds):
        resource_type, room = _KINDS[kinds[kind]], limit - len(found)
        with narrowed_by("TagFilters", "ResourceTypeFilters"):
            ids = await service.store.tags.page(resource_type, request.tag_filters, after, room + 1)
        tags = await service.store.tags.of(resource_type, ids[:room])
        found += [_resource(service, kinds[kind], each, tags.get(each, {})) for each in ids[:room]]
        if len(ids) > room:
            after = ids[room - 1] if room else after
            return listing.ending_at(found, (kind, after))
        kind, after = kind + 1, ""
    return listing.ending_at(found, None)


async def _named(service: Service, request: GetResourcesRequest) -> tuple[TaggedResource, ...]:
    """Return those ARNs in a request that are tagged resources."""
    if request.tag_filters or request.types or request.token or request.per_page or request.tags_per_page:
        raise _invalid("ResourceARNList cannot be combined with filters or pages.")
    found = []
    for kind, resource_type in _KINDS.items():
        prefix = _arn(service, kind, "")
        ids = sorted({arn.removeprefix(prefix) for arn in request.arns if arn.startswith(prefix)})
        for resource_id, tags in (await service.store.tags.of(resource_type, ids)).items():
            found.append(_resource(service, kind, resource_id, tags))
    return tuple(found)


def _page_size(request: GetResourcesRequest) -> int:
    if request.with_compliance:
        raise _invalid("There are no tag policies to comply with: leave the compliance members out.")
    if any(not key for key, _ in request.tag_filters):
        raise _invalid("A tag filter needs a Key.")
    if request.per_page is not None and request.tags_per_page is not None:
        raise _invalid("ResourcesPerPage and TagsPerPage cannot be combined.")
    if request.per_page is not None and not 1 <= request.per_page <= PAGE_LIMIT:
        raise _invalid(f"ResourcesPerPage must be from 1 to {PAGE_LIMIT}.")
    if request.tags_per_page is not None and not PAGE_LIMIT <= request.tags_per_page <= TAGS_PAGE_LIMIT:
        raise _invalid(f"TagsPerPage must be from {PAGE_LIMIT} to {TAGS_PAGE_LIMIT}.")
    if request.tags_per_page is not None:
        return request.tags_per_page // TAG_LIMIT
    return request.per_page or PAGE_LIMIT


def _kinds(types: Sequence[str]) -> list[str]:
    """Return the types to list. Instances are nodes, and listed only if requested."""
    if not types:
        return [_DOCUMENT, _NODE]
    return [kind for kind in _KINDS if kind in types or kind.partition(":")[0] in types]


def _resource(service: Service, kind: str, resource_id: str, tags: Mapping[str, str]) -> TaggedResource:
    return TaggedResource(_arn(service, kind, resource_id), tuple(tags.items()))


def _arn(service: Service, kind: str, resource_id: str) -> str:
    if kind == _DOCUMENT:
        return service.arns.document(resource_id)
    make = service.arns.instance if kind == _INSTANCE else service.arns.node
    return make(NodeId(resource_id))


def _invalid(message: str) -> ServiceError:
    return ServiceError("InvalidParameterException", message)
