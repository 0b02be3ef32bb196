import asyncio
import socket
from collections.abc import Iterator

import pytest

from ferryman.client.library.port_sessions import Destination
from ferryman.client.library.socks import requested

GREETING = b"\x05\x01\x00"
REFUSED = b"\x05\x00" + b"\x05%c\x00\x01" + bytes(6)


@pytest.fixture
def pair() -> Iterator[tuple[socket.socket, socket.socket]]:
    ours, theirs = socket.socketpair()
    ours.setblocking(False)
    with ours, theirs:
        yield ours, theirs


@pytest.mark.parametrize(
    ("address", "destination"),
    [
        (b"\x01\x7f\x00\x00\x01\x00\x50", Destination(80, "127.0.0.1")),
        (b"\x03\x02db\x15\x38", Destination(5432, "db")),
        (b"\x04" + bytes(15) + b"\x01\xff\xff", Destination(65535, "::1")),
    ],
)
async def test_connections_are_led(
    pair: tuple[socket.socket, socket.socket], address: bytes, destination: Destination
) -> None:
    ours, theirs = pair
    theirs.sendall(GREETING + b"\x05\x01\x00" + address + b"early")
    assert await requested(ours) == destination
    assert theirs.recv(100) == b"\x05\x00" + b"\x05\x00\x00\x01" + bytes(6)
    assert await asyncio.get_running_loop().sock_recv(ours, 100) == b"early"


@pytest.mark.parametrize(
    ("sent", "answer"),
    [
        (b"\x04\x01", b""),
        (b"\x05\x01\x02", b"\x05\xff"),
        (GREETING + b"\x05\x02\x00\x01" + bytes(6), REFUSED % 7),
        (GREETING + b"\x05\x01\x00\x09", REFUSED % 8),
        (GREETING + b"\x05\x01\x00\x01\x7f\x00\x00\x01\x00\x00", REFUSED % 8),
        (GREETING + b"\x05\x01\x00\x03\x01\xff\x00\x50", REFUSED % 8),
    ],
)
async def test_an_address_that_cannot_be_served_is_reported(
    pair: tuple[socket.socket, socket.socket], sent: bytes, answer: bytes
) -> None:
    ours, theirs = pair
    theirs.sendall(sent)
    assert await requested(ours) is None
    ours.close()
    assert theirs.recv(100) == answer


async def test_a_program_that_leaves(pair: tuple[socket.socket, socket.socket]) -> None:
    ours, theirs = pair
    theirs.sendall(b"\x05")
    theirs.close()
    with pytest.raises(ConnectionResetError):
        await requested(ours)
