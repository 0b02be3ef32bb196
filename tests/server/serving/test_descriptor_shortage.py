"""A server that runs out of file descriptors."""

import asyncio
import os
import resource
import socket
from collections.abc import AsyncIterator
from dataclasses import dataclass, field

import pytest
from aiohttp import web
from structlog.testing import capture_logs

from ferryman.server.listener import listener as front_door
from ferryman.server.listener.connection import Connection
from ferryman.server.listener.connection_limits import ConnectionLimits
from ferryman.server.listener.listener import Listener, listen
from ferryman.server.listener.request_memory import RequestMemories
from ferryman.server.listener.unauthenticated import UnauthenticatedLimits
from ferryman.server.timeouts import Timeouts
from tests.server.raw_connections import HEALTH, Raw
from tests.server.running import nothing, until
from tests.waiting import PATIENCE

BUSY = HEALTH.replace(b"/healthz", b"/busy")
REFUSED = HEALTH.replace(b"/healthz", b"/refused")


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
            if request.path == "/refused":
                request.protocol.working()
                doorway.busy.append(request.protocol)
                await request.protocol.pause(PATIENCE, evictable=True)
            return web.Response(text="hello")

        listener = listen("127.0.0.1", 0)
        server = web.Server(answer)
        limits = ConnectionLimits(UnauthenticatedLimits(), 2, per_caller=2, per_address=2)
        door = Listener([listener], server, limits, RequestMemories(1 << 20), Timeouts(request=PATIENCE))
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

    async def test_peers_that_wait_for_their_refusal_are_closed_first(self, doorway: Doorway) -> None:
        first, _ = [await doorway.ask(REFUSED) for _ in range(2)]
        await until(nothing, lambda _: len(doorway.busy) == 2)
        third = await doorway.ask()
        assert b"200" in await third.status()
        assert await first.gone() == b""

    async def test_requests_that_wait_for_their_refusal_are_not_counted_as_memory(self, doorway: Doorway) -> None:
        """Thousands may wait through one load balancer, and others' requests need that memory."""
        await doorway.ask(BUSY)
        await doorway.ask(REFUSED)
        await until(nothing, lambda _: len(doorway.busy) == 2)
        counted = doorway.busy[0]._memory.unauthenticated
        await until(nothing, lambda _: counted.total == len(BUSY))

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
