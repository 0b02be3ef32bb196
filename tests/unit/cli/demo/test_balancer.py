"""The demo's load balancer for machines without HAProxy, before servers that say who they are."""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path

import pytest

from ferryman.cli.demo.several import balancer
from ferryman.cli.demo.several.balancer import Balancer, haproxy_configuration
from tests.ports import free_port
from tests.waiting import PATIENCE

PACKAGED = Path(__file__).parents[4] / "packaging" / "load-balancers" / "haproxy.cfg"
SESSION = "/v1/data-channel/session-{}?role=publish_subscribe"


async def close(writer: asyncio.StreamWriter) -> None:
    """Close a connection, and wait until it is closed: otherwise its end is noticed after the event loop's."""
    writer.close()
    with contextlib.suppress(ConnectionError):
        await writer.wait_closed()


class Answering:
    """Answers each request with its own port, and `/readyz` with whether it is ready."""

    def __init__(self) -> None:
        self.port = free_port()
        self.is_ready = True

    @asynccontextmanager
    async def serving(self) -> AsyncIterator[None]:
        async with await asyncio.start_server(self._answer, "127.0.0.1", self.port):
            yield

    async def _answer(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with contextlib.suppress(asyncio.IncompleteReadError):
            head = await reader.readuntil(b"\r\n\r\n")
            status = b"503 No" if b"/readyz" in head and not self.is_ready else b"200 OK"
            writer.write(b"HTTP/1.1 " + status + b"\r\n\r\n%d" % self.port)
        await close(writer)


async def ask(port: int, path: str) -> int:
    """The port of the server that answers."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    writer.write(f"GET {path} HTTP/1.1\r\nHost: x\r\n\r\n".encode())
    answer = await reader.read()
    await close(writer)
    return int(answer.rpartition(b"\r\n\r\n")[2] or 0)


async def until(seen: Callable[[set[int]], bool], port: int, path: str) -> None:
    async with asyncio.timeout(PATIENCE):
        while not seen({await ask(port, path.format(number)) for number in range(30)}):
            await asyncio.sleep(0.02)


async def test_both_ends_of_a_session_reach_one_ready_server(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(balancer, "CHECK_SECONDS", 0.02)
    servers, port = [Answering() for _ in range(3)], free_port()
    everyone = {each.port for each in servers}
    async with AsyncExitStack() as stack:
        for each in servers:
            await stack.enter_async_context(each.serving())
        running = asyncio.create_task(Balancer([each.port for each in servers]).run(port))
        async with asyncio.timeout(PATIENCE):
            while not await reachable(port):
                await asyncio.sleep(0.02)
        await until(lambda seen: seen == everyone, port, "/")
        await until(lambda seen: seen == everyone, port, SESSION)
        assert len({await ask(port, SESSION.format(1)) for _ in range(10)}) == 1
        before = {number: await ask(port, SESSION.format(number)) for number in range(30)}
        servers[0].is_ready = False
        await until(lambda seen: seen == everyone - {servers[0].port}, port, "/")
        after = {number: await ask(port, SESSION.format(number)) for number in range(30)}
        assert all(after[number] == each for number, each in before.items() if each != servers[0].port)
        for each in servers:
            each.is_ready = False
        await until(lambda seen: seen == everyone, port, "/")
        running.cancel()
        await asyncio.wait([running])


async def test_a_check_ends_its_connection_also_when_it_is_cut_off() -> None:
    asked, left = asyncio.Event(), asyncio.Event()

    async def say_nothing(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        asked.set()
        with contextlib.suppress(ConnectionError):
            assert await reader.read() == b""
        left.set()
        await close(writer)

    server = free_port()
    async with await asyncio.start_server(say_nothing, "127.0.0.1", server):
        running = asyncio.create_task(Balancer([server]).run(free_port()))
        async with asyncio.timeout(PATIENCE):
            await asked.wait()
            running.cancel()
            await asyncio.wait([running])
            await left.wait()


async def reachable(port: int) -> bool:
    try:
        return bool(await ask(port, "/"))
    except ConnectionError:
        return False


def test_haproxy_is_configured_for_every_server() -> None:
    settings = haproxy_configuration(7000, [7001, 7002])
    assert settings.count("server server2 127.0.0.1:7002\n") == 2
    assert settings.count("server server2-anyway 127.0.0.1:7002 no-check backup\n") == 2
    assert "bind 127.0.0.1:7000\n" in settings


@pytest.mark.parametrize("settings", [haproxy_configuration(7000, [7001]), PACKAGED.read_text()])
def test_what_clients_claim_of_themselves_is_overwritten(settings: str) -> None:
    """Or a client at a trusted proxy's address chooses another for each guess, and any client says it uses TLS."""
    assert "http-request set-header X-Forwarded-For %[src]\n" in settings
    assert "http-request set-header X-Forwarded-Proto http" in settings
    assert "option forwardfor" not in settings


def test_haproxy_is_configured_as_the_packaged_example_says() -> None:
    """But for addresses, TLS and comments."""

    def settings(text: str) -> list[str]:
        lines = [line.partition("#")[0].strip() for line in text.splitlines()]
        own = ("bind ", "server ", "timeout http-request")
        return [line.replace("-Proto https", "-Proto http") for line in lines if line and not line.startswith(own)]

    assert settings(haproxy_configuration(7000, [7001])) == settings(PACKAGED.read_text())
