"""Sessions that run only while enough people watch them."""

import asyncio
import json
from dataclasses import dataclass, replace
from typing import Any

import pytest
from botocore.exceptions import ClientError

from ferryman.core.audit.watch_records import WATCH_CHANGE
from ferryman.core.iam.operator import create_access_key, create_user
from ferryman.core.ports.audit import Entry, NoTrail
from ferryman.core.service import WatchingSettings
from ferryman.model.identity.callers import BuiltinRole
from ferryman.model.identity.credentials import Credentials
from ferryman.model.sessions import SessionStatus
from ferryman.server.channels.watching import watcher
from ferryman.server.timeouts import Timeouts
from ferryman.wire.agent_message import MessageType
from ferryman.wire.payloads import Notice, decode_payload
from tests.server.peers import Peer, acknowledge, output, state, typed
from tests.server.running import ACCOUNT, Node, Recorded, Server
from tests.server.watchers import Viewer, call, open_stream

OBSERVED = {"schemaVersion": "1.0", "sessionType": "Standard_Stream", "inputs": {"requiredObservers": "1"}}


@pytest.fixture
def timeouts() -> Timeouts:
    """Viewers that a test does not read answer no pings; they are not to be disconnected for that."""
    return Timeouts(own_ping=60.0, own_silence=600.0)


@pytest.fixture
def watching() -> WatchingSettings:
    """Without a grace period: the session pauses when its last observer leaves."""
    return WatchingSettings(observer_grace=0)


@pytest.fixture
def entries() -> list[Entry]:
    """What the audit trail got."""
    return []


@pytest.fixture
def recorded(watching: WatchingSettings, entries: list[Entry]) -> Recorded:
    class Trail(NoTrail):
        def note(self, entry: Entry) -> None:
            entries.append(entry)

    return lambda service: replace(service, trail=Trail(), settings=replace(service.settings, watching=watching))


@pytest.fixture(autouse=True)
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(watcher, "REJOIN_SECONDS", 0.01)


@dataclass
class Waiting:
    """A session whose client is there, and whose node is not told yet."""

    server: Server
    node: Node
    control: Peer
    session_id: str
    client_id: str
    client: Peer


async def waiting(server: Server, content: dict[str, Any] = OBSERVED) -> Waiting:
    node = await server.register()
    control = await node.control()
    await server.call("create_document", Name="Observed", DocumentType="Session", Content=json.dumps(content))
    ticket = await server.call("start_session", Target=node.node_id, DocumentName="Observed")
    client = await server.open_client(ticket, "c", own_end=True)
    return Waiting(server, node, control, ticket["SessionId"], "c", client)


async def started(session: Waiting, *, ferryman: bool = False) -> Peer:
    """The agent's data channel, once the node was told to start the session."""
    await session.control.until(MessageType.INTERACTIVE_SHELL)
    agent = await session.node.data(session.session_id, ferryman=ferryman)
    await agent.until(MessageType.START_PUBLICATION)
    await agent.send(state("Connected", session.session_id, session.client_id if ferryman else None))
    await session.server.until_status(session.session_id, SessionStatus.CONNECTED)
    return agent


async def observer(server: Server, name: str = "olivia") -> Credentials:
    await create_user(server.service, name, BuiltinRole.ADMINISTRATOR)
    return await create_access_key(server.service, name)


async def watch(server: Server, session_id: str, credentials: Credentials | None = None) -> Viewer:
    grant = await call(server, "WatchSession", credentials, SessionId=session_id)
    viewer = Viewer(await open_stream(server, session_id, grant["TokenValue"]))
    await viewer.event()
    return viewer


async def noticed(client: Peer, text: str) -> Notice:
    """The next notice that contains a text; others are skipped."""
    while True:
        notice = decode_payload((await client.until(MessageType.NOTICE)).payload, Notice)
        if text in notice.text:
            return notice


async def test_nothing_reaches_the_node_until_somebody_observes(server: Server) -> None:
    session = await waiting(server)
    notice = await noticed(session.client, "(at most 5 minutes)")
    assert notice.paused
    assert notice.text.startswith(f"Paused until somebody else runs: ferryman sessions watch {session.session_id}")
    await watch(server, session.session_id)  # the owner does not count
    await noticed(session.client, "user/root now watches")
    assert (await server.session(session.session_id)).status is SessionStatus.CONNECTING
    await watch(server, session.session_id, await observer(server))
    assert (await noticed(session.client, "observed, and runs")).paused is False
    agent = await started(session)
    await agent.send(output(0, b"$ "))
    assert (await session.client.until(MessageType.OUTPUT_STREAM_DATA)).payload == b"$ "


@pytest.mark.parametrize("ferryman", [False, True])
async def test_session_pauses_while_nobody_observes_and_continues_without_loss(server: Server, ferryman: bool) -> None:
    session = await waiting(server)
    credentials = await observer(server)
    viewer = await watch(server, session.session_id, credentials)
    agent = await started(session, ferryman=ferryman)
    await agent.send(output(0, b"before"))
    await session.client.until(MessageType.OUTPUT_STREAM_DATA)
    await viewer.websocket.close()
    await noticed(session.client, "Paused until")
    await agent.until(MessageType.PAUSE_PUBLICATION)
    await session.client.send(typed(0, b"typed"))
    await session.client.send(acknowledge(0))
    await agent.send(output(1, b"unseen"))
    await agent.answered()
    await session.client.answered()  # neither has got anything
    await watch(server, session.session_id, credentials)
    await agent.until(MessageType.START_PUBLICATION)
    if ferryman:
        await agent.send(state("Connected", session.session_id, session.client_id))
    assert (await agent.until(MessageType.INPUT_STREAM_DATA)).payload == b"typed"
    await agent.until(MessageType.ACKNOWLEDGE)
    await agent.send(output(1, b"seen"))
    assert (await session.client.until(MessageType.OUTPUT_STREAM_DATA)).payload == b"seen"


