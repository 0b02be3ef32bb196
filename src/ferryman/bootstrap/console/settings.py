"""The settings of the web console, and the checks beyond their types."""

from collections.abc import Mapping
from pathlib import Path
from typing import Annotated
from urllib.parse import urlsplit

import msgspec
from msgspec import Meta

from ferryman.model.failures import Failure
from ferryman.model.values.hosts import is_loopback

RoleName = Annotated[
    str, Meta(pattern=r"^[\w+=,.@/-]{1,576}\Z", description="a role's name, with its path if it has one")
]
_TAKEN = ("/v1", "/healthz", "/readyz", "/invite")
"""Paths of the server's own."""


ProviderId = Annotated[
    str, Meta(pattern=r"^[a-z0-9][a-z0-9-]{0,31}\Z", description="lower-case letters, digits and `-`")
]
MOST_PROVIDERS = 10


class ConsoleProvider(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """An OpenID Connect provider that people sign in to the console with."""

    name: Annotated[str, Meta(min_length=1, max_length=64)]
    issuer: str
    client_id: Annotated[str, Meta(min_length=1, max_length=1024)]
    roles: Annotated[tuple[RoleName, ...], Meta(min_length=1, max_length=20)]
    client_secret_file: str | None = None
    scopes: Annotated[str, Meta(max_length=1024)] | None = None
    session_claim: Annotated[str, Meta(pattern=r"^[\w:./-]{1,128}\Z")] | None = None


class Console(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Whether there is a web console, where, and how long a browser stays signed in."""

    enabled: bool = True
    path: Annotated[str, Meta(max_length=64, pattern=r"^(/[a-z0-9][a-z0-9._-]*)+\Z")] = "/console"
    listen: str | None = None
    public_url: str | None = None
    idle_minutes: Annotated[int, Meta(ge=1, le=1440)] = 30
    session_hours: Annotated[int, Meta(ge=1, le=168)] = 12
    providers: dict[ProviderId, ConsoleProvider] = {}


def check_console(console: Console, path: Path) -> None:
    """Raise Failure for settings that do not go together; `path` is the configuration's."""
    if any(console.path == each or console.path.startswith(f"{each}/") for each in _TAKEN):
        raise Failure(f"{path}: console.path {console.path!r} is taken", "the server answers there", "Choose another")
    _check_providers(console.providers, path)
    if console.listen is not None and console.public_url is None:
        raise Failure(
            f"{path}: console.public_url is missing",
            "with console.listen, browsers reach the console at an address of its own",
            "Set it to that address, such as https://HOST[:PORT]",
        )
    if console.public_url is None:
        return
    try:
        url = urlsplit(console.public_url)
        valid = url.scheme in ("http", "https") and bool(url.hostname) and url.port != 0 and url.path in ("", "/")
    except ValueError:
        valid = False
    if not valid or url.query or url.fragment or "@" in url.netloc:
        raise Failure(
            f"{path}: console.public_url {console.public_url!r} cannot be used",
            "it must be http[s]://HOST[:PORT] with no path",
            "Set it to the address at which browsers reach the console",
        )


def _check_providers(providers: Mapping[str, ConsoleProvider], path: Path) -> None:
    if len(providers) > MOST_PROVIDERS:
        raise Failure(f"{path}: console.providers has too many", f"{MOST_PROVIDERS} can be chosen from", "Remove some")
    for provider_id, each in providers.items():
        try:
            url = urlsplit(each.issuer)
            host = url.hostname or ""
        except ValueError:
            url, host = urlsplit(""), ""
        if not host or url.query or not (url.scheme == "https" or (url.scheme == "http" and is_loopback(host))):
            raise Failure(
                f"{path}: console.providers.{provider_id}.issuer {each.issuer!r} cannot be used",
                "it must be the provider's HTTPS URL",
                "Write https://HOST[/PATH], as the provider is registered",
            )
