"""Simulated servers: the real use cases, gateway, relay and heartbeat over stand-ins for HTTP, TLS and NATS.

Each has one processor, which does one thing at a time: what a call, an upgrade or a frame takes of it is a constant,
measured on real servers.
"""

import asyncio
import os
from collections import Counter
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, fields
from hashlib import sha256
from typing import TypeVar, cast
from unittest.mock import patch

from benchmarks.fleet.simulated.bus import ServerBus, SimulatedNats
from benchmarks.fleet.simulated.network import LATENCY, Peer, PeerWebSocket, ServerSocket
from ferryman.agent.channels import CONTROL_HEARTBEAT, DATA_HEARTBEAT
from ferryman.core.authorization.admission import admit_agent, admit_client
from ferryman.core.authorization.decisions import require
from ferryman.core.channel_tokens import Channel, check_channel_token, issue_channel_token
from ferryman.core.identity.node_credentials import node_caller
from ferryman.core.ratelimits.turns import NoPlace
from ferryman.core.service import Service, Settings
from ferryman.core.vault import Vault
from ferryman.model.errors import ServiceError
from ferryman.model.identifiers import Millis, NodeId, SessionId
from ferryman.server.channels.control_channel import ControlChannel
from ferryman.server.channels.gateway import Gateway
from ferryman.server.channels.sockets.websocket import Socket
from ferryman.server.http.admission import throttling
from ferryman.server.http.admission.throttling import (
    REFUSED_AGENT_SECONDS,
    agents_turns,
    authentication_turns,
    most_waiting,
)
from ferryman.store.database import SqlStore
from ferryman.transport.errors import Unreachable
from ferryman.wire.opening import (
    OpenAgentDataChannel,
    OpenControlChannel,
    OpenDataChannel,
    decode_data_channel_opening,
)

EPOCH = 1_700_000_000_000
"""Milliseconds since 1970 when a simulation begins."""
ACCOUNT, REGION = "123456789012", "sim-1"
CHECK_SECONDS = 2.0
"""How long the load balancer still sends to a server that is gone: `inter 1s fall 2`."""
CONNECT_SECONDS = 3.0
"""How long it tries to connect to one that does not answer: `timeout connect`."""

Result = TypeVar("Result")


@dataclass(frozen=True, slots=True)
class Costs:
    """Seconds of a server's processor.

    `benchmarks reconnects` measures a call and an upgrade together: 6 ms without TLS. An agent that comes back makes
    two more calls.
    """

    authentication: float = 0.0012
    """Of each call and each upgrade: reading it and verifying its signature."""
    call: float = 0.0013
    """Of the rest of a call."""
    upgrade: float = 0.0023
    """Of the rest of an upgrade, and of opening the channel."""
    refusal: float = 0.00055
    """Of a call that gets SlowDown: a fifth of one that is carried out, as measured."""
    frame: float = 0.00003
    """Of a frame that is relayed."""


