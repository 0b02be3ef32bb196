"""The destinations of port sessions: resolving names, the deny list, and dialling exactly the address that was
checked."""

import asyncio
import ipaddress
import os
import socket
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TypeVar

from ferryman.model.failures import said_by

Address = ipaddress.IPv4Address | ipaddress.IPv6Address
Network = ipaddress.IPv4Network | ipaddress.IPv6Network

DIAL_SECONDS = 10.0
"""Limit for resolving a host and dialling all its addresses."""
DENIED_BY_DEFAULT = (
    "169.254.0.0/16",
    "fe80::/10",
    "100.100.100.200/32",
    "168.63.129.16/32",
    "192.0.0.192/32",
    "fd00:ec2::/32",
    "fd20:ce::254/128",
    "fd00:c1::a9fe:a9fe/128",
    "fd00:42::42/128",
    "64:ff9b:1::/48",
    "::ffff:0:0:0/96",
)
"""Where clouds serve instances' credentials: link-local addresses, those of Alibaba, Azure and Oracle; in IPv6 those
of AWS, Google, Oracle and Scaleway; and local translators to IPv4 (RFC 8215, RFC 7915), which may reach any of them.
"""
_LOOPBACK = (ipaddress.IPv4Address("127.0.0.1"), ipaddress.IPv6Address("::1"))
_LOW_32_BITS = (
    ipaddress.IPv6Network("::/96"),  # IPv4-compatible
    ipaddress.IPv6Network("::ffff:0:0/96"),  # mapped
    ipaddress.IPv6Network("::ffff:0:0:0/96"),  # translated, RFC 7915
    ipaddress.IPv6Network("64:ff9b::/96"),  # NAT64, RFC 6052
)
"""Prefixes before an IPv4 address."""
_LOCAL_NAT64 = ipaddress.IPv6Network("64:ff9b:1::/48")
_ISATAP = (0x00005EFE, 0x02005EFE)

_Connection = TypeVar("_Connection", bound=asyncio.BaseProtocol)


class DialFailed(Exception):
    """No connection could be made; the text says what failed and why."""


class DestinationDenied(DialFailed):
    """The node's configuration denies every address of the host."""


def networks(texts: Sequence[str]) -> tuple[Network, ...]:
    """Return networks from `address` or `address/prefix` texts; raises ValueError naming the wrong one."""
    return tuple(ipaddress.ip_network(text, strict=False) for text in texts)


def is_denied(address: str, denied: Sequence[Network]) -> bool:
    """Return whether an address is in a denied network, or leads to one that is.

    It does if it wraps an IPv4 address, and if it is unspecified (`0.0.0.0`, `::`): that connects to this machine.
    """
    forms = _forms(ipaddress.ip_address(address.partition("%")[0]))
    return any(form in network for form in forms for network in denied if form.version == network.version)


def _forms(address: Address) -> set[Address]:
    """Return the address and all the addresses it leads to."""
    forms: set[Address] = set()
    waiting: list[Address] = [address]
    while waiting:
        form = waiting.pop()
        if form not in forms:
            forms.add(form)
            waiting += _LOOPBACK if form.is_unspecified else ()
            waiting += _wrapped(form) if isinstance(form, ipaddress.IPv6Address) else ()
    return forms


def _wrapped(address: ipaddress.IPv6Address) -> list[ipaddress.IPv4Address]:
    """Return the IPv4 addresses that an IPv6 one may stand for: `_LOW_32_BITS`, 6to4, Teredo, ISATAP, local NAT64."""
    value = int(address)
    ends_in_ipv4 = any(address in prefix for prefix in _LOW_32_BITS) or value >> 32 & 0xFFFFFFFF in _ISATAP
    wrapped = [ipaddress.IPv4Address(value & 0xFFFFFFFF)] if ends_in_ipv4 else []
    if address in _LOCAL_NAT64:
        wrapped += _translated(value)
    if address.sixtofour is not None:
        wrapped.append(address.sixtofour)
    if address.teredo is not None:
        wrapped += address.teredo
    return wrapped


