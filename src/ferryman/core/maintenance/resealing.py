"""The secrets in the store by server key: counting them, and sealing all of them under the newest key."""

from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass

from ferryman.core.ports.kms import MATERIAL_PURPOSE, material_context
from ferryman.core.ports.recordings.store import DATA_KEY_PURPOSE, RecordingKey
from ferryman.core.service import Service
from ferryman.core.vault import KEY_PURPOSE

_PAGE = 500
WITHOUT_ID = ""
"""Stands for the key of secrets that were sealed before keys had ids."""


@dataclass(frozen=True, slots=True)
class _Secret:
    """A sealed secret; `replace` stores another in its place if it is still the same, and returns whether it was."""

    purpose: str
    context: bytes
    sealed: bytes
    replace: Callable[[bytes], Awaitable[bool]]


async def sealed_under(service: Service) -> Counter[str]:
    """Return how many secrets are sealed under each key, by key id; raises `Unsealable`."""
    counts: Counter[str] = Counter()
    async for secret in _secrets(service):
        counts[_key_of(service, secret)] += 1
    return counts


async def reseal(service: Service) -> int:
    """Seal every secret under the newest key; return how many were under another. Raises `Unsealable`.

    Servers may keep running: a secret that changes at the same time is left as changed.
    """
    resealed = 0
    async for secret in _secrets(service):
        if _key_of(service, secret) == service.vault.key_ids[0]:
            continue
        opened = service.vault.open(secret.purpose, secret.sealed, secret.context)
        resealed += await secret.replace(service.vault.seal(secret.purpose, opened, secret.context))
    return resealed


async def _secrets(service: Service) -> AsyncIterator[_Secret]:
    async for secret in _access_keys(service):
        yield secret
    async for secret in _recording_keys(service):
        yield secret
    async for secret in _kms_keys(service):
        yield secret


async def _access_keys(service: Service) -> AsyncIterator[_Secret]:
    identities, after = service.store.identities, ""
    while page := await identities.keys_after(after, _PAGE):
        for key in page:

            def replace(
                sealed: bytes, access_key_id: str = key.access_key_id, before: bytes = key.sealed_secret
            ) -> Awaitable[bool]:
                return identities.reseal_key(access_key_id, before, sealed)

            yield _Secret(KEY_PURPOSE, key.access_key_id.encode(), key.sealed_secret, replace)
        after = page[-1].access_key_id


async def _recording_keys(service: Service) -> AsyncIterator[_Secret]:
    recordings, after = service.store.recordings, ""
    while page := await recordings.keys_after(after, _PAGE):
        for session_id, key in page:

            def replace(sealed: bytes, session_id: str = session_id, before: RecordingKey = key) -> Awaitable[bool]:
                return recordings.reseal_key(session_id, before, RecordingKey(sealed))

            yield _Secret(DATA_KEY_PURPOSE, session_id.encode(), key.sealed, replace)
        after = page[-1][0]


async def _kms_keys(service: Service) -> AsyncIterator[_Secret]:
    keys, after = service.store.kms_keys, ("", 0)
    while page := await keys.generations_after(after, _PAGE):
        for key_id, generation in page:

            def replace(
                sealed: bytes,
                key_id: str = key_id,
                number: int = generation.generation,
                before: bytes = generation.sealed,
            ) -> Awaitable[bool]:
                return keys.reseal(key_id, number, before, sealed)

            yield _Secret(MATERIAL_PURPOSE, material_context(key_id, generation.generation), generation.sealed, replace)
        after = (page[-1][0], page[-1][1].generation)


def _key_of(service: Service, secret: _Secret) -> str:
    return service.vault.sealed_by(secret.purpose, secret.sealed, secret.context) or WITHOUT_ID
