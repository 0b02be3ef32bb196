from ipaddress import ip_address, ip_network

import pytest

from ferryman.server.listener.unauthenticated import Origin, UnauthenticatedLimits


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
