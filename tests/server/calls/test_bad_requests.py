"""Bytes that are not HTTP, or only half a request: a short response, and no warnings in the log."""

import asyncio
import logging
from collections.abc import Awaitable, Callable, Mapping, Sequence

import pytest
from structlog.testing import capture_logs

from ferryman.server.timeouts import Timeouts
from tests.server.raw_connections import BAD, CALL, MARK, UPGRADE, Raw, connected
from tests.server.running import Server, nothing, until
from tests.waiting import PATIENCE


@pytest.fixture
def timeouts() -> Timeouts:
    return Timeouts(request=0.5, body=0.5)


def quiet(caplog: pytest.LogCaptureFixture, lines: Sequence[Mapping[str, object]]) -> None:
    assert [record.getMessage() for record in caplog.records if record.levelno >= logging.WARNING] == []
    assert [line for line in lines if line["log_level"] in ("warning", "error", "critical")] == []
    assert MARK.decode() not in caplog.text


@pytest.mark.parametrize("sent", BAD.values(), ids=BAD)
async def test_malformed_http_gets_a_short_answer(
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
        async with asyncio.timeout(PATIENCE):
            while not [line for line in lines if line.get("path") == "/"]:
                await asyncio.sleep(0.005)
    quiet(caplog, lines)


async def test_malformed_chunk_after_a_valid_one_is_answered(
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
