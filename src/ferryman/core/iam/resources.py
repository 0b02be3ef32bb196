"""Rules that IAM's resources share: ids, tags, boundaries, condition keys, quotas, listings by path, errors."""

import base64
from collections.abc import Awaitable, Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from typing import Protocol, TypeVar

from ferryman.core.authorization.decisions import require
from ferryman.core.authorization.request_context import NO_KEYS, Keys, managed_text, request_tag_keys
from ferryman.core.listings import narrowed_by
from ferryman.core.paging import Listing, Page, page_of, read_page
from ferryman.core.service import Service
from ferryman.model.errors import ServiceError
from ferryman.model.identity.callers import Caller
from ferryman.model.tags import TAG_LIMIT, AlikeTagKeys, ResourceType, TooManyTags, check_keys, check_together

LONGEST_ARN = 256
"""Characters of the ARN of a user, group or policy, which limits its path."""


class Named(Protocol):
    """A user, group or role, which listings order by name."""

    @property
    def name(self) -> str:
        """Its name, unique among its kind."""


Item = TypeVar("Item", bound=Named)


@dataclass(frozen=True, slots=True)
class IamResource:
    """What may have tags and a permissions boundary: a user, role, managed policy or OpenID Connect provider.

    `resource_id` is what its tags are stored under; `boundary_arn` is empty if it has no boundary.
    """

    kind: ResourceType
    resource_id: str
    boundary_arn: str = ""


def new_id(service: Service, prefix: str, characters: int = 17) -> str:
    """Return a unique id: four letters that tell the kind, then upper-case letters and digits 2 to 7, 5 bits each."""
    return prefix + base64.b32encode(service.entropy(-(-characters * 5 // 8))).decode()[:characters]


def require_creation(
    service: Service, caller: Caller, kind: str, arn: str, tags: Mapping[str, str], boundary_arn: str = ""
) -> None:
    """Raise AccessDeniedException unless `caller` may create the resource, and tag it if it is to have tags."""
    keys = request_tag_keys(tags)
    require(service, caller, f"iam:Create{kind}", arn, {**keys, **boundary_key(boundary_arn)})
    if tags:
        require(service, caller, f"iam:Tag{kind}", arn, keys)


async def list_by_path(
    service: Service,
    caller: Caller,
    operation: str,
    arn: str,
    read: Callable[[str, str, int], Awaitable[Sequence[Item]]],
    path_prefix: str,
    marker: str | None,
    max_items: int | None,
) -> Page[Item]:
    """Return a page of the users, groups or roles below a path, by name; `arn` is what the caller must be allowed.

    `read` gets the path, the name that the page begins behind, and the most items to return. Raises
    AccessDeniedException, ValidationException (marker).
    """
    require(service, caller, f"iam:{operation}", arn)
    listing = Listing(service, caller, operation, [path_prefix])
    with narrowed_by("PathPrefix"):
        return await read_page(listing, partial(read, path_prefix), lambda each: each.name, marker, max_items)


async def check_holds_no_policies(service: Service, holder_id: str) -> None:
    """Raise DeleteConflict (409) if a user, group or role has attached or inline policies."""
    if await service.store.policies.attached(holder_id):
        raise conflict("detach all policies")
    if await service.store.policies.inline(holder_id):
        raise conflict("delete policies")


def no_such(what: str) -> ServiceError:
    """Return the error for something that does not exist."""
    return ServiceError("NoSuchEntity", f"The {what} cannot be found.", status=404)


def conflict(first: str) -> ServiceError:
    """Return the error for deleting something in use; `first` is what must be done before."""
    return ServiceError("DeleteConflict", f"Cannot delete entity, must {first} first.", status=409)


def check_quota(name: str, count: int, limit: int) -> None:
    """Raise LimitExceeded if `count` exceeds the quota that AWS calls `name`."""
    if count > limit:
        raise _quota_exceeded(name, limit)


def _quota_exceeded(name: str, limit: int) -> ServiceError:
    return ServiceError("LimitExceeded", f"Cannot exceed quota for {name}: {limit}", status=409)


def check_arn(arn: str) -> None:
    """Raise ValidationException for an ARN that is too long."""
    if len(arn) > LONGEST_ARN:
        message = f"The path is too long: the ARN would have {len(arn)} characters, {LONGEST_ARN} at most."
        raise ServiceError("ValidationException", message)


async def tags_of(service: Service, kind: ResourceType, resource_id: str) -> Mapping[str, str]:
    """Return a resource's tags."""
    return (await service.store.tags.of(kind, [resource_id])).get(resource_id, {})


def tag_keys(tags: Mapping[str, str]) -> Keys:
    """Return the condition keys of the tags of one of IAM's resources."""
    return {
        f"{prefix}/{key}": value for prefix in ("aws:ResourceTag", "iam:ResourceTag") for key, value in tags.items()
    }


def untag_keys(keys: Sequence[str]) -> Keys:
    """Return the condition key of a request that removes tags."""
    return {"aws:TagKeys": tuple(keys)} if keys else NO_KEYS


async def condition_keys(service: Service, resource: IamResource) -> Keys:
    """Return the condition keys of a resource: its tags and its permissions boundary."""
    tags = await tags_of(service, resource.kind, resource.resource_id)
    return {**tag_keys(tags), **boundary_key(resource.boundary_arn)}


async def put_tags(service: Service, resource: IamResource, given: Mapping[str, str]) -> None:
    """Set tags; others stay. Raises InvalidInput (reserved keys, or keys that differ only in case), LimitExceeded."""
    check_tags(given)
    if given:
        with _refusals():
            await service.store.tags.put(resource.kind, resource.resource_id, given)


async def list_tags(
    listing: Listing, resource: IamResource, marker: str | None, max_items: int | None
) -> Page[tuple[str, str]]:
    """Return a page of a resource's tags, key and value, by key. Raises ValidationException (marker)."""
    tags = list((await tags_of(listing.service, resource.kind, resource.resource_id)).items())
    return page_of(listing, tags, lambda tag: tag[0], marker, max_items)


def check_tags(given: Mapping[str, str]) -> None:
    """Raise InvalidInput or LimitExceeded unless a new resource may have these tags."""
    if any(key.lower().startswith("aws:") for key in given):
        raise ServiceError("InvalidInput", "Tag keys must not begin with aws:, which is reserved.")
    with _refusals():
        check_keys(given)
        check_together(given, {})


@contextmanager
def _refusals() -> Iterator[None]:
    try:
        yield
    except AlikeTagKeys as error:
        raise ServiceError("InvalidInput", str(error)) from error
    except TooManyTags as error:
        raise _quota_exceeded("TagsPerResource", TAG_LIMIT) from error


async def remove_tags(service: Service, resource: IamResource, keys: Sequence[str] | None = None) -> None:
    """Remove the tags with these keys, None for all; keys that the resource does not have are ignored."""
    await service.store.tags.remove(resource.kind, resource.resource_id, keys)


def boundary_key(arn: str) -> Keys:
    """Return the condition key of a permissions boundary, none for ""."""
    return {"iam:PermissionsBoundary": arn} if arn else NO_KEYS


async def check_boundary(service: Service, arn: str) -> None:
    """Raise NoSuchEntity unless the permissions boundary is an existing policy, or "" for none."""
    if arn and await managed_text(service, arn) is None:
        raise no_such(f"policy {arn}, which is to be the boundary,")
