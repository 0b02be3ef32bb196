"""Peers that come in and do not get on: slow, stalled, too many, or with more than they may send."""

import asyncio
import json
import os
import resource
import socket
import ssl
import struct
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass, field
from pathlib import Path

import pytest
from aiohttp import web
from structlog.testing import capture_logs

from ferryman.server import front_door
from ferryman.server.front_door import FrontDoor, listen
from ferryman.server.newcomers import Newcomers
from ferryman.server.timing import Timing
from tests.unit.server.conftest import SECONDS, Server, make_certificate, nothing, server_sockets, until

HEALTH = b"GET /healthz HTTP/1.1\r\nHost: ferryman.test\r\n\r\n"
UPGRADE = (
    b"GET /v1/data-channel/admin-0123456789abcdef0?role=publish_subscribe HTTP/1.1\r\nHost: ferryman.test\r\n"
    b"Connection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\n"
    b"Sec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\n\r\n"
)


@dataclass
class Raw:
    """A TCP connection to the server that says what it likes."""

    reader: asyncio.StreamReader
    writer: asyncio.StreamWriter

    @classmethod
    async def connect(cls, port: int, **options: object) -> "Raw":
        return cls(*await asyncio.open_connection("127.0.0.1", port, **options))  # type: ignore[arg-type]

    async def gone(self) -> bytes:
        """Read until the server closes; what it said."""
        async with asyncio.timeout(SECONDS):
            try:
                return await self.reader.read()
            except ConnectionError:
                return b""

    async def status(self) -> bytes:
        """The answer's status line; its body is read away."""
        async with asyncio.timeout(SECONDS):
            head = await self.reader.readuntil(b"\r\n\r\n")
            length = head.lower().partition(b"content-length:")[2].split(b"\r\n")[0]
            await self.reader.readexactly(int(length or 0))
        return head.split(b"\r\n")[0]


def signed_call(server: Server, operation: str, body: bytes) -> bytes:
    """A whole request of the administrator's."""
    names = {"Content-Type": "application/x-amz-json-1.1", "X-Amz-Target": f"AmazonSSM.{operation}"}
    headers = server.signed("POST", "/", "", body, names)
    lines = "".join(f"{name}: {value}\r\n" for name, value in headers.items())
    return f"POST / HTTP/1.1\r\n{lines}Content-Length: {len(body)}\r\n\r\n".encode() + body


def connected(port: int) -> list[str]:
    """The server's sockets that have a peer."""
    return [each for each in server_sockets(port) if not each.endswith("LISTEN")]


@pytest.fixture
async def connect(server: Server) -> AsyncIterator[Callable[..., Awaitable[Raw]]]:
    """Connect to the server; closed with the test."""
    made: list[Raw] = []

    async def connect(**options: object) -> Raw:
        made.append(await Raw.connect(server.port, **options))
        return made[-1]

    yield connect
    for each in made:
        each.writer.close()


