"""How many connections of one address may be open before their peers have shown who they are.

Whoever has signed a request or joined a session can be called to account and is bounded elsewhere; whoever has not can
be anybody, and costs a socket, a TLS state and a buffer for as long as the server is patient.
"""

import time
from collections import Counter
from collections.abc import Callable, Sequence
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address
from typing import TypeAlias

from ferryman.core.ratelimits.throttle import TokenBuckets
from ferryman.model.identifiers import Millis

Network: TypeAlias = IPv4Network | IPv6Network
LOOPBACK: tuple[Network, ...] = (IPv4Network("127.0.0.0/8"), IPv6Network("::1/128"))
LIMIT = 256
"""A thousand nodes behind one address still come back within seconds: each is a newcomer for some milliseconds."""
_REFILL_SECONDS = 4
"""In so many seconds as many newcomers may come from one address as may be there at a time, beside those who show who
they are: these are not counted."""
_SITE_BITS = 64
"""One customer of a provider has at least this much of IPv6, and may take another address for every connection."""

Origin: TypeAlias = IPv4Address | IPv6Network
"""What is counted together: an IPv4 address, or an IPv6 network of 64 bits."""


class Newcomers:
    """Counts newcomers by where they come from: at most `limit` each, any number from the networks in `exempt`.

    Those who leave as strangers cannot come again at will: twice `limit` at once, then a quarter of it a second.
    The default exempts loopback: a proxy on this machine brings everybody's connections from one address, and programs
    on this machine have other ways to harm it.
    """

    def __init__(
        self,
        limit: int = LIMIT,
        exempt: Sequence[Network] = LOOPBACK,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._limit = limit
        self._arrivals = TokenBuckets(2 * limit, limit / _REFILL_SECONDS)
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
        """Count one more, unless that is too many: then False."""
        if origin is None:
            return True
        if self._counts[origin] >= self._limit or not self._arrivals.take(origin, Millis(int(self._clock() * 1000))):
            return False
        self._counts[origin] += 1
        return True

    def recognise(self, origin: Origin | None) -> None:
        """Count one less, which has shown who it is: it never counted as a stranger's arrival."""
        if origin is not None:
            self._arrivals.give_back(origin)
            self.leave(origin)

    def leave(self, origin: Origin | None) -> None:
        """Count one less: it is gone."""
        if origin is None:
            return
        self._counts[origin] -= 1
        if not self._counts[origin]:
            del self._counts[origin]
