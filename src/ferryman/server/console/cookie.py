"""The cookie that a browser is signed in by.

Over TLS its name begins with `__Host-`: no other host can set it, and it travels nowhere else. Without TLS it is set
only on loopback, where nobody can listen in.
"""

from aiohttp import web

from ferryman.model.errors import ServiceError
from ferryman.model.values.hosts import is_loopback
from ferryman.model.values.secret import Secret
from ferryman.server.http.app_keys import GATEWAY

SECURE_NAME = "__Host-ferryman"
LOOPBACK_NAME = "ferryman"
ATTEMPT = "-oidc"
"""Appended to either name, for the cookie of a sign-in at a provider."""


def is_plain_loopback(request: web.Request) -> bool:
    """Return whether the browser is on this machine and speaks plain HTTP, and no TLS is configured in front."""
    return not _has_tls(request) and is_loopback(request.url.host or "")


def require_safe_transport(request: web.Request) -> None:
    """Raise InsecureTransport if the cookie would travel in the clear."""
    if _has_tls(request) or is_plain_loopback(request):
        return
    message = "The console needs HTTPS: without it, others could read your key. Open it at an https:// address."
    raise ServiceError("InsecureTransport", message, status=403)


def set_cookie(request: web.Request, response: web.Response, token: Secret) -> None:
    """Sign the browser in. The server ends the session, so the cookie itself has no age."""
    plain = is_plain_loopback(request)
    response.set_cookie(_name(plain), token.reveal(), path="/", httponly=True, secure=not plain, samesite="Strict")


def clear_cookie(request: web.Request, response: web.Response) -> None:
    """Remove the cookie from the browser."""
    plain = is_plain_loopback(request)
    response.del_cookie(_name(plain), path="/", httponly=True, secure=not plain, samesite="Strict")


def token_of(request: web.Request) -> str:
    """Return the cookie's value, "" without one."""
    return request.cookies.get(_name(is_plain_loopback(request)), "")


def set_attempt_cookie(request: web.Request, response: web.Response, value: Secret, seconds: int) -> None:
    """Bind a sign-in at a provider to the browser. Lax, because the way back comes from the provider's site."""
    plain = is_plain_loopback(request)
    response.set_cookie(
        _name(plain) + ATTEMPT,
        value.reveal(),
        path="/",
        max_age=seconds,
        httponly=True,
        secure=not plain,
        samesite="Lax",
    )


def clear_attempt_cookie(request: web.Request, response: web.Response) -> None:
    """Remove that cookie from the browser."""
    plain = is_plain_loopback(request)
    response.del_cookie(_name(plain) + ATTEMPT, path="/", httponly=True, secure=not plain, samesite="Lax")


def attempt_of(request: web.Request) -> str:
    """Return that cookie's value, "" without one."""
    return request.cookies.get(_name(is_plain_loopback(request)) + ATTEMPT, "")


def _name(plain: bool) -> str:
    return LOOPBACK_NAME if plain else SECURE_NAME


def _has_tls(request: web.Request) -> bool:
    """Return whether there is TLS between the browser and this server, or the proxy in front of it."""
    settings = request.app[GATEWAY].service.settings
    urls = (settings.public_url, settings.console.public_url)
    return request.secure or any(url.startswith("https://") for url in urls)
