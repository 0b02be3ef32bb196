"""Slow and stalled peers, too many connections, and too large requests are dropped or refused; callers are not."""

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

from ferryman.core.iam.operator import create_access_key, create_user
from ferryman.core.service import Limits
from ferryman.model.identity.callers import Credentials
from ferryman.server import serving
from ferryman.server.listener import listener as front_door
from ferryman.server.listener.connection import Connection, RequestMemories
from ferryman.server.listener.connection_limits import ConnectionLimits
from ferryman.server.listener.listener import Listener, listen
from ferryman.server.listener.unauthenticated import UnauthenticatedLimits
from ferryman.server.timeouts import Timeouts
from tests.server.raw_connections import HEALTH, UPGRADE, Raw, connected
from tests.server.running import Server, make_certificate, nothing, typed, until
from tests.waiting import AT_ONCE, PATIENCE, program_start

BUSY = HEALTH.replace(b"/healthz", b"/busy")
CALL = b"POST / HTTP/1.1\r\nHost: ferryman.test\r\nX-Amz-Target: AmazonSSM.GetDocument\r\n"


def signed_call(
    server: Server, operation: str, body: bytes, credentials: Credentials | None = None, service: str = "ssm"
) -> bytes:
    """A whole request, the administrator's unless others' credentials are given."""
    prefix = {"ssm": "AmazonSSM", "ec2messages": "EC2WindowsMessageDeliveryService"}[service]
    names = {"Content-Type": "application/x-amz-json-1.1", "X-Amz-Target": f"{prefix}.{operation}"}
    headers = server.signed("POST", "/", "", body, names, credentials, service=service)
    lines = "".join(f"{name}: {value}\r\n" for name, value in headers.items())
    return f"POST / HTTP/1.1\r\n{lines}Content-Length: {len(body)}\r\n\r\n".encode() + body


class TestPatience:
    @pytest.fixture
    def timeouts(self) -> Timeouts:
        return Timeouts(request=0.3, close=0.2)

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


class TestNewcomers:
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
        await asyncio.sleep(0.1)
        assert len(asyncio.all_tasks()) - before < 10
        assert len(connected(server.port)) >= 20

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


class TestCallers:
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


