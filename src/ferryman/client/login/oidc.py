"""Signing in to an OpenID Connect provider from a command line: authorization code with PKCE, device code, refresh.

Sources: RFC 6749, RFC 7636 (S256 only), RFC 8252 (loopback redirect), RFC 8628, OpenID Connect Core and Discovery.
The server verifies ID tokens; this module only reads them.
"""

import base64
import hmac
import json
import secrets
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from hashlib import sha256
from typing import Any
from urllib.parse import urlencode, urlsplit

from ferryman.client.login.redirect import Redirect
from ferryman.model.errors import Unfetchable
from ferryman.model.failures import Failure
from ferryman.model.values.hosts import is_loopback
from ferryman.model.values.secret import Secret
from ferryman.model.values.text import printable
from ferryman.transport.fetch import Documents
from ferryman.transport.http import Answer

DEVICE_GRANT = "urn:ietf:params:oauth:grant-type:device_code"
DEFAULT_INTERVAL = 5.0
SHORTEST_INTERVAL = 1.0
"""The shortest polling interval in seconds for a sign-in on another device, whatever the provider says."""
LONGEST_URL = 4096
_LONGEST_CODE = 100
_LONGEST_WAIT = 600.0


@dataclass(frozen=True, slots=True)
class Provider:
    """A provider's endpoints; `device_endpoint` is empty if it has no device flow."""

    issuer: str
    authorization_endpoint: str
    token_endpoint: str
    device_endpoint: str


@dataclass(frozen=True, slots=True)
class OidcClient:
    """How the provider knows this client: public, or with a `secret` if the provider requires one."""

    client_id: str
    scopes: str
    secret: Secret | None = None

    @property
    def credentials(self) -> dict[str, str]:
        """The form fields that identify the client."""
        known = {"client_id": self.client_id}
        return known if self.secret is None else known | {"client_secret": self.secret.reveal()}


@dataclass(frozen=True, slots=True)
class Tokens:
    """The tokens a provider issued; `refresh_token` is None if it issued none."""

    id_token: Secret
    refresh_token: Secret | None
    claims: Mapping[str, Any] = field(repr=False)


async def discover(documents: Documents, issuer: str) -> Provider:
    """Return a provider's endpoints. Raises Failure if they cannot be fetched or use plain HTTP off this machine."""
    _check_url(issuer, "issuer")
    try:
        found = json.loads(await documents.fetch(f"{issuer.rstrip('/')}/.well-known/openid-configuration"))
        named = {name: str(found.get(name) or "") for name in ("issuer", *_ENDPOINTS)}
    except (Unfetchable, ValueError, AttributeError, RecursionError) as error:
        cause = str(error) if isinstance(error, Unfetchable) else "its discovery document is not a JSON object"
        raise Failure(f"The provider {issuer} cannot be reached", cause, "Check the issuer's URL") from error
    if named["issuer"].rstrip("/") != issuer.rstrip("/"):
        raise Failure(
            f"{issuer} is not the issuer", f"its discovery document names {named['issuer']!r}", "Use that URL"
        )
    for name in _ENDPOINTS:
        if named[name] or name != "device_authorization_endpoint":
            _check_url(named[name], name)
    return Provider(named["issuer"], *(named[name] for name in _ENDPOINTS))


_ENDPOINTS = ("authorization_endpoint", "token_endpoint", "device_authorization_endpoint")


async def sign_in_with_browser(
    documents: Documents,
    provider: Provider,
    client: OidcClient,
    redirect: Redirect,
    show: Callable[[str], Awaitable[None]],
) -> Tokens:
    """Have the person sign in with a browser, opened by `show`, and wait for `redirect`'s answer. Raises Failure."""
    verifier, state, nonce = (secrets.token_urlsafe(32) for _ in range(3))
    challenge = base64.urlsafe_b64encode(sha256(verifier.encode()).digest()).decode().rstrip("=")
    query = {
        "response_type": "code",
        "client_id": client.client_id,
        "redirect_uri": redirect.uri,
        "scope": client.scopes,
        "state": state,
        "nonce": nonce,
        "code_challenge": challenge,
        "code_challenge_method": "S256",
    }
    separator = "&" if urlsplit(provider.authorization_endpoint).query else "?"
    redirect.expect(lambda given: hmac.compare_digest(given.encode(), state.encode()))
    await show(provider.authorization_endpoint + separator + urlencode(query))
    answer = await redirect.answer(_LONGEST_WAIT)
    if "code" not in answer:
        raise _refused(answer)
    form = {
        "grant_type": "authorization_code",
        "code": answer["code"],
        "redirect_uri": redirect.uri,
        "code_verifier": verifier,
        **client.credentials,
    }
    tokens = _tokens(await _post(documents, provider.token_endpoint, form))
    if not hmac.compare_digest(str(tokens.claims.get("nonce", "")).encode(), nonce.encode()):
        raise Failure("The sign-in was not completed", "the ID token does not belong to this sign-in", "Try again")
    return tokens