class TestPatience:
    @pytest.fixture
    def timing(self) -> Timing:
        return Timing(request=0.3, close=0.2)

    @pytest.mark.parametrize("head", [HEALTH, UPGRADE])
    async def test_a_head_that_comes_drop_by_drop_is_not_waited_for(
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
        assert asyncio.get_running_loop().time() - began < 3
        assert await server.health()

    async def test_nobody_stays_who_says_nothing(self, connect: Callable[..., Awaitable[Raw]]) -> None:
        assert await (await connect()).gone() == b""

    async def test_strangers_may_be_idle_for_less_long(
        self, server: Server, connect: Callable[..., Awaitable[Raw]]
    ) -> None:
        known = await connect()
        call = signed_call(server, "DescribeSessions", b'{"State":"Active"}')
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
    def timing(self, monkeypatch: pytest.MonkeyPatch) -> Timing:
        monkeypatch.setattr(front_door, "SOCKET_BUFFER", 4096)
        return Timing(idle=0.3)

    async def test_answers_must_be_taken(self, server: Server) -> None:
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


class TestNewcomers:
    @pytest.fixture
    def newcomers(self) -> Newcomers:
        return Newcomers(limit=3, exempt=())

    async def test_one_address_may_bring_so_many(
        self, server: Server, connect: Callable[..., Awaitable[Raw]], newcomers: Newcomers
    ) -> None:
        inside = [await connect() for _ in range(3)]
        for each in inside:
            each.writer.write(HEALTH)
            assert b"200" in await each.status()
        with capture_logs() as lines:
            for _ in range(5):
                assert await (await connect()).gone() == b""
        refused = [line for line in lines if line["event"] == "too many newcomers"]
        assert [line["peer"] for line in refused] == ["127.0.0.1"]
        inside.pop().writer.close()
        await until(nothing, lambda _: len(newcomers) == 2)
        another = await connect()
        another.writer.write(HEALTH)
        assert b"200" in await another.status()

    async def test_who_is_known_is_not_counted(self, server: Server, newcomers: Newcomers) -> None:
        paired = await server.paired()
        assert len([peer for peer in (paired.control, paired.client, paired.agent) if not peer.websocket.closed]) == 3
        await until(nothing, lambda _: len(newcomers) <= 1)  # the registration was not signed
        for _ in range(3):
            assert await server.paired()

    async def test_an_upgrade_alone_tells_nothing(
        self, server: Server, connect: Callable[..., Awaitable[Raw]], newcomers: Newcomers
    ) -> None:
        raw = await connect()
        raw.writer.write(UPGRADE)
        assert b"101" in await raw.status()
        assert len(newcomers) == 1
        raw.writer.close()
        await until(nothing, lambda _: len(newcomers) == 0)


class TestTls:
    @pytest.fixture
    def tls(self, tmp_path: Path) -> tuple[Path, Path]:
        return make_certificate(tmp_path)

    @pytest.fixture
    def timing(self) -> Timing:
        return Timing(request=0.3, close=0.2)

    @pytest.mark.parametrize("said", [b"", bytes.fromhex("16030100c8010000c40303")])
    async def test_a_stalled_handshake_ends(
        self, server: Server, connect: Callable[..., Awaitable[Raw]], said: bytes
    ) -> None:
        with capture_logs() as lines:
            raw = await connect()
            raw.writer.write(said)
            await raw.gone()
            await until(nothing, lambda _: [line for line in lines if line["event"] == "tls handshake failed"])
        assert lines[0]["peer"] == "127.0.0.1"

    async def test_a_head_must_follow_the_handshake(
        self, server: Server, connect: Callable[..., Awaitable[Raw]], tls: tuple[Path, Path]
    ) -> None:
        raw = await connect(ssl=ssl.create_default_context(cafile=tls[0]))
        raw.writer.write(HEALTH[:-2])
        assert await raw.gone() == b""

    async def test_plain_http_is_told_of_in_the_log(
        self, server: Server, connect: Callable[..., Awaitable[Raw]]
    ) -> None:
        with capture_logs() as lines:
            raw = await connect()
            raw.writer.write(HEALTH)
            await raw.gone()
            await until(nothing, lambda _: lines)
        assert (lines[0]["event"], lines[0]["reason"]) == ("tls handshake failed", "http request")

    async def test_strangers_to_our_authority_are_told_of_in_the_log(self, server: Server) -> None:
        def connect() -> None:
            with socket.create_connection(("127.0.0.1", server.port), SECONDS) as raw:
                ssl.create_default_context().wrap_socket(raw, server_hostname="127.0.0.1")

        with capture_logs() as lines:
            with pytest.raises(ssl.SSLCertVerificationError):
                await asyncio.to_thread(connect)
            await until(nothing, lambda _: lines)
        assert "unknown ca" in lines[0]["reason"]


class TestFrames:
    @pytest.mark.parametrize("masked_bytes", [0, 4096])
    async def test_a_frame_too_long_is_refused_by_its_header(self, server: Server, masked_bytes: int) -> None:
        paired = await server.paired()
        for peer in (paired.client, paired.agent, paired.control):
            peer.raw(struct.pack(">BBQ4s", 0x82, 0x80 | 127, 100_000_000, b"mask") + b"x" * masked_bytes)
            assert await peer.closed() == 1009

    async def test_many_fragments_make_no_longer_frame(self, server: Server) -> None:
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


@dataclass
class Doorway:
    """A front door with a server behind it that answers everything alike."""

    door: FrontDoor
    port: int
    peers: list[Raw] = field(default_factory=list)

    async def connect(self) -> Raw:
        self.peers.append(await Raw.connect(self.port))
        return self.peers[-1]

    async def ask(self) -> Raw:
        raw = await self.connect()
        raw.writer.write(HEALTH)
        return raw


class TestShortage:
    @pytest.fixture
    async def doorway(self) -> AsyncIterator[Doorway]:
        async def answer(request: web.BaseRequest) -> web.StreamResponse:
            return web.Response(text="hello")

        listener = listen("127.0.0.1", 0)
        server = web.Server(answer)
        door = FrontDoor(listener, server, Newcomers(), Timing(), most=2)
        door.open()
        doorway = Doorway(door, listener.getsockname()[1])
        yield doorway
        await door.close()
        await server.shutdown(1)
        for peer in doorway.peers:
            peer.writer.close()
            await peer.gone()

    async def test_when_the_house_is_full_others_wait(self, doorway: Doorway) -> None:
        with capture_logs() as lines:
            first, second = await doorway.ask(), await doorway.ask()
            assert b"200" in await first.status()
            assert b"200" in await second.status()
        third = asyncio.create_task((await doorway.ask()).status())
        second.writer.write(HEALTH)
        assert b"200" in await second.status()
        assert (lines[0]["event"], lines[0]["limit"]) == ("no more connections", 2)
        assert not third.done()
        first.writer.close()
        assert b"200" in await third
        assert doorway.door.connections == 2

    async def test_without_a_descriptor_it_waits_for_one(
        self, doorway: Doorway, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(front_door, "_OUT_OF_FILES_SECONDS", 0.01)
        soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
        asking = await doorway.ask()
        assert b"200" in await asking.status()
        with socket.create_connection(("127.0.0.1", doorway.port)) as waiting:  # the kernel has it, the door not yet
            waiting.sendall(HEALTH)
            free = os.dup(waiting.fileno())
            os.close(free)
            resource.setrlimit(resource.RLIMIT_NOFILE, (free, hard))
            try:
                with capture_logs() as lines:
                    await until(nothing, lambda _: lines)
                asking.writer.write(HEALTH)
                assert b"200" in await asking.status()
            finally:
                resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
            assert (lines[0]["event"], lines[0]["reason"]) == ("cannot accept", "Too many open files")
            assert b"200" in await asyncio.to_thread(waiting.recv, 1024)
