"""The whole server on a loopback port, over SQLite and the in-process bus, and peers that speak to it byte for byte."""

import asyncio
import os
import ssl
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from functools import partial
from pathlib import Path
from typing import Any

import aiohttp
import pytest

from ferryman.bootstrap.bus.opening import ClosableBus
from ferryman.bus.memory import MemoryBus
from ferryman.core.iam.operator import create_access_key, create_user
from ferryman.core.ports.tracing import NO_TRACING, Tracing
from ferryman.core.service import Limits, Service, Settings
from ferryman.core.vault import Vault
from ferryman.model.identity.callers import BuiltinRole
from ferryman.sandbox.worker import Sandbox
from ferryman.server import application
from ferryman.server.http.discovery import Discovery
from ferryman.server.http.forwarded import TrustedProxies
from ferryman.server.listener.certificate import ServerCertificate
from ferryman.server.listener.unauthenticated import UnauthenticatedLimits
from ferryman.server.serving import serve
from ferryman.server.store_health import StoreHealth
from ferryman.server.timeouts import Timeouts
from ferryman.store.database import open_store
from tests.server.callers.iam_calls import Iam
from tests.server.raw_connections import Raw
from tests.server.running import ACCOUNT, REGION, Clock, Recorded, Server, narrow_socket, nothing, server_sockets, until
from tests.stall_guard import StallGuard
from tests.waiting import PATIENCE

_GUARD = pytest.StashKey[StallGuard]()


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter, config: pytest.Config) -> None:
    """Say which callback held the event loop longest; the workers of `-n` keep that to themselves."""
    guard = config.stash.get(_GUARD, None)
    if guard is not None and guard.longest is not None:
        terminalreporter.write_line(f"The event loop was held longest for {guard.longest}")


@pytest.fixture(scope="session")
def stall_guard(request: pytest.FixtureRequest) -> StallGuard:
    """What measures how long the loop is held; it knows how fast this machine is."""
    guard = request.config.stash[_GUARD] = StallGuard()
    return guard


@pytest.fixture(autouse=True)
def no_stalls(stall_guard: StallGuard) -> Iterator[None]:
    """No callback holds the loop for longer than 100 ms of CPU time of an idle machine's."""
    with stall_guard.measuring():
        yield
    if told := stall_guard.report():
        pytest.fail(told, pytrace=False)


@pytest.fixture(autouse=True)
def patient_health() -> Iterator[None]:
    """`/healthz` waits for the store as long as a test does: the disk may be busy with other tests."""
    with pytest.MonkeyPatch.context() as patch:  # of its own: what a test patches is restored before its server ends
        patch.setattr(application, "StoreHealth", partial(StoreHealth, patience=PATIENCE))
        yield


@pytest.fixture
def timeouts() -> Timeouts:
    """The server's timeouts; modules that test them override this."""
    return Timeouts()


@pytest.fixture
def limits() -> Limits:
    """The service's limits."""
    return Limits()


@pytest.fixture
def unauthenticated() -> UnauthenticatedLimits:
    """The limits on unauthenticated connections; loopback is not counted."""
    return UnauthenticatedLimits()


@pytest.fixture
def proxies() -> TrustedProxies:
    """The trusted proxies: none."""
    return TrustedProxies()


@pytest.fixture
def discovery() -> Discovery | None:
    """What anyone may know about the server: nothing."""
    return None


@pytest.fixture
def recorded() -> Recorded:
    """Adds no audit trail; modules that test records override this."""
    return lambda service: service


@pytest.fixture
def tls() -> tuple[Path, Path] | None:
    """The server's certificate and key; None for plain HTTP."""
    return None


@pytest.fixture
def tracing() -> Tracing:
    """What the server traces its calls by: nothing."""
    return NO_TRACING


@pytest.fixture
async def bus(tracing: Tracing) -> ClosableBus:
    """The server's bus, in process; the server closes it."""
    return MemoryBus(tracing)


@pytest.fixture
async def server(
    database_url: str,
    bus: ClosableBus,
    timeouts: Timeouts,
    limits: Limits,
    tls: tuple[Path, Path] | None,
    unauthenticated: UnauthenticatedLimits,
    proxies: TrustedProxies,
    discovery: Discovery | None,
    recorded: Recorded,
    tracing: Tracing,
) -> AsyncIterator[Server]:
    """A server of the test's own. Afterwards no channel, task or socket of it is left."""
    tasks = asyncio.all_tasks()
    clock = Clock()
    async with await open_store(database_url, tracing) as store:
        settings = Settings(ACCOUNT, REGION, "http://ferryman.test", limits)
        sandbox = Sandbox()
        vault = Vault(os.urandom(32), os.urandom)
        service = Service(settings, store, bus, vault, clock, os.urandom, document_worker=sandbox, tracing=tracing)
        service = recorded(service)
        await create_user(service, "root", BuiltinRole.ADMINISTRATOR)
        administrator = await create_access_key(service, "root")
        port: asyncio.Future[int] = asyncio.get_running_loop().create_future()
        stop = asyncio.Event()
        trust = ssl.create_default_context(cafile=tls[0]) if tls else True
        certificate = ServerCertificate(*tls) if tls else None
        running = asyncio.create_task(
            serve(
                service,
                "127.0.0.1",
                0,
                certificate=certificate,
                unauthenticated=unauthenticated,
                proxies=proxies,
                discovery=discovery,
                ready=port.set_result,
                stop=stop,
                timeouts=timeouts,
            )
        )
        connector = aiohttp.TCPConnector(socket_factory=narrow_socket, ssl=trust)
        async with aiohttp.ClientSession(connector=connector) as http:
            started = Server(service, store, clock, await port, http, administrator, stop, running)
            if tls:
                started.scheme, started.authority, started.certificate = "https", tls[0], certificate
            yield started
            for peer in started.peers:
                await peer.close()
            for client in started.clients:
                client.close()
            if not stop.is_set():
                await until(partial(_open_channels, started), lambda count: count == 0)
            await started.shut_down()
        await bus.close()
        await sandbox.close()
    await until(nothing, lambda _: not asyncio.all_tasks() - tasks - {asyncio.current_task()})
    await until(nothing, lambda _: not server_sockets(started.port))


async def _open_channels(server: Server) -> int | None:
    """How many there are; None if the question's own connection is evicted, as those of a flood are while they end."""
    try:
        return int((await server.health()).get("channels", 0))
    except aiohttp.ClientConnectionError:
        return None


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


@pytest.fixture
async def iam(server: Server) -> Iam:
    """Calls an operation as the administrator, or as whoever `client` is."""
    administrator = await asyncio.to_thread(server.client, "iam")

    async def call(operation: str, client: Any = None, **parameters: Any) -> Any:
        return await asyncio.to_thread(partial(getattr(client or administrator, operation), **parameters))

    return call
