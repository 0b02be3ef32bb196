"""A server's address as a person types it, and the name that its profile and context get."""

import re
from urllib.parse import urlsplit

from ferryman.model.failures import Failure
from ferryman.model.values.hosts import is_loopback

_UNSAFE = re.compile(r"[^A-Za-z0-9_.@+-]")


def server_url(text: str) -> str:
    """Return the server's address, `http[s]://HOST[:PORT]`, from what a person typed. Raises Failure."""
    written = text if "://" in text else f"https://{text}"
    try:
        parts = urlsplit(written)
        host, port = parts.hostname or "", parts.port
    except ValueError:
        parts, host, port = urlsplit(""), "", None
    extra = parts.path.strip("/") or parts.query or parts.fragment or parts.username or parts.password
    if parts.scheme not in {"http", "https"} or not host or extra or not written.isprintable():
        raise Failure(
            f"{text!r} is not the address of a server", "it must be https://HOST[:PORT]", "Ask your administrator"
        )
    if parts.scheme == "http" and not is_loopback(host):
        raise Failure(
            f"{text} is not encrypted", "credentials would cross the network in the clear", "Use its https:// address"
        )
    bracketed = f"[{host}]" if ":" in host else host
    return f"{parts.scheme}://{bracketed}" + (f":{port}" if port else "")


def name_of(url: str) -> str:
    """Return a name for a server's profile and context: its host, and its port if that is not the usual one."""
    parts = urlsplit(url)
    host = _UNSAFE.sub("-", parts.hostname or "").strip("-")
    return (f"{host}-{parts.port}" if parts.port else host)[:64]