@contextmanager
def standing_for(nodes: int) -> Iterator[Costs]:
    """Have each simulated node stand for so many: it costs as much, and as many fewer may wait. Yields the costs.

    That simulates the crowd that real servers get, in a fraction of the time. Each single call then takes as many times
    longer, which delays a key, but less than the crowd does.
    """
    costs = Costs()
    limits = ("MOST_WAITING", "MOST_BEFORE_CALLING", "MOST_BEFORE_INFORMING")
    with patch.multiple(throttling, **{each: getattr(throttling, each) // nodes for each in limits}):
        yield Costs(**{each.name: getattr(costs, each.name) * nodes for each in fields(costs)})


class SimulatedServer:
    """One server."""

    def __init__(self, name: str, store: SqlStore, nats: SimulatedNats, vault_key: bytes, costs: Costs) -> None:
        self._loop = asyncio.get_running_loop()
        self._bus = ServerBus(nats)
        settings = Settings(ACCOUNT, REGION, "http://ferryman.sim")
        self.service = Service(settings, store, self._bus, Vault(vault_key, os.urandom), self._now, os.urandom)
        self.gateway = Gateway(self.service)
        self.name = name
        self.dead = False
        self.costs = costs
        self.messages = 0
        self.busy_seconds = 0.0
        self.openings: Counter[int] = Counter()
        """Control channels that were opened, by second."""
        self.backlog = 0.0
        """The longest time that anything waited for the processor."""
        self._requests = 0
        self._busy_until = 0.0
        self._turns, self._agents_turns = authentication_turns(), agents_turns()
        self._sockets: set[ServerSocket] = set()
        self._tasks: set[asyncio.Task[None]] = set()
        self._pinging = asyncio.create_task(self.gateway.heartbeat.run())

    def _now(self) -> Millis:
        return Millis(EPOCH + int(self._loop.time() * 1000))

    @property
    def connections(self) -> int:
        """How many channels are open, and how many requests are not answered yet."""
        return len(self._sockets) + self._requests

    def begin_counting(self) -> None:
        """Count from zero."""
        self.messages, self.busy_seconds, self.backlog = 0, 0.0, 0.0
        self.openings.clear()

    def reserve(self, seconds: float | None = None) -> float:
        """Reserve the processor for a frame, or for so long; return when that is done."""
        seconds = self.costs.frame if seconds is None else seconds
        now = self._loop.time()
        begins = max(now, self._busy_until)
        self.backlog = max(self.backlog, begins - now)
        self.messages += 1
        self.busy_seconds += seconds
        self._busy_until = begins + seconds
        return self._busy_until

    def forget(self, socket: ServerSocket) -> None:
        """Note that a socket is closed."""
        self._sockets.discard(socket)

    async def call(self, caller: str, work: Callable[[Service], Awaitable[Result]], operation: str = "") -> Result:
        """Perform an API call of a caller: `work` is the use case. Raises `Unreachable` and `ServiceError`.

        `operation` is its name if an agent makes it to connect its node.
        """
        with self._request():
            await self._admit(caller, self.costs.call, most_waiting(operation, upgrade=False))
            result = await work(self.service)
        await asyncio.sleep(LATENCY)
        self._require_alive()
        return result

    async def open_control_channel(self, peer: Peer, node_id: NodeId, opened: OpenControlChannel) -> ServerSocket:
        """Upgrade a node's connection and open its control channel. Raises as `call`."""
        with self._request():
            await self._admit(node_id, self.costs.upgrade, most_waiting("CreateControlChannel", upgrade=True))
        caller = node_caller(self.service, node_id)
        require(self.service, caller, "ssmmessages:OpenControlChannel", self.service.arns.node(node_id))
        self.gateway.contention.check(node_id, self.service.clock())
        check_channel_token(self.service, caller, Channel.CONTROL, node_id, opened.token_value)
        self.openings[int(self._loop.time())] += 1
        socket = ServerSocket(self, peer, CONTROL_HEARTBEAT)
        real = cast(Socket, socket)
        channel = ControlChannel(self.service, node_id, real, self.gateway.timeouts, self.gateway.slot_of, opened)
        self._serve(socket, self._run_control_channel(channel))
        return socket

    async def open_data_channel(self, session_id: SessionId, node_id: NodeId | None = None) -> PeerWebSocket:
        """Upgrade a connection of one end of a session, the node's if there is a `node_id`. Raises as `call`."""
        with self._request():
            await self._admit(node_id or session_id, self.costs.upgrade)
        websocket = PeerWebSocket(self, DATA_HEARTBEAT)
        self._serve(websocket.far_end, self._run_data_channel(websocket.far_end, session_id, node_id))
        return websocket

    async def channel_token(self, service: Service, node_id: NodeId, channel: Channel, subject: str) -> str:
        """CreateControlChannel, and CreateDataChannel for sessions."""
        caller = node_caller(service, node_id)
        if channel is Channel.DATA:
            await admit_agent(service, caller, SessionId(subject))
            await self.gateway.session_started(node_id, SessionId(subject))
        else:
            require(service, caller, "ssmmessages:CreateControlChannel", service.arns.node(node_id))
            self.gateway.contention.check(node_id, service.clock())
        return issue_channel_token(service, caller, channel, subject).reveal()

    def die(self, notice: Callable[[ServerSocket], float]) -> None:
        """Stop immediately. `notice` returns how many seconds pass until a peer finds out."""
        self.dead = True
        self._pinging.cancel()
        self._bus.nats.lose(self._bus)
        for socket in list(self._sockets):
            socket.cut(notice(socket))

    async def stop(self) -> None:
        """Leave nothing behind."""
        self._pinging.cancel()
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(self._pinging, *self._tasks, return_exceptions=True)

    @contextmanager
    def _request(self) -> Iterator[None]:
        """Count a request, as the load balancer does until it is answered."""
        self._requests += 1
        try:
            yield
        finally:
            self._requests -= 1

    async def _admit(self, caller: str, seconds: float, most: int | None = None) -> None:
        """Carry a request here, and have it wait for its turn and for the processor.

        `most`, if an agent makes it to connect its node: how many of those may wait before it is refused.
        """
        await asyncio.sleep(LATENCY)
        self._require_alive()
        try:
            async with (self._turns if most is None else self._agents_turns).turn((caller, caller, caller), most):
                await self._work(self.costs.authentication)
        except NoPlace as error:
            await self._work(self.costs.refusal)
            if most is not None:
                await asyncio.sleep(REFUSED_AGENT_SECONDS)
            raise ServiceError("SlowDown", "Too many requests are waiting.", status=503) from error
        await self._work(seconds)
        self._require_alive()

    async def _work(self, seconds: float) -> None:
        await asyncio.sleep(self.reserve(seconds) - self._loop.time())

    def _require_alive(self) -> None:
        if self.dead:
            raise Unreachable("the connection was reset")

    def _serve(self, socket: ServerSocket, serving: "Awaitable[None]") -> None:
        self._sockets.add(socket)
        self.gateway.add_socket(cast(Socket, socket))
        task = asyncio.ensure_future(self._until_closed(socket, serving))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _until_closed(self, socket: ServerSocket, serving: "Awaitable[None]") -> None:
        try:
            await serving
            await socket.close()
        finally:
            self.gateway.remove_socket(cast(Socket, socket))
            self._sockets.discard(socket)

    async def _run_control_channel(self, channel: ControlChannel) -> None:
        try:
            await channel.run(self.gateway.add_control_channel, self.gateway.supersede_control_channel)
        finally:
            self.gateway.remove_control_channel(channel)

    async def _run_data_channel(self, socket: ServerSocket, session_id: SessionId, node_id: NodeId | None) -> None:
        opened = decode_data_channel_opening(await socket.receive())
        try:
            if node_id is not None:
                assert isinstance(opened, OpenAgentDataChannel)
                node = node_caller(self.service, node_id)
                check_channel_token(self.service, node, Channel.DATA, session_id, opened.token_value)
                authorized = await admit_agent(self.service, node, session_id)
                await self.gateway.session_started(node_id, session_id)
            else:
                assert isinstance(opened, OpenDataChannel)
                authorized = await admit_client(self.service, session_id, opened.token_value, opened.client_id)
        except ServiceError as error:
            socket.leave(1008, error.code)
            return
        await self.gateway.serve_end(authorized, cast(Socket, socket), ferryman=node_id is not None)


class LoadBalancer:
    """Sends calls and agents to the server with fewest connections, and both ends of a session to one."""

    def __init__(self) -> None:
        self._believed: list[SimulatedServer] = []
        self._silent = False

    def lose(self, server: SimulatedServer, *, silent: bool) -> None:
        """Find out later that a server is gone."""
        self._silent = silent
        asyncio.get_running_loop().call_later(CHECK_SECONDS, self._believed.remove, server)

    def add(self, server: SimulatedServer) -> None:
        """Use a new server."""
        self._believed.append(server)

    async def least_busy(self) -> SimulatedServer:
        """Return where a call or an agent goes."""
        return await self._reached(lambda servers: min(servers, key=lambda each: each.connections))

    async def of(self, session_id: str) -> SimulatedServer:
        """Return where the ends of a session go."""
        return await self._reached(lambda servers: max(servers, key=lambda each: _weight(each.name, session_id)))

    async def _reached(self, chosen: Callable[[list[SimulatedServer]], SimulatedServer]) -> SimulatedServer:
        """Return the chosen server, or another if that is not there: `option redispatch`. Raises `Unreachable`."""
        if self._believed and not (server := chosen(self._believed)).dead:
            return server
        await asyncio.sleep(CONNECT_SECONDS if self._silent and self._believed else LATENCY)
        alive = [each for each in self._believed if not each.dead]
        if not alive:
            raise Unreachable("503")
        return chosen(alive)


def _weight(name: str, session_id: str) -> bytes:
    return sha256(f"{name} {session_id}".encode()).digest()
