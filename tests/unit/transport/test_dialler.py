"""Dialling URLs as given: TLS trust, proxies, dead peers, on real sockets."""

import asyncio
import base64
import hashlib
import ssl
from collections.abc import AsyncIterator, Awaitable, Callable
from datetime import UTC, datetime
from pathlib import Path

import pytest
from aiohttp import web

from ferryman.bootstrap.keys.certificates import issue
from ferryman.transport.dialler import Dialler
from ferryman.transport.errors import ConnectionLost, Unreachable, UpgradeRefused
from tests.waiting import PATIENCE

Serve = Callable[..., Awaitable[int]]


@pytest.fixture(autouse=True)
def no_proxies(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("http_proxy", "https_proxy", "all_proxy", "no_proxy"):
        monkeypatch.delenv(name, raising=False)
        monkeypatch.delenv(name.upper(), raising=False)


@pytest.fixture
async def serve() -> AsyncIterator[Serve]:
    """Start a server that echoes WebSocket messages at any path with their path, and return its port."""
    runners: list[web.AppRunner] = []

    async def echo(request: web.Request) -> web.StreamResponse:
        if request.path.startswith("/refused"):
            return web.Response(status=410)
        response = web.WebSocketResponse()
        await response.prepare(request)
        await response.send_str(f"{request.raw_path} {request.headers['User-Agent']}")
        async for message in response:
            await response.send_bytes(message.data)
        return response

    async def serve(context: ssl.SSLContext | None = None) -> int:
        application = web.Application()
        application.router.add_get("/{path:.*}", echo)
        runners.append(web.AppRunner(application, shutdown_timeout=0.5))
        await runners[-1].setup()
        await web.TCPSite(runners[-1], "127.0.0.1", 0, ssl_context=context).start()
        return int(runners[-1].addresses[0][1])

    yield serve
    for runner in runners:
        await runner.cleanup()


def dialler(**settings: object) -> Dialler:
    return Dialler(**({"user_agent": "tested/1", "heartbeat": 20.0} | settings))  # type: ignore[arg-type]


async def test_the_url_is_used_as_given(serve: Serve) -> None:
    port = await serve()
    async with dialler() as dials:
        websocket = await dials.dial(f"ws://127.0.0.1:{port}/v1/a%2Fb?role=x&cell-number=%41")
        assert await websocket.receive() == "/v1/a%2Fb?role=x&cell-number=%41 tested/1"
        await websocket.send(b"data")
        assert await websocket.receive() == b"data"
        await websocket.close()


async def test_a_refusal_has_a_status(serve: Serve) -> None:
    port = await serve()
    async with dialler() as dials:
        with pytest.raises(UpgradeRefused, match="410") as refused:
            await dials.dial(f"ws://127.0.0.1:{port}/refused")
        assert refused.value.status == 410


async def test_tls_needs_an_authority_that_vouches(serve: Serve, tmp_path: Path) -> None:
    made = issue("localhost", datetime.now(UTC))
    for name, content in (("ca", made.issuer.certificate), ("certificate", made.certificate), ("key", made.key)):
        (tmp_path / name).write_bytes(content)
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.load_cert_chain(tmp_path / "certificate", tmp_path / "key")
    url = f"wss://localhost:{await serve(context)}/x"
    async with dialler(ca_file=tmp_path / "ca") as dials:
        websocket = await dials.dial(url)
        assert await websocket.receive() == "/x tested/1"
        await websocket.close()
    async with dialler() as dials:
        with pytest.raises(Unreachable, match="is not trusted"):
            await dials.dial(url)
    for wrong in (tmp_path / "absent", tmp_path / "key"):
        async with dialler(ca_file=wrong) as dials:
            with pytest.raises(Unreachable, match=f"CA file {wrong}"):
                await dials.dial(url)


async def test_a_proxy_is_asked_for_what_is_not_this_machine(serve: Serve, monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[bytes] = []

    async def proxy(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        asked.append(await reader.readuntil(b"\r\n"))
        writer.write(b"HTTP/1.1 502 Bad Gateway\r\nContent-Length: 0\r\nConnection: close\r\n\r\n")
        await writer.drain()
        writer.close()
        await writer.wait_closed()

    listening = await asyncio.start_server(proxy, "127.0.0.1", 0)
    monkeypatch.setenv("HTTPS_PROXY", f"http://127.0.0.1:{listening.sockets[0].getsockname()[1]}")
    monkeypatch.setenv("HTTP_PROXY", "http://127.0.0.1:1")
    monkeypatch.setenv("NO_PROXY", "direct.invalid")
    async with listening, dialler() as dials:
        with pytest.raises(Unreachable):
            await dials.dial("wss://node.invalid/x")
        assert asked == [b"CONNECT node.invalid:443 HTTP/1.1\r\n"]
        with pytest.raises(Unreachable):
            await dials.dial("wss://direct.invalid/x")
        assert len(asked) == 1
        port = await serve()
        websocket = await dials.dial(f"ws://localhost:{port}/x")
        await websocket.close()


async def test_a_peer_that_answers_no_ping_is_dead() -> None:
    gone = asyncio.Event()

    async def mute(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        request = await reader.readuntil(b"\r\n\r\n")
        key = next(line for line in request.split(b"\r\n") if line.lower().startswith(b"sec-websocket-key"))
        writer.write(
            b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
            b"Sec-WebSocket-Accept: " + _accept(key.partition(b":")[2].strip()) + b"\r\n\r\n"
        )
        await gone.wait()
        writer.close()
        await writer.wait_closed()

    listening = await asyncio.start_server(mute, "127.0.0.1", 0)
    async with listening, dialler(heartbeat=0.1) as dials:
        websocket = await dials.dial(f"ws://127.0.0.1:{listening.sockets[0].getsockname()[1]}/x")
        with pytest.raises(ConnectionLost):
            await asyncio.wait_for(websocket.receive(), PATIENCE)
        await websocket.close()
        gone.set()


def _accept(key: bytes) -> bytes:
    return base64.b64encode(hashlib.sha1(key + b"258EAFA5-E914-47DA-95CA-C5AB0DC85B11").digest())  # noqa: S324


async def test_a_host_that_is_not_a_valid_name_is_reported() -> None:
    async with dialler() as dials:
        with pytest.raises(Unreachable, match="its host is not a valid name"):
            await dials.dial(f"ws://{'a' * 70}.invalid/")


async def test_a_hundred_and_one_sessions_have_their_connections(serve: Serve) -> None:
    port = await serve()
    async with dialler() as dials:
        websockets = [await dials.dial(f"ws://127.0.0.1:{port}/") for _ in range(101)]
        await asyncio.gather(*(each.close() for each in websockets))
