"""Which HTTP proxy to use for a server: `HTTP_PROXY`, `HTTPS_PROXY` and `NO_PROXY`, read the same way by every client.

They are read as the AWS CLI reads them. In addition, an entry of `NO_PROXY` may be a network (`10.0.0.0/8`) and have a
port, and IPv6 addresses may be written with or without brackets.
"""

import ipaddress
import re
from urllib.parse import SplitResult, urlsplit
from urllib.request import getproxies_environment

from ferryman.model.values.hosts import address_of, is_loopback
from ferryman.transport.errors import Unreachable

_SCHEMES = {"ws": "http", "wss": "https"}
_PORTS = {"http": 80, "https": 443}
_WITH_PORT = re.compile(r"(\[[^]]*\]|[^:\[\]]+):(\d+)")


def proxy_for(url: str) -> str | None:
    """Return the URL of the proxy that the environment names for `url`, None to connect directly, as for loopback.

    A proxy named without a scheme is an `http` one. Raises `Unreachable` for a proxy of another kind than HTTP.
    """
    target = urlsplit(url)
    host = (target.hostname or "").rstrip(".")
    scheme = _SCHEMES.get(target.scheme, target.scheme)
    named = getproxies_environment()
    proxy = named.get(scheme)
    if not proxy or is_loopback(host) or _excepted(host, target.port or _PORTS.get(scheme), named.get("no", "")):
        return None
    return _checked(proxy if "://" in proxy else f"http://{proxy}", scheme)


def proxies_for(url: str) -> dict[str, str]:
    """Return the same in the form of botocore's `proxies` setting, for a client of `url`; empty to connect directly."""
    proxy = proxy_for(url)
    return {} if proxy is None else {"http": proxy, "https": proxy}


def _excepted(host: str, port: int | None, exceptions: str) -> bool:
    """Whether `NO_PROXY` names the host: commas or spaces stand between its entries."""
    return any(_names(entry, host.lower(), port) for entry in exceptions.lower().replace(",", " ").split())


def _names(entry: str, host: str, port: int | None) -> bool:
    if entry == "*":
        return True
    if found := _WITH_PORT.fullmatch(entry):
        if int(found[2]) != port:
            return False
        entry = found[1]
    entry = entry.replace("[", "").replace("]", "")
    address = address_of(host)
    if address is not None:
        try:
            return address in ipaddress.ip_network(entry, strict=False)
        except ValueError:
            return False
    name = entry.removeprefix("*").strip(".")
    return bool(name) and (host == name or host.endswith(f".{name}"))


def _checked(proxy: str, scheme: str) -> str:
    try:
        parts: SplitResult | None = urlsplit(proxy)
        usable = parts is not None and parts.scheme in _PORTS and bool(parts.hostname) and parts.port != 0
    except ValueError:
        usable = False
    if not usable:  # its text may hold a password
        raise Unreachable(f"the proxy of {scheme.upper()}_PROXY cannot be used: set it to http://HOST:PORT")
    return proxy
