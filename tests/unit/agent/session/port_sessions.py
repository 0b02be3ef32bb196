"""Port sessions on a node, with the destinations that tests forward to."""

import asyncio
from collections.abc import Callable
from typing import Any

from ferryman.agent.channels import dial_data_channel
from ferryman.agent.identity.credentials import CredentialSource
from ferryman.agent.records import SessionResult
from ferryman.agent.session.plan import plan
from ferryman.agent.session.session import Session, SessionLimits
from ferryman.agent.settings import AgentSettings
from ferryman.channel.mux.events import StreamClosed, StreamData, StreamFinished
from ferryman.channel.mux.session import MuxSession, Role
from ferryman.transport.http import HttpClient
from ferryman.wire.agent_message import PayloadType
from ferryman.wire.tasks import InteractiveShellContent
from tests.unit.agent.peers import Channel, Client, Service
from tests.waiting import PATIENCE

Serve = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Any]


def document(port: int | str | None, **properties: object) -> InteractiveShellContent:
    members = {} if port is None else {"portNumber": str(port)}
    content = {"schemaVersion": "1.0", "sessionType": "Port", "properties": {**members, **properties}}
    return InteractiveShellContent(content, "alice-1")


def forwarding(port: int | str, **properties: object) -> InteractiveShellContent:
    return document(port, type="LocalPortForwarding", **properties)


class Node:
    """Runs one session in this process."""

    def __init__(self, source: CredentialSource, http: HttpClient, service: Service) -> None:
        self._source = source
        self._http = http
        self._service = service
        self.session: Session
        self.channel: Channel
        self._running: asyncio.Task[SessionResult]

    async def start(
        self, content: InteractiveShellContent, client: Client, settings: AgentSettings | None = None
    ) -> None:
        planned = plan(content, settings or AgentSettings())
        self.session = Session(
            "alice-1", planned, lambda: dial_data_channel(self._http, self._source, "alice-1"), SessionLimits()
        )
        self._running = asyncio.create_task(self.session.run())
        self.channel = await self._service.channels.get()
        await client.join(self.channel)
        await client.until(lambda: client.started is not None)

    async def result(self) -> SessionResult:
        async with asyncio.timeout(PATIENCE):
            return await self._running

    async def end(self) -> SessionResult:
        self.session.end()
        return await self.result()

    @property
    def over(self) -> bool:
        return self._running.done()


class Tunnels:
    """The client's half of smux, over a `Client`."""

    def __init__(self, client: Client, version: int = 2) -> None:
        self.client = client
        self.mux = MuxSession(Role.CLIENT, version)
        self.data: dict[int, bytearray] = {}
        self.finished: set[int] = set()
        self.closed: dict[int, str | None] = {}
        self.stalled: set[int] = set()
        self._taken = 0

    def open(self) -> int:
        stream = self.mux.open()
        self.data[stream] = bytearray()
        self.push()
        return stream

    def write(self, stream: int, data: bytes) -> None:
        self.mux.write(stream, data)
        self.push()

    def finish(self, stream: int) -> None:
        self.mux.finish(stream)
        self.push()

    def push(self) -> None:
        while data := self.mux.data_to_send(65536):
            self.client.type(data)

    async def until(self, condition: Callable[[], bool]) -> None:
        def look() -> bool:
            self._take()
            return condition()

        await self.client.until(look)

    async def reads(self, stream: int, size: int) -> bytes:
        await self.until(lambda: len(self.data[stream]) >= size)
        return bytes(self.data[stream])

    async def ends(self, stream: int) -> bytes:
        await self.until(lambda: stream in self.finished or stream in self.closed)
        return bytes(self.data[stream])

    def _take(self) -> None:
        while self._taken < len(self.client.received):
            kind, payload = self.client.received[self._taken]
            self._taken += 1
            if kind == PayloadType.OUTPUT:
                self.mux.receive(payload)
        for event in self.mux.events():
            match event:
                case StreamData(stream, data):
                    self.data[stream] += data
                    if stream not in self.stalled:
                        self.mux.consumed(stream, len(data))
                case StreamFinished(stream):
                    self.finished.add(stream)
                case StreamClosed(stream, aborted):
                    self.closed[stream] = aborted
        self.push()


async def echo(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    while data := await reader.read(65536):
        writer.write(data)
        await writer.drain()


async def answer_at_the_end(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    data = await reader.read(-1)
    writer.write(b"got %d bytes" % len(data))
    await writer.drain()
