"""The adapters that every contract suite runs over. A new adapter is added here and nowhere else."""

from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from typing import Protocol

import pytest

from ferryman.bus.memory import MemoryBus
from ferryman.core.ports.bus import Bus
from ferryman.core.ports.store import Store
from ferryman.store.database import open_store


class ClosableStore(Store, Protocol):
    """A store as the server opens and closes it."""

    async def close(self) -> None: ...


class ClosableBus(Bus, Protocol):
    """A bus as the server opens and closes it."""

    async def drain(self) -> None: ...

    async def close(self) -> None: ...


STORES: Mapping[str, Callable[[str], Awaitable[ClosableStore]]] = {"sqlite": open_store}
"""By name: opens the store that a database URL names."""
BUSES: Mapping[str, Callable[[], ClosableBus]] = {"memory": MemoryBus}


@pytest.fixture(params=STORES)
async def store(request: pytest.FixtureRequest, database_url: str) -> AsyncIterator[Store]:
    """Every store adapter in turn, empty."""
    store = await STORES[request.param](database_url)
    yield store
    await store.close()


@pytest.fixture(params=BUSES)
async def bus(request: pytest.FixtureRequest) -> AsyncIterator[ClosableBus]:
    """Every bus adapter in turn."""
    bus = BUSES[request.param]()
    yield bus
    await bus.close()
