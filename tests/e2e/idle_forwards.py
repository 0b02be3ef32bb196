"""Two hours of two idle port forwards on one event loop: the whole server, agent and plugins, their sockets real.

One is of AWS's document, the other of one that ends it after an hour without traffic. Run by `jumping_clock`, for two
hours would not do; prints what became of them as JSON.
"""

import asyncio
import contextlib
import json
import os
import tempfile
import time
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from ferryman.agent.channels import dial_data_channel
from ferryman.agent.control_channel import ControlChannel
from ferryman.agent.identity.credentials import CredentialSource
from ferryman.agent.identity.registration import register
from ferryman.agent.identity.state import StateDirectory
from ferryman.agent.outbox import Outbox
from ferryman.agent.records import SessionRecord, SessionRecords, SessionResult
from ferryman.agent.session.plan import members, plan
from ferryman.agent.session.session import Session, session_limits
from ferryman.agent.sessions import Sessions
from ferryman.agent.settings import DEFAULT_SETTINGS
from ferryman.agent.ssh_keys.keys import SshKeys
from ferryman.agent.workers.pool import WorkerPool
from ferryman.bus.memory import MemoryBus
from ferryman.client.calls.launch import Launch
from ferryman.client.plugin import session as plugin
from ferryman.client.plugin.tty.screen import Descriptors
from ferryman.core.documents import actions as documents
from ferryman.core.documents.requests import DocumentDraft
from ferryman.core.iam import operator as identities
from ferryman.core.identity import callers
from ferryman.core.nodes import activations
from ferryman.core.nodes.requests import CreateActivationRequest
from ferryman.core.service import Service, Settings
from ferryman.core.sessions import actions as sessions
from ferryman.core.sessions.requests import StartSessionRequest
from ferryman.core.vault import Vault
from ferryman.model.identifiers import Millis, NodeId, SessionId
from ferryman.model.identity.callers import BuiltinRole, Caller
from ferryman.server import serving
from ferryman.store.database import open_store
from ferryman.transport.http import HttpClient
from ferryman.wire.tasks import InteractiveShellContent
from tests.ports import free_port

REGION = "test-1"
HOURS = 2
MINUTE = 60.0
SWEEP = 20.0
IDLE_MINUTES = 60
FORWARD = {"portNumber": "{{ portNumber }}", "type": "LocalPortForwarding", "localPortNumber": "0"}
ENDED_BY_IDLENESS = {
    "schemaVersion": "1.0",
    "sessionType": "Port",
    "inputs": {"idleSessionTimeout": str(IDLE_MINUTES)},
    "parameters": {"portNumber": {"type": "String", "default": "80", "allowedPattern": "[0-9]{1,5}"}},
    "properties": FORWARD,
}


class InThisProcess(Sessions):
    """The node's sessions, run on this loop and not in processes of their own, whose clocks would not jump."""

    def __init__(self, source: CredentialSource, client: HttpClient, state: StateDirectory) -> None:
        node_id = source.registration.node_id
        super().__init__(node_id, SessionRecords(state.sessions), WorkerPool(state.path), _unreported)
        self._source = source
        self._client = client
        self.running: dict[str, asyncio.Task[SessionResult]] = {}

    async def start(self, content: InteractiveShellContent) -> None:
        planned = plan(content, DEFAULT_SETTINGS)
        limits = session_limits(members(content.document_content.get("inputs")), idles=planned.idles)
        session = Session(
            content.session_id,
            planned,
            lambda: dial_data_channel(self._client, self._source, content.session_id),
            limits,
        )
        self.running[content.session_id] = asyncio.create_task(session.run())


def _unreported(_: SessionRecord) -> None:
    """No session of this module has a record."""