class TestFloods:
    """A server of twenty connections, and strangers who come from many addresses and finish nothing."""

    @pytest.fixture
    def unauthenticated(self) -> UnauthenticatedLimits:
        return UnauthenticatedLimits(limit=8, exempt=())

    @pytest.fixture(autouse=True)
    def _few(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(serving, "_most_connections", lambda: 20)

    @pytest.mark.parametrize("said", [b"", HEALTH[:-2], UPGRADE, CALL + b"Content-Length: 100\r\n\r\nx"])
    async def test_they_keep_nobody_out(
        self, server: Server, connect: Callable[..., Awaitable[Raw]], said: bytes
    ) -> None:
        paired = await server.paired()
        for number in range(60):
            raw = await connect(local_addr=(f"127.0.1.{number % 5}", 0))
            raw.writer.write(said)
        for _ in range(5):
            other = await connect(local_addr=("127.0.2.1", 0))
            other.writer.write(HEALTH)
            assert b"200" in await other.status()
            other.writer.close()
        await paired.client.send(typed(0, b"key"))
        assert (await paired.agent.message()).payload == b"key"
        await paired.control.answered()


class TestFloodsOverTls(TestFloods):
    @pytest.fixture
    def tls(self, tmp_path: Path) -> tuple[Path, Path]:
        return make_certificate(tmp_path)

    @pytest.mark.parametrize("said", [b"", bytes.fromhex("16030100c8010000c40303")])
    async def test_they_keep_nobody_out(
        self, server: Server, connect: Callable[..., Awaitable[Raw]], said: bytes
    ) -> None:
        for number in range(60):
            raw = await connect(local_addr=(f"127.0.1.{number % 5}", 0))
            raw.writer.write(said)
        context = ssl.create_default_context(cafile=server.authority)
        for _ in range(5):
            other = await connect(local_addr=("127.0.2.1", 0), ssl=context)
            other.writer.write(HEALTH)
            assert b"200" in await other.status()
            other.writer.close()


class TestBodies:
    """Requests of a megabyte that lack their last byte."""

    UNFINISHED = CALL + b"Content-Length: 1000000\r\n\r\n" + b"x" * 999_999

    @pytest.fixture
    def limits(self) -> Limits:
        return Limits(request_memory=3_500_000)

    async def test_memory_of_unfinished_requests_is_bounded(
        self, server: Server, connect: Callable[..., Awaitable[Raw]]
    ) -> None:
        many = [await connect() for _ in range(8)]
        for each in many:
            each.writer.write(self.UNFINISHED)
        answers = [asyncio.create_task(each.gone()) for each in many]
        await until(nothing, lambda _: sum(each.done() for each in answers) == 5)
        for answer in answers:
            if answer.done():
                head = answer.result()
                assert head.startswith(b"HTTP/1.1 503 ")
                assert b"\r\nRetry-After: 1\r\n" in head
                assert b"SlowDown" in head
        small = await connect()
        small.writer.write(signed_call(server, "DescribeSessions", b'{"State":"Active"}'))
        assert b"200" in await small.status()
        for each in many:
            each.writer.transport.abort()
        await asyncio.gather(*answers)

    async def test_unauthenticated_connections_do_not_keep_callers_out(
        self, server: Server, connect: Callable[..., Awaitable[Raw]]
    ) -> None:
        known = await connect()
        known.writer.write(signed_call(server, "DescribeSessions", b'{"State":"Active"}'))
        assert b"200" in await known.status()
        known.writer.write(self.UNFINISHED)
        unauthenticated = [await connect() for _ in range(5)]
        for each in unauthenticated:
            each.writer.write(self.UNFINISHED)
        refused = [asyncio.create_task(each.gone()) for each in unauthenticated]
        await until(nothing, lambda _: sum(each.done() for each in refused) == 2)
        known.writer.write(b"x")
        assert b"400" in await known.status()  # whole, and not signed
        for each in unauthenticated:
            each.writer.transport.abort()
        await asyncio.gather(*refused)

    async def test_unanswered_requests_do_not_keep_other_callers_out(
        self, server: Server, connect: Callable[..., Awaitable[Raw]]
    ) -> None:
        node = await server.register()
        members = {"Destination": node.node_id, "MessagesRequestId": "0" * 36, "VisibilityTimeoutInSeconds": 10}
        body = json.dumps({**members, "Padding": "x" * 900_000}).encode()
        poll = signed_call(server, "GetMessages", body, node.credentials, "ec2messages")
        known = await connect()
        for _ in range(10):
            waiting = await connect()
            waiting.writer.write(poll)
            for _ in range(2):
                known.writer.write(signed_call(server, "DescribeSessions", b'{"State":"Active"}'))
                assert b"200" in await known.status()

    async def test_frames_before_the_opening_count(self, connect: Callable[..., Awaitable[Raw]]) -> None:
        frame = struct.pack(">BBQ4s", 0x82, 0x80 | 127, 900_000, bytes(4)) + bytes(900_000)
        raw = await connect()
        raw.writer.write(UPGRADE + frame * 10)
        assert b"101" in await raw.status()
        await raw.gone()


class TestTls:
    @pytest.fixture
    def tls(self, tmp_path: Path) -> tuple[Path, Path]:
        return make_certificate(tmp_path)

    @pytest.fixture
    def timeouts(self) -> Timeouts:
        return Timeouts(request=0.3, close=0.2)

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

    async def test_connection_without_a_request_after_the_handshake_is_closed(
        self, server: Server, connect: Callable[..., Awaitable[Raw]], tls: tuple[Path, Path]
    ) -> None:
        raw = await connect(ssl=ssl.create_default_context(cafile=tls[0]))
        raw.writer.write(HEALTH[:-2])
        assert await raw.gone() == b""

    async def test_plain_http_to_a_tls_port_is_logged(
        self, server: Server, connect: Callable[..., Awaitable[Raw]]
    ) -> None:
        with capture_logs() as lines:
            raw = await connect()
            raw.writer.write(HEALTH)
            await raw.gone()
            await until(nothing, lambda _: lines)
        assert (lines[0]["event"], lines[0]["reason"]) == ("tls handshake failed", "http request")

    async def test_peer_that_does_not_trust_the_certificate_is_logged(self, server: Server) -> None:
        context = await asyncio.to_thread(ssl.create_default_context)  # takes a while, and the server is not patient

        def connect() -> None:
            with socket.create_connection(("127.0.0.1", server.port), PATIENCE) as raw:
                context.wrap_socket(raw, server_hostname="127.0.0.1")

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


@dataclass
class Doorway:
    """A front door with a server behind it that answers everything alike."""

    door: Listener
    port: int
    peers: list[Raw] = field(default_factory=list)
    busy: list[Connection] = field(default_factory=list)
    """Whose requests have been kept waiting."""
    released: asyncio.Event = field(default_factory=asyncio.Event)
    """Set when they may have their answers."""

    async def connect(self) -> Raw:
        self.peers.append(await Raw.connect(self.port))
        return self.peers[-1]

    async def ask(self, head: bytes = HEALTH) -> Raw:
        raw = await self.connect()
        raw.writer.write(head)
        return raw


class TestShortage:
    @pytest.fixture
    async def doorway(self) -> AsyncIterator[Doorway]:
        async def answer(request: web.BaseRequest) -> web.StreamResponse:
            assert isinstance(request.protocol, Connection)
            if request.path == "/busy":
                request.protocol.working()
                doorway.busy.append(request.protocol)
                await doorway.released.wait()
            return web.Response(text="hello")

        listener = listen("127.0.0.1", 0)
        server = web.Server(answer)
        limits = ConnectionLimits(UnauthenticatedLimits(), 2, per_caller=2, per_address=2)
        door = Listener(listener, server, limits, RequestMemories(1 << 20), Timeouts())
        door.open()
        doorway = Doorway(door, listener.getsockname()[1])
        yield doorway
        doorway.released.set()
        await door.close()
        await server.shutdown(1)
        for peer in doorway.peers:
            peer.writer.close()
            await peer.gone()

    async def test_full_server_closes_the_idlest_connection(self, doorway: Doorway) -> None:
        first, second = await doorway.ask(), await doorway.ask()
        assert b"200" in await first.status()
        assert b"200" in await second.status()
        third = await doorway.ask()
        assert b"200" in await third.status()
        assert await first.gone() == b""
        second.writer.write(HEALTH)
        assert b"200" in await second.status()
        assert doorway.door.connections == 2

    async def test_new_connections_wait_while_all_are_busy(self, doorway: Doorway) -> None:
        with capture_logs() as lines:
            busy = [await doorway.ask(BUSY) for _ in range(2)]
            await until(nothing, lambda _: len(doorway.busy) == 2)
            third = asyncio.create_task((await doorway.ask()).status())
            await until(nothing, lambda _: lines)
        assert (lines[0]["event"], lines[0]["limit"]) == ("connection limit reached", 2)
        assert not third.done()
        busy[0].writer.transport.abort()
        assert b"200" in await third
        doorway.released.set()
        assert b"200" in await busy[1].status()

    async def test_waiting_connection_is_accepted_when_a_busy_one_becomes_idle(self, doorway: Doorway) -> None:
        busy = [await doorway.ask(BUSY) for _ in range(2)]
        await until(nothing, lambda _: len(doorway.busy) == 2)
        third = asyncio.create_task((await doorway.ask()).status())
        doorway.released.set()
        assert b"200" in await busy[0].status()
        doorway.busy[0].request_ended()
        assert b"200" in await third

    async def test_listener_waits_for_a_free_file_descriptor(
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
