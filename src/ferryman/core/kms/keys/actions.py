"""Keys: creating, describing and listing them, and the changes of their state."""

import uuid
from collections.abc import Mapping
from dataclasses import dataclass, field, replace

from ferryman.core.authorization.decisions import require
from ferryman.core.authorization.request_context import Keys, request_tag_keys
from ferryman.core.kms.access import KeyUse, default_policy, find_key
from ferryman.core.kms.encryption.materials import new_generation
from ferryman.core.kms.keys.changes import change_key, kept
from ferryman.core.kms.keys.key_tags import check_key_tags, put_key_tags
from ferryman.core.kms.keys.policies import checked_policy
from ferryman.core.kms.listings import read_marked_page
from ferryman.core.paging import Listing, Page
from ferryman.core.service import Service
from ferryman.model.errors import ServiceError
from ferryman.model.identifiers import Millis
from ferryman.model.identity.callers import Caller
from ferryman.model.kms import FoundKey, KeyState, KmsKey

KEYS_LIMIT = 10_000
"""How many keys the account may have."""
LEAST_PENDING_DAYS, MOST_PENDING_DAYS = 7, 30
"""How long a key waits for its deletion."""
_DAY = 86_400_000


@dataclass(frozen=True, slots=True)
class KeyRequest:
    """CreateKey. `policy` is None for the default one. `bypass` leaves out the check that the caller may replace it."""

    description: str = ""
    policy: str | None = None
    bypass: bool = False
    tags: Mapping[str, str] = field(default_factory=dict)
    spec: str = "SYMMETRIC_DEFAULT"
    usage: str = "ENCRYPT_DECRYPT"
    origin: str = "AWS_KMS"
    is_multi_region: bool = False


async def create_key(service: Service, caller: Caller, request: KeyRequest) -> FoundKey:
    """CreateKey: symmetric, for encryption, in this region, with material of our own.

    Raises AccessDeniedException, UnsupportedOperationException (any other key), MalformedPolicyDocumentException,
    LimitExceededException, TagException.
    """
    asked: Keys = {
        "kms:KeySpec": request.spec,
        "kms:KeyUsage": request.usage,
        "kms:KeyOrigin": request.origin,
        "kms:MultiRegion": request.is_multi_region,
        "kms:BypassPolicyLockoutSafetyCheck": request.bypass,
        "kms:CallerAccount": caller.account_id,
        **request_tag_keys(request.tags),
    }
    for action in ("kms:CreateKey", *(("kms:TagResource",) if request.tags else ())):
        require(service, caller, action, "*", asked)
    _require_symmetric(request)
    check_key_tags(request.tags)
    key_id, now = str(uuid.UUID(bytes=service.entropy(16), version=4)), service.clock()
    text = default_policy(service.settings.account_id) if request.policy is None else request.policy
    draft = KmsKey(key_id, request.description, KeyState.ENABLED, text, {}, now)
    generation = new_generation(service, key_id, 1, now)
    found = FoundKey(draft, generation, tags=request.tags)
    if request.policy is not None:
        ids = await checked_policy(service, caller, found, request.policy, bypass=request.bypass)
        found = replace(found, key=replace(draft, principal_ids=ids))
    if not await service.store.kms_keys.add(found.key, generation, KEYS_LIMIT):
        raise ServiceError("LimitExceededException", f"An account may have at most {KEYS_LIMIT:,} keys.")
    await put_key_tags(service, key_id, request.tags)
    return found


def _require_symmetric(request: KeyRequest) -> None:
    for name, given, only in (
        ("KeySpec", request.spec, "SYMMETRIC_DEFAULT"),
        ("KeyUsage", request.usage, "ENCRYPT_DECRYPT"),
        ("Origin", request.origin, "AWS_KMS"),
    ):
        if given != only:
            raise _unsupported(f"{name} must be {only}: there are only symmetric keys whose material is the server's.")
    if request.is_multi_region:
        raise _unsupported("MultiRegion must be false: a server has one region.")


async def describe_key(service: Service, caller: Caller, key: str) -> FoundKey:
    """DescribeKey. Raises AccessDeniedException, NotFoundException."""
    return await find_key(service, caller, KeyUse("kms:DescribeKey", key, granted="DescribeKey"))


async def list_keys(service: Service, caller: Caller, marker: str | None, limit: int) -> Page[str]:
    """ListKeys: ids in order. Raises AccessDeniedException, InvalidMarkerException."""
    require(service, caller, "kms:ListKeys", "*")
    listing = Listing(service, caller, "kms:ListKeys", [])
    return await read_marked_page(listing, service.store.kms_keys.page, lambda key_id: key_id, marker, limit)


async def enable_key(service: Service, caller: Caller, key: str) -> None:
    """EnableKey. Raises AccessDeniedException, NotFoundException, KMSInvalidStateException."""
    use = KeyUse("kms:EnableKey", key)
    found = await find_key(service, caller, use)
    await change_key(service, caller, use, found, lambda now: replace(kept(service, now), state=KeyState.ENABLED))


async def disable_key(service: Service, caller: Caller, key: str) -> None:
    """DisableKey: nothing under it can be read from now on. Raises as `enable_key`."""
    use = KeyUse("kms:DisableKey", key)
    found = await find_key(service, caller, use)
    await change_key(service, caller, use, found, lambda now: replace(kept(service, now), state=KeyState.DISABLED))


async def update_key_description(service: Service, caller: Caller, key: str, description: str) -> None:
    """UpdateKeyDescription. Raises as `enable_key`."""
    use = KeyUse("kms:UpdateKeyDescription", key)
    found = await find_key(service, caller, use)
    await change_key(service, caller, use, found, lambda now: replace(kept(service, now), description=description))


async def schedule_key_deletion(service: Service, caller: Caller, key: str, days: int | None) -> KmsKey:
    """ScheduleKeyDeletion: after 7 to 30 days, 30 unless stated. Until then nothing under it can be read.

    Raises as `enable_key`, and ValidationException.
    """
    wait = MOST_PENDING_DAYS if days is None else days
    keys: Keys = {"kms:ScheduleKeyDeletionPendingWindowInDays": wait}
    use = KeyUse("kms:ScheduleKeyDeletion", key, keys=keys)
    found = await find_key(service, caller, use)
    if not LEAST_PENDING_DAYS <= wait <= MOST_PENDING_DAYS:
        message = f"PendingWindowInDays must be from {LEAST_PENDING_DAYS} to {MOST_PENDING_DAYS}, not {wait}."
        raise ServiceError("ValidationException", message)
    at = Millis(service.clock() + wait * _DAY)
    return await change_key(
        service,
        caller,
        use,
        found,
        lambda now: replace(kept(service, now), state=KeyState.PENDING_DELETION, deletion_at=at, pending_days=wait),
    )


async def cancel_key_deletion(service: Service, caller: Caller, key: str) -> KmsKey:
    """CancelKeyDeletion: the key is disabled then. Raises as `enable_key`."""
    use = KeyUse("kms:CancelKeyDeletion", key)
    found = await find_key(service, caller, use)

    def cancelled(now: KmsKey) -> KmsKey:
        if now.state is not KeyState.PENDING_DELETION:
            arn = service.arns.kms_key(now.key_id)
            raise ServiceError("KMSInvalidStateException", f"{arn} is not pending deletion.")
        return replace(now, state=KeyState.DISABLED, deletion_at=None, pending_days=None)

    return await change_key(service, caller, use, found, cancelled)


def _unsupported(message: str) -> ServiceError:
    return ServiceError("UnsupportedOperationException", message)
