"""Floods of pings and unsolicited pongs, before and after joining, do not delay others."""

import asyncio
import os
import socket
import struct
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import aiohttp
import pytest
from aiohttp import WSMsgType, web

from ferryman.server.channels.sockets import websocket as sockets
from ferryman.server.channels.sockets.turns import FRAMES
from ferryman.server.timeouts import Timeouts
from tests.server.peers import Peer
from tests.server.running import Server, nothing, until
from tests.waiting import PATIENCE

BINARY, PING, PONG = 0x82, 0x89, 0x8A
FLOOD = 3000


@pytest.fixture
def timeouts() -> Timeouts:
    return Timeouts()


def empty_frames(opcode: int, count: int) -> bytes:
    """Masked frames of a client, with an empty payload."""
    return struct.pack(">BB4s", opcode, 0x80, bytes(4)) * count


async def send_raw(peer: Peer, content: bytes) -> None:
    """Send bytes past the WebSocket's own framing, however long the socket takes."""
    transport = peer.websocket.get_extra_info("socket")
    assert transport is not None
    with socket.socket(fileno=os.dup(transport.fileno())) as same:
        same.setblocking(False)
        await asyncio.get_running_loop().sock_sendall(same, content)


async def stranger(server: Server) -> Peer:
    """A WebSocket whose peer has shown nothing yet."""
    return await server.dial("/v1/data-channel/admin-0123456789abcdef0?role=publish_subscribe")


@asynccontextmanager
async def frames_per_turn(monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Counter[int]]:
    """How many messages the server reads in each turn of the event loop, of any connection."""
    turn = 0
    read: Counter[int] = Counter()
    receive = web.WebSocketResponse.receive

    async def counted(self: web.WebSocketResponse, timeout: float | None = None) -> aiohttp.WSMessage:
        message = await receive(self, timeout)
        read[turn] += 1
        return message

    async def turns() -> None:
        nonlocal turn
        while True:
            turn += 1
            await asyncio.sleep(0)

    monkeypatch.setattr(web.WebSocketResponse, "receive", counted)
    turning = asyncio.create_task(turns())
    try:
        yield read
    finally:
        turning.cancel()
        await asyncio.wait({turning})


@pytest.mark.parametrize("opcode", [PING, PONG])
@pytest.mark.parametrize("who", ["stranger", "client", "agent", "control"])
async def test_flood_of_control_frames_does_not_delay_others(
    server: Server, monkeypatch: pytest.MonkeyPatch, opcode: int, who: str
) -> None:
    monkeypatch.setattr(sockets, "CONTROL_BURST", 1_000_000)
    peer = await stranger(server) if who == "stranger" else getattr(await server.paired(), who)
    async with frames_per_turn(monkeypatch) as read:
        await send_raw(peer, empty_frames(opcode, FLOOD))
        async with asyncio.timeout(PATIENCE):
            while read.total() < FLOOD - 1:  # one read began before the count
                await asyncio.sleep(0)
    assert max(read.values()) <= FRAMES + 1


@pytest.mark.parametrize("opcode", [PING, PONG])
@pytest.mark.parametrize("who", ["stranger", "client", "agent", "control"])
async def test_a_flood_of_control_frames_ends_its_channel(server: Server, opcode: int, who: str) -> None:
    peer = await stranger(server) if who == "stranger" else getattr(await server.paired(), who)
    await send_raw(peer, empty_frames(opcode, FLOOD))
    assert await peer.closed() == 1008


async def test_closing_channel_does_not_delay_others(server: Server, monkeypatch: pytest.MonkeyPatch) -> None:
    """A peer that is sent away and sends small frames before it answers."""
    paired = await server.paired()
    async with frames_per_turn(monkeypatch) as read:
        await paired.client.text("unexpected")
        await send_raw(paired.client, empty_frames(BINARY, FLOOD))
        assert await paired.client.closed() == 1003
        await until(nothing, lambda _: read.total() >= FLOOD)
    assert max(read.values()) <= FRAMES + 1


class TestHeartbeat:
    @pytest.fixture
    def timeouts(self) -> Timeouts:
        return Timeouts(ping=0.02)

    async def test_answers_to_our_own_pings_are_not_counted(
        self, server: Server, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(sockets, "CONTROL_BURST", 3)
        monkeypatch.setattr(sockets, "CONTROL_PER_SECOND", 0)
        peer = await stranger(server)
        for _ in range(10):
            async with asyncio.timeout(PATIENCE):
                message = await peer.websocket.receive()
            assert message.type is WSMsgType.PING
            await peer.websocket.pong(message.data)
        await peer.answered()
