"""Tags of keys."""

from collections.abc import Mapping, Sequence

from ferryman.core.authorization.request_context import Keys, request_tag_keys
from ferryman.core.kms.access import KeyUse, find_key, require_kept
from ferryman.core.kms.listings import marked_page
from ferryman.core.paging import Listing, Page
from ferryman.core.service import Service
from ferryman.model.errors import ServiceError
from ferryman.model.identity.callers import Caller
from ferryman.model.tags import TAG_LIMIT, AlikeTagKeys, ResourceType, TooManyTags, check_together

_RESERVED = "aws:"


async def tag_resource(service: Service, caller: Caller, key: str, tags: Mapping[str, str]) -> None:
    """TagResource: a key may have 50 tags.

    Raises AccessDeniedException, NotFoundException, KMSInvalidStateException, TagException, LimitExceededException.
    """
    found = await find_key(service, caller, KeyUse("kms:TagResource", key, keys=request_tag_keys(tags)))
    require_kept(service, found)
    await put_key_tags(service, found.key.key_id, tags)


async def put_key_tags(service: Service, key_id: str, tags: Mapping[str, str]) -> None:
    """Set tags of a key. Raises TagException, LimitExceededException."""
    check_key_tags(tags)
    if not tags:
        return
    try:
        await service.store.tags.put(ResourceType.KMS_KEY, key_id, tags)
    except AlikeTagKeys as error:
        raise ServiceError("TagException", str(error)) from error
    except TooManyTags as error:
        raise ServiceError("LimitExceededException", f"A key may have at most {TAG_LIMIT} tags.") from error


def check_key_tags(tags: Mapping[str, str]) -> None:
    """Raise TagException or LimitExceededException if a key cannot have all these tags."""
    if any(key.startswith(_RESERVED) for key in tags):
        raise ServiceError("TagException", f"Tag keys that begin with {_RESERVED} are reserved for AWS.")
    try:
        check_together(tags, {})
    except AlikeTagKeys as error:
        raise ServiceError("TagException", str(error)) from error
    except TooManyTags as error:
        raise ServiceError("LimitExceededException", f"A key may have at most {TAG_LIMIT} tags.") from error


async def untag_resource(service: Service, caller: Caller, key: str, tag_keys: Sequence[str]) -> None:
    """UntagResource; tags that are not there are no error. Raises as `tag_resource`."""
    keys: Keys = {"aws:TagKeys": tuple(tag_keys)} if tag_keys else {}
    found = await find_key(service, caller, KeyUse("kms:UntagResource", key, keys=keys))
    require_kept(service, found)
    await service.store.tags.remove(ResourceType.KMS_KEY, found.key.key_id, tag_keys)


async def list_resource_tags(
    service: Service, caller: Caller, key: str, marker: str | None, limit: int
) -> Page[tuple[str, str]]:
    """ListResourceTags: (key, value), by key. Raises AccessDeniedException, NotFoundException,
    InvalidMarkerException."""
    found = await find_key(service, caller, KeyUse("kms:ListResourceTags", key))
    listing = Listing(service, caller, "kms:ListResourceTags", [found.key.key_id])
    return await marked_page(listing, sorted(found.tags.items()), lambda tag: tag[0], marker, limit)
