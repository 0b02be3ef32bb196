"""Simulated sessions: the real engines, pumps and reconnecting of both ends; a program that echoes what is typed."""

import asyncio
from collections import deque
from collections.abc import Sequence
from typing import cast

from benchmarks.fleet.simulated.agents import Agent
from benchmarks.fleet.simulated.network import PeerWebSocket
from benchmarks.fleet.simulated.world import World
from ferryman.agent.session.data_link import DataLink
from ferryman.channel.agent import AgentChannel
from ferryman.channel.client import ClientChannel
from ferryman.channel.events import AgentEvent, ClientEvent, InputReceived, OutputReceived, SessionEnded, SessionStarted
from ferryman.client.calls.launch import DEFAULT_RECONNECT_SECONDS, Launch
from ferryman.client.calls.resume_session import CallRefused, ServiceClient, Ticket
from ferryman.client.session.connection import Connector
from ferryman.core.channel_tokens import Channel
from ferryman.core.sessions.actions import resume_session, start_session
from ferryman.core.sessions.requests import StartSessionRequest
from ferryman.model.errors import ServiceError
from ferryman.model.identifiers import NodeId, SessionId
from ferryman.model.identity.callers import Caller
from ferryman.model.session_types import SessionType
from ferryman.transport.dialler import Dialler
from ferryman.transport.errors import Unreachable
from ferryman.transport.pump import Pump
from ferryman.transport.standby import UnopenedChannel
from ferryman.transport.websocket import WebSocket
from ferryman.wire.agent_message import PayloadType
from ferryman.wire.opening import MESSAGE_SCHEMA_VERSION, OpenAgentDataChannel, encode_opening

_OUTAGE_SECONDS = 600.0
MOMENT = 0.5
"""Seconds that an echo may take without anybody waiting for it."""
_KEYS = 251
"""So many different keys are typed in turn."""


class Worker:
    """A session on its node, which echoes all input."""

    def __init__(self, world: World, agent: Agent, session_id: SessionId) -> None:
        self._world = world
        self._node_id = agent.node_id
        self._session_id = session_id
        self._engine = AgentChannel(
            session_id=session_id,
            session_type=SessionType.STANDARD_STREAM,
            properties=None,
            entropy=world.chance.randbytes,
            wall_clock_ms=lambda: int(world.loop.time() * 1000),
        )
        self._pump: Pump[AgentEvent] = Pump(self._engine, self._on_events, world.loop.time)
        self._websocket: PeerWebSocket | None = None
        self._link = DataLink(self._dial, self._pump, first_limit=_OUTAGE_SECONDS, outage_limit=_OUTAGE_SECONDS)

    @property
    def is_connected(self) -> bool:
        """Whether it is connected to a server that is there."""
        return self._websocket is not None and self._websocket.far_end.is_connected

    async def run(self) -> None:
        """Keep connected for as long as the simulation runs."""
        await self._link.run()

    async def _dial(self) -> UnopenedChannel:
        server = await self._world.balancer.of(self._session_id)
        token = await server.call(
            self._node_id,
            lambda service: server.channel_token(service, self._node_id, Channel.DATA, self._session_id),
        )
        websocket = await server.open_data_channel(self._session_id, self._node_id)
        opening = OpenAgentDataChannel(MESSAGE_SCHEMA_VERSION, "", token, self._node_id, ferryman=1)
        self._websocket = websocket
        return UnopenedChannel(cast(WebSocket, websocket), encode_opening(opening))

    def _on_events(self, events: Sequence[AgentEvent]) -> None:
        now = self._world.loop.time()
        for event in events:
            if isinstance(event, InputReceived):
                self._engine.acknowledge(event.sequence_number, now)
                if event.payload_type == PayloadType.OUTPUT:
                    self._engine.send(PayloadType.OUTPUT, event.payload, now)


