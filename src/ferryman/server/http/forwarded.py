"""The client of a request that came through a trusted proxy.

Only a trusted proxy's header is used, and only the part that trusted proxies added: addresses are read from right to
left, up to the first that is not a trusted proxy's. Anything to its left is the client's own claim.
"""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from enum import StrEnum
from ipaddress import IPv4Address, IPv6Address, ip_address

from aiohttp import web
from multidict import MultiMapping

from ferryman.model.errors import ServiceError
from ferryman.server.listener.unauthenticated import Network

MOST_HOPS = 32
"""Proxies in a chain; a request through more is refused."""
LONGEST_HEADER = 8 * 1024
"""Characters of all lines of such a header; a longer one is refused before it is parsed."""
_PAIR = re.compile(r'[\s,;]*([!#$%&\'*+.^_`|~0-9A-Za-z-]+)=("(?:[^"\\]|\\.)*"|[^"\s;,]*)\s*([;,]|\Z)')
_ESCAPED = re.compile(r"\\(.)")
_ADDRESS = re.compile(r"\[(?P<bracketed>[0-9A-Fa-f:.]+)\](:[0-9]+)?|(?P<v4>[0-9.]+)(:[0-9]+)?|(?P<v6>[0-9A-Fa-f:.]+)")

Address = IPv4Address | IPv6Address


class ProxyHeader(StrEnum):
    """The header that names the client. Only one is read: a proxy that adds to one passes the other on as the client
    sent it."""

    X_FORWARDED_FOR = "X-Forwarded-For"
    FORWARDED = "Forwarded"


@dataclass(frozen=True, slots=True)
class ForwardedClient:
    """The client of a request: its IP address, and whether it used TLS."""

    address: str
    secure: bool


class TrustedProxies:
    """The networks of trusted proxies, and the header they set; without networks, no header is read."""

    def __init__(self, networks: Sequence[Network] = (), header: ProxyHeader = ProxyHeader.X_FORWARDED_FOR) -> None:
        self._networks = tuple(networks)
        self._header = header

    def resolve(self, request: web.Request) -> web.Request:
        """Return the request with its client's `remote` and `secure`; raises as `client_of`."""
        if not self._networks or request.remote is None:
            return request
        client = self.client_of(request.remote, request.headers, secure=request.secure)
        if (client.address, client.secure) == (request.remote, request.secure):
            return request
        return request.clone(remote=client.address, scheme="https" if client.secure else "http")

    def client_of(self, peer: str, headers: MultiMapping[str], *, secure: bool) -> ForwardedClient:
        """Return the client of a request from `peer`; `secure` says whether the peer's connection uses TLS.

        Raises `ServiceError` ValidationException if a trusted proxy's header cannot be read: using the proxy's address
        instead could give the client what only the proxy's network may have.
        """
        address = _address(peer)
        if address is None or not self._is_trusted(address):
            return ForwardedClient(peer, secure)
        hops = self._forwarded(headers) if self._header is ProxyHeader.FORWARDED else _x_forwarded(headers)
        for passed, (claimed, proto) in enumerate(hops):
            address = _address(claimed)
            if address is None or passed >= MOST_HOPS:
                raise _unreadable(self._header)
            if proto:
                secure = proto.lower() == "https"
            if not self._is_trusted(address):
                break
        if self._header is ProxyHeader.X_FORWARDED_FOR:
            protos = [each.strip().lower() for each in _listed(headers, "X-Forwarded-Proto")]
            secure = all(each == "https" for each in protos) if protos else secure
        return ForwardedClient(str(address), secure)

    def _is_trusted(self, address: Address) -> bool:
        return any(address in network for network in self._networks)

    def _forwarded(self, headers: MultiMapping[str]) -> Iterator[tuple[str, str]]:
        """Yield `for` and `proto` of each element (RFC 7239 section 4), the last one first."""
        for line in reversed(_lines(headers, "Forwarded")):
            elements = _elements(line)
            if elements is None:
                raise _unreadable(self._header)
            for element in reversed(elements):
                yield element.get("for", ""), element.get("proto", "")


def _elements(line: str) -> list[dict[str, str]] | None:
    """Return the parameters of each element of a line; None if it is malformed, for example by a quotation mark that a
    client left open, which would swallow what the proxy added."""
    elements: list[dict[str, str]] = [{}]
    text, position = line.strip(" \t,;"), 0
    while position < len(text):
        pair = _PAIR.match(text, position)
        if pair is None or pair[1].lower() in elements[-1]:
            return None
        elements[-1][pair[1].lower()] = _ESCAPED.sub(r"\1", pair[2].strip('"'))
        if pair[3] == ",":
            elements.append({})
        position = pair.end()
    return [element for element in elements if element]


def _x_forwarded(headers: MultiMapping[str]) -> Iterator[tuple[str, str]]:
    for each in reversed(_listed(headers, "X-Forwarded-For")):
        yield each, ""


def _listed(headers: MultiMapping[str], name: str) -> list[str]:
    """Return the values of a list header, over all its lines."""
    return [each.strip() for line in _lines(headers, name) for each in line.split(",") if each.strip()]


def _lines(headers: MultiMapping[str], name: str) -> list[str]:
    lines = headers.getall(name, [])
    if sum(map(len, lines)) > LONGEST_HEADER:
        message = f"The header {name} has more than {LONGEST_HEADER} characters. Configure the proxy to overwrite it."
        raise ServiceError("ValidationException", message)
    return lines


def _address(text: str) -> Address | None:
    """Return an IP address without the port that may follow it; None for anything else, such as `unknown`."""
    found = _ADDRESS.fullmatch(text.strip())
    if found is None:
        return None
    try:
        address = ip_address(found["bracketed"] or found["v4"] or found["v6"])
    except ValueError:
        return None
    mapped = address.ipv4_mapped if isinstance(address, IPv6Address) else None
    return address if mapped is None else mapped


def _unreadable(header: ProxyHeader) -> ServiceError:
    return ServiceError(
        "ValidationException",
        f"The proxy's {header} header does not name its client. Configure the proxy to set the header to its client's "
        "address, or to append the address.",
    )
