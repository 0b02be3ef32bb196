"""Slow and stalled peers, too many connections, and too large requests are dropped or refused; callers are not."""

import asyncio
import json
import os
import socket
import struct
from collections.abc import Awaitable, Callable

import pytest
from structlog.testing import capture_logs

from ferryman.core.iam.operator import create_access_key, create_user
from ferryman.core.service import Limits
from ferryman.server.listener import listener as front_door
from ferryman.server.listener.unauthenticated import UnauthenticatedLimits
from ferryman.server.timeouts import Timeouts
from tests.server.callers.signed_calls import signed_call
from tests.server.peers import typed
from tests.server.raw_connections import HEALTH, UPGRADE, Raw, connected
from tests.server.running import Server, nothing, until
from tests.waiting import AT_ONCE, program_start


class TestStalledRequests:
    @pytest.fixture
    def timeouts(self) -> Timeouts:
        return Timeouts(request=1.0, close=0.2)

    @pytest.mark.parametrize("head", [HEALTH, UPGRADE])
    async def test_slow_request_head_is_dropped(
        self, server: Server, connect: Callable[..., Awaitable[Raw]], head: bytes
    ) -> None:
        raw = await connect()
        raw.writer.write(head[:-2])
        ended = asyncio.create_task(raw.gone())
        began = asyncio.get_running_loop().time()
        while not ended.done():
            raw.writer.write(b"X-More: 1\r\n")
            await asyncio.wait({ended}, timeout=0.05)
        assert await ended == b""
        assert asyncio.get_running_loop().time() - began < AT_ONCE * program_start()
        assert await server.health()

    async def test_silent_connection_is_closed(self, connect: Callable[..., Awaitable[Raw]]) -> None:
        assert await (await connect()).gone() == b""

    async def test_unauthenticated_peers_have_a_shorter_idle_timeout(
        self, server: Server, connect: Callable[..., Awaitable[Raw]]
    ) -> None:
        call = signed_call(server, "DescribeSessions", b'{"State":"Active"}')
        known = await connect()
        known.writer.write(call)
        assert b"200" in await known.status()
        stranger = await connect()
        stranger.writer.write(HEALTH)
        assert b"200" in await stranger.status()
        assert await stranger.gone() == b""
        known.writer.write(call)
        assert b"200" in await known.status()


class TestUnreadAnswers:
    @pytest.fixture
    def timeouts(self, monkeypatch: pytest.MonkeyPatch) -> Timeouts:
        monkeypatch.setattr(front_door, "SOCKET_BUFFER", 4096)
        return Timeouts(idle=0.3)

    async def test_peer_that_does_not_read_its_response_is_dropped(self, server: Server) -> None:
        content = json.dumps({"schemaVersion": "1.0", "description": "x" * 50_000, "sessionType": "Standard_Stream"})
        await server.call("create_document", Name="Long", DocumentType="Session", Content=content)
        await until(nothing, lambda _: not connected(server.port))
        call = signed_call(server, "GetDocument", b'{"Name":"Long"}')
        with socket.socket() as deaf:
            deaf.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
            deaf.setblocking(False)
            loop = asyncio.get_running_loop()
            await loop.sock_connect(deaf, ("127.0.0.1", server.port))
            await loop.sock_sendall(deaf, call * 8)  # more than the buffers on the way take
            await until(nothing, lambda _: connected(server.port))
            await until(nothing, lambda _: not connected(server.port))


class TestUnauthenticatedConnectionLimit:
    @pytest.fixture
    def unauthenticated(self) -> UnauthenticatedLimits:
        return UnauthenticatedLimits(limit=3, exempt=())

    async def test_unauthenticated_connections_of_one_address_are_limited(
        self, server: Server, connect: Callable[..., Awaitable[Raw]], unauthenticated: UnauthenticatedLimits
    ) -> None:
        inside = [await connect() for _ in range(3)]
        for each in inside:
            each.writer.write(HEALTH)
            assert b"200" in await each.status()
        with capture_logs() as lines:
            for _ in range(5):
                assert await (await connect()).gone() == b""
        refused = [line for line in lines if line["event"] == "too many unauthenticated connections"]
        assert [line["peer"] for line in refused] == ["127.0.0.1"]
        inside.pop().writer.close()
        await until(nothing, lambda _: len(unauthenticated) == 2)
        another = await connect()
        another.writer.write(HEALTH)
        assert b"200" in await another.status()

    async def test_authenticated_connection_is_not_counted(
        self, server: Server, unauthenticated: UnauthenticatedLimits
    ) -> None:
        paired = await server.paired()
        assert len([peer for peer in (paired.control, paired.client, paired.agent) if not peer.websocket.closed]) == 3
        await until(nothing, lambda _: len(unauthenticated) <= 1)  # the registration was not signed
        for _ in range(3):
            assert await server.paired()

    async def test_upgrade_alone_does_not_authenticate(
        self, server: Server, connect: Callable[..., Awaitable[Raw]], unauthenticated: UnauthenticatedLimits
    ) -> None:
        raw = await connect()
        raw.writer.write(UPGRADE)
        assert b"101" in await raw.status()
        assert len(unauthenticated) == 1
        raw.writer.close()
        await until(nothing, lambda _: len(unauthenticated) == 0)


