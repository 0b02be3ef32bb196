"""Whether a browser's request was made by a page of this server, by its Origin header (RFC 6454).

Names of the Host header alone prove nothing, since a page can make its own name resolve to this server. So an origin is
this server's if it is that of a configured URL, or one of this machine's own loopback names.
"""

import re
from collections.abc import Iterator

from aiohttp import web

from ferryman.core.service import Settings
from ferryman.model.errors import ServiceError
from ferryman.model.values.hosts import is_loopback

_ORIGIN = re.compile(
    r"(?P<scheme>https?)://(?:(?P<name>[a-z0-9._-]{1,253})|\[(?P<address>[0-9a-f:.]{2,45})\])(?::(?P<port>[0-9]{1,5}))?",
    re.IGNORECASE | re.ASCII,
)
_PORTS = {"http": 80, "https": 443}


class ForbiddenOrigin(ServiceError):
    """A page of another site sent the request, or nobody can tell."""

    def __init__(self, message: str) -> None:
        super().__init__("ForbiddenOrigin", message, status=403)


def require_own_origin(request: web.Request, settings: Settings, *, may_lack: bool) -> None:
    """Raise `ForbiddenOrigin` unless a page of this server sent the request.

    `may_lack`: a request without the header passes. Only browsers send it, on every POST and every upgrade.
    """
    origins = request.headers.getall("Origin", [])
    if not origins and may_lack:
        return
    if len(origins) == 1 and is_own_origin(origins[0], request.headers.get("Host", ""), settings):
        return
    message = f"This server is open to pages of {settings.console.public_url or settings.public_url} only."
    raise ForbiddenOrigin(message)


def is_own_origin(origin: str, host: str, settings: Settings) -> bool:
    """Return whether the Origin header names this server; `host` is the Host header."""
    found = _parts(origin)
    if found is None:
        return False
    if any(found == _parts(url) for url in _configured(settings)):
        return True
    scheme, name, port = found
    return is_loopback(name) and _parts(f"{scheme}://{host}") == (scheme, name, port)


def _configured(settings: Settings) -> Iterator[str]:
    yield settings.public_url
    if settings.console.public_url:
        yield settings.console.public_url


def _parts(url: str) -> tuple[str, str, int] | None:
    """Return scheme, host and port of an origin; None if it is not one, such as `null`."""
    found = _ORIGIN.fullmatch(url)
    if found is None:
        return None
    scheme = found["scheme"].lower()
    port = int(found["port"]) if found["port"] else _PORTS[scheme]
    return scheme, (found["address"] or found["name"]).lower(), port
