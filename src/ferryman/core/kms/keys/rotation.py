"""Rotation: a new generation of a key's material encrypts from then on, and all generations decrypt."""

from collections.abc import Sequence
from dataclasses import replace

from ferryman.core.authorization.request_context import Keys
from ferryman.core.kms.access import KeyUse, find_key, require_enabled, require_kept
from ferryman.core.kms.encryption.materials import new_generation
from ferryman.core.kms.keys.changes import change_key, kept
from ferryman.core.kms.listings import marked_page
from ferryman.core.paging import Listing, Page
from ferryman.core.service import Service
from ferryman.model.errors import ServiceError
from ferryman.model.identifiers import Millis
from ferryman.model.identity.callers import Caller
from ferryman.model.kms import FoundKey, KeyGeneration, KmsKey, RotationType

DEFAULT_DAYS = 365
ON_DEMAND_LIMIT = 25
"""Rotations on demand of one key, as on AWS."""
_DAY = 86_400_000


async def enable_key_rotation(service: Service, caller: Caller, key: str, days: int | None) -> None:
    """EnableKeyRotation: every 90 to 2,560 days, 365 unless stated, counted from now.

    Raises AccessDeniedException, NotFoundException, DisabledException, KMSInvalidStateException.
    """
    period = DEFAULT_DAYS if days is None else days
    keys: Keys = {"kms:RotationPeriodInDays": period}
    use = KeyUse("kms:EnableKeyRotation", key, keys=keys)
    found = await find_key(service, caller, use)
    require_enabled(service, found)

    def enabled(now: KmsKey) -> KmsKey:
        if now.rotation_days is not None and days in (None, now.rotation_days):
            return now
        at = Millis(service.clock() + period * _DAY)
        return replace(kept(service, now), rotation_days=period, next_rotation_at=at)

    await change_key(service, caller, use, found, enabled)


async def disable_key_rotation(service: Service, caller: Caller, key: str) -> None:
    """DisableKeyRotation. Raises as `enable_key_rotation`."""
    use = KeyUse("kms:DisableKeyRotation", key)
    found = await find_key(service, caller, use)
    require_enabled(service, found)
    await change_key(
        service, caller, use, found, lambda now: replace(kept(service, now), rotation_days=None, next_rotation_at=None)
    )


async def get_key_rotation_status(service: Service, caller: Caller, key: str) -> KmsKey:
    """GetKeyRotationStatus. Raises AccessDeniedException, NotFoundException, KMSInvalidStateException."""
    found = await find_key(service, caller, KeyUse("kms:GetKeyRotationStatus", key))
    require_kept(service, found)
    return found.key


async def rotate_key_on_demand(service: Service, caller: Caller, key: str) -> KmsKey:
    """RotateKeyOnDemand, up to 25 times; automatic rotations stay where they are.

    Raises as `enable_key_rotation`, LimitExceededException, ConflictException if it is being rotated already.
    """
    found = await find_key(service, caller, KeyUse("kms:RotateKeyOnDemand", key))
    require_enabled(service, found)
    generations = await service.store.kms_keys.generations(found.key.key_id)
    if sum(each.rotation is RotationType.ON_DEMAND for each in generations) >= ON_DEMAND_LIMIT:
        message = f"A key can be rotated on demand {ON_DEMAND_LIMIT} times."
        raise ServiceError("LimitExceededException", message)
    if not await rotate(service, found.key, RotationType.ON_DEMAND, found.key.next_rotation_at):
        raise ServiceError("ConflictException", "The key is being rotated at the same time, or was disabled.")
    return found.key


async def rotate(service: Service, key: KmsKey, rotation: RotationType, next_rotation_at: Millis | None) -> bool:
    """Add a generation; False if the key changed meanwhile."""
    generation = new_generation(service, key.key_id, key.generation + 1, service.clock(), rotation)
    return await service.store.kms_keys.rotate(key, generation, next_rotation_at)


async def list_key_rotations(
    service: Service, caller: Caller, key: str, marker: str | None, limit: int, *, with_first: bool = False
) -> tuple[FoundKey, Page[KeyGeneration]]:
    """ListKeyRotations: generations, oldest first; the first, which no rotation made, if `with_first`.

    Raises AccessDeniedException, NotFoundException, KMSInvalidStateException, InvalidMarkerException.
    """
    found = await find_key(service, caller, KeyUse("kms:ListKeyRotations", key))
    require_kept(service, found)
    generations: Sequence[KeyGeneration] = await service.store.kms_keys.generations(found.key.key_id)
    shown = [each for each in generations if with_first or each.rotation is not None]
    listing = Listing(service, caller, "kms:ListKeyRotations", [found.key.key_id, int(with_first)])
    return found, await marked_page(listing, shown, lambda each: f"{each.generation:08}", marker, limit)