@dataclass
class Forward:
    """A forward by a plugin, and one connection through it."""

    session_id: SessionId
    said: int
    """What the plugin writes to."""
    running: "asyncio.Task[int]"
    reader: asyncio.StreamReader
    writer: asyncio.StreamWriter
    port: int

    async def echoes(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> bool:
        """Whether what is sent comes back."""
        word = os.urandom(20_000)
        writer.write(word)
        async with asyncio.timeout(MINUTE):
            return await reader.readexactly(len(word)) == word

    async def works(self) -> bool:
        """Whether the connection that was idle and a new one carry bytes."""
        new = await asyncio.open_connection("127.0.0.1", self.port)
        try:
            return await self.echoes(self.reader, self.writer) and await self.echoes(*new)
        finally:
            new[1].close()


@dataclass
class House:
    """Everything, on one loop."""

    service: Service
    caller: Caller
    node_id: NodeId
    echo_port: int

    async def forward(self, document: str) -> Forward:
        """Start a session of the document, run the plugin for it, and connect."""
        parameters = {"portNumber": (str(self.echo_port),)}
        if document == "AWS-StartPortForwardingSession":
            parameters["localPortNumber"] = ("0",)
        request = StartSessionRequest(self.node_id, document, parameters=parameters)
        ticket = await sessions.start_session(self.service, self.caller, request)
        launch = Launch(ticket.session_id, ticket.token_value, ticket.stream_url, REGION)
        reading, writing = os.pipe()
        nothing = os.open(os.devnull, os.O_RDONLY)
        running = asyncio.create_task(plugin.run(launch, {}, Descriptors(nothing, writing, writing)))
        said = ""
        while "Waiting for connections" not in said:
            said += (await asyncio.to_thread(os.read, reading, 4096)).decode()
        port = int(said.split("Port ")[1].split()[0])
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        made = Forward(ticket.session_id, reading, running, reader, writer, port)
        assert await made.works()
        return made

    async def fate(self, forward: Forward) -> dict[str, object]:
        """What has become of a forward."""
        session = await self.service.store.sessions.get(forward.session_id)
        assert session is not None
        ended = forward.running.done()
        return {
            "status": session.status,
            "details": session.details,
            "minutes": (session.ended_at - session.started_at) / 60_000 if session.ended_at else None,
            "exit": forward.running.result() if ended else None,
            "works": not ended and await forward.works(),
        }


@contextlib.asynccontextmanager
async def house(directory: Path) -> AsyncIterator[House]:
    """Start a server, a node's agent, and what the forwards lead to."""
    port = free_port()
    url = f"http://127.0.0.1:{port}"
    async with contextlib.AsyncExitStack() as stack:
        store = await stack.enter_async_context(await open_store(f"sqlite:///{directory}/ferryman.db"))
        vault = Vault(os.urandom(32), os.urandom)
        clock = lambda: Millis(time.time_ns() // 1_000_000)  # noqa: E731
        service = Service(Settings("123456789012", REGION, url), store, MemoryBus(), vault, clock, os.urandom)
        user = await identities.create_user(service, "root", BuiltinRole.ADMINISTRATOR)
        caller = await callers.caller_of(service, user)
        stop, ready = asyncio.Event(), asyncio.Event()
        serving.SWEEP_SECONDS = SWEEP
        server = asyncio.create_task(serving.serve(service, "127.0.0.1", port, ready=lambda _: ready.set(), stop=stop))
        await ready.wait()
        ticket = await activations.create_activation(service, caller, CreateActivationRequest("role"))
        code = ticket.activation_code.reveal()
        node_id = await register(url, REGION, ticket.activation_id, code, directory / "agent")
        state = StateDirectory(directory / "agent")
        client = await stack.enter_async_context(HttpClient(url, user_agent="t"))
        source = CredentialSource(state, client)
        connected = asyncio.Event()
        control = ControlChannel(client, source, Outbox(), SshKeys(state.path), connected.set)
        nodes = InThisProcess(source, client, state)
        agent = [asyncio.create_task(step) for step in (control.run(nodes), control.keep_informed())]
        await connected.wait()
        echo = await asyncio.start_server(_echo, "127.0.0.1", 0)
        yield House(service, caller, node_id, echo.sockets[0].getsockname()[1])
        echo.close()
        for task in [*agent, *nodes.running.values()]:
            task.cancel()
        await asyncio.gather(*agent, *nodes.running.values(), return_exceptions=True)
        stop.set()
        await server


async def _echo(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    while data := await reader.read(65536):
        writer.write(data)
        await writer.drain()
    writer.close()


async def main(_: Sequence[str]) -> None:
    """Let two hours pass."""
    with tempfile.TemporaryDirectory() as directory:
        async with house(Path(directory)) as around:
            draft = DocumentDraft("IdleForward", json.dumps(ENDED_BY_IDLENESS))
            await documents.create_document(around.service, around.caller, draft, {})
            lasting = await around.forward("AWS-StartPortForwardingSession")
            limited = await around.forward("IdleForward")
            began = time.monotonic()
            await asyncio.sleep(HOURS * 60 * MINUTE)
            result = {
                "seconds": time.monotonic() - began,
                "lasting": await around.fate(lasting),
                "limited": await around.fate(limited),
                "said": os.read(limited.said, 4096).decode(),
            }
            lasting.running.cancel()
            await asyncio.gather(lasting.running, return_exceptions=True)
    print(json.dumps(result))
