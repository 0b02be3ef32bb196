"""Hosts as URLs and settings name them: a name or an IP address, without brackets and port."""

from ipaddress import IPv4Address, IPv6Address, ip_address

Address = IPv4Address | IPv6Address


def address_of(host: str) -> Address | None:
    """Return the IP address that `host` is, None for a name. An IPv4 address mapped into IPv6 is returned as IPv4."""
    try:
        address = ip_address(host)
    except ValueError:
        return None
    mapped = address.ipv4_mapped if isinstance(address, IPv6Address) else None
    return mapped or address


def is_loopback(host: str) -> bool:
    """Whether `host` is this machine itself: `localhost` or a loopback address. No name is resolved."""
    address = address_of(host)
    return host == "localhost" if address is None else address.is_loopback
