"""ID tokens of OpenID Connect providers: whether a token is genuine, current and meant for this account."""

import json
from base64 import urlsafe_b64decode
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, TypeGuard

from joserfc import jwt
from joserfc.errors import JoseError
from joserfc.jwk import ECKey, OKPKey, RSAKey

from ferryman.core.iam.oidc_providers import check_url
from ferryman.core.service import Service
from ferryman.model.errors import ServiceError, Unfetchable
from ferryman.model.identifiers import Millis
from ferryman.model.identity.roles import OidcProvider

ALGORITHMS: Mapping[str, type[RSAKey] | type[ECKey] | type[OKPKey]] = {
    **dict.fromkeys(("RS256", "RS384", "RS512", "PS256", "PS384", "PS512"), RSAKey),
    **dict.fromkeys(("ES256", "ES384", "ES512"), ECKey),
    "Ed25519": OKPKey,
    "EdDSA": OKPKey,
}
"""Signature algorithms with a provider's private key, and their key types. Never `none`, never a shared secret."""
SKEW = 60
"""Seconds that a provider's clock may be ahead of ours."""
SUBJECT_LIMIT = 255
_RSA_BITS = range(2048, 4097)
_EXPONENT_BITS = 32
"""Verifying with a larger modulus or exponent takes up to a tenth of a second, and anybody can present a token."""
_NEVER = 10**15
"""Seconds."""


@dataclass(frozen=True, slots=True)
class WebIdentity:
    """The subject of a genuine token. `audiences` are the token's audiences that are the provider's client ids."""

    provider: OidcProvider
    issuer: str
    subject: str
    audiences: tuple[str, ...]
    claims: Mapping[str, Any]


async def verify_token(service: Service, token: str) -> WebIdentity:
    """Return the subject of a token.

    Raises InvalidIdentityToken (malformed, unknown issuer or key, wrong signature, audience or times),
    ExpiredTokenException, IDPCommunicationError.
    """
    header, unverified = _unverified(token)
    issuer = unverified.get("iss")
    provider = await _provider(service, issuer)
    claims = _verified(token, header, await _key(service, str(issuer), header))
    _check_times(claims, service.clock())
    subject = claims.get("sub")
    if not isinstance(subject, str) or not 1 <= len(subject) <= SUBJECT_LIMIT or not subject.isprintable():
        raise _invalid("it has no subject of 1 to 255 printable characters")
    return WebIdentity(provider, str(issuer), subject, _audiences(provider, claims), claims)


def _unverified(token: str) -> tuple[Mapping[str, Any], Mapping[str, Any]]:
    parts = token.split(".")
    if len(parts) != 3:
        raise _invalid("it is not a signed JSON Web Token")
    header, claims = _part(parts[0]), _part(parts[1])
    if header.get("alg") not in list(ALGORITHMS):  # it may have any type
        raise _invalid(f"its algorithm is none of {', '.join(ALGORITHMS)}")
    return header, claims


def _part(encoded: str) -> Mapping[str, Any]:
    try:
        decoded = json.loads(_decoded(encoded))
        json.dumps(decoded, ensure_ascii=False).encode()  # escapes can encode lone surrogates, which are not text
    except (ValueError, RecursionError) as error:
        raise _invalid("it is not a signed JSON Web Token") from error
    if not isinstance(decoded, dict):
        raise _invalid("it is not a signed JSON Web Token")
    return decoded


def _decoded(encoded: str) -> bytes:
    return urlsafe_b64decode(encoded + "=" * (-len(encoded) % 4))


async def _provider(service: Service, issuer: object) -> OidcProvider:
    """Return the registered provider; nothing is ever fetched from any other."""
    if isinstance(issuer, str) and issuer.isascii() and issuer.isprintable():
        url = issuer.rstrip("/")
        provider = await service.store.oidc_providers.named(url.partition("://")[2])
        # Only a trailing slash may differ from the issuer's own spelling: each spelling has its own keys.
        if provider is not None and issuer in (provider.url, f"{provider.url}/"):
            return provider
    raise _invalid("no OpenID Connect provider of this account is its issuer")


async def _key(service: Service, issuer: str, header: Mapping[str, Any]) -> RSAKey | ECKey | OKPKey:
    key_id = header.get("kid")
    if key_id is not None and not isinstance(key_id, str):
        raise _invalid("its kid is not a string")

    def check(url: str) -> None:
        try:
            check_url(service, url)
        except ServiceError as error:
            raise Unfetchable("its discovery document names keys where none may be fetched") from error

    try:
        published = await service.provider_keys.find(service.fetch, check, issuer, key_id, service.clock())
    except Unfetchable as error:
        raise ServiceError("IDPCommunicationError", f"The provider's keys cannot be fetched: {error}.") from error
    if published is None:
        raise _invalid("it is signed with a key that its issuer does not publish")
    kind = ALGORITHMS[header["alg"]]
    if published.get("kty") != kind.key_type:
        raise _invalid("its issuer's key is not for its algorithm")
    try:
        if kind is RSAKey:
            _check_rsa(_number(published, "n").bit_length(), _number(published, "e").bit_length())
        return kind.import_key({name: value for name, value in published.items() if isinstance(value, str)})
    except (JoseError, ValueError, TypeError, KeyError) as error:
        raise _invalid("its issuer's key cannot be used") from error


def _check_rsa(modulus_bits: int, exponent_bits: int) -> None:
    if modulus_bits not in _RSA_BITS:
        raise _invalid(f"its issuer's key does not have {_RSA_BITS[0]} to {_RSA_BITS[-1]} bits")
    if exponent_bits > _EXPONENT_BITS:
        raise _invalid(f"the exponent of its issuer's key has more than {_EXPONENT_BITS} bits")


def _number(published: Mapping[str, Any], name: str) -> int:
    return int.from_bytes(_decoded(str(published.get(name))))


def _verified(token: str, header: Mapping[str, Any], key: RSAKey | ECKey | OKPKey) -> Mapping[str, Any]:
    try:
        return jwt.decode(token, key, algorithms=[header["alg"]]).claims
    except (JoseError, ValueError, TypeError) as error:
        raise _invalid("its signature is not its issuer's") from error


def _check_times(claims: Mapping[str, Any], now: Millis) -> None:
    expires, issued, begins = [claims.get(name, 0 if name == "nbf" else None) for name in ("exp", "iat", "nbf")]
    seconds = now / 1000
    if not _is_number(expires) or not _is_number(issued) or not _is_number(begins):
        raise _invalid("it does not say when it was issued and expires")
    if seconds >= expires:
        raise ServiceError(
            "ExpiredTokenException", "Token expired: the web identity token is past its exp. Log in again."
        )
    if max(issued, begins) > seconds + SKEW:
        raise _invalid("it is from the future; compare the provider's clock with this server's")


def _is_number(value: object) -> TypeGuard[int | float]:
    if isinstance(value, bool) or not isinstance(value, int | float):
        return False
    return abs(value) < _NEVER  # neither infinite nor NaN


def _audiences(provider: OidcProvider, claims: Mapping[str, Any]) -> tuple[str, ...]:
    given = claims.get("aud")
    listed = given if isinstance(given, list) else [given]
    found = tuple(each for each in listed if isinstance(each, str) and each in provider.client_ids)
    party = claims.get("azp")
    if not found or (party is not None and party not in provider.client_ids):
        raise ServiceError("InvalidIdentityToken", "Incorrect token audience")
    return found


def _invalid(cause: str) -> ServiceError:
    return ServiceError("InvalidIdentityToken", f"The web identity token is not valid: {cause}.")
