"""What IAM's use cases on users, groups, roles and policies share: keys, tags, boundaries, quotas, refusals."""

import base64
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager

from ferryman.core.authorization.request_context import NO_KEYS, Keys, managed_text
from ferryman.core.service import Service
from ferryman.model.errors import ServiceError
from ferryman.model.tags import TAG_LIMIT, AlikeTagKeys, ResourceType, TooManyTags, check_keys, check_together

LONGEST_ARN = 256
"""Characters of the ARN of a user, group or policy, which bounds its path."""


def new_id(service: Service, prefix: str) -> str:
    """Return a unique id: four letters that tell the kind, and 17 upper-case letters and digits."""
    return prefix + base64.b32encode(service.entropy(11)).decode()[:17]


def no_such(what: str) -> ServiceError:
    """Return the refusal of what is not there."""
    return ServiceError("NoSuchEntity", f"The {what} cannot be found.", status=404)


def conflict(first: str) -> ServiceError:
    """Return the refusal to delete what is still in use; `first` says what is to be done before."""
    return ServiceError("DeleteConflict", f"Cannot delete entity, must {first} first.", status=409)


def check_quota(name: str, count: int, limit: int) -> None:
    """Raise LimitExceeded if there would be more than `limit` of what AWS calls the quota `name`."""
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
    """Return the condition keys of the tags that a resource of IAM has."""
    return {
        f"{prefix}/{key}": value for prefix in ("aws:ResourceTag", "iam:ResourceTag") for key, value in tags.items()
    }


async def put_tags(service: Service, kind: ResourceType, resource_id: str, given: Mapping[str, str]) -> None:
    """Set tags; others stay. Raises InvalidInput (keys that are reserved or differ only in case), LimitExceeded."""
    check_tags(given)
    if given:
        with _refusals():
            await service.store.tags.put(kind, resource_id, given)


def check_tags(given: Mapping[str, str]) -> None:
    """Raise InvalidInput or LimitExceeded unless a new resource may get `given`."""
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


async def remove_tags(service: Service, kind: ResourceType, resource_id: str, keys: Sequence[str]) -> None:
    """Take tags away; keys that the resource does not have are no error."""
    await service.store.tags.remove(kind, resource_id, keys)


def boundary_key(arn: str) -> Keys:
    """Return the condition key of a permissions boundary, none for ""."""
    return {"iam:PermissionsBoundary": arn} if arn else NO_KEYS


async def check_boundary(service: Service, arn: str) -> None:
    """Raise NoSuchEntity unless a permissions boundary is a policy that is there, or "" for none."""
    if arn and await managed_text(service, arn) is None:
        raise no_such(f"policy {arn}, which is to be the boundary,")