class TestUnfinishedHeads:
    """aiohttp hears of a connection with the first whole head; until then it costs no task."""

    @pytest.mark.parametrize("head", [HEALTH, HEALTH.replace(b"\r\n", b"\n"), UPGRADE])
    async def test_a_head_in_pieces_is_answered(
        self, server: Server, connect: Callable[..., Awaitable[Raw]], head: bytes
    ) -> None:
        whole, pieces = await connect(), await connect()
        whole.writer.write(head)
        for byte in head:
            pieces.writer.write(bytes((byte,)))
            await asyncio.sleep(0)
        assert await pieces.status() == await whole.status()

    async def test_unfinished_requests_cost_no_tasks(
        self, server: Server, connect: Callable[..., Awaitable[Raw]]
    ) -> None:
        before = len(asyncio.all_tasks())
        for _ in range(20):
            raw = await connect()
            raw.writer.write(HEALTH[:-2])
        await until(nothing, lambda _: len(connected(server.port)) >= 20)
        await asyncio.sleep(0.1)  # most have been read by now
        assert len(asyncio.all_tasks()) - before < 10

    @pytest.mark.parametrize("start", [b"\x16\x03\x01\x02\x00", b"hello", b"\x00" * 64])
    async def test_bytes_that_cannot_be_a_head_are_answered_immediately(
        self, connect: Callable[..., Awaitable[Raw]], start: bytes
    ) -> None:
        raw = await connect()
        raw.writer.write(start)
        assert b" 400 " in await raw.status()

    async def test_endless_request_head_is_refused(self, connect: Callable[..., Awaitable[Raw]]) -> None:
        raw = await connect()
        raw.writer.write(HEALTH[:-2] + b"X-More: " + b"1" * 32 * 1024)
        assert b" 400 " in await raw.status()


class TestAuthenticatedCallers:
    @pytest.fixture
    def limits(self) -> Limits:
        return Limits(connections_per_caller=4, connections_per_address=10)

    @pytest.fixture
    def unauthenticated(self) -> UnauthenticatedLimits:
        return UnauthenticatedLimits(exempt=())

    async def test_replayed_call_cannot_hold_more_connections_than_its_caller(
        self, server: Server, connect: Callable[..., Awaitable[Raw]]
    ) -> None:
        """Of a caller who may do nothing."""
        await create_user(server.service, "nobody")
        call = signed_call(
            server, "DescribeSessions", b'{"State":"Active"}', await create_access_key(server.service, "nobody")
        )
        other = await connect()
        other.writer.write(signed_call(server, "DescribeSessions", b'{"State":"Active"}'))
        assert b"200" in await other.status()
        held = []
        for _ in range(9):
            held.append(await connect())
            held[-1].writer.write(call)
            assert b"400" in await held[-1].status()
        for each in held[:5]:
            assert await each.gone() == b""
        for each in [*held[5:], other]:
            each.writer.write(HEALTH)
            assert b"200" in await each.status()

    async def test_many_callers_of_one_address(self, server: Server, connect: Callable[..., Awaitable[Raw]]) -> None:
        held = []
        for number in range(6):
            await create_user(server.service, f"user{number}")
            call = signed_call(
                server,
                "DescribeSessions",
                b'{"State":"Active"}',
                await create_access_key(server.service, f"user{number}"),
            )
            for _ in range(2):
                held.append(await connect())
                held[-1].writer.write(call)
                await held[-1].status()
        for each in held[:2]:
            assert await each.gone() == b""
        held[2].writer.write(HEALTH)
        assert b"200" in await held[2].status()

    async def test_nodes_and_sessions_of_one_address_are_not_counted(self, server: Server) -> None:
        paired = [await server.paired() for _ in range(5)]
        for each in paired:
            await each.client.send(typed(0, b"key"))
            assert (await each.agent.message()).payload == b"key"
            await each.control.answered()


class TestFrames:
    @pytest.mark.parametrize("masked_bytes", [0, 4096])
    async def test_a_frame_too_long_is_refused_by_its_header(self, server: Server, masked_bytes: int) -> None:
        paired = await server.paired()
        for peer in (paired.client, paired.agent, paired.control):
            peer.raw(struct.pack(">BBQ4s", 0x82, 0x80 | 127, 100_000_000, b"mask") + b"x" * masked_bytes)
            assert await peer.closed() == 1009

    async def test_fragmented_message_is_bounded_like_a_frame(self, server: Server) -> None:
        paired = await server.paired()
        quarter = 256 * 1024
        fragment = struct.pack(">BBQ4s", 0x00, 0x80 | 127, quarter, bytes(4)) + bytes(quarter)
        transport = paired.client.websocket.get_extra_info("socket")
        assert transport is not None
        loop = asyncio.get_running_loop()
        with socket.socket(fileno=os.dup(transport.fileno())) as same:
            same.setblocking(False)
            await loop.sock_sendall(same, struct.pack(">BB4s", 0x02, 0x80, bytes(4)) + fragment * 3)
            await loop.sock_sendall(same, fragment[:14])
        assert await paired.client.closed() == 1009
