"""What a server that only claims to be NATS, or one that errs, can do to ours: nothing that lasts."""

import asyncio
import json
import socket
from collections.abc import AsyncIterator

import msgspec
import pytest

from ferryman.bus.nats import connection
from ferryman.bus.nats.bus import NatsBus, open_nats
from ferryman.bus.nats.connection import NatsOptions
from ferryman.bus.nats.envelopes import decode_answered, decode_asked, decode_told
from ferryman.bus.nats.link import NatsLink
from tests.waiting import PATIENCE

NOTHING = NatsOptions(("nats://127.0.0.1:1",))


class Forged:
    """Greets, answers pings and never sends a message. `greeting` and `before_pong` are for the next connection."""

    def __init__(self) -> None:
        self.greeting = self.usual
        self.before_pong = b""
        self.greeted = 0
        self.is_deaf = False
        self.port = 0
        self._writers: list[asyncio.StreamWriter] = []

    @property
    def usual(self) -> bytes:
        return self.of({})

    @staticmethod
    def of(more: dict[str, object]) -> bytes:
        known = {"server_id": "x", "version": "2.11.0", "max_payload": 1048576, "headers": True}
        return b"INFO " + json.dumps(known | more).encode() + b"\r\n"

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        greeting, self.greeting = self.greeting, self.usual
        before_pong, self.before_pong = self.before_pong, b""
        self.greeted += 1
        self._writers.append(writer)
        writer.write(greeting)
        while line := await reader.readline():
            if self.is_deaf:
                self.is_deaf = False
                writer.transport.pause_reading()  # type: ignore[attr-defined] # a socket's transport has it
                return
            if line.startswith(b"PING"):
                writer.write(before_pong + b"PONG\r\n")
                before_pong = b""
        writer.close()

    def cut(self) -> None:
        while self._writers:
            self._writers.pop().close()


@pytest.fixture
async def forged() -> AsyncIterator[Forged]:
    server = Forged()
    listening = await asyncio.start_server(server.serve, "127.0.0.1", 0)
    bound = listening.sockets[0]
    bound.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
    server.port = bound.getsockname()[1]
    yield server
    server.cut()
    listening.close()


async def opened(server: Forged) -> NatsBus:
    return await open_nats(NatsOptions((f"nats://127.0.0.1:{server.port}",)), PATIENCE)


@pytest.mark.parametrize(
    "greeting",
    [
        b"INFO\r\n",
        b"INFO 5\r\n",
        b"INFO " + b"x" * 100_000 + b"\r\n",
        Forged.of({"max_payload": "many"}),
    ],
)
async def test_malformed_greeting_does_not_end_the_attempts(forged: Forged, greeting: bytes) -> None:
    """One could be sent by whoever is between the server and NATS for a moment, before TLS."""
    bus = await opened(forged)
    forged.greeting = greeting
    forged.cut()
    async with asyncio.timeout(PATIENCE):
        while forged.greeted < 3 or not (bus.is_connected and bus._link.client.is_connected):
            await asyncio.sleep(0.01)
    await bus.close()


async def test_line_before_the_answer_to_the_login_is_a_failed_attempt(forged: Forged) -> None:
    """The library would take the connection for open, and send nothing."""
    forged.before_pong = b"+OK\r\n"
    bus = await opened(forged)
    assert bus._link.client.is_connected
    assert forged.greeted == 2
    await bus.close()


async def test_addresses_of_other_servers_are_not_learned(forged: Forged) -> None:
    """Not even from NATS itself: what it says first is in the clear, and the login would go to them."""
    forged.greeting = forged.of({"connect_urls": ["192.0.2.1:4222", "evil.example.com:4222"]})
    bus = await opened(forged)
    assert [each.uri.netloc for each in bus._link.client.server_pool] == [f"127.0.0.1:{forged.port}"]
    await bus.close()


async def test_nats_that_reads_no_longer_is_left(forged: Forged, monkeypatch: pytest.MonkeyPatch) -> None:
    """The library waits until it has read what was sent; a machine that is gone never does."""
    monkeypatch.setattr(connection, "_PING_SECONDS", 0.1)
    bus = await opened(forged)
    sending = unread(forged, bus)
    async with asyncio.timeout(PATIENCE):
        while forged.greeted < 2 or not bus.is_connected:
            await asyncio.sleep(0.01)
    await asyncio.gather(*sending)
    await bus.close()


async def test_bus_is_closed_although_nats_reads_no_longer(forged: Forged, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(connection, "_FLUSH_SECONDS", 0.1)
    bus = await opened(forged)
    sending = unread(forged, bus)
    await asyncio.sleep(0)
    await asyncio.wait_for(bus.close(), PATIENCE / 2)
    await asyncio.gather(*sending)


def unread(forged: Forged, bus: NatsBus) -> "list[asyncio.Task[None]]":
    """Send more than the system's buffers hold to a server that stops reading."""
    writer = bus._link.client._transport._io_writer  # type: ignore[union-attr] # there is a connection
    writer.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 65536)
    forged.is_deaf = True
    return [asyncio.create_task(bus.publish("x", bytes(900_000))) for _ in range(4)]


async def test_connection_that_flaps_begins_no_second_resumption_beside_the_first() -> None:
    begun, gate = 0, asyncio.Event()

    async def resume() -> None:
        nonlocal begun
        begun += 1
        await gate.wait()

    link = NatsLink(NOTHING, lambda: None, resume)
    for _ in range(20):
        await link._is_back()
        await asyncio.sleep(0)
    assert begun == 1
    gate.set()
    await asyncio.gather(*link._tasks)
    assert begun == 2
    await link._is_back()
    await asyncio.gather(*link._tasks)
    assert begun == 3


@pytest.mark.parametrize("data", [b"\x93\x03\xa1\xff\x01", b"\x92\x02\xa1\xff", b"\x92\x06\xa1\xff", b"", b"\xc1"])
def test_malformed_envelopes_raise_one_error(data: bytes) -> None:
    for decode in (decode_asked, decode_told, decode_answered):
        with pytest.raises(msgspec.DecodeError):
            decode(data)
