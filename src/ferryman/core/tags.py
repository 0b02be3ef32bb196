"""AddTagsToResource, ListTagsForResource, RemoveTagsFromResource for nodes and documents; tag filters of listings."""

from collections.abc import Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager

from ferryman.core.authorization.decisions import require
from ferryman.core.authorization.request_context import NO_KEYS, Keys, request_tag_keys, resource_keys
from ferryman.core.service import Service
from ferryman.model.errors import ServiceError
from ferryman.model.identifiers import NodeId
from ferryman.model.identity.callers import Caller
from ferryman.model.tags import TAG_LIMIT, AlikeTagKeys, ResourceType, TooManyTags, check_keys, check_together

BY_KEY = "tag-key"
"""The filter of listings that selects by tag keys; `tag:<key>` selects by one tag's value."""
_BY_VALUE = "tag:"


async def add_tags_to_resource(
    service: Service, caller: Caller, resource_type: str, resource_id: str, tags: Mapping[str, str]
) -> None:
    """AddTagsToResource: existing keys get the new value.

    Raises AccessDeniedException, InvalidResourceType, InvalidResourceId, TooManyTagsError, ValidationException (keys
    that begin with `aws:`, or that differ only in case from each other or from stored ones).
    """
    asked = request_tag_keys(tags)
    kind = await _taggable(service, caller, "ssm:AddTagsToResource", resource_type, resource_id, asked)
    await put_tags(service, kind, resource_id, tags)


async def list_tags_for_resource(
    service: Service, caller: Caller, resource_type: str, resource_id: str
) -> Mapping[str, str]:
    """ListTagsForResource: keys in order.

    Raises AccessDeniedException, InvalidResourceType, InvalidResourceId.
    """
    kind = await _taggable(service, caller, "ssm:ListTagsForResource", resource_type, resource_id)
    return await _tags_of(service, kind, resource_id)


async def remove_tags_from_resource(
    service: Service, caller: Caller, resource_type: str, resource_id: str, keys: Sequence[str]
) -> None:
    """RemoveTagsFromResource: keys that the resource does not have are ignored.

    Raises AccessDeniedException, InvalidResourceType, InvalidResourceId.
    """
    asked: Keys = {"aws:TagKeys": tuple(keys)}
    kind = await _taggable(service, caller, "ssm:RemoveTagsFromResource", resource_type, resource_id, asked)
    await service.store.tags.remove(kind, resource_id, keys)


def check_tags(given: Mapping[str, str]) -> None:
    """Raise TooManyTagsError or ValidationException unless a new resource may have these tags."""
    for key in given:
        if key.lower().startswith("aws:"):
            raise ServiceError(
                "ValidationException", f"The tag key {key!r} must not begin with aws:, which is reserved."
            )
    with _refusals():
        check_keys(given)
        check_together(given, {})


async def put_tags(service: Service, kind: ResourceType, resource_id: str, given: Mapping[str, str]) -> None:
    """Set tags of a node, document, activation or access request; others stay. Raises as `check_tags`."""
    check_tags(given)
    if given:
        with _refusals():
            await service.store.tags.put(kind, resource_id, given)


@contextmanager
def _refusals() -> Iterator[None]:
    try:
        yield
    except AlikeTagKeys as error:
        raise ServiceError("ValidationException", str(error)) from error
    except TooManyTags as error:
        raise ServiceError("TooManyTagsError", f"A resource may have at most {TAG_LIMIT} tags.") from error


async def _taggable(
    service: Service, caller: Caller, action: str, resource_type: str, resource_id: str, asked: Keys = NO_KEYS
) -> ResourceType:
    if resource_type == ResourceType.NODE.value:
        keys = {**asked, **await resource_keys(service, ResourceType.NODE, resource_id)}
        require(service, caller, action, service.arns.node(NodeId(resource_id)), keys)
        found = await service.store.nodes.get(NodeId(resource_id)) is not None
    elif resource_type == ResourceType.DOCUMENT.value:
        keys = {**asked, **await resource_keys(service, ResourceType.DOCUMENT, resource_id)}
        require(service, caller, action, service.arns.document(resource_id), keys)
        found = bool(await service.store.documents.versions(resource_id, None, 1))
    else:
        raise ServiceError(
            "InvalidResourceType",
            f"Resources of type {resource_type} cannot be tagged; {ResourceType.NODE} and {ResourceType.DOCUMENT} can.",
        )
    if not found:
        raise ServiceError("InvalidResourceId", f"There is no {resource_type} {resource_id} to be tagged.")
    return ResourceType(resource_type)


async def _tags_of(service: Service, kind: ResourceType, resource_id: str) -> Mapping[str, str]:
    return (await service.store.tags.of(kind, [resource_id])).get(resource_id, {})


def is_tag_filter(key: str) -> bool:
    """Return whether a listing's filter selects by tags: `tag-key`, or `tag:<key>` with a key."""
    return key == BY_KEY or (key.startswith(_BY_VALUE) and key != _BY_VALUE)


def tag_of(key: str) -> str:
    """Return the tag's key in a filter `tag:<key>`."""
    return key.removeprefix(_BY_VALUE)


def fits_tag_filter(tags: Mapping[str, str], key: str, values: Collection[str]) -> bool:
    """Return whether a resource with `tags` passes the filter: one of `values` is enough."""
    if key == BY_KEY:
        return any(value in tags for value in values)
    return tags.get(tag_of(key)) in values
