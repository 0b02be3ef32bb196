"""Secrets in the store by server key: count them, and re-encrypt all under the newest key."""

from collections import Counter
from collections.abc import AsyncIterator

from ferryman.core.service import Service
from ferryman.core.vault import KEY_PURPOSE
from ferryman.model.identity.users import AccessKey

_PAGE = 500
WITHOUT_ID = ""
"""Stands for the key of secrets that were sealed before keys had ids."""


async def sealed_under(service: Service) -> Counter[str]:
    """Return how many secrets are sealed under each key, by key id; raises `Unsealable`."""
    counts: Counter[str] = Counter()
    async for key in _access_keys(service):
        counts[_key_of(service, key)] += 1
    return counts


async def reseal(service: Service) -> int:
    """Seal every secret under the newest key; return how many were under another. Raises `Unsealable`.

    Servers may keep running: a secret that changes at the same time is left as changed.
    """
    resealed = 0
    async for key in _access_keys(service):
        if _key_of(service, key) == service.vault.key_ids[0]:
            continue
        context = key.access_key_id.encode()
        secret = service.vault.open(KEY_PURPOSE, key.sealed_secret, context)
        sealed = service.vault.seal(KEY_PURPOSE, secret, context)
        resealed += await service.store.identities.reseal_key(key.access_key_id, key.sealed_secret, sealed)
    return resealed


async def _access_keys(service: Service) -> AsyncIterator[AccessKey]:
    after = ""
    while page := await service.store.identities.keys_after(after, _PAGE):
        for key in page:
            yield key
        after = page[-1].access_key_id


def _key_of(service: Service, key: AccessKey) -> str:
    return service.vault.sealed_by(KEY_PURPOSE, key.sealed_secret, key.access_key_id.encode()) or WITHOUT_ID
