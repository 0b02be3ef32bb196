"""Limits on the unauthenticated connections of each address.

A connection is unauthenticated until its peer has signed a request or joined a session. Authenticated peers are
accountable and have their own limits (`connection_limits`). An unauthenticated one can be anybody, and costs a socket,
a TLS state and a buffer until the server closes it.
"""

import time
from collections import Counter, OrderedDict
from collections.abc import Callable, Hashable, Sequence
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address
from typing import NamedTuple, TypeAlias

from ferryman.core.ratelimits.token_bucket import RecentBuckets
from ferryman.model.identifiers import Millis

Network: TypeAlias = IPv4Network | IPv6Network
LOOPBACK: tuple[Network, ...] = (IPv4Network("127.0.0.0/8"), IPv6Network("::1/128"))
LIMIT = 256
"""A thousand nodes behind one address still reconnect within seconds: each is unauthenticated for milliseconds."""
_REFILL_SECONDS = 4
"""One address may open as many connections in this time as it may have unauthenticated at a time. Those that become
authenticated are not counted."""
_ADDRESS_BITS = 64
"""A provider gives each customer at least a /64 of IPv6, so one customer can use a new address for every connection."""
_WIDER = ((56, 2), (48, 4))
"""Prefix lengths of wider networks, and how many times `limit` all unknown addresses in one have together: many
customers get a /56 or a /48, with 256 or 65,536 networks of 64 bits."""
_KNOWN_SHARE, _KNOWN_SHARE_TOGETHER = 4, 8
"""How many times `limit` a known address has, and all of one IPv6 /48 together: one caller can make many known."""
_KNOWN_SECONDS = 24 * 3600.0
"""How long an address is known after somebody there was authenticated."""
_MOST_KNOWN, _MOST_KNOWN_TOGETHER = 10_000, 64
"""Known addresses in total, and of one IPv6 /48; the one that was authenticated longest ago is forgotten first."""

Origin: TypeAlias = IPv4Address | IPv6Network
"""What is counted together: an IPv4 address, or an IPv6 network of 64 bits."""


