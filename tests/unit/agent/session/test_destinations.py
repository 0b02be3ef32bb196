"""Which hosts a port session reaches."""

import asyncio

import pytest

from ferryman.agent.session.destinations import (
    DENIED_BY_DEFAULT,
    Destination,
    DestinationDenied,
    DialFailed,
    is_denied,
    networks,
)
from tests.ports import free_port
from tests.waiting import PATIENCE

DEFAULT = networks(DENIED_BY_DEFAULT)
ANY = "0.0.0.0"  # noqa: S104 - nothing listens there


@pytest.mark.parametrize(
    "address",
    [
        "169.254.169.254",
        "169.254.0.1",
        "::ffff:169.254.169.254",
        "::ffff:a9fe:a9fe",
        "::169.254.169.254",
        "64:ff9b::169.254.169.254",
        "2002:a9fe:a9fe::1",
        "fd00:ec2::254",
        "fd00:ec2:0:0::23",
        "fd20:ce::254",
        "fe80::1",
        "fe80::1%eth0",
        "100.100.100.200",
        "168.63.129.16",
        "192.0.0.192",
        "fd00:c1::a9fe:a9fe",
        "fd00:42::42",
        "::ffff:100.100.100.200",
        "2002:a83f:8110::1",
        "64:ff9b:1::a9fe:a9fe",
        "64:ff9b:1:a9fe:a9:fe00::",
        "64:ff9b:1::1",
        "::ffff:0:a9fe:a9fe",
        "2001:0:a9fe:a9fe::1",
        "2001:0:5ef5:79fd:0:0:5601:5601",
        "2001:db8::5efe:169.254.169.254",
        "2001:db8::200:5efe:a9fe:a9fe",
    ],
)
def test_metadata_addresses_are_denied_in_every_form(address: str) -> None:
    assert is_denied(address, DEFAULT)


@pytest.mark.parametrize(
    "address",
    [
        "127.0.0.1",
        "::1",
        "10.0.0.1",
        "169.253.255.255",
        "169.255.0.0",
        "fd00:ec3::1",
        "::ffff:10.0.0.1",
        ANY,
        "::",
        "2001:db8::a9fe:a9fe",
    ],
)
def test_other_addresses_are_not(address: str) -> None:
    assert not is_denied(address, DEFAULT)


def test_a_denied_network_in_ipv4_holds_for_mapped_addresses_and_one_in_ipv6_for_itself() -> None:
    assert is_denied("::ffff:10.1.2.3", networks(["10.0.0.0/8"]))
    assert not is_denied("10.1.2.3", networks(["::/0"]))
    assert is_denied("10.1.2.3", networks(["10.1.2.3"]))


@pytest.mark.parametrize(
    "address",
    [
        "127.0.0.1",
        "127.9.9.9",
        ANY,
        "::",
        "::1",
        "::ffff:0.0.0.0",
        "::ffff:127.0.0.1",
        "::127.0.0.1",
        "::ffff:0:7f00:1",
        "64:ff9b::127.0.0.1",
        "64:ff9b::",
        "64:ff9b:1::127.0.0.1",
        "64:ff9b:1:7f00:0:100::",
        "64:ff9b:1:aa7f:0:1::",
        "64:ff9b:1:aaaa:7f:0:100:0",
        "2002:7f00:1::",
        "2002::",
        "2001:db8::5efe:127.0.0.1",
    ],
)
def test_loopback_is_denied_in_every_form(address: str) -> None:
    assert is_denied(address, networks(["127.0.0.0/8", "::1"]))


def test_addresses_of_this_machine_are_denied_with_either_loopback_address() -> None:
    for network in ("127.0.0.1", "::1"):
        for address in (ANY, "::"):
            assert is_denied(address, networks([network]))


def test_a_network_that_is_none_is_named() -> None:
    with pytest.raises(ValueError, match=r"10\.0\.0\.0/99"):
        networks(["127.0.0.1", "10.0.0.0/99"])


@pytest.mark.parametrize("host", ["2852039166", "0xa9fea9fe", "169.254.43518", "0251.0376.0251.0376"])
async def test_a_denied_address_is_denied_however_it_is_written(host: str) -> None:
    with pytest.raises(DestinationDenied, match=r"Forwarding to IP address 169\.254\.169\.254 is forbidden\."):
        await Destination(80, host, DEFAULT).addresses()


@pytest.mark.parametrize(
    "host",
    ["0", ANY, "0x0", "00", "0.0", "::", "0:0::0", "::ffff:0:0", "127.1", "0x7f.1", "017700000001", "2130706433"],
)
async def test_this_machine_is_denied_however_it_is_written(host: str) -> None:
    """A server that listens there gets no connection."""
    accepted: list[object] = []
    server = await asyncio.start_server(lambda _, writer: accepted.append(writer), "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    try:
        with pytest.raises(DestinationDenied, match="is forbidden"):
            await Destination(port, host, networks(["127.0.0.0/8", "::1"])).dial(asyncio.Protocol)
    finally:
        server.close()
        await server.wait_closed()
    assert accepted == []


async def test_the_address_that_the_kernel_connected_to_is_judged_before_any_byte(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Whatever the first judgement overlooked: here it is told nothing of 0.0.0.0."""
    monkeypatch.setattr("ferryman.agent.session.destinations._LOOPBACK", ())
    made: list[asyncio.Protocol] = []

    def make() -> asyncio.Protocol:
        made.append(asyncio.Protocol())
        return made[-1]

    server = await asyncio.start_server(lambda _, writer: writer.close(), "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    try:
        with pytest.raises(DestinationDenied, match=r"127\.0\.0\.1 is forbidden"):
            await Destination(port, ANY, networks(["127.0.0.0/8"])).dial(make)
    finally:
        server.close()
        await server.wait_closed()
    assert made == []


async def test_denied_addresses_are_left_out_where_a_host_has_others() -> None:
    addresses = await Destination(80, "localhost", networks(["::1", "127.0.0.2"])).addresses()
    assert addresses == ["127.0.0.1"]


@pytest.mark.parametrize("host", ["no-such-host.invalid", "a" * 70 + ".example", ".."])
async def test_invalid_names_are_refused(host: str) -> None:
    with pytest.raises(DialFailed, match="cannot resolve"):
        await Destination(80, host, DEFAULT).addresses()


async def test_the_next_address_is_tried_when_one_refuses() -> None:
    """localhost has ::1 too, where nobody listens."""
    server = await asyncio.start_server(lambda _, writer: writer.close(), "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    made: list[asyncio.Protocol] = []

    def make() -> asyncio.Protocol:
        made.append(asyncio.Protocol())
        return made[-1]

    assert await Destination(port, "localhost").dial(make) in made
    server.close()
    await server.wait_closed()


async def test_a_refused_connection_is_reported_immediately() -> None:
    port = free_port()
    async with asyncio.timeout(PATIENCE):
        with pytest.raises(DialFailed, match=f"cannot connect to localhost:{port}: Connection refused"):
            await Destination(port).dial(asyncio.Protocol)