async def sign_in_with_device(
    documents: Documents,
    provider: Provider,
    client: OidcClient,
    show: Callable[[str, str], None],
    pause: Callable[[float], Awaitable[None]],
) -> Tokens:
    """Have the person sign in on any device: `show` gets the URL to open and the code to type. Raises Failure."""
    if not provider.device_endpoint:
        raise Failure(f"{provider.issuer} has no device flow", "", "Sign in without --device")
    asked = {**client.credentials, "scope": client.scopes}
    begun = _content(await _post(documents, provider.device_endpoint, asked))
    if "device_code" not in begun:
        raise _refused(begun)
    url = str(begun.get("verification_uri_complete") or begun.get("verification_uri"))
    _check_url(url, "verification_uri")
    show(url, printable(str(begun.get("user_code"))[:_LONGEST_CODE]))
    interval, waited = max(_seconds(begun.get("interval"), DEFAULT_INTERVAL), SHORTEST_INTERVAL), 0.0
    longest = min(_seconds(begun.get("expires_in"), _LONGEST_WAIT), _LONGEST_WAIT)
    form = {"grant_type": DEVICE_GRANT, "device_code": str(begun["device_code"]), **client.credentials}
    while waited < longest:
        await pause(interval)
        waited += interval
        answer = await _post(documents, provider.token_endpoint, form)
        error = "" if answer.status == 200 else str(_content(answer).get("error"))
        if error == "slow_down":
            interval += 5
        elif error != "authorization_pending":
            return _tokens(answer)
    raise Failure("Nobody signed in", f"the code expired after {longest:.0f} seconds", "Try again")


async def refresh(documents: Documents, provider: Provider, client: OidcClient, refresh_token: Secret) -> Tokens:
    """Return new tokens for a refresh token. Raises Failure if the provider returns no ID token."""
    form = {
        "grant_type": "refresh_token",
        "refresh_token": refresh_token.reveal(),
        "scope": client.scopes,
        **client.credentials,
    }
    tokens = _tokens(await _post(documents, provider.token_endpoint, form))
    kept = tokens.refresh_token or refresh_token
    return Tokens(tokens.id_token, kept, tokens.claims)


def _tokens(answer: Answer) -> Tokens:
    content = _content(answer)
    token, again = content.get("id_token"), content.get("refresh_token")
    if answer.status != 200 or not isinstance(token, str):
        raise _refused(content)
    return Tokens(Secret(token), Secret(again) if isinstance(again, str) else None, _claims(token))


def _claims(token: str) -> Mapping[str, Any]:
    try:
        payload = token.split(".")[1]
        claims = json.loads(base64.urlsafe_b64decode(payload + "=" * (-len(payload) % 4)))
    except (IndexError, ValueError, RecursionError):
        claims = None
    if not isinstance(claims, dict):
        raise Failure("The sign-in was not completed", "the provider's ID token cannot be read", "Try again")
    return claims


async def _post(documents: Documents, url: str, form: Mapping[str, str]) -> Answer:
    try:
        return await documents.post(url, form)
    except Unfetchable as error:
        raise Failure("The provider cannot be reached", str(error), "Try again") from error


def _content(answer: Answer) -> Mapping[str, Any]:
    try:
        content = json.loads(answer.body)
    except (ValueError, RecursionError):
        content = None
    return content if isinstance(content, dict) else {"error": f"status {answer.status}"}


def _refused(answer: Mapping[str, Any]) -> Failure:
    error, description = answer.get("error", "it gave no ID token"), answer.get("error_description", "")
    return Failure(
        "The provider refused the sign-in",
        f"{error} {description}"[:300].strip(),
        "Check client id, scopes and redirect address there",
    )


def _seconds(value: object, default: float) -> float:
    return float(value) if isinstance(value, int | float) and 0 < value < 86_400 else default


def _check_url(url: str, name: str) -> None:
    try:
        parts = urlsplit(url)
        host = parts.hostname or ""
    except ValueError:
        parts, host = urlsplit(""), ""
    written = len(url) <= LONGEST_URL and url.isascii() and url.isprintable() and " " not in url
    if not (host and written) or not (parts.scheme == "https" or (parts.scheme == "http" and is_loopback(host))):
        raise Failure(
            f"The provider's {name} {url[:200]!r} cannot be used", "it must be https://HOST", "Check the issuer"
        )
