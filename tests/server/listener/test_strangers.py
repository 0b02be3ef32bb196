"""What peers that do not say who they are can do repeatedly, and what they leave behind when they go."""

import asyncio
import gc
from collections.abc import Awaitable, Callable
from typing import Any

import pytest
from aiohttp import web

from ferryman.core.service import Limits
from ferryman.server.http.admission import throttling
from ferryman.server.listener.connection import HEAD_BYTES, Connection
from ferryman.server.listener.unauthenticated import UnauthenticatedLimits
from ferryman.server.operations.registry import BY_CALLER
from tests.server.callers.signed_calls import signed_call
from tests.server.raw_connections import HEALTH, UPGRADE, Raw
from tests.server.running import Server, nothing, until

LIMIT = 8
BURST = 2 * LIMIT
UNSIGNED = b"POST / HTTP/1.1\r\nHost: h\r\nX-Amz-Target: AmazonSSM.StartSession\r\nContent-Length: 2\r\n\r\n{}"
MALFORMED = UNSIGNED.replace(b"Host: h", b"Host: h\r\nAuthorization: AWS4-HMAC-SHA256 Credential=x")
CLOSE = b"Connection: close"


class TestKeepAlive:
    now = 0.0

    @pytest.fixture
    def unauthenticated(self) -> UnauthenticatedLimits:
        return UnauthenticatedLimits(limit=LIMIT, exempt=(), clock=lambda: self.now)

    @pytest.mark.parametrize("call", [UNSIGNED, MALFORMED])
    async def test_a_refused_call_without_a_caller_ends_its_connection(
        self, connect: Callable[..., Awaitable[Raw]], call: bytes
    ) -> None:
        raw = await connect()
        raw.writer.write(call * 3)
        answers = await raw.gone()
        assert answers.count(b"HTTP/1.1 4") == 1
        assert CLOSE in answers

    async def test_the_same_on_a_connection_of_a_caller(
        self, server: Server, connect: Callable[..., Awaitable[Raw]]
    ) -> None:
        raw = await connect()
        call = signed_call(server, "DescribeSessions", b'{"State":"Active"}')
        raw.writer.write(call)
        assert b" 200 " in await raw.status()
        raw.writer.write(call)
        assert b" 200 " in await raw.status()
        raw.writer.write(UNSIGNED)
        assert b" 400 " in await raw.status()
        assert await raw.gone() == b""

    async def test_a_refused_call_of_a_caller_does_not(
        self, server: Server, connect: Callable[..., Awaitable[Raw]]
    ) -> None:
        raw = await connect()
        for _ in range(3):
            raw.writer.write(signed_call(server, "DescribeSessions", b'{"State":"Never"}'))
            assert b" 400 " in await raw.status()

    async def test_requests_of_one_connection_count_like_new_connections(
        self, connect: Callable[..., Awaitable[Raw]]
    ) -> None:
        raw = await connect()
        raw.writer.write(HEALTH * 10 * BURST)
        assert (await raw.gone()).count(b"HTTP/1.1 200") == BURST + 1  # the last one is told to close
        assert await (await connect()).gone() == b""
        self.now = 60.0
        raw = await connect()
        raw.writer.write(HEALTH)
        assert b" 200 " in await raw.status()


