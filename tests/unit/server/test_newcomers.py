from ipaddress import ip_address, ip_network

import pytest

from ferryman.server.newcomers import Newcomers


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
    assert Newcomers().origin(peer) == origin


def test_so_many_and_no_more() -> None:
    newcomers = Newcomers(limit=2)
    here, there = newcomers.origin("192.0.2.7"), newcomers.origin("192.0.2.8")
    assert [newcomers.enter(here) for _ in range(3)] == [True, True, False]
    assert newcomers.enter(there)
    newcomers.leave(here)
    assert newcomers.enter(here)
    assert len(newcomers) == 3


def test_the_exempt_are_not_counted() -> None:
    newcomers = Newcomers(limit=1, exempt=[ip_network("10.0.0.0/8")])
    assert all(newcomers.enter(newcomers.origin("10.1.2.3")) for _ in range(5))
    assert newcomers.origin("127.0.0.1") is not None
    newcomers.leave(None)
    assert len(newcomers) == 0
