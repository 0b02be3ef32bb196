"""The signing keys of OpenID Connect providers: discovered, cached for minutes, refetched when one is unknown.

Only URLs in a registered provider's own discovery document are fetched. A provider is asked at most once in `PAUSE`
seconds, whatever tokens arrive.
"""

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

import msgspec

from ferryman.model.errors import Unfetchable
from ferryman.model.identifiers import Millis

LIFE = 300
"""Seconds after which keys are refetched even if known: a provider may withdraw one."""
PAUSE = 10
MOST_KEYS = 100

Fetch = Callable[[str], Awaitable[bytes]]
"""Fetches a document by its URL, limited in size and time, without following redirects; raises `Unfetchable`."""


async def fetch_nothing(url: str) -> bytes:
    """Refuse: the operator's own commands fetch nothing."""
    raise Unfetchable("this program fetches nothing")


class _Discovery(msgspec.Struct, frozen=True):
    issuer: str
    jwks_uri: str


class _KeySet(msgspec.Struct, frozen=True):
    keys: list[dict[str, Any]]


@dataclass(slots=True)
class _Provider:
    asked_at: Millis | None = None
    fetched_at: Millis | None = None
    keys: tuple[Mapping[str, Any], ...] = ()
    failure: str = ""
    lock: asyncio.Lock = field(default_factory=asyncio.Lock)


class ProviderKeys:
    """Providers' published keys, by issuer. `check` rejects URLs that must not be fetched."""

    def __init__(self) -> None:
        self._providers: dict[str, _Provider] = {}

    async def find(
        self, fetch: Fetch, check: Callable[[str], None], issuer: str, key_id: str | None, now: Millis
    ) -> Mapping[str, Any] | None:
        """Return the key with that id, or the only key if a token names none; None if there is no such key.

        Raises `Unfetchable`.
        """
        provider = self._providers.setdefault(issuer, _Provider())
        async with provider.lock:
            key = _choose(provider, key_id) if _is_fresh(provider, now) else None
            if key is None and (provider.asked_at is None or now - provider.asked_at >= PAUSE * 1000):
                await _refresh(provider, fetch, check, issuer, now)
                key = _choose(provider, key_id)
            elif not _is_fresh(provider, now):
                raise Unfetchable(provider.failure or "its keys are not known yet")
            return key


def _is_fresh(provider: _Provider, now: Millis) -> bool:
    return provider.fetched_at is not None and now - provider.fetched_at < LIFE * 1000


def _choose(provider: _Provider, key_id: str | None) -> Mapping[str, Any] | None:
    found = [key for key in provider.keys if key_id is None or key.get("kid") == key_id]
    return found[0] if len(found) == 1 else None


async def _refresh(provider: _Provider, fetch: Fetch, check: Callable[[str], None], issuer: str, now: Millis) -> None:
    provider.asked_at = now
    try:
        discovery = _read(await fetch(f"{issuer.rstrip('/')}/.well-known/openid-configuration"), _Discovery)
        if discovery.issuer != issuer:
            raise Unfetchable("its discovery document names another issuer")
        check(discovery.jwks_uri)
        keys = _read(await fetch(discovery.jwks_uri), _KeySet).keys
    except Unfetchable as error:
        provider.failure = str(error)
        raise
    provider.keys = tuple(keys[:MOST_KEYS])
    provider.fetched_at, provider.failure = now, ""


def _read(content: bytes, kind: type[Any]) -> Any:
    try:
        return msgspec.json.decode(content, type=kind)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise Unfetchable(
            "its discovery document or key set is not in the form that OpenID Connect gives it"
        ) from error
