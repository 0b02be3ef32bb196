"""A service over the real SQLite store and the real bus, a clock that tests move, and peers that listen on the bus."""

import base64
import os
from collections.abc import AsyncIterator
from dataclasses import dataclass, field

import pytest
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from ferryman.bus.memory import MemoryBus
from ferryman.core.documents.work import InProcessWorker
from ferryman.core.iam import operator as identities
from ferryman.core.identity import callers, node_credentials
from ferryman.core.messages import (
    DONE,
    Activity,
    ActivityProbe,
    ControlMessage,
    EndSession,
    NodeAnswer,
    Ping,
    Probe,
    SessionEndAnswer,
    SessionMessage,
    control_subject,
    decode_control,
    decode_session,
    encode,
    session_subject,
)
from ferryman.core.nodes import actions as nodes
from ferryman.core.nodes.activations import create_activation
from ferryman.core.nodes.requests import CreateActivationRequest, RegisterNodeRequest
from ferryman.core.ports.bus import Subscription
from ferryman.core.service import Service, Settings
from ferryman.core.sessions import actions as sessions
from ferryman.core.sessions.requests import SessionTicket, StartSessionRequest
from ferryman.core.vault import Vault
from ferryman.model.identifiers import Millis, NodeId, SessionId
from ferryman.model.identity.callers import BuiltinRole, Caller
from ferryman.model.sessions import Session
from ferryman.store.database import SqlStore, open_store
from ferryman.store.listings import readers as listing_readers
from tests.unit.core.access import DECIDING, REQUESTING, person
from tests.waiting import PATIENCE

START = Millis(1_700_000_000_000)


@dataclass
class Clock:
    """Time stands still until a test moves it."""

    now: Millis = START

    def __call__(self) -> Millis:
        return self.now

    def advance(self, *, seconds: float = 0, minutes: float = 0, days: float = 0) -> None:
        self.now = Millis(self.now + int((seconds + 60 * minutes + 86400 * days) * 1000))


@dataclass
class ControlPeer:
    """What a server does for a node whose control channel it holds: answer, and remember what was to be sent."""

    received: list[ControlMessage] = field(default_factory=list)
    silent: int | None = None
    subscription: Subscription | None = None

    async def handle(self, payload: bytes) -> bytes:
        message = decode_control(payload)
        if isinstance(message, Ping):
            return encode(NodeAnswer(self.silent))
        if not isinstance(message, Probe):
            self.received.append(message)
        return DONE

    async def leave(self) -> None:
        assert self.subscription is not None
        await self.subscription.close()


@dataclass
class RelayPeer:
    """What a server does for a session whose relay slot it holds."""

    last_activity: Millis | None = None
    agent_attached: bool = True
    ended: list[str] = field(default_factory=list)
    lost: list[bool] = field(default_factory=list)
    subscription: Subscription | None = None

    async def handle(self, payload: bytes) -> bytes:
        message: SessionMessage = decode_session(payload)
        if isinstance(message, ActivityProbe):
            return encode(Activity(self.last_activity))
        assert isinstance(message, EndSession)
        self.ended.append(message.output)
        self.lost.append(message.lost)
        return encode(SessionEndAnswer(self.agent_attached))

    async def leave(self) -> None:
        assert self.subscription is not None
        await self.subscription.close()


@dataclass
class World:
    """Everything a use case needs, and shortcuts to get there."""

    service: Service
    clock: Clock
    store: SqlStore
    bus: MemoryBus
    administrator: Caller
    alice: Caller
    bob: Caller
    public_key: str

    async def register(self) -> NodeId:
        """Register a node with an activation of its own."""
        ticket = await create_activation(self.service, self.administrator, CreateActivationRequest("role"))
        return await nodes.register_managed_instance(
            self.service,
            RegisterNodeRequest(ticket.activation_id, ticket.activation_code, self.public_key, "Rsa", "print"),
        )

    async def connect(self, node_id: NodeId) -> ControlPeer:
        """Bring the node's control channel up."""
        peer = ControlPeer()
        peer.subscription = await self.bus.subscribe(control_subject(node_id), peer.handle)
        return peer

    async def node(self) -> NodeId:
        """Register a node and connect it."""
        node_id = await self.register()
        await self.connect(node_id)
        return node_id

    async def hold(self, session_id: SessionId, relay: RelayPeer | None = None) -> RelayPeer:
        """Hold the session's relay slot."""
        relay = relay or RelayPeer(last_activity=self.clock())
        relay.subscription = await self.bus.subscribe(session_subject(session_id), relay.handle)
        return relay

    async def start(self, target: NodeId, caller: Caller | None = None) -> SessionTicket:
        return await sessions.start_session(self.service, caller or self.alice, StartSessionRequest(target))

    async def session(self, session_id: SessionId) -> Session:
        session = await self.store.sessions.get(session_id)
        assert session is not None
        return session

    def node_caller(self, node_id: NodeId) -> Caller:
        return node_credentials.node_caller(self.service, node_id)


@pytest.fixture(scope="session")
def public_key() -> str:
    key = rsa.generate_private_key(65537, 2048).public_key()
    return base64.b64encode(key.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)).decode()


@pytest.fixture(autouse=True)
def _a_busy_machine_has_time_to_list(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(listing_readers, "TIMEOUT_SECONDS", PATIENCE)


@pytest.fixture
async def world(database_url: str, public_key: str) -> AsyncIterator[World]:
    clock = Clock()
    bus = MemoryBus()
    async with await open_store(database_url) as store:
        settings = Settings("123456789012", "test-1", "https://ferryman.example:8443")
        service = Service(
            settings,
            store,
            bus,
            Vault(os.urandom(32), os.urandom),
            clock,
            os.urandom,
            document_worker=InProcessWorker(),
        )
        root, alice, bob = [
            await callers.caller_of(service, await identities.create_user(service, name, role))
            for name, role in (
                ("root", BuiltinRole.ADMINISTRATOR),
                ("alice", BuiltinRole.OPERATOR),
                ("bob", BuiltinRole.OPERATOR),
            )
        ]
        yield World(service, clock, store, bus, root, alice, bob, public_key)
        await bus.close()


@pytest.fixture
async def carol(world: World) -> Caller:
    """Who asks, and may start no session on her own."""
    return await person(world, "carol", *REQUESTING)


@pytest.fixture
async def dave(world: World) -> Caller:
    """Who approves what others ask for."""
    return await person(world, "dave", *DECIDING)