class UnauthenticatedLimits:
    """Counts unauthenticated connections by origin: at most `limit` each, and any number from the networks in `exempt`.

    Connections that end unauthenticated are also limited in rate: a burst of twice `limit`, then a quarter of `limit`
    per second. An origin is known if somebody there was authenticated: it then has more of both, and of its IPv6 /48
    only other known ones can use them up. The default exempts loopback: a proxy on this machine brings everybody's
    connections from one address, and programs on this machine have other ways to harm it. `clock` returns seconds.
    """

    def __init__(
        self,
        limit: int = LIMIT,
        exempt: Sequence[Network] = LOOPBACK,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._limit = limit
        self._arrivals = RecentBuckets[Hashable]()
        self._clock = clock
        self._exempt = tuple(exempt)
        self._counts: Counter[Origin] = Counter()
        self._open = 0
        self._known = _KnownOrigins()

    def __len__(self) -> int:
        return self._open

    def origin(self, peer: str) -> Origin | None:
        """Return what connections from `peer`, an IP address, are counted by; None if they are not counted."""
        address = _address(peer)
        if any(address in network for network in self._exempt):
            return None
        return _origin(address)

    def enter(self, origin: Origin | None) -> bool:
        """Count a new connection; False if there are too many from there, and it must be closed."""
        if origin is None:
            return True
        if self.is_full(origin) or not self.count(origin):
            return False
        self._counts.update(_networks(origin))
        self._open += 1
        return True

    def is_full(self, origin: Origin | None) -> bool:
        """Whether there are as many connections from there as there may be."""
        return origin is not None and any(
            self._counts[each.network] >= each.times * self._limit for each in self._shares(origin)
        )

    def count(self, origin: Origin | None) -> bool:
        """Count a new connection, or a request that is to count like one, towards the rate; False if it is too high."""
        if origin is None:
            return True
        taken: list[_Share] = []
        now = Millis(int(self._clock() * 1000))
        for share in self._shares(origin):
            limit = share.times * self._limit
            if not self._arrivals.acquire(share.bucket, 2 * limit, limit / _REFILL_SECONDS, now):
                self._release(taken)
                return False
            taken.append(share)
        return True

    def _release(self, shares: Sequence["_Share"]) -> None:
        for share in shares:
            self._arrivals.release(share.bucket, 2 * share.times * self._limit)

    def recognise(self, origin: Origin | None) -> None:
        """Stop counting a connection because its peer is authenticated; it does not count towards the rate either."""
        if origin is None:
            return
        self._release(self._shares(origin))
        self._known.add(origin, self._clock())
        self.leave(origin)

    def leave(self, origin: Origin | None) -> None:
        """Stop counting a connection because it ended."""
        if origin is None:
            return
        self._open -= 1
        for counted in _networks(origin):
            self._counts[counted] -= 1
            if not self._counts[counted]:
                del self._counts[counted]

    def _shares(self, origin: Origin) -> Sequence["_Share"]:
        """Return what limits an origin, the widest network first."""
        own, *wider = _networks(origin)
        if self._known.has(origin, self._clock()):
            together = [_Share(each, ("known", each), _KNOWN_SHARE_TOGETHER) for each in wider[-1:]]
            return (*together, _Share(own, own, _KNOWN_SHARE))
        times = reversed([each for _, each in _WIDER][: len(wider)])
        return (
            *(_Share(each, each, many) for each, many in zip(reversed(wider), times, strict=True)),
            _Share(own, own, 1),
        )


class _Share(NamedTuple):
    """A limit on a network: `times` the limit on one address. Its rate is counted under `bucket`."""

    network: Origin
    bucket: Hashable
    times: int


class _KnownOrigins:
    """The origins where somebody was recently authenticated; those of one IPv6 /48 cannot displace all others."""

    def __init__(self) -> None:
        self._seen: OrderedDict[Origin, OrderedDict[Origin, float]] = OrderedDict()
        self._count = 0

    def has(self, origin: Origin, now: float) -> bool:
        together = self._seen.get(_networks(origin)[-1])
        seen = None if together is None else together.get(origin)
        return seen is not None and now - seen < _KNOWN_SECONDS

    def add(self, origin: Origin, now: float) -> None:
        around = _networks(origin)[-1]
        together = self._seen.setdefault(around, OrderedDict())
        self._seen.move_to_end(around)
        self._count += origin not in together
        together[origin] = now
        together.move_to_end(origin)
        if len(together) > _MOST_KNOWN_TOGETHER:
            together.popitem(last=False)
            self._count -= 1
        if self._count > _MOST_KNOWN:
            _, forgotten = self._seen.popitem(last=False)
            self._count -= len(forgotten)


def site_of(peer: str) -> str:
    """Return the widest network that connections from `peer` are counted with: an IPv4 address, or 48 bits of IPv6.

    A peer that is not known by an IP address is a site of its own.
    """
    try:
        return str(_networks(_origin(_address(peer)))[-1])
    except ValueError:
        return peer


def _address(peer: str) -> IPv4Address | IPv6Address:
    address = ip_address(peer)
    mapped = address.ipv4_mapped if isinstance(address, IPv6Address) else None
    return address if mapped is None else mapped


def _origin(address: IPv4Address | IPv6Address) -> Origin:
    return address if isinstance(address, IPv4Address) else _network(int(address), _ADDRESS_BITS)


def _networks(origin: Origin) -> tuple[Origin, ...]:
    """Return an origin and the wider networks that it is counted with, the widest last."""
    if isinstance(origin, IPv4Address):
        return (origin,)
    return (origin, *(_network(int(origin.network_address), bits) for bits, _ in _WIDER))


def _network(address: int, bits: int) -> IPv6Network:
    return IPv6Network((address >> (128 - bits) << (128 - bits), bits))
