"""Two servers on one store and one NATS."""

import asyncio
import os
import secrets
from collections.abc import AsyncIterator
from dataclasses import replace

import pytest

from ferryman.bootstrap.bus.opening import ClosableBus
from ferryman.core.ports.tracing import NO_TRACING, Tracing
from ferryman.core.service import Service
from ferryman.server.serving import serve
from ferryman.server.timeouts import Timeouts
from tests.nats import NatsServer, open_bus
from tests.server.running import Recorded, Server


@pytest.fixture
def prefix() -> str:
    return secrets.token_hex(4)


@pytest.fixture
async def bus(nats_server: NatsServer, prefix: str, tracing: Tracing) -> ClosableBus:
    return await open_bus(nats_server, prefix, tracing)


@pytest.fixture
def other_tracing() -> Tracing:
    """What the second server traces by: nothing."""
    return NO_TRACING


@pytest.fixture
async def other_bus(nats_server: NatsServer, prefix: str, other_tracing: Tracing) -> AsyncIterator[ClosableBus]:
    """The second server's."""
    bus = await open_bus(nats_server, prefix, other_tracing)
    yield bus
    await bus.close()


@pytest.fixture
def other_recorded() -> Recorded:
    """Adds no audit trail to the second server."""
    return lambda service: service


@pytest.fixture
async def other(
    server: Server, other_bus: ClosableBus, timeouts: Timeouts, other_tracing: Tracing, other_recorded: Recorded
) -> AsyncIterator[Server]:
    """The second server."""
    first = server.service
    service = Service(
        first.settings,
        first.store,
        other_bus,
        first.vault,
        first.clock,
        os.urandom,
        document_worker=first.document_worker,
        tracing=other_tracing,
    )
    service = other_recorded(service)
    port: asyncio.Future[int] = asyncio.get_running_loop().create_future()
    stop = asyncio.Event()
    running = asyncio.create_task(serve(service, "127.0.0.1", 0, timeouts=timeouts, ready=port.set_result, stop=stop))
    second = replace(server, service=service, port=await port, stop=stop, running=running, peers=[], clients=[])
    yield second
    for peer in second.peers:
        await peer.close()
    for client in second.clients:
        client.close()
    await second.shut_down()
