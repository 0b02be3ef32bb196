"""`[bus]`: how servers reach each other."""

from pathlib import Path
from typing import Annotated
from urllib.parse import urlsplit

import msgspec
from msgspec import Meta

from ferryman.model.failures import Failure
from ferryman.model.values.hosts import is_loopback

SERVERS_LIMIT = 16


class Bus(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """NATS, for messages between servers; without a URL there is one server."""

    url: Annotated[str, Meta(max_length=4096)] | None = None
    subject_prefix: Annotated[str, Meta(pattern=r"^[A-Za-z0-9_-]{1,32}(\.[A-Za-z0-9_-]{1,32}){0,3}\Z")] = "ferryman"
    user: Annotated[str, Meta(min_length=1, max_length=256)] | None = None
    password_file: str | None = None
    token_file: str | None = None
    credentials_file: str | None = None
    ca_file: str | None = None
    certificate: str | None = None
    key: str | None = None

    @property
    def servers(self) -> tuple[str, ...]:
        """The URLs of NATS's servers; none without a URL."""
        return tuple(each.strip() for each in (self.url or "").split(",")) if self.url is not None else ()


def check_bus_settings(bus: Bus, path: Path) -> None:
    """Raise Failure if `[bus]` is contradictory, or would send a login in the clear."""
    if bus.url is None and bus != Bus():
        raise Failure(f"{path}: [bus] is incomplete", "it has no url", "Set bus.url, or remove the other settings")
    for server in bus.servers:
        if not _is_usable(server):
            raise Failure(
                f"{path}: bus.url cannot be used",  # not shown: it may hold a password
                "it must be tls://HOST[:PORT], without a login; plain nats:// is for this machine only",
                "Write tls://HOST[:PORT], several with commas between them, and the login in the settings beside it",
            )
    if len(bus.servers) > SERVERS_LIMIT:
        raise Failure(
            f"{path}: bus.url names {len(bus.servers)} servers",
            f"the limit is {SERVERS_LIMIT}",
            "Name some of them",
        )
    logins = [bus.user, bus.token_file, bus.credentials_file]
    if sum(each is not None for each in logins) > 1 or (bus.user is None) != (bus.password_file is None):
        raise Failure(
            f"{path}: [bus] does not say how to log in",
            "it is with user and password_file, with token_file, or with credentials_file",
            "Set the ones that your NATS expects, or none",
        )
    if (bus.certificate is None) != (bus.key is None):
        raise Failure(
            f"{path}: [bus] sets only one of certificate and key", "NATS asks for both", "Name both, or neither"
        )


def _is_usable(server: str) -> bool:
    try:
        url = urlsplit(server)
        host, _port = url.hostname, url.port
    except ValueError:
        return False
    plain = url.scheme == "nats" and is_loopback(host or "")
    more = url.path not in {"", "/"} or url.query or url.fragment or "@" in url.netloc
    return bool(host) and not more and (url.scheme == "tls" or plain)
