"""Limits on the unauthenticated connections of each address.

A connection is unauthenticated until its peer has signed a request or joined a session. Authenticated peers are
accountable and have their own limits (`connection_limits`). An unauthenticated one can be anybody, and costs a socket,
a TLS state and a buffer until the server closes it.
"""

import time
from collections import Counter
from collections.abc import Callable, Sequence
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address
from typing import TypeAlias

from ferryman.core.ratelimits.token_bucket import TokenBuckets
from ferryman.model.identifiers import Millis

Network: TypeAlias = IPv4Network | IPv6Network
LOOPBACK: tuple[Network, ...] = (IPv4Network("127.0.0.0/8"), IPv6Network("::1/128"))
LIMIT = 256
"""A thousand nodes behind one address still reconnect within seconds: each is unauthenticated for milliseconds."""
_REFILL_SECONDS = 4
"""One address may open as many connections in this time as it may have unauthenticated at once. Those that become
authenticated are not counted."""
_SITE_BITS = 64
"""A provider gives each customer at least a /64 of IPv6, so one customer can use a new address for every connection."""

Origin: TypeAlias = IPv4Address | IPv6Network
"""What is counted together: an IPv4 address, or an IPv6 network of 64 bits."""


class UnauthenticatedLimits:
    """Counts unauthenticated connections by origin: at most `limit` each, and any number from the networks in `exempt`.

    Connections that end unauthenticated are also limited in rate: a burst of twice `limit`, then a quarter of `limit`
    per second. The default exempts loopback: a proxy on this machine brings everybody's connections from one address,
    and programs on this machine have other ways to harm it. `clock` returns seconds.
    """

    def __init__(
        self,
        limit: int = LIMIT,
        exempt: Sequence[Network] = LOOPBACK,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._limit = limit
        self._arrivals = TokenBuckets[Origin](2 * limit, limit / _REFILL_SECONDS)
        self._clock = clock
        self._exempt = tuple(exempt)
        self._counts: Counter[Origin] = Counter()

    def __len__(self) -> int:
        return self._counts.total()

    def origin(self, peer: str) -> Origin | None:
        """Return what connections from `peer`, an IP address, are counted by; None if they are not counted."""
        address = ip_address(peer)
        if isinstance(address, IPv6Address) and address.ipv4_mapped is not None:
            address = address.ipv4_mapped
        if any(address in network for network in self._exempt):
            return None
        if isinstance(address, IPv4Address):
            return address
        return IPv6Network((int(address) >> _SITE_BITS << _SITE_BITS, _SITE_BITS))

    def enter(self, origin: Origin | None) -> bool:
        """Count a new connection; False if there are too many from there, and it must be closed."""
        if origin is None:
            return True
        if self._counts[origin] >= self._limit or not self._arrivals.acquire(origin, Millis(int(self._clock() * 1000))):
            return False
        self._counts[origin] += 1
        return True

    def recognise(self, origin: Origin | None) -> None:
        """Stop counting a connection because its peer is authenticated; it does not count towards the rate either."""
        if origin is not None:
            self._arrivals.release(origin)
            self.leave(origin)

    def leave(self, origin: Origin | None) -> None:
        """Stop counting a connection because it ended."""
        if origin is None:
            return
        self._counts[origin] -= 1
        if not self._counts[origin]:
            del self._counts[origin]
