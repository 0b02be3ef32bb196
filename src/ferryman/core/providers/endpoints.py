"""Where OpenID Connect providers sign people in: discovered, and cached for minutes.

Only configured providers are asked, each at most once in `PAUSE` seconds, however many people sign in.
"""

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

import msgspec

from ferryman.core.providers.keys import LIFE, PAUSE, Fetch
from ferryman.model.errors import Unfetchable
from ferryman.model.identifiers import Millis

LONGEST_URL = 2048


@dataclass(frozen=True, slots=True)
class Answer:
    """What a provider answered to a form."""

    status: int
    body: bytes


Post = Callable[[str, Mapping[str, str], tuple[str, str] | None], Awaitable[Answer]]
"""Posts a form to a URL, with a name and a password for HTTP Basic or without; limited as `Fetch`, raises
`Unfetchable`."""


async def post_nothing(url: str, form: Mapping[str, str], basic: tuple[str, str] | None) -> Answer:
    """Refuse: the operator's own commands post nothing."""
    raise Unfetchable("this program posts nothing")


class Endpoints(msgspec.Struct, frozen=True):
    """What a provider's discovery document says."""

    issuer: str
    authorization_endpoint: str
    token_endpoint: str
    token_endpoint_auth_methods_supported: tuple[str, ...] = ("client_secret_basic",)


@dataclass(slots=True)
class _Provider:
    asked_at: Millis | None = None
    fetched_at: Millis | None = None
    endpoints: Endpoints | None = None
    failure: str = ""
    lock: asyncio.Lock = field(default_factory=asyncio.Lock)


def form_content(answer: Answer) -> Mapping[str, Any]:
    """Return the members of an answer to a form, none if it is not a JSON object."""
    try:
        content = msgspec.json.decode(answer.body)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        content = None
    return content if isinstance(content, dict) else {}


class ProviderEndpoints:
    """The endpoints of configured providers, by issuer."""

    def __init__(self) -> None:
        self._providers: dict[str, _Provider] = {}

    async def find(self, fetch: Fetch, check: Callable[[str], None], issuer: str, now: Millis) -> Endpoints:
        """Return a provider's endpoints. `check` rejects URLs that must not be used. Raises `Unfetchable`."""
        provider = self._providers.setdefault(issuer, _Provider())
        async with provider.lock:
            fresh = provider.fetched_at is not None and now - provider.fetched_at < LIFE * 1000
            if not fresh and (provider.asked_at is None or now - provider.asked_at >= PAUSE * 1000):
                await _refresh(provider, fetch, check, issuer, now)
            elif not fresh:
                raise Unfetchable(provider.failure or "its discovery document is not known yet")
            assert provider.endpoints is not None  # noqa: S101 it was fetched
            return provider.endpoints


async def _refresh(provider: _Provider, fetch: Fetch, check: Callable[[str], None], issuer: str, now: Millis) -> None:
    provider.asked_at = now
    try:
        endpoints = decode_endpoints(await fetch(f"{issuer.rstrip('/')}/.well-known/openid-configuration"))
        if endpoints.issuer.rstrip("/") != issuer.rstrip("/"):
            raise Unfetchable("its discovery document names another issuer")
        for url in (endpoints.authorization_endpoint, endpoints.token_endpoint):
            if len(url) > LONGEST_URL or not url.isascii() or not url.isprintable() or " " in url:
                raise Unfetchable("its discovery document has an endpoint that is not a URL")
            check(url)
    except Unfetchable as error:
        provider.failure = str(error)
        raise
    provider.endpoints, provider.fetched_at, provider.failure = endpoints, now, ""


def decode_endpoints(content: bytes) -> Endpoints:
    """Return what a discovery document says; raises `Unfetchable`."""
    try:
        return msgspec.json.decode(content, type=Endpoints)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise Unfetchable("its discovery document is not in the form that OpenID Connect gives it") from error
