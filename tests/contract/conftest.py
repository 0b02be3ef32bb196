"""The adapters that every contract suite runs over. A new adapter is added here and nowhere else."""

from collections.abc import AsyncIterator, Callable, Mapping
from typing import Protocol

import pytest

from ferryman.bus.memory import MemoryBus
from ferryman.core.ports.bus import Bus
from ferryman.core.ports.store import Store
from ferryman.store.database import open_store


class ClosableBus(Bus, Protocol):
    """A bus as the server opens and closes it."""

    async def drain(self) -> None: ...

    async def close(self) -> None: ...


STORES: Mapping[str, str] = {"sqlite": "database_url", "postgresql": "postgresql_url"}
"""By name: the fixture with the URL of an empty database."""
BUSES: Mapping[str, Callable[[], ClosableBus]] = {"memory": MemoryBus}


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
    bus = BUSES[request.param]()
    yield bus
    await bus.close()
