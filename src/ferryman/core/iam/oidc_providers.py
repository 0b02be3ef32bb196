"""OpenID Connect providers: IAM's operations on them.

Nothing is fetched from a provider that is not registered here: the issuer in a token is never followed elsewhere.
"""

import re
from collections.abc import Mapping, Sequence
from dataclasses import replace
from hashlib import sha256
from urllib.parse import urlsplit

from ferryman.core.authorization.decisions import require
from ferryman.core.authorization.request_context import NO_KEYS, Keys, request_tag_keys
from ferryman.core.iam.resources import (
    IamResource,
    check_quota,
    check_tags,
    condition_keys,
    list_tags,
    no_such,
    put_tags,
    remove_tags,
    require_creation,
    tags_of,
    untag_keys,
)
from ferryman.core.paging import Listing, Page
from ferryman.core.service import Service
from ferryman.model.errors import ServiceError
from ferryman.model.identity.callers import Caller
from ferryman.model.identity.roles import OidcProvider
from ferryman.model.tags import ResourceType
from ferryman.model.values.hosts import is_loopback

CLIENT_ID_LIMIT, PROVIDER_LIMIT, THUMBPRINT_LIMIT = 100, 100, 5
"""AWS's default quotas."""
KEY_PREFIXES = frozenset({"aws", "sts", "iam", "ssm"})
"""Names that no provider may have, because condition keys begin with them."""
_NAME = re.compile(r"[A-Za-z0-9.-]{1,253}(:[0-9]{1,5})?(/[A-Za-z0-9._~/-]*)?")
_THUMBPRINT = re.compile(r"[0-9A-Fa-f]{40}")
_PRINTABLE = re.compile(r"[\x21-\x7e]+")
_ARN = re.compile(r"arn:aws:iam::([0-9]{12}):oidc-provider/(.+)")


async def create_oidc_provider(
    service: Service,
    caller: Caller,
    url: str,
    client_ids: Sequence[str],
    thumbprints: Sequence[str],
    tags: Mapping[str, str],
) -> str:
    """CreateOpenIDConnectProvider: returns its ARN.

    Raises AccessDeniedException, InvalidInput, EntityAlreadyExists, LimitExceeded.
    """
    provider = OidcProvider(url.rstrip("/"), tuple(client_ids), tuple(thumbprints), service.clock())
    arn = service.arns.oidc_provider(provider.name)
    require_creation(service, caller, "OpenIDConnectProvider", arn, tags)
    check_tags(tags)
    check_url(service, provider.url)
    _check(provider)
    present = await service.store.oidc_providers.all()
    alike = next((each for each in present if each.name.casefold() == provider.name.casefold()), None)
    if alike is not None and alike.name != provider.name:  # condition keys begin with the name, and ignore case
        message = f"The provider {alike.name} exists, whose name differs only in case; delete it first."
        raise ServiceError("EntityAlreadyExists", message, status=409)
    check_quota("OpenIdConnectProvidersPerAccount", len(present) + 1, PROVIDER_LIMIT)
    await service.store.oidc_providers.add(provider)
    await put_tags(service, _resource(provider), tags)
    return arn


async def get_oidc_provider(service: Service, caller: Caller, arn: str) -> tuple[OidcProvider, Mapping[str, str]]:
    """GetOpenIDConnectProvider: the provider and its tags. Raises AccessDeniedException, NoSuchEntity, InvalidInput."""
    provider = await _provider(service, caller, "GetOpenIDConnectProvider", arn)
    return provider, await tags_of(service, ResourceType.OIDC_PROVIDER, _resource(provider).resource_id)


async def list_oidc_providers(service: Service, caller: Caller) -> Sequence[str]:
    """ListOpenIDConnectProviders: ARNs. Raises AccessDeniedException."""
    require(service, caller, "iam:ListOpenIDConnectProviders", service.arns.oidc_provider("*"))
    return [service.arns.oidc_provider(provider.name) for provider in await service.store.oidc_providers.all()]


async def add_client_id(service: Service, caller: Caller, arn: str, client_id: str) -> None:
    """AddClientIDToOpenIDConnectProvider: no effect if the provider has it already.

    Raises AccessDeniedException, NoSuchEntity, InvalidInput, LimitExceeded, ConcurrentModification (409).
    """
    provider = await _provider(service, caller, "AddClientIDToOpenIDConnectProvider", arn)
    if client_id not in provider.client_ids:
        await _replace(service, provider, replace(provider, client_ids=(*provider.client_ids, client_id)))


async def remove_client_id(service: Service, caller: Caller, arn: str, client_id: str) -> None:
    """RemoveClientIDFromOpenIDConnectProvider: no effect if it is absent. Raises as `add_client_id`."""
    provider = await _provider(service, caller, "RemoveClientIDFromOpenIDConnectProvider", arn)
    kept = tuple(each for each in provider.client_ids if each != client_id)
    await _replace(service, provider, replace(provider, client_ids=kept))


