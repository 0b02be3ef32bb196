"""The adapters that every contract suite runs over. A new adapter is added here and nowhere else."""

import secrets
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from typing import Protocol

import pytest

from ferryman.bus.memory import MemoryBus
from ferryman.core.ports.bus import Bus, Handler, Subscription, Superseded
from ferryman.core.ports.store import Store
from ferryman.model.values.timing import Timing
from ferryman.store.database import open_store
from tests.nats import NatsServer, open_bus


class ClosableBus(Bus, Protocol):
    """A bus as the server opens and closes it."""

    async def drain(self) -> None: ...

    async def close(self) -> None: ...


STORES: Mapping[str, str] = {"sqlite": "database_url", "postgresql": "postgresql_url"}
"""By name: the fixture with the URL of an empty database."""


class TwoServers:
    """Two buses as one: what is sent on one of them reaches subscribers on the other, through what is between them."""

    def __init__(self, sending: ClosableBus, receiving: ClosableBus) -> None:
        self._sending = sending
        self._receiving = receiving

    @property
    def is_connected(self) -> bool:
        return self._sending.is_connected and self._receiving.is_connected

    @property
    def timings(self) -> Mapping[str, Timing]:
        return {}

    async def subscribe(self, subject: str, handler: Handler, superseded: Superseded | None = None) -> Subscription:
        return await self._receiving.subscribe(subject, handler, superseded)

    async def request(self, subject: str, payload: bytes, *, timeout: float) -> bytes:
        return await self._sending.request(subject, payload, timeout=timeout)

    async def subscribed(self, subjects: Sequence[str], *, timeout: float) -> frozenset[str]:
        return await self._sending.subscribed(subjects, timeout=timeout)

    async def publish(self, subject: str, payload: bytes) -> None:
        await self._sending.publish(subject, payload)

    async def drain(self) -> None:
        for each in (self._sending, self._receiving, self._sending):
            await each.drain()

    async def close(self) -> None:
        await self._sending.close()
        await self._receiving.close()


async def _memory(_request: pytest.FixtureRequest) -> ClosableBus:
    return MemoryBus()


async def _nats(request: pytest.FixtureRequest) -> ClosableBus:
    server: NatsServer = request.getfixturevalue("nats_server")
    return await open_bus(server, secrets.token_hex(4))


async def _two_servers(request: pytest.FixtureRequest) -> ClosableBus:
    server: NatsServer = request.getfixturevalue("nats_server")
    prefix = secrets.token_hex(4)
    return TwoServers(await open_bus(server, prefix), await open_bus(server, prefix))


BUSES: Mapping[str, Callable[[pytest.FixtureRequest], Awaitable[ClosableBus]]] = {
    "memory": _memory,
    "nats": _nats,
    "nats, two servers": _two_servers,
}


@pytest.fixture(params=STORES)
async def store(request: pytest.FixtureRequest) -> AsyncIterator[Store]:
    """Every store adapter in turn, empty."""
    url: str = request.getfixturevalue(STORES[request.param])
    store = await open_store(url)
    yield store
    await store.close()


@pytest.fixture(params=BUSES)
async def bus(request: pytest.FixtureRequest) -> AsyncIterator[ClosableBus]:
    """Every bus adapter in turn."""
    bus = await BUSES[request.param](request)
    yield bus
    await bus.close()
