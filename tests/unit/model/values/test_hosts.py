"""Hosts as URLs and settings name them."""

from ipaddress import ip_address

import pytest

from ferryman.model.values.hosts import address_of, is_loopback


@pytest.mark.parametrize("host", ["127.0.0.1", "127.9.9.9", "::1", "::ffff:127.0.0.1", "localhost"])
def test_this_machine_is_loopback(host: str) -> None:
    assert is_loopback(host)


@pytest.mark.parametrize("host", ["10.0.0.1", "::", "0.0.0.0", "host", "localhost.example.com", "", "[::1]"])  # noqa: S104
def test_every_other_host_is_not_loopback(host: str) -> None:
    assert not is_loopback(host)


def test_an_address_mapped_into_ipv6_is_an_ipv4_address() -> None:
    assert address_of("::ffff:192.0.2.1") == ip_address("192.0.2.1")
    assert address_of("2001:db8::1") == ip_address("2001:db8::1")
    assert address_of("host") is None
