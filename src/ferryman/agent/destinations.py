"""Where a port session may connect to: resolving, the deny list, dialling the address that was checked."""

import asyncio
import ipaddress
import os
import socket
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TypeVar

Address = ipaddress.IPv4Address | ipaddress.IPv6Address
Network = ipaddress.IPv4Network | ipaddress.IPv6Network

DIAL_SECONDS = 10.0
"""For resolving and for all addresses of a host together."""
DENIED_BY_DEFAULT = ("169.254.0.0/16", "fe80::/10", "fd00:ec2::/32", "fd20:ce::254/128")
"""Link-local addresses, where clouds serve instances' credentials, and their counterparts in IPv6."""
_NAT64 = ipaddress.IPv6Network("64:ff9b::/96")

_Connection = TypeVar("_Connection", bound=asyncio.BaseProtocol)


class Undialled(Exception):
    """No connection came about; the text says what failed and why."""


class Forbidden(Undialled):
    """The node's configuration denies every address of the host."""


def networks(texts: Sequence[str]) -> tuple[Network, ...]:
    """Return networks from `address` or `address/prefix` texts; raises ValueError naming the wrong one."""
    return tuple(ipaddress.ip_network(text, strict=False) for text in texts)


def is_denied(address: str, denied: Sequence[Network]) -> bool:
    """Tell whether an address is in a denied network, also when it is wrapped in an IPv6 address that leads to it."""
    parsed = ipaddress.ip_address(address.partition("%")[0])
    forms = {parsed, *_wrapped(parsed)}
    return any(form in network for form in forms for network in denied if form.version == network.version)


def _wrapped(address: Address) -> list[Address]:
    """IPv4 addresses that an IPv6 one stands for: mapped (::ffff:0:0/96), NAT64, 6to4, Teredo, compatible (::/96)."""
    if isinstance(address, ipaddress.IPv4Address):
        return []
    wrapped: list[Address | None] = [address.ipv4_mapped, address.sixtofour]
    if address.teredo is not None:
        wrapped.append(address.teredo[1])
    if address in _NAT64 or int(address) >> 32 == 0:
        wrapped.append(ipaddress.IPv4Address(int(address) & 0xFFFFFFFF))
    return [form for form in wrapped if form is not None]


@dataclass(frozen=True, slots=True)
class Destination:
    """A TCP port as the session's document names it.

    `host` None is this machine, which is never denied; names are resolved for each connection anew.
    """

    port: int
    host: str | None = None
    denied: tuple[Network, ...] = ()

    async def addresses(self) -> list[str]:
        """Return the addresses that may be dialled, best first; raises `Undialled`, also `Forbidden`."""
        name = self.host or "localhost"
        try:
            found = await asyncio.get_running_loop().getaddrinfo(name, self.port, type=socket.SOCK_STREAM)
        except (OSError, UnicodeError) as error:
            reason = error.strerror if isinstance(error, OSError) and error.strerror else str(error)
            raise Undialled(f"cannot resolve {name}: {reason}") from error
        every = list(dict.fromkeys(str(entry[4][0]) for entry in found))
        allowed = [address for address in every if self.host is None or not is_denied(address, self.denied)]
        if not allowed:
            raise Forbidden(f"Forwarding to IP address {every[0]} is forbidden." if every else f"{name} has no address")
        return allowed

    async def dial(self, make: Callable[[], _Connection]) -> _Connection:
        """Return a connection to the first address that answers, each checked before it is dialled.

        Raises `Undialled` when none does within 10 s, and `Forbidden`.
        """
        where = f"{self.host or 'localhost'}:{self.port}"
        reason = "no address answered in time"
        try:
            async with asyncio.timeout(DIAL_SECONDS):
                for address in await self.addresses():
                    try:
                        _, connection = await asyncio.get_running_loop().create_connection(make, address, self.port)
                    except OSError as error:
                        reason = os.strerror(error.errno) if error.errno else str(error)
                    else:
                        return connection
        except TimeoutError:
            pass
        raise Undialled(f"cannot connect to {where}: {reason}")
