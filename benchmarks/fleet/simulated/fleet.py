"""A simulated fleet: nodes and sessions on several servers, what happens to them, and what is seen of it."""

import asyncio
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager
from dataclasses import dataclass

from benchmarks.fleet.simulated.agents import Agent
from benchmarks.fleet.simulated.servers import Costs, SimulatedServer
from benchmarks.fleet.simulated.sessions import Person, Worker
from benchmarks.fleet.simulated.world import World, simulated_world
from ferryman.core.iam.operator import create_user
from ferryman.core.identity.callers import caller_of
from ferryman.model.identifiers import NodeId, SessionId
from ferryman.model.identity.callers import BuiltinRole
from ferryman.server.channels.sockets.peer_socket import ABNORMAL

PEOPLE = 100
STEP = 0.5
"""Seconds between two looks at whether everybody is back."""
PATIENCE = 900.0
"""After so many seconds nobody is waited for any longer."""


@dataclass(frozen=True, slots=True)
class Seen:
    """What was seen while something happened."""

    seconds: float
    """How long it took until everybody was connected again, or how long was looked."""
    missing: int
    """How many agents and sessions were not connected when nobody waited any longer."""
    most_openings: int
    """Of control channels, by one server in one second."""
    backlog: float
    """The longest that anything waited for a server's processor, in seconds."""
    slowest_key: float
    """Until its echo, in seconds."""
    messages: float
    """Per second, on the sockets of all servers together; API calls count as one."""
    bus_messages: float
    """Per second, of all servers together."""
    busiest: float
    """The part of its time that the busiest server's processor worked."""


class Fleet:
    """The nodes and sessions of a world."""

    def __init__(self, world: World, node_ids: list[NodeId]) -> None:
        self.world = world
        self.people: list[Person] = []
        self.agents = [Agent(world, node_id, self._start_worker) for node_id in node_ids]
        self._workers: dict[str, Worker] = {}

    async def connect(self) -> Seen:
        """Have all agents connect as if they had lost their connections at this moment."""
        for agent in self.agents:
            agent.lost(ABNORMAL, "")
        return await self.until_all_are_there()

    async def start_sessions(self, count: int, within: float, every: float) -> Seen:
        """Start sessions on different nodes, of a hundred people who type a key every so many seconds."""
        service = self.world.servers[0].service
        users = [await create_user(service, f"person{n}", BuiltinRole.ADMINISTRATOR) for n in range(PEOPLE)]
        callers = [await caller_of(service, user) for user in users]
        for number, agent in enumerate(self.world.chance.sample(self.agents, count)):
            person = Person(self.world, callers[number % PEOPLE], agent.node_id, every)
            self.people.append(person)
            self.world.begin(person.run(after=self.world.chance.uniform(0, within)))
        return await self.until_all_are_there()

    async def quiet(self, seconds: float) -> Seen:
        """Let time pass."""
        until = self.world.loop.time() + seconds
        return await self._watch(lambda: self.world.loop.time() >= until)

    async def lose(self, server: SimulatedServer, *, silent: bool) -> Seen:
        """Lose a server, and wait until everybody is connected to the others."""
        self.world.lose(server, silent=silent)
        return await self.until_all_are_there()

    async def restart_all(self, down: float) -> Seen:
        """Lose all servers, have as many new ones after so many seconds, and wait until everybody is connected."""
        for server in [each for each in self.world.servers if not each.dead]:
            self.world.lose(server, silent=False)
        await asyncio.sleep(down)
        self.world.add_servers(len({each.name for each in self.world.servers}))
        return await self.until_all_are_there()

    async def until_all_are_there(self) -> Seen:
        """Wait until every agent and every session is connected, and every key is echoed that was typed a while ago."""
        return await self._watch(lambda: not any(self._missing()))

    def _missing(self) -> Iterator[bool]:
        """Yield for each agent and each end of a session whether it is missing."""
        now = self.world.loop.time()
        yield from (not agent.is_connected for agent in self.agents)
        yield from (person.waits(now) for person in self.people)
        yield from (not worker.is_connected for worker in self._workers.values())

    async def _watch(self, is_over: Callable[[], bool]) -> Seen:
        loop, servers = self.world.loop, self.world.servers
        began = loop.time()
        for person in self.people:
            person.slowest = 0.0
        for server in servers:
            server.begin_counting()
        bus_before = self.world.nats.messages
        await asyncio.sleep(STEP)
        while not is_over() and loop.time() - began < PATIENCE:  # noqa: ASYNC110 - what is looked at sets no event
            await asyncio.sleep(STEP)
        seconds = loop.time() - began
        return Seen(
            seconds=seconds,
            missing=sum(self._missing()),
            most_openings=max(max(server.openings.values(), default=0) for server in servers),
            backlog=max(server.backlog for server in servers),
            slowest_key=max((person.slowest for person in self.people), default=0.0),
            messages=sum(server.messages for server in servers) / seconds,
            bus_messages=(self.world.nats.messages - bus_before) / seconds,
            busiest=max(server.busy_seconds for server in servers) / seconds,
        )

    def _start_worker(self, agent: Agent, session_id: str) -> None:
        """Start a session on its node, unless it runs."""
        if session_id not in self._workers:
            worker = self._workers[session_id] = Worker(self.world, agent, SessionId(session_id))
            self.world.begin(worker.run())


@asynccontextmanager
async def simulated_fleet(nodes: int, servers: int, costs: Costs, seed: int = 1) -> AsyncIterator[Fleet]:
    """Have so many nodes and servers, not connected yet. Runs in a `VirtualLoop`."""
    node_ids = [NodeId(f"mi-{number:017x}") for number in range(nodes)]
    async with simulated_world(servers, node_ids, costs, seed) as world:
        yield Fleet(world, node_ids)
