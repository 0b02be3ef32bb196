"""The heartbeat while this process stands still because it is stopped, swapped out or suspended."""

import asyncio
import time
from typing import cast

import pytest
from aiohttp import WSMsgType

from ferryman.server.channels.sockets.heartbeat import Heartbeat
from ferryman.server.channels.sockets.websocket import Socket
from ferryman.server.timeouts import Timeouts
from tests.server.running import Server
from tests.waiting import PATIENCE

STANDSTILL = 2.5
SILENCE = 1.3
"""Seconds; a peer is silent for longer only if the event loop stands still for longer than it may be late."""


@pytest.fixture
def timeouts() -> Timeouts:
    return Timeouts(ping=0.05, silence=SILENCE, own_ping=0.05, own_silence=SILENCE, close=0.2)


@pytest.mark.parametrize("own_end", [True, False])
async def test_peers_are_not_dropped_after_a_standstill_of_the_server(server: Server, own_end: bool) -> None:
    node = await server.register()
    control = await node.control(own_end=own_end)
    for standstill in (0.0, STANDSTILL, 0.0):
        async with asyncio.timeout(PATIENCE):
            message = await control.websocket.receive()
        assert message.type is WSMsgType.PING
        await control.websocket.pong(message.data)
        await server.health()  # by now the server has read it, and hears nothing further
        time.sleep(standstill)  # the whole event loop
    assert (await server.health())["channels"] == 1


class Peer:
    """What the heartbeat knows of a socket."""

    def __init__(self) -> None:
        self.own_end = True
        self.reading = True
        self.heard_at = asyncio.get_running_loop().time()
        self.aborted = asyncio.Event()
        self.pinged = asyncio.Event()

    def ping(self) -> None:
        self.pinged.set()

    def abort(self) -> None:
        self.aborted.set()


async def test_message_after_a_standstill_is_not_dated_in_the_future(timeouts: Timeouts) -> None:
    heartbeat, peer = Heartbeat(timeouts), Peer()
    heartbeat.add(cast(Socket, peer))
    running = asyncio.create_task(heartbeat.run())
    await asyncio.sleep(0)
    time.sleep(STANDSTILL)  # the whole event loop
    peer.heard_at = asyncio.get_running_loop().time()
    async with asyncio.timeout(PATIENCE):
        await peer.pinged.wait()
    assert peer.heard_at <= asyncio.get_running_loop().time()
    running.cancel()
    await asyncio.wait({running})
