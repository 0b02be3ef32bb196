"""What is not HTTP, or only half of it: a short answer of our own, and no warnings in the log."""

import asyncio
import logging
from collections.abc import Awaitable, Callable, Mapping, Sequence

import pytest
from structlog.testing import capture_logs

from ferryman.server.timeouts import Timeouts
from tests.server.conftest import SECONDS, Server, nothing, until
from tests.server.test_front_door import HEALTH, UPGRADE, Raw, connect, connected

__all__ = ["connect"]

MARK = b"qqreflectedqq"
CALL = b"POST / HTTP/1.1\r\nHost: h\r\nX-Amz-Target: AmazonSSM.GetDocument\r\n"

BAD = {
    "not http": MARK + b"\r\n\r\n",
    "method": MARK + b"\x00 / HTTP/1.1\r\nHost: h\r\n\r\n",
    "no method": b"GE\x01T /" + MARK + b" HTTP/1.1\r\nHost: h\r\n\r\n",
    "version": b"GET /" + MARK + b" HTTP/9.9.9\r\nHost: h\r\n\r\n",
    "header": b"GET / HTTP/1.1\r\n" + MARK + b"\r\n\r\n",
    "header name": b"GET / HTTP/1.1\r\n" + MARK + b"\x00: 1\r\n\r\n",
    "length": b"POST / HTTP/1.1\r\nHost: h\r\nContent-Length: " + MARK + b"\r\n\r\n",
    "two lengths": b"POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 1\r\nContent-Length: 2\r\nX: " + MARK + b"\r\n\r\n",
    "coding": b"POST / HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: " + MARK + b"\r\n\r\n",
    "long line": b"GET /" + MARK * 1000 + b" HTTP/1.1\r\nHost: h\r\n\r\n",
    "many lines": b"GET / HTTP/1.1\r\nHost: h\r\n" + b"X-" + MARK + b": 1\r\n" * 200 + b"\r\n",
    "expectation": b"GET / HTTP/1.1\r\nHost: h\r\nExpect: " + MARK + b"\r\n\r\n",
    "chunk": CALL + b"Transfer-Encoding: chunked\r\n\r\n" + MARK + b"\r\n",
    "chunk after chunk": CALL + b"Transfer-Encoding: chunked\r\n\r\n1\r\nx\r\n" + MARK + b"\r\n",
    "url": b"GET http://[" + MARK + b" HTTP/1.1\r\nHost: h\r\n\r\n",
    "port": b"GET http://h:99999999/" + MARK + b" HTTP/1.1\r\nHost: h\r\n\r\n",
    "upgrade": b"GET /v1/data-channel/x HTTP/1.1\r\nHost: h\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n"
    b"Sec-WebSocket-Version: 99\r\nSec-WebSocket-Key: " + MARK + b"\r\n\r\n",
    "tls": bytes.fromhex("16030100c8010000c40303") + MARK,
    "behind a request": HEALTH + MARK + b"\x00\r\n\r\n",
}


@pytest.fixture
def timeouts() -> Timeouts:
    return Timeouts(request=0.5, body=0.5)


def quiet(caplog: pytest.LogCaptureFixture, lines: Sequence[Mapping[str, object]]) -> None:
    assert [record.getMessage() for record in caplog.records if record.levelno >= logging.WARNING] == []
    assert [line for line in lines if line["log_level"] in ("warning", "error", "critical")] == []
    assert MARK.decode() not in caplog.text


@pytest.mark.parametrize("sent", BAD.values(), ids=BAD)
async def test_what_is_not_http_is_answered_shortly(
    connect: Callable[..., Awaitable[Raw]], caplog: pytest.LogCaptureFixture, sent: bytes
) -> None:
    with capture_logs() as lines:
        raw = await connect()
        raw.writer.write(sent)
        answer = await raw.gone()
    for banner in (b"Python/", b"aiohttp", MARK):
        assert banner not in answer
    if answer:
        assert answer.startswith((b"HTTP/1.1 4", b"HTTP/1.0 4", b"HTTP/1.1 200 OK"))
        assert answer.count(b"\r\nServer: Ferryman\r\n") == answer.count(b"HTTP/1.")
    quiet(caplog, lines)


@pytest.mark.parametrize("head", [b"Content-Length: 100\r\n", b"Transfer-Encoding: chunked\r\n"])
async def test_a_peer_that_leaves_in_the_middle_of_a_body_is_not_an_error(
    server: Server, connect: Callable[..., Awaitable[Raw]], caplog: pytest.LogCaptureFixture, head: bytes
) -> None:
    with capture_logs() as lines:
        raw = await connect()
        raw.writer.write(CALL + head + b"\r\n5\r\nx")
        await server.health()
        raw.writer.transport.abort()
        async with asyncio.timeout(SECONDS):
            while not [line for line in lines if line.get("path") == "/"]:
                await asyncio.sleep(0.005)
    quiet(caplog, lines)


async def test_a_body_that_turns_bad_halfway_is_answered(
    server: Server, connect: Callable[..., Awaitable[Raw]], caplog: pytest.LogCaptureFixture
) -> None:
    with capture_logs() as lines:
        raw = await connect()
        raw.writer.write(CALL + b"Transfer-Encoding: chunked\r\n\r\n1\r\nx\r\n")
        await server.health()
        raw.writer.write(MARK + b"\r\n")
        answer = await raw.gone()
    assert answer.startswith(b"HTTP/1.1 408 ")
    assert b"Python/" not in answer
    assert MARK not in answer
    quiet(caplog, lines)


@pytest.mark.parametrize("path", ["/v1/data-channel/x", "/v1/control-channel/x", "/", "/nowhere"])
async def test_a_peer_that_leaves_during_its_upgrade_is_not_an_error(
    server: Server, connect: Callable[..., Awaitable[Raw]], caplog: pytest.LogCaptureFixture, path: str
) -> None:
    with capture_logs() as lines:
        for _ in range(20):
            raw = await connect()
            raw.writer.write(UPGRADE.replace(b"/v1/data-channel/admin-0123456789abcdef0", path.encode()))
            raw.writer.transport.abort()
        await server.health()
        await until(nothing, lambda _: not connected(server.port))
    quiet(caplog, lines)
