"""Signing a browser in at an OpenID Connect provider: the authorization code flow with PKCE, and the role that the
person gets.

Sources: RFC 6749, RFC 7636 (S256), RFC 9207, OpenID Connect Core. What binds the sign-in to its browser is sealed into
a cookie, so any server can finish what another one began. Which role a person may have is decided as by
AssumeRoleWithWebIdentity: by the role's trust policy and the claims of the ID token.
"""

import base64
import binascii
import hmac
from dataclasses import dataclass
from hashlib import sha256
from urllib.parse import urlencode

import msgspec

from ferryman.core.console.browser_sessions import new_token
from ferryman.core.iam.oidc_providers import check_url
from ferryman.core.identity.assume_role import SessionRequest, find_role
from ferryman.core.identity.callers import authenticate
from ferryman.core.identity.id_tokens import WebIdentity, verify_token
from ferryman.core.identity.web_identity import assume_role_with_web_identity
from ferryman.core.providers.endpoints import Endpoints, form_content
from ferryman.core.service import Service
from ferryman.core.vault import Unsealable
from ferryman.model.errors import ServiceError, Unfetchable
from ferryman.model.identifiers import Millis
from ferryman.model.identity.callers import Caller, Origin
from ferryman.model.identity.console_providers import ConsoleProvider
from ferryman.model.identity.session_names import session_name
from ferryman.model.values.secret import Secret

ATTEMPT_SECONDS = 600
"""How long a sign-in at the provider may take."""
CALLBACK_PATH = "/api/sign-in/callback"
"""Below the console's path; the redirect address that the provider must know."""
LONGEST_CODE = 4096
LONGEST_TOKEN = 20_000
_PURPOSE = "console-oidc"
_SHORTEST_SESSION = 900


class SignInRefused(ServiceError):
    """Somebody was not signed in. `reason` is `denied`, `provider`, `expired` or `role`, for the page to explain."""

    def __init__(self, reason: str, message: str, *, code: str = "SignInRefused", cause: str | None = None) -> None:
        super().__init__(code, message, status=403, cause=cause)
        self.reason = reason


class _Attempt(msgspec.Struct, frozen=True, array_like=True):
    provider_id: str
    role_arn: str
    state: str
    nonce: str
    verifier: str
    return_to: str
    expires_at: int


@dataclass(frozen=True, slots=True)
class Begun:
    """A sign-in that has begun: where the browser goes, and the cookie that it brings back."""

    location: str
    cookie: Secret


@dataclass(frozen=True, slots=True)
class CallbackAnswer:
    """The query with which the provider sent the browser back; members that it left out are empty."""

    code: str
    state: str
    error: str
    issuer: str


async def begin_sign_in(service: Service, provider_id: str, role: str, return_to: str) -> Begun:
    """Begin a sign-in; `role` is the name or ARN of one of the provider's roles, "" for the first that admits the
    person. Raises `SignInRefused`."""
    provider = _provider(service, provider_id)
    role_arn = _role(provider, role)
    endpoints = await _endpoints(service, provider)
    state, nonce, verifier = (new_token(service).reveal() for _ in range(3))
    attempt = _Attempt(
        provider_id, role_arn, state, nonce, verifier, return_to, service.clock() + ATTEMPT_SECONDS * 1000
    )
    query = {
        "response_type": "code",
        "client_id": provider.client_id,
        "redirect_uri": _redirect_uri(service),
        "scope": provider.scopes,
        "state": state,
        "nonce": nonce,
        "code_challenge": _encoded(sha256(verifier.encode()).digest()),
        "code_challenge_method": "S256",
    }
    separator = "&" if "?" in endpoints.authorization_endpoint else "?"
    sealed = service.vault.seal(_PURPOSE, msgspec.msgpack.encode(attempt))
    return Begun(endpoints.authorization_endpoint + separator + urlencode(query), Secret(_encoded(sealed)))


async def finish_sign_in(service: Service, origin: Origin, cookie: str, answer: CallbackAnswer) -> tuple[Caller, str]:
    """Return who has signed in, in the session of a role, and where they wanted to go. Raises `SignInRefused`."""
    attempt = _opened(service, cookie)
    if not hmac.compare_digest(answer.state.encode(errors="replace"), attempt.state.encode()):
        raise _expired()
    provider = _provider(service, attempt.provider_id)
    if answer.error or not 0 < len(answer.code) <= LONGEST_CODE:
        raise _refused_by_provider(answer.error[:100] or "it sent no code")
    endpoints = await _endpoints(service, provider)
    if answer.issuer and answer.issuer.rstrip("/") != provider.issuer.rstrip("/"):
        raise _refused_by_provider("another provider answered")
    token = await _exchanged(service, provider, endpoints, answer.code, attempt.verifier)
    identity = await _verified(service, provider, token, attempt.nonce)
    return await _in_role(service, origin, provider, identity, token, attempt.role_arn), attempt.return_to


def _provider(service: Service, provider_id: str) -> ConsoleProvider:
    for each in service.settings.console.providers:
        if each.provider_id == provider_id:
            return each
    raise SignInRefused("provider", "This server has no such provider.")


