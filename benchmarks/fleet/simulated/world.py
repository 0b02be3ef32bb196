"""What all parts of a simulation share: the loop, the servers, the load balancer, the store and chance."""

import asyncio
import os
import random
import tempfile
import traceback
from collections.abc import AsyncIterator, Coroutine
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from benchmarks.fleet.simulated.bus import SimulatedNats
from benchmarks.fleet.simulated.network import ServerSocket
from benchmarks.fleet.simulated.servers import EPOCH, Costs, LoadBalancer, SimulatedServer
from benchmarks.fleet.simulated.store import hold_nodes_in_memory
from benchmarks.fleet.simulated.virtual_time import VirtualLoop
from ferryman.core.vault import KEY_BYTES
from ferryman.model.identifiers import Millis, NodeId
from ferryman.store.database import SqlStore, open_store, upgrade_store

_IN_MEMORY = "/dev/shm" if Path("/dev/shm").is_dir() else None  # noqa: S108 - in a directory of its own there


@dataclass(slots=True)
class World:
    """One simulation."""

    loop: VirtualLoop
    store: SqlStore
    costs: Costs
    chance: random.Random
    nats: SimulatedNats = field(default_factory=SimulatedNats)
    servers: list[SimulatedServer] = field(default_factory=list)
    """All that there are or have been."""
    balancer: LoadBalancer = field(default_factory=LoadBalancer)
    tasks: set[asyncio.Task[None]] = field(default_factory=set)
    faults: list[str] = field(default_factory=list)
    """What tasks raised that nobody awaits, of servers and of the simulation. There should be none."""
    _key: bytes = field(default_factory=lambda: os.urandom(KEY_BYTES))

    def add_servers(self, count: int) -> None:
        """Start so many servers."""
        for _ in range(count):
            name = f"server-{len(self.servers)}"
            server = SimulatedServer(name, self.store, self.nats, self._key, self.costs)
            self.servers.append(server)
            self.balancer.add(server)

    def begin(self, work: Coroutine[None, None, None]) -> None:
        """Run something until it ends, or the simulation does."""
        task = self.loop.create_task(work)
        self.tasks.add(task)
        task.add_done_callback(self._ended)

    def _ended(self, task: "asyncio.Task[None]") -> None:
        self.tasks.discard(task)
        if not task.cancelled():
            task.result()  # a fault of the simulation; the loop's handler notes it

    def lose(self, server: SimulatedServer, *, silent: bool) -> None:
        """Lose a server: its process, whose connections are reset, or silently the whole machine.

        Then a peer notices by its heartbeat: aiohttp's client pings when it has heard nothing for that long, and waits
        half as long for an answer.
        """
        own_ping = server.gateway.timeouts.own_ping

        def notice(socket: ServerSocket) -> float:
            if not silent:
                return self.chance.uniform(0.01, 0.05)
            return max(0.0, 1.5 * socket.heartbeat - self.chance.uniform(0, own_ping))

        server.die(notice)
        self.balancer.lose(server, silent=silent)


@asynccontextmanager
async def simulated_world(servers: int, node_ids: list[NodeId], costs: Costs, seed: int) -> AsyncIterator[World]:
    """Have so many servers on one store, in which these nodes are registered. Runs in a `VirtualLoop`."""
    loop = asyncio.get_running_loop()
    assert isinstance(loop, VirtualLoop)
    with tempfile.TemporaryDirectory(dir=_IN_MEMORY) as directory:
        url = f"sqlite:///{directory}/ferryman.db"
        upgrade_store(url)
        async with await open_store(url) as store:
            hold_nodes_in_memory(store, node_ids, Millis(EPOCH))
            world = World(loop, store, costs, random.Random(seed))  # noqa: S311 - to repeat a simulation
            loop.set_exception_handler(lambda _, context: world.faults.append(_described(context)))
            world.add_servers(servers)
            try:
                yield world
            finally:
                loop.set_exception_handler(None)
                for task in world.tasks:
                    task.cancel()
                await asyncio.gather(*world.tasks, return_exceptions=True)
                for each in world.servers:
                    await each.stop()
                await asyncio.gather(*asyncio.all_tasks() - {asyncio.current_task()}, return_exceptions=True)


def _described(context: dict[str, Any]) -> str:
    error = context.get("exception")
    lines = traceback.format_exception(error) if isinstance(error, BaseException) else ()
    return "".join((str(context["message"]), "\n", *lines))
