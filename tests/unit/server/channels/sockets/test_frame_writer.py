"""What goes to a peer at once, and what goes together; the transport is a real one, its peer a socket of ours."""

import asyncio
import socket
from collections.abc import AsyncIterator
from types import SimpleNamespace
from typing import Any, cast

import pytest
import pytest_asyncio

from ferryman.server.channels.sockets.frame_writer import BATCH_BYTES, FrameWriter


class Peer:
    """The far end of a connection, and our end's transport with a note of each write."""

    def __init__(self, transport: asyncio.Transport, far: socket.socket) -> None:
        self.transport = transport
        self.far = far
        self.writes: list[int] = []
        protocol = SimpleNamespace(writing_paused=False)
        self.outgoing = FrameWriter(cast(Any, protocol), cast(Any, self))

    def write(self, data: bytes) -> None:
        self.writes.append(len(data))
        self.transport.write(data)

    def writelines(self, pieces: list[bytes]) -> None:
        self.writes.append(sum(map(len, pieces)))
        self.transport.writelines(pieces)

    def is_closing(self) -> bool:
        return self.transport.is_closing()

    def get_write_buffer_size(self) -> int:
        return self.transport.get_write_buffer_size()


@pytest_asyncio.fixture(loop_scope="function")
async def peer() -> AsyncIterator[Peer]:
    near, far = socket.socketpair()
    transport, _ = await asyncio.get_running_loop().create_connection(asyncio.Protocol, sock=near)
    yield Peer(transport, far)
    transport.abort()
    far.close()
    await asyncio.sleep(0)


async def test_the_first_frame_of_a_turn_does_not_wait(peer: Peer) -> None:
    peer.outgoing.add(b"key")
    assert peer.far.recv(100) == b"\x82\x03key"


async def test_further_frames_of_a_turn_are_written_together(peer: Peer) -> None:
    for number in range(10):
        peer.outgoing.add(bytes([number]))
    assert peer.outgoing.waiting_bytes == 9
    await asyncio.sleep(0)
    assert peer.far.recv(100) == b"".join(bytes([0x82, 1, number]) for number in range(10))
    assert peer.writes == [3, 27]


async def test_first_frame_of_the_next_turn_is_sent_immediately(peer: Peer) -> None:
    for _ in range(3):
        peer.outgoing.add(b"key")
        assert peer.far.recv(100) == b"\x82\x03key"
        await asyncio.sleep(0)


@pytest.mark.parametrize("size", [BATCH_BYTES, BATCH_BYTES // 2])
async def test_large_batch_is_written_within_the_turn(peer: Peer, size: int) -> None:
    for _ in range(3):
        peer.outgoing.add(bytes(size))
    assert sum(peer.writes) == 3 * size + 30


async def test_nothing_is_written_to_a_closing_transport(peer: Peer) -> None:
    peer.outgoing.add(b"key")
    peer.outgoing.add(b"key")
    peer.transport.abort()
    peer.outgoing.flush()
    assert peer.writes == [5]