async def update_thumbprints(service: Service, caller: Caller, arn: str, thumbprints: Sequence[str]) -> None:
    """UpdateOpenIDConnectProviderThumbprint; raises as `add_client_id`."""
    provider = await _provider(service, caller, "UpdateOpenIDConnectProviderThumbprint", arn)
    await _replace(service, provider, replace(provider, thumbprints=tuple(thumbprints)))


async def delete_oidc_provider(service: Service, caller: Caller, arn: str) -> None:
    """DeleteOpenIDConnectProvider. Raises AccessDeniedException, NoSuchEntity, InvalidInput."""
    provider = await _provider(service, caller, "DeleteOpenIDConnectProvider", arn)
    await service.store.oidc_providers.remove(provider.name)
    await remove_tags(service, _resource(provider))


async def tag_oidc_provider(service: Service, caller: Caller, arn: str, tags: Mapping[str, str]) -> None:
    """TagOpenIDConnectProvider. Raises AccessDeniedException, NoSuchEntity, InvalidInput, LimitExceeded."""
    provider = await _provider(service, caller, "TagOpenIDConnectProvider", arn, request_tag_keys(tags))
    await put_tags(service, _resource(provider), tags)


async def untag_oidc_provider(service: Service, caller: Caller, arn: str, keys: Sequence[str]) -> None:
    """UntagOpenIDConnectProvider. Raises AccessDeniedException, NoSuchEntity, InvalidInput."""
    provider = await _provider(service, caller, "UntagOpenIDConnectProvider", arn, untag_keys(keys))
    await remove_tags(service, _resource(provider), keys)


async def list_oidc_provider_tags(
    service: Service, caller: Caller, arn: str, marker: str | None, max_items: int | None
) -> Page[tuple[str, str]]:
    """ListOpenIDConnectProviderTags: key and value, by key. Raises as `get_oidc_provider`, ValidationException."""
    provider = await _provider(service, caller, "ListOpenIDConnectProviderTags", arn)
    listing = Listing(service, caller, "ListOpenIDConnectProviderTags", [arn])
    return await list_tags(listing, _resource(provider), marker, max_items)


def check_url(service: Service, url: str) -> None:
    """Raise InvalidInput unless `url` may be a provider's, or one that its documents are fetched from.

    https, without user, query or fragment; http on loopback if the settings allow it.
    """
    try:
        parts = urlsplit(url)
        host, _ = parts.hostname or "", parts.port
    except ValueError:
        host, parts = "", urlsplit("")
    plain = parts.scheme == "http" and service.settings.oidc_on_loopback and is_loopback(host)
    name = url.partition("://")[2]
    fits = _NAME.fullmatch(name) is not None and name.lower() not in KEY_PREFIXES
    if not (parts.scheme == "https" or plain) or not host or not fits:
        raise ServiceError(
            "InvalidInput",
            "The URL of an OpenID Connect provider must be https://HOST[:PORT][/PATH], with nothing after it.",
        )


def _check(provider: OidcProvider) -> None:
    if len(provider.client_ids) > CLIENT_ID_LIMIT or len(provider.thumbprints) > THUMBPRINT_LIMIT:
        message = (
            f"Cannot exceed quota for ClientIdsPerOpenIdConnectProvider: {CLIENT_ID_LIMIT}, "
            f"ThumbprintsPerOpenIdConnectProvider: {THUMBPRINT_LIMIT}"
        )
        raise ServiceError("LimitExceeded", message, status=409)
    if not all(_PRINTABLE.fullmatch(client_id) for client_id in provider.client_ids):
        raise ServiceError("InvalidInput", "A client id is made of printable ASCII characters without spaces.")
    if not all(_THUMBPRINT.fullmatch(thumbprint) for thumbprint in provider.thumbprints):
        raise ServiceError("InvalidInput", "A thumbprint is 40 hexadecimal digits.")


async def _provider(service: Service, caller: Caller, action: str, arn: str, keys: Keys = NO_KEYS) -> OidcProvider:
    """Return the provider if `caller` may perform `action` on it.

    A caller who may not does not learn whether it exists.
    """
    matched = _ARN.fullmatch(arn)
    own = matched is not None and matched[1] == service.settings.account_id
    provider = await service.store.oidc_providers.named(matched[2]) if matched is not None and own else None
    of_provider = NO_KEYS if provider is None else await condition_keys(service, _resource(provider))
    require(service, caller, f"iam:{action}", arn, {**of_provider, **keys})
    if matched is None:
        raise ServiceError("InvalidInput", "The ARN is not that of an OpenID Connect provider.")
    if provider is None:
        raise no_such(f"OpenID Connect provider {arn}")
    return provider


def _resource(provider: OidcProvider) -> IamResource:
    """Its tags are stored under a hash, because its name may be longer than the id of a tagged resource."""
    return IamResource(ResourceType.OIDC_PROVIDER, sha256(provider.name.encode()).hexdigest())


async def _replace(service: Service, old: OidcProvider, new: OidcProvider) -> None:
    _check(new)
    if old != new and not await service.store.oidc_providers.replace(old, new):
        message = "The provider was changed by someone else at the same time. Try again."
        raise ServiceError("ConcurrentModification", message, status=409)