class TestHeads:
    @pytest.mark.parametrize("start", [b"get /healthz HTTP/1.1\r\n", b"\x16\x03\x01\x02\x00", b" GET", b"\r\n\r\n1"])
    async def test_what_cannot_become_a_head_starts_nothing(
        self, server: Server, connect: Callable[..., Awaitable[Raw]], monkeypatch: pytest.MonkeyPatch, start: bytes
    ) -> None:
        raw = await connect()
        raw.writer.write(HEALTH)
        assert b" 200 " in await raw.status()
        begun: list[Connection] = []
        handed = web.RequestHandler.connection_made

        def connection_made(connection: Any, transport: asyncio.Transport) -> None:
            begun.append(connection)
            handed(connection, transport)

        monkeypatch.setattr(web.RequestHandler, "connection_made", connection_made)
        for _ in range(3):
            raw = await connect()
            raw.writer.write(start)
            assert b" 400 " in await raw.status()
            assert await raw.gone() == b""
        assert not begun
        raw = await connect()
        raw.writer.write(HEALTH)
        assert b" 200 " in await raw.status()
        assert len(begun) == 1

    async def test_empty_lines_before_the_head_are_skipped(self, connect: Callable[..., Awaitable[Raw]]) -> None:
        raw = await connect()
        for part in (b"\r", b"\n", b"\r\n\r\n", HEALTH[:1], HEALTH[1:]):
            raw.writer.write(part)
            await asyncio.sleep(0)
        assert b" 200 " in await raw.status()

    async def test_a_head_without_end_starts_nothing(
        self, connect: Callable[..., Awaitable[Raw]], monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(web.RequestHandler, "connection_made", None)
        raw = await connect()
        line = b"X-More: " + b"1" * 1000 + b"\r\n"
        raw.writer.write(HEALTH[:-2] + line * (HEAD_BYTES // len(line) + 1))
        assert b" 400 " in await raw.status()


class TestThoseWhoLeave:
    """A call or an upgrade that waits is counted until it is over, which it is as soon as its peer has left."""

    @pytest.fixture
    def limits(self) -> Limits:
        return Limits(calls_burst=1, calls_per_second=0.001)

    @pytest.fixture(autouse=True)
    def _patient(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(throttling, "REFUSAL_SECONDS", 3600.0)

    async def test_a_waiting_call_ends_when_its_peer_leaves(
        self, server: Server, connect: Callable[..., Awaitable[Raw]]
    ) -> None:
        call = signed_call(server, "DescribeSessions", b'{"State":"Active"}')
        raw = await connect()
        raw.writer.write(call)
        assert b" 200 " in await raw.status()
        await self.leave_while_waiting(connect, call)

    async def test_a_waiting_upgrade_ends_when_its_peer_leaves(
        self, server: Server, connect: Callable[..., Awaitable[Raw]]
    ) -> None:
        path = "/v1/control-channel/mi-0123456789abcdef0"
        headers = UPGRADE.partition(b"\r\nHost: ferryman.test")[2].decode()
        signed = server.signed("GET", path, "", b"", service="ssmmessages")
        lines = "".join(f"{name}: {value}\r\n" for name, value in signed.items())
        upgrade = f"GET {path} HTTP/1.1\r\n{lines.removesuffix(chr(13) + chr(10))}{headers}".encode()
        raw = await connect()
        raw.writer.write(upgrade)
        assert b" 403 " in await raw.status()
        await self.leave_while_waiting(connect, upgrade)

    async def leave_while_waiting(self, connect: Callable[..., Awaitable[Raw]], request: bytes) -> None:
        def answering() -> int:
            return sum(isinstance(each, Connection) and each._answering for each in gc.get_objects())

        waiting = [await connect() for _ in range(5)]
        for each in waiting:
            each.writer.write(request)
        await until(nothing, lambda _: answering() == len(waiting))
        for each in waiting:
            each.writer.transport.abort()
        await until(nothing, lambda _: not answering())


async def test_a_call_counts_until_it_is_answered_even_if_its_peer_has_left(
    server: Server, connect: Callable[..., Awaitable[Raw]], monkeypatch: pytest.MonkeyPatch
) -> None:
    released, begun = asyncio.Event(), asyncio.Event()

    async def slow(*_: object) -> dict[str, Any]:
        begun.set()
        await released.wait()
        return {}

    monkeypatch.setitem(BY_CALLER, ("ssm", "DescribeSessions"), slow)
    raw = await connect()
    raw.writer.write(signed_call(server, "DescribeSessions", b'{"State":"Active","Padding":"%s"}' % (b"x" * 10_000)))
    await begun.wait()
    [connection] = [each for each in gc.get_objects() if isinstance(each, Connection) and each._answering]
    raw.writer.transport.abort()
    await until(nothing, lambda _: connection.transport is None)
    held = connection._memory.authenticated
    assert connection in connection._limits._entries
    assert held.total > 10_000
    released.set()
    await until(nothing, lambda _: connection not in connection._limits._entries)
    assert held.total == 0
