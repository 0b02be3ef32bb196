"""Changing a key atomically, also while others change it."""

from collections.abc import Callable

from ferryman.core.kms.access import KeyUse, find_key, require_kept
from ferryman.core.service import Service
from ferryman.model.errors import ServiceError
from ferryman.model.identity.callers import Caller
from ferryman.model.kms import FoundKey, KmsKey

_ATTEMPTS = 5


async def change_key(
    service: Service, caller: Caller, use: KeyUse, found: FoundKey, change: Callable[[KmsKey], KmsKey]
) -> KmsKey:
    """Apply `change` to the current state of a key, and return the result; `change` may raise.

    `found` is what `use` found. If others change the key meanwhile, perhaps its policy, the caller must still be
    allowed that use. Raises as `find_key` then, and KMSInternalException (500) if others keep changing it.
    """
    key = found.key
    for _ in range(_ATTEMPTS):
        changed = change(key)
        if await service.store.kms_keys.change(key, changed):
            return changed
        again = await find_key(service, caller, use)
        if again.key.key_id != key.key_id:
            break  # it is named by an alias, which was moved
        key = again.key
    raise ServiceError("KMSInternalException", "Others are changing the key at the same time; try again.", status=500)


def kept(service: Service, key: KmsKey) -> KmsKey:
    """Return a key that does not wait for its deletion; raises KMSInvalidStateException for one that does."""
    require_kept(service, FoundKey(key, None))
    return key