def _translated(value: int) -> list[ipaddress.IPv4Address]:
    """Return the IPv4 addresses that may follow a prefix of 48, 56, 64 or 96 bits (RFC 6052 section 2.2, which skips
    bits 64 to 71)."""
    without = value >> 64 << 56 | value & (1 << 56) - 1  # 120 bits
    at = [without >> shift & 0xFFFFFFFF for shift in (40, 32, 24)]
    return [ipaddress.IPv4Address(each) for each in (*at, value & 0xFFFFFFFF)]


@dataclass(frozen=True, slots=True)
class Endpoint:
    """A socket address as the resolver returned it: the address that is checked is the one that is connected to."""

    family: int
    sockaddr: tuple[str, int] | tuple[str, int, int, int] | tuple[int, bytes]

    @property
    def address(self) -> str:
        """The IP address, with its zone if it has one."""
        return str(self.sockaddr[0])


@dataclass(frozen=True, slots=True)
class Destination:
    """A TCP port as the session's document names it.

    `host` None is this machine, which is never denied; names are resolved again for each connection.
    """

    port: int
    host: str | None = None
    denied: tuple[Network, ...] = ()

    async def addresses(self) -> list[str]:
        """Return the addresses that may be dialled, best first; raises `DialFailed`, also `DestinationDenied`."""
        return [endpoint.address for endpoint in await self.endpoints()]

    async def endpoints(self) -> list[Endpoint]:
        """Return the endpoints that may be dialled, best first; raises `DialFailed`, also `DestinationDenied`."""
        name = self.host or "localhost"
        try:
            found = await asyncio.get_running_loop().getaddrinfo(name, self.port, type=socket.SOCK_STREAM)
        except (OSError, UnicodeError) as error:
            reason = said_by(error)
            raise DialFailed(f"cannot resolve {name}: {reason}") from error
        every = list(dict.fromkeys(Endpoint(family, sockaddr) for family, _, _, _, sockaddr in found))
        allowed = [endpoint for endpoint in every if not self._denies(endpoint.address)]
        if not allowed:
            denied = every[0].address if every else ""
            raise DestinationDenied(
                f"Forwarding to IP address {denied} is forbidden." if every else f"{name} has no address"
            )
        return allowed

    async def dial(self, make: Callable[[], _Connection]) -> _Connection:
        """Return a connection to the first address that answers, each checked before it is dialled.

        Raises `DialFailed` when none does within 10 s, and `DestinationDenied`.
        """
        where = f"{self.host or 'localhost'}:{self.port}"
        reason = "no address answered in time"
        try:
            async with asyncio.timeout(DIAL_SECONDS):
                for endpoint in await self.endpoints():
                    try:
                        return await self._connect(endpoint, make)
                    except OSError as error:
                        reason = os.strerror(error.errno) if error.errno else str(error)
        except TimeoutError:
            pass
        raise DialFailed(f"cannot connect to {where}: {reason}")

    async def _connect(self, endpoint: Endpoint, make: Callable[[], _Connection]) -> _Connection:
        """Connect to exactly the address that was checked, and check the peer's address before sending any byte."""
        loop = asyncio.get_running_loop()
        connecting = socket.socket(endpoint.family, socket.SOCK_STREAM)
        try:
            connecting.setblocking(False)
            await loop.sock_connect(connecting, endpoint.sockaddr)
            peer = str(connecting.getpeername()[0])
            if self._denies(peer):
                raise DestinationDenied(f"Forwarding to IP address {peer} is forbidden.")
            _, connection = await loop.create_connection(make, sock=connecting)
        except BaseException:
            connecting.close()
            raise
        return connection

    def _denies(self, address: str) -> bool:
        return self.host is not None and is_denied(address, self.denied)
