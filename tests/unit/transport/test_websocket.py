"""The socket interface, both of its ends, on loopback."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable

import aiohttp
import pytest
import pytest_asyncio
from aiohttp import web

from ferryman.transport.errors import ConnectionLost, Unreachable, UpgradeRefused
from ferryman.transport.websocket import TURN_FRAMES, WebSocket, dial
from tests.waiting import PATIENCE

Serve = Callable[[Callable[[WebSocket], Awaitable[None]]], Awaitable[str]]


@pytest_asyncio.fixture(loop_scope="function")
async def serve() -> AsyncIterator[Serve]:
    """Start servers that give each accepted socket to a function; returns the URL."""
    runners: list[web.AppRunner] = []

    async def start(far_end: Callable[[WebSocket], Awaitable[None]]) -> str:
        async def handle(request: web.Request) -> web.WebSocketResponse:
            response = web.WebSocketResponse(compress=False)
            await response.prepare(request)
            await far_end(WebSocket(response))
            return response

        application = web.Application()
        application.router.add_get("/{path:.*}", handle)
        runner = web.AppRunner(application, shutdown_timeout=0.1)
        runners.append(runner)
        await runner.setup()
        site = web.TCPSite(runner, "127.0.0.1", 0)
        await site.start()
        return f"ws://127.0.0.1:{runner.addresses[0][1]}/channel"

    yield start
    for runner in runners:
        await runner.cleanup()


@pytest_asyncio.fixture(loop_scope="function")
async def session() -> AsyncIterator[aiohttp.ClientSession]:
    async with aiohttp.ClientSession() as client:
        yield client


async def echo(websocket: WebSocket) -> None:
    try:
        while True:
            await websocket.send(await websocket.receive())
    except ConnectionLost:
        await websocket.close()


async def test_carries_bytes_and_text_as_they_are(serve: Serve, session: aiohttp.ClientSession) -> None:
    websocket = await dial(session, await serve(echo))
    for message in (b"\x00\xff", "grüße", b"", b"x" * 3_000_000):
        await websocket.send(message)
        assert await websocket.receive() == message
    await websocket.close()
    assert websocket.closed


async def test_tells_the_peers_close_code(serve: Serve, session: aiohttp.ClientSession) -> None:
    async def leave(websocket: WebSocket) -> None:
        await websocket.close(1001, "shutting down")

    websocket = await dial(session, await serve(leave))
    with pytest.raises(ConnectionLost) as lost:
        await websocket.receive()
    assert (lost.value.code, lost.value.reason) == (1001, "shutting down")
    with pytest.raises(ConnectionLost):
        await websocket.receive()
    with pytest.raises(ConnectionLost):
        await websocket.send(b"late")


async def test_both_ends_learn_of_a_close(serve: Serve, session: aiohttp.ClientSession) -> None:
    learned: asyncio.Future[int] = asyncio.get_running_loop().create_future()

    async def wait(websocket: WebSocket) -> None:
        try:
            await websocket.receive()
        except ConnectionLost as lost:
            learned.set_result(lost.code)

    websocket = await dial(session, await serve(wait))
    await websocket.close()
    await websocket.close()
    assert await learned == 1000


async def test_an_oversized_message_ends_the_connection(serve: Serve, session: aiohttp.ClientSession) -> None:
    async def flood(websocket: WebSocket) -> None:
        await websocket.send(b"x" * 2000)
        with pytest.raises(ConnectionLost):
            await websocket.receive()

    websocket = await dial(session, await serve(flood), max_message_bytes=1000)
    with pytest.raises(ConnectionLost) as lost:
        await websocket.receive()
    assert lost.value.code == 1009


async def test_a_refused_upgrade_tells_the_status(serve: Serve, session: aiohttp.ClientSession) -> None:
    async def refuse(request: web.Request) -> web.Response:
        return web.Response(status=403)

    application = web.Application()
    application.router.add_get("/", refuse)
    runner = web.AppRunner(application)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    try:
        with pytest.raises(UpgradeRefused) as refused:
            await dial(session, f"ws://127.0.0.1:{runner.addresses[0][1]}/")
        assert refused.value.status == 403
    finally:
        await runner.cleanup()


async def test_nobody_there_is_unreachable(session: aiohttp.ClientSession, unused_tcp_port: int) -> None:
    with pytest.raises(Unreachable, match=str(unused_tcp_port)):
        await dial(session, f"ws://127.0.0.1:{unused_tcp_port}/")


async def test_a_dead_peer_is_noticed(session: aiohttp.ClientSession) -> None:
    """A peer that accepts the upgrade and then neither answers nor closes."""
    silent = asyncio.Event()

    async def freeze(request: web.Request) -> web.WebSocketResponse:
        response = web.WebSocketResponse(autoping=False)
        await response.prepare(request)
        await silent.wait()  # never receives, so never answers a ping
        return response

    application = web.Application()
    application.router.add_get("/", freeze)
    runner = web.AppRunner(application, shutdown_timeout=0.1)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    try:
        websocket = await dial(session, f"ws://127.0.0.1:{runner.addresses[0][1]}/", heartbeat=0.05)
        with pytest.raises(ConnectionLost) as lost:
            await websocket.receive()
        assert lost.value.code == 1006
    finally:
        silent.set()
        await runner.cleanup()


async def test_a_peer_that_does_not_read_stops_the_sender(serve: Serve, session: aiohttp.ClientSession) -> None:
    release = asyncio.Event()

    async def stall(websocket: WebSocket) -> None:
        await release.wait()
        await echo(websocket)

    websocket = await dial(session, await serve(stall))
    sent = 0

    async def send_for_ever() -> None:
        nonlocal sent
        while True:
            await websocket.send(b"x" * 65536)
            sent += 1

    sender = asyncio.create_task(send_for_ever())
    previous = -1
    while sent != previous:  # until a whole loop of other work has passed without a send
        previous = sent
        for _ in range(2000):
            await asyncio.sleep(0)
    assert sent * 65536 < 64 * 1024 * 1024
    assert not sender.done()
    sender.cancel()
    release.set()
    await websocket.close()


async def test_the_url_is_used_as_given(serve: Serve, session: aiohttp.ClientSession) -> None:
    seen: asyncio.Future[str] = asyncio.get_running_loop().create_future()

    async def handle(request: web.Request) -> web.WebSocketResponse:
        seen.set_result(request.raw_path)
        response = web.WebSocketResponse()
        await response.prepare(request)
        return response

    application = web.Application()
    application.router.add_get("/{path:.*}", handle)
    runner = web.AppRunner(application)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    try:
        port = runner.addresses[0][1]
        websocket = await dial(session, f"ws://127.0.0.1:{port}/v1/a%20b@c%2B+?role=x%2Fy")
        assert await seen == "/v1/a%20b@c%2B+?role=x%2Fy"
        await websocket.close()
    finally:
        await runner.cleanup()


@pytest.mark.parametrize("opcode", [0x82, 0x89, 0x8A], ids=["binary", "ping", "pong"])
async def test_a_flood_of_frames_leaves_others_their_turn(
    serve: Serve, session: aiohttp.ClientSession, opcode: int
) -> None:
    """Frames of any type, all of which are there when the first is read."""
    frames, turns = 3000, 0
    released = asyncio.Event()

    async def far_end(websocket: WebSocket) -> None:
        assert isinstance(websocket._socket, web.WebSocketResponse)
        request = websocket._socket._req
        assert request is not None
        assert request.transport is not None
        request.transport.write(bytes((0x82, 5)) + b"first" + bytes((opcode, 0)) * frames + bytes((0x82, 4)) + b"last")
        await released.wait()

    async def turn() -> None:
        nonlocal turns
        while True:
            turns += 1
            await asyncio.sleep(0)

    websocket = await dial(session, await serve(far_end))
    assert await websocket.receive() == b"first"
    turning = asyncio.create_task(turn())
    async with asyncio.timeout(PATIENCE):
        while await websocket.receive() != b"last":
            pass
    turning.cancel()
    released.set()
    await websocket.close()
    assert turns >= frames // TURN_FRAMES