async def test_pauses_are_in_the_audit_trail(server: Server, entries: list[Entry]) -> None:
    session = await waiting(server)
    viewer = await watch(server, session.session_id, await observer(server))
    await noticed(session.client, "observed, and runs")
    await viewer.websocket.close()
    await noticed(session.client, "Paused until")
    details = [entry["detail"] for entry in entries if entry.get("detail-type") == WATCH_CHANGE]
    released, held = [each for each in details if each["state"] in ("Released", "Held")]
    assert released["observers"] == [f"arn:aws:iam::{ACCOUNT}:user/olivia"]
    assert (held["state"], held["observers"], held["required"]) == ("Held", [], 1)


async def test_agent_that_reconnects_stays_paused(server: Server) -> None:
    session = await waiting(server)
    viewer = await watch(server, session.session_id, await observer(server))
    agent = await started(session)
    await viewer.websocket.close()
    await agent.until(MessageType.PAUSE_PUBLICATION)
    again = await session.node.data(session.session_id)
    assert (await again.message()).message_type == MessageType.PAUSE_PUBLICATION


async def test_loss_of_both_ends_does_not_start_an_unobserved_session(server: Server) -> None:
    session = await waiting(server)
    viewer = await watch(server, session.session_id, await observer(server))
    agent = await started(session)
    await viewer.websocket.close()
    await agent.until(MessageType.PAUSE_PUBLICATION)
    agent.cut()
    session.client.cut()
    await server.until_status(session.session_id, SessionStatus.DISCONNECTED)
    ticket = await server.call("resume_session", SessionId=session.session_id)
    client = await server.open_client(ticket, "c", own_end=True)
    again = await session.node.data(session.session_id)
    assert (await again.message()).message_type == MessageType.PAUSE_PUBLICATION
    assert (await noticed(client, "Paused until")).paused


@pytest.mark.parametrize("watching", [WatchingSettings(observer_grace=0, observer_wait=0)])
async def test_session_ends_if_no_observer_comes_in_time(server: Server) -> None:
    session = await waiting(server)
    closed = await session.client.until(MessageType.CHANNEL_CLOSED)
    assert b"it had too few observers for 0 seconds" in closed.payload
    await server.until_status(session.session_id, SessionStatus.TERMINATED)


@pytest.mark.parametrize("watching", [WatchingSettings(observer_grace=3600)])
async def test_grace_period_lets_an_observer_come_back(server: Server) -> None:
    session = await waiting(server)
    credentials = await observer(server)
    viewer = await watch(server, session.session_id, credentials)
    agent = await started(session)
    await viewer.websocket.close()
    await noticed(session.client, "Pauses in 3600 s")
    await agent.send(output(0, b"still running"))
    await session.client.until(MessageType.OUTPUT_STREAM_DATA)
    await watch(server, session.session_id, credentials)
    await noticed(session.client, "observed again")


async def test_one_person_counts_once(server: Server) -> None:
    session = await waiting(server, OBSERVED | {"inputs": {"requiredObservers": "2"}})
    first = await observer(server)
    await watch(server, session.session_id, first)
    await watch(server, session.session_id, first)
    await noticed(session.client, "olivia now watches")
    await noticed(session.client, "olivia now watches")
    assert (await server.session(session.session_id)).status is SessionStatus.CONNECTING
    await watch(server, session.session_id, await observer(server, "oscar"))
    await noticed(session.client, "observed, and runs")


async def test_document_cannot_require_fewer_than_the_preferences(server: Server) -> None:
    await server.call(
        "create_document", Name="SSM-SessionManagerRunShell", DocumentType="Session", Content=json.dumps(OBSERVED)
    )
    session = await waiting(server, OBSERVED | {"inputs": {"requiredObservers": "0"}})
    assert (await noticed(session.client, "Paused until")).paused


async def test_policy_requires_observers(server: Server) -> None:
    node = await server.register()
    await node.control()
    await server.call("create_document", Name="Observed", DocumentType="Session", Content=json.dumps(OBSERVED))
    await create_user(server.service, "nina")
    nina = await create_access_key(server.service, "nina")
    statement = {
        "Effect": "Allow",
        "Action": "ssm:StartSession",
        "Resource": "*",
        "Condition": {"NumericGreaterThanEquals": {"ferryman:RequiredObservers": "1"}},
    }
    policy = json.dumps({"Statement": statement})
    iam = await asyncio.to_thread(server.client, "iam")
    await asyncio.to_thread(lambda: iam.put_user_policy(UserName="nina", PolicyName="p", PolicyDocument=policy))
    client = await asyncio.to_thread(server.client, "ssm", nina)

    def start(**members: str) -> Any:
        return client.start_session(Target=node.node_id, **members)

    with pytest.raises(ClientError, match="not authorized"):
        await asyncio.to_thread(start)
    assert (await asyncio.to_thread(lambda: start(DocumentName="Observed")))["SessionId"]


@pytest.mark.parametrize("watching", [WatchingSettings(enabled=False)])
async def test_observed_session_does_not_start_where_nobody_can_watch(server: Server) -> None:
    node = await server.register()
    await node.control()
    await server.call("create_document", Name="Observed", DocumentType="Session", Content=json.dumps(OBSERVED))
    with pytest.raises(ClientError, match=r"watching\.enabled"):
        await server.call("start_session", Target=node.node_id, DocumentName="Observed")