class Person:
    """Somebody who types into a session; each echo is compared with what was typed."""

    def __init__(self, world: World, caller: Caller, target: NodeId, every: float) -> None:
        self.slowest = 0.0
        """The longest time that a key took until it was echoed."""
        self.echoed = 0
        self.wrong = 0
        """Echoes of another key than the next one."""
        self.is_open = False
        self._world = world
        self._caller = caller
        self._target = target
        self._every = every
        self._typed: deque[tuple[int, float]] = deque()
        self._count = 0
        self._websocket: PeerWebSocket | None = None
        self._engine = ClientChannel(
            entropy=world.chance.randbytes, wall_clock_ms=lambda: int(world.loop.time() * 1000)
        )
        self._pump: Pump[ClientEvent] = Pump(self._engine, self._on_events, world.loop.time)
        self.ended = ""

    def waits(self, now: float) -> bool:
        """Return whether the session is not open or not connected, or a key of some time ago was not echoed."""
        is_connected = self._websocket is not None and self._websocket.far_end.is_connected
        return not (self.is_open and is_connected) or (bool(self._typed) and now - self._typed[0][1] > MOMENT)

    async def run(self, after: float) -> None:
        """Start the session in so many seconds, and keep it connected for as long as the simulation runs."""
        await asyncio.sleep(after)
        server = await self._world.balancer.least_busy()
        request = StartSessionRequest(target=self._target)
        ticket = await server.call(
            self._caller.person_id, lambda service: start_session(service, self._caller, request)
        )
        launch = Launch(ticket.session_id, ticket.token_value, ticket.stream_url, "")
        connector = Connector(
            launch,
            cast(Dialler, _Dialler(self._world, ticket.session_id)),
            cast(ServiceClient, _Calls(self._world, self._caller)),
            DEFAULT_RECONNECT_SECONDS,
            self._world.loop.time,
        )
        websocket = await connector.open()
        while True:
            self._websocket = cast(PeerWebSocket, websocket)
            await self._pump.run(websocket)
            await websocket.close()
            websocket = await connector.reopen()

    def _on_events(self, events: Sequence[ClientEvent]) -> None:
        now = self._world.loop.time()
        for event in events:
            if isinstance(event, SessionStarted):
                self.is_open = True
                self._world.loop.call_later(self._world.chance.uniform(0, self._every), self._type)
            elif isinstance(event, OutputReceived):
                self._engine.acknowledge(event.sequence_number, now)
                for key in event.payload:
                    self._echo(key, now)
            elif isinstance(event, SessionEnded):
                self.ended = event.output or "ended"

    def _echo(self, key: int, now: float) -> None:
        typed, at = self._typed.popleft() if self._typed else (-1, now)
        self.wrong += typed != key
        self.echoed += 1
        self.slowest = max(self.slowest, now - at)

    def _type(self) -> None:
        now = self._world.loop.time()
        key = self._count % _KEYS
        self._count += 1
        self._typed.append((key, now))
        self._engine.send(PayloadType.OUTPUT, bytes([key]), now)
        self._pump.wake()
        self._world.loop.call_later(self._every, self._type)


class _Dialler:
    """Opens data channels, as `ferryman.transport.dialler.Dialler` does."""

    def __init__(self, world: World, session_id: SessionId) -> None:
        self._world = world
        self._session_id = session_id

    async def dial(self, url: str) -> PeerWebSocket:
        server = await self._world.balancer.of(self._session_id)
        try:
            return await server.open_data_channel(self._session_id)
        except ServiceError as error:  # the upgrade was refused
            raise Unreachable(error.message) from error


class _Calls:
    """Makes the calls of `ferryman.client.calls.resume_session.ServiceClient`."""

    def __init__(self, world: World, caller: Caller) -> None:
        self._world = world
        self._caller = caller

    async def resume(self, session_id: str) -> Ticket:
        server = await self._world.balancer.least_busy()
        try:
            ticket = await server.call(
                self._caller.person_id,
                lambda service: resume_session(service, self._caller, SessionId(session_id)),
            )
        except ServiceError as error:
            if error.code == "SlowDown":
                raise Unreachable(error.message) from error
            raise CallRefused(error.message) from error
        return Ticket(ticket.token_value, ticket.stream_url)