def _role(provider: ConsoleProvider, role: str) -> str:
    if not role:
        return ""
    for arn in provider.role_arns:
        if role in (arn, arn.rpartition("/")[2]):
            return arn
    raise SignInRefused("role", "This role is not offered for signing in.")


async def _endpoints(service: Service, provider: ConsoleProvider) -> Endpoints:
    def check(url: str) -> None:
        try:
            check_url(service, url)
        except ServiceError as error:
            raise Unfetchable("its discovery document has an endpoint that may not be used") from error

    try:
        return await service.provider_endpoints.find(service.fetch, check, provider.issuer, service.clock())
    except Unfetchable as error:
        raise _refused_by_provider(str(error)) from error


async def _exchanged(
    service: Service, provider: ConsoleProvider, endpoints: Endpoints, code: str, verifier: str
) -> str:
    """Return the ID token for a code."""
    form = {
        "grant_type": "authorization_code",
        "code": code,
        "redirect_uri": _redirect_uri(service),
        "code_verifier": verifier,
        "client_id": provider.client_id,
    }
    basic = None
    if provider.client_secret is not None:
        if "client_secret_post" in endpoints.token_endpoint_auth_methods_supported:
            form["client_secret"] = provider.client_secret.reveal()
        else:
            basic = (provider.client_id, provider.client_secret.reveal())
    try:
        answer = await service.post_form(endpoints.token_endpoint, form, basic)
    except Unfetchable as error:
        raise _refused_by_provider(str(error)) from error
    token = form_content(answer).get("id_token")
    if answer.status != 200 or not isinstance(token, str) or len(token) > LONGEST_TOKEN:
        said = str(form_content(answer).get("error", "it sent no ID token"))[:100]
        # Counted as a failed attempt: codes are the only thing here that could be guessed.
        raise _refused_by_provider(f"status {answer.status}, {said}", code="InvalidIdentityToken")
    return token


async def _verified(service: Service, provider: ConsoleProvider, token: str, nonce: str) -> WebIdentity:
    """Return whose token it is, if it was issued for this sign-in, by this provider, to the console."""
    try:
        identity = await verify_token(service, token)
    except ServiceError as error:
        raise _refused_by_provider(error.message, code="InvalidIdentityToken") from error
    claimed = identity.claims.get("nonce")
    if not isinstance(claimed, str) or not hmac.compare_digest(claimed.encode(errors="replace"), nonce.encode()):
        raise _refused_by_provider("its token is for another sign-in", code="InvalidIdentityToken")
    if identity.issuer.rstrip("/") != provider.issuer.rstrip("/") or provider.client_id not in identity.audiences:
        raise _refused_by_provider("its token is for another client", code="InvalidIdentityToken")
    return identity


async def _in_role(
    service: Service, origin: Origin, provider: ConsoleProvider, identity: WebIdentity, token: str, role_arn: str
) -> Caller:
    name = session_name(identity.claims, provider.session_claim)
    if name is None:
        raise _refused_by_provider("its token has no claim that can name the session")
    for arn in (role_arn,) if role_arn else provider.role_arns:
        try:
            made = await assume_role_with_web_identity(
                service, origin, token, SessionRequest(arn, name, await _longest_session(service, arn))
            )
        except ServiceError as error:
            if error.code != "AccessDeniedException":
                raise _refused_by_provider(error.message) from error
            continue
        issued = made.session.issued.credentials
        assert issued.session_token is not None  # noqa: S101 temporary credentials have one
        return (await authenticate(service, issued.access_key_id, issued.session_token.reveal())).caller
    raise SignInRefused("denied", "No role that is offered here admits you.", code="AccessDeniedException")


async def _longest_session(service: Service, role_arn: str) -> int | None:
    """Return for how long the role's session can last, in seconds; the browser's ends with it."""
    role = await find_role(service, role_arn)
    if role is None:
        return None
    return max(_SHORTEST_SESSION, min(role.max_session_duration, service.settings.console.session_seconds))


def _opened(service: Service, cookie: str) -> _Attempt:
    try:
        sealed = base64.urlsafe_b64decode(cookie + "=" * (-len(cookie) % 4))
        attempt = msgspec.msgpack.decode(service.vault.open(_PURPOSE, sealed), type=_Attempt)
    except (binascii.Error, ValueError, Unsealable, msgspec.DecodeError) as error:
        raise _expired() from error
    if service.clock() >= Millis(attempt.expires_at):
        raise _expired()
    return attempt


def _redirect_uri(service: Service) -> str:
    settings = service.settings
    return f"{settings.console.public_url or settings.public_url}{settings.console.path}{CALLBACK_PATH}"


def _encoded(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).decode().rstrip("=")


def _expired() -> SignInRefused:
    return SignInRefused("expired", "The sign-in took too long, or began in another browser. Sign in again.")


def _refused_by_provider(cause: str, *, code: str = "SignInRefused") -> SignInRefused:
    """The cause is for administrators: a stranger may have brought about the answer."""
    return SignInRefused("provider", "The provider did not sign you in.", code=code, cause=cause)
