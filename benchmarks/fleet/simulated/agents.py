"""Simulated agents: the real one's back-off and jitter around the calls that it makes to connect."""

import asyncio
import uuid
from collections.abc import Callable

from benchmarks.fleet.simulated.network import ServerSocket
from benchmarks.fleet.simulated.world import World
from ferryman.agent.control_channel import RECONNECT
from ferryman.channel.backoff import Attempts
from ferryman.core.channel_tokens import Channel
from ferryman.core.identity.node_credentials import node_caller
from ferryman.core.nodes.actions import update_information
from ferryman.model.errors import ServiceError
from ferryman.model.identifiers import NodeId
from ferryman.model.nodes import NodeInformation
from ferryman.model.values.versions import AGENT_VERSION
from ferryman.transport.errors import Unreachable
from ferryman.transport.http import CALL_SECONDS
from ferryman.transport.websocket import DIAL_SECONDS
from ferryman.wire.agent_message import MessageType, decode
from ferryman.wire.opening import MESSAGE_SCHEMA_VERSION, OpenControlChannel
from ferryman.wire.payloads import decode_payload
from ferryman.wire.tasks import InteractiveShell

_PING = NodeInformation(agent_version=AGENT_VERSION)
_FULL = NodeInformation(agent_name="amazon-ssm-agent", agent_version=AGENT_VERSION, platform_type="Linux")


class Agent:
    """One node's agent. `on_task` gets it and the id of a session that it is to start."""

    __slots__ = ("_attempts", "_connected_at", "_on_task", "_socket", "_world", "node_id")

    def __init__(self, world: World, node_id: NodeId, on_task: Callable[["Agent", str], None]) -> None:
        self.node_id = node_id
        self._world = world
        self._attempts = Attempts(RECONNECT, world.chance.randbytes)
        self._connected_at = 0.0
        self._on_task = on_task
        self._socket: ServerSocket | None = None

    @property
    def is_connected(self) -> bool:
        """Whether it has a control channel to a server that is there."""
        return self._socket is not None and self._socket.is_connected

    def connect_after(self, seconds: float) -> None:
        """Connect in a while, and again whenever the connection is lost."""
        self._world.loop.call_later(seconds, lambda: self._world.begin(self._connect()))

    def arrived(self, message: bytes) -> None:
        """Start a session if the server says so."""
        received = decode(message)
        if received.message_type == MessageType.INTERACTIVE_SHELL:
            self._on_task(self, decode_payload(received.payload, InteractiveShell).task_id)

    def lost(self, code: int, reason: str) -> None:
        """Connect again, as the agent's `ControlChannel.run` does."""
        self._socket = None
        self._attempts.lost(self._world.loop.time() - self._connected_at)
        self.connect_after(self._attempts.wait())

    async def _connect(self) -> None:
        try:
            await self._inform(_PING)
            self._socket = await self._open()
        except (Unreachable, ServiceError, TimeoutError):
            self._attempts.failed()
            self.connect_after(self._attempts.wait())
            return
        self._connected_at = self._world.loop.time()
        try:
            await self._inform(_FULL)
        except (Unreachable, ServiceError, TimeoutError):
            return  # it informs again five minutes later

    async def _inform(self, information: NodeInformation) -> None:
        server = await self._world.balancer.least_busy()
        caller = node_caller(server.service, self.node_id)
        async with asyncio.timeout(CALL_SECONDS):
            await server.call(
                self.node_id,
                lambda service: update_information(service, caller, self.node_id, information),
                "UpdateInstanceInformation",
            )

    async def _open(self) -> ServerSocket:
        server = await self._world.balancer.least_busy()
        async with asyncio.timeout(CALL_SECONDS):
            token = await server.call(
                self.node_id,
                lambda service: server.channel_token(service, self.node_id, Channel.CONTROL, self.node_id),
                "CreateControlChannel",
            )
        opened = OpenControlChannel(
            message_schema_version=MESSAGE_SCHEMA_VERSION,
            request_id=str(uuid.UUID(int=0)),
            token_value=token,
            agent_version=AGENT_VERSION,
            platform_type="linux",
            ferryman=1,
        )
        async with asyncio.timeout(DIAL_SECONDS):
            return await server.open_control_channel(self, self.node_id, opened)
