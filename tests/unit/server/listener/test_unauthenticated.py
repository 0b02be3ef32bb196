from ipaddress import ip_address, ip_network

import pytest

from ferryman.server.listener.unauthenticated import _MOST_KNOWN, Origin, UnauthenticatedLimits, site_of


@pytest.mark.parametrize(
    ("peer", "origin"),
    [
        ("192.0.2.7", ip_address("192.0.2.7")),
        ("::ffff:192.0.2.7", ip_address("192.0.2.7")),
        ("2001:db8:1:2:3:4:5:6", ip_network("2001:db8:1:2::/64")),
        ("fe80::1%eth0", ip_network("fe80::/64")),
        ("127.0.0.9", None),
        ("::1", None),
        ("::ffff:127.0.0.1", None),
    ],
)
def test_what_is_counted_together(peer: str, origin: object) -> None:
    assert UnauthenticatedLimits().origin(peer) == origin


def test_unauthenticated_connections_of_one_origin_are_limited() -> None:
    unauthenticated = UnauthenticatedLimits(limit=2)
    here, there = unauthenticated.origin("192.0.2.7"), unauthenticated.origin("192.0.2.8")
    assert [unauthenticated.enter(here) for _ in range(3)] == [True, True, False]
    assert unauthenticated.enter(there)
    unauthenticated.leave(here)
    assert unauthenticated.enter(here)
    assert len(unauthenticated) == 3


def test_the_exempt_are_not_counted() -> None:
    unauthenticated = UnauthenticatedLimits(limit=1, exempt=[ip_network("10.0.0.0/8")])
    assert all(unauthenticated.enter(unauthenticated.origin("10.1.2.3")) for _ in range(5))
    assert unauthenticated.origin("127.0.0.1") is not None
    unauthenticated.leave(None)
    assert len(unauthenticated) == 0


def test_reconnections_without_authentication_are_limited_in_rate() -> None:
    now = 0.0
    unauthenticated = UnauthenticatedLimits(limit=8, exempt=(), clock=lambda: now)
    here, there = unauthenticated.origin("192.0.2.7"), unauthenticated.origin("192.0.2.8")

    def come_and_go(origin: Origin | None) -> int:
        """How many of a hundred got in, one after the other."""
        came = 0
        for _ in range(100):
            if unauthenticated.enter(origin):
                came += 1
                unauthenticated.leave(origin)
        return came

    assert come_and_go(here) == 16
    assert come_and_go(there) == 16
    now = 1.0
    assert come_and_go(here) == 2
    now = 60.0
    assert come_and_go(here) == 16


def test_authenticated_connections_are_not_limited_in_rate() -> None:
    unauthenticated = UnauthenticatedLimits(limit=8, exempt=(), clock=lambda: 0.0)
    here = unauthenticated.origin("192.0.2.7")
    for _ in range(100):
        assert unauthenticated.enter(here)
        unauthenticated.recognise(here)
    assert len(unauthenticated) == 0


def entered(limits: UnauthenticatedLimits, *peers: str) -> int:
    """How many of these get in; they stay."""
    return sum(limits.enter(limits.origin(peer)) for peer in peers)


def come_and_go(limits: UnauthenticatedLimits, *peers: str) -> int:
    """How many of these get in, one after the other."""
    came = 0
    for peer in peers:
        origin = limits.origin(peer)
        if limits.enter(origin):
            came += 1
            limits.leave(origin)
    return came


SITE = [f"2001:db8:1:{network:x}::1" for network in range(0x400)]
"""An address in each of the first 1,024 /64 networks of a /48."""


def test_networks_of_one_site_share_a_limit() -> None:
    limits = UnauthenticatedLimits(limit=8, exempt=())
    assert entered(limits, *SITE[:0x100]) == 2 * 8  # of one /56
    assert entered(limits, *SITE) == 2 * 8  # and as many again in the rest of the /48
    assert entered(limits, "2001:db8:2::1", "192.0.2.7") == 2
    for peer in ("2001:db8:2::1", "192.0.2.7"):
        limits.leave(limits.origin(peer))
    assert len(limits) == 32


def test_networks_of_one_site_share_a_rate() -> None:
    now = 0.0
    limits = UnauthenticatedLimits(limit=8, exempt=(), clock=lambda: now)
    assert come_and_go(limits, *SITE[:0x100]) == 2 * 16
    assert come_and_go(limits, *SITE) == 2 * 16
    assert come_and_go(limits, "2001:db8:2::1") == 1
    now = 1.0
    assert come_and_go(limits, *SITE) == 4 * 2


def test_a_refusal_by_one_network_uses_up_nothing_of_the_others() -> None:
    limits = UnauthenticatedLimits(limit=8, exempt=(), clock=lambda: 0.0)
    assert come_and_go(limits, *[SITE[0]] * 1000) == 16
    assert come_and_go(limits, *[SITE[1]] * 1000) == 16
    assert come_and_go(limits, *SITE[0x100:]) == 32


def test_a_known_address_has_a_larger_share_that_no_neighbour_uses_up() -> None:
    now = 0.0
    limits = UnauthenticatedLimits(limit=8, exempt=(), clock=lambda: now)
    for peer in ("192.0.2.7", SITE[5]):
        origin = limits.origin(peer)
        assert limits.enter(origin)
        limits.recognise(origin)
    assert come_and_go(limits, *SITE[6:]) > 0
    assert come_and_go(limits, *SITE[6:]) == 0
    now = 60.0
    assert come_and_go(limits, *SITE[6:]) > 0
    assert come_and_go(limits, *[SITE[5]] * 1000) == 4 * 16
    assert come_and_go(limits, *["192.0.2.7"] * 1000) == 4 * 16
    now = 2 * 24 * 3600.0
    assert come_and_go(limits, *["192.0.2.7"] * 1000) == 16


def test_known_addresses_are_bounded_and_one_site_displaces_no_other() -> None:
    now = 0.0
    limits = UnauthenticatedLimits(limit=8, exempt=(), clock=lambda: now)

    def authenticate(peer: str) -> None:
        origin = limits.origin(peer)
        assert limits.enter(origin)
        limits.recognise(origin)

    authenticate("192.0.2.7")
    for peer in SITE:
        authenticate(peer)
    now = 60.0
    assert come_and_go(limits, *["192.0.2.7"] * 1000) == 4 * 16
    for number in range(2 * _MOST_KNOWN):
        authenticate(f"10.{number >> 16}.{number >> 8 & 255}.{number & 255}")
    assert limits._known._count == sum(len(each) for each in limits._known._seen.values()) <= _MOST_KNOWN
    assert len(limits) == 0


def test_one_site_gains_little_from_many_known_addresses() -> None:
    now = 0.0
    limits = UnauthenticatedLimits(limit=8, exempt=(), clock=lambda: now)
    for peer in SITE[:64]:
        origin = limits.origin(peer)
        assert limits.enter(origin)
        limits.recognise(origin)
    now = 60.0
    assert come_and_go(limits, *SITE[:64] * 10) == 8 * 16
    assert come_and_go(limits, *SITE[64:]) == 4 * 16
    now = 120.0
    assert entered(limits, *SITE[:64] * 10) == 8 * 8


@pytest.mark.parametrize(
    ("peer", "site"),
    [
        ("192.0.2.7", "192.0.2.7"),
        ("::ffff:192.0.2.7", "192.0.2.7"),
        ("2001:db8:1:2:3::4", "2001:db8:1::/48"),
        ("", ""),
    ],
)
def test_site_is_an_address_or_the_widest_network_that_is_counted(peer: str, site: str) -> None:
    assert site_of(peer) == site
