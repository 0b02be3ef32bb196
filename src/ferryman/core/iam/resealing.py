"""What the store holds under the server's key: how much under which, and all of it put under the newest."""

from collections import Counter
from collections.abc import AsyncIterator

from ferryman.core.service import Service
from ferryman.core.vault import KEY_PURPOSE
from ferryman.model.identity.users import AccessKey

_PAGE = 500
WITHOUT_ID = ""
"""Stands for the key of what was sealed before keys had ids."""


async def sealed_under(service: Service) -> Counter[str]:
    """Return how many secrets of the store are under which key, by its id; raises `Unsealable`."""
    counts: Counter[str] = Counter()
    async for key in _access_keys(service):
        counts[_key_of(service, key)] += 1
    return counts


async def reseal(service: Service) -> int:
    """Put every secret of the store under the newest key; return how many were under another. Raises `Unsealable`.

    Servers may run: a secret that changes meanwhile is left to who changes it.
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
