"""A connection that is made ready while another one is used."""

import asyncio
from typing import Any, cast

import pytest
from aiohttp import WSMessage, WSMsgType

from ferryman.transport import standby
from ferryman.transport.errors import Unreachable
from ferryman.transport.standby import Standby, UnopenedChannel
from ferryman.transport.websocket import WebSocket
from ferryman.wire.moving import MOVE_PING
from tests.waiting import PATIENCE


class Socket:
    """A socket that receives what a test puts there, and notes what is sent."""

    def __init__(self) -> None:
        self.coming: asyncio.Queue[WSMessage] = asyncio.Queue()
        self.said: list[bytes | str] = []
        self.pongs: asyncio.Queue[bytes] = asyncio.Queue()
        self.closed = asyncio.Event()

    async def receive(self) -> WSMessage:
        return await self.coming.get()

    async def send_str(self, text: str) -> None:
        self.said.append(text)

    async def pong(self, payload: bytes) -> None:
        self.pongs.put_nowait(payload)

    async def close(self, **_: object) -> None:
        self.closed.set()


def websocket(socket: Socket) -> WebSocket:
    return WebSocket(cast(Any, socket))


async def test_the_ping_is_answered_when_another_connection_is_ready() -> None:
    socket, ready, asked = Socket(), asyncio.Event(), asyncio.Event()
    made = websocket(socket)

    async def prepare() -> bool:
        asked.set()
        await ready.wait()
        return True

    made.prepare_next = prepare
    socket.coming.put_nowait(WSMessage(WSMsgType.PING, MOVE_PING, ""))
    socket.coming.put_nowait(WSMessage(WSMsgType.PING, b"another", ""))
    socket.coming.put_nowait(WSMessage(WSMsgType.BINARY, b"output", ""))
    assert await made.receive() == b"output"  # which passes meanwhile
    await asked.wait()
    assert socket.pongs.get_nowait() == b"another"
    assert socket.pongs.empty()
    ready.set()
    assert await asyncio.wait_for(socket.pongs.get(), PATIENCE) == MOVE_PING


async def test_an_end_that_cannot_prepare_answers_immediately() -> None:
    socket = Socket()
    socket.coming.put_nowait(WSMessage(WSMsgType.PING, MOVE_PING, ""))
    socket.coming.put_nowait(WSMessage(WSMsgType.BINARY, b"output", ""))
    await websocket(socket).receive()
    assert socket.pongs.get_nowait() == MOVE_PING


async def test_a_connection_that_is_being_made_is_waited_for_and_used_once() -> None:
    socket, dialled, asked = Socket(), asyncio.Event(), asyncio.Event()

    async def dial() -> UnopenedChannel:
        asked.set()
        await dialled.wait()
        return UnopenedChannel(websocket(socket), "opening")

    made = Standby(dial)
    assert await made.acquire() is None
    preparing = asyncio.create_task(made.prepare())
    await asked.wait()
    taking = asyncio.create_task(made.acquire())
    dialled.set()
    taken = await taking
    assert await preparing
    assert taken is not None
    await taken.open()
    assert socket.said == ["opening"]
    assert await made.acquire() is None
    assert not socket.closed.is_set()


async def test_a_connection_that_is_not_used_is_closed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(standby, "HELD_SECONDS", 0.01)
    socket = Socket()

    async def dial() -> UnopenedChannel:
        return UnopenedChannel(websocket(socket), "opening")

    made = Standby(dial)
    assert await made.prepare()
    async with asyncio.timeout(PATIENCE):
        await socket.closed.wait()
    assert await made.acquire() is None


async def test_a_connection_that_cannot_be_made_is_nobodys_loss() -> None:
    async def dial() -> UnopenedChannel:
        raise Unreachable("scripted")

    made = Standby(dial)
    assert not await made.prepare()
    assert await made.acquire() is None
