"""Port sessions: real connections, a scripted server, a client that speaks smux through the real engines."""

import asyncio
import contextlib
import os
import socket
from collections.abc import AsyncIterator, Callable
from typing import Any

import pytest
import pytest_asyncio

from ferryman.agent.channels import open_data_channel
from ferryman.agent.credentials import CredentialSource
from ferryman.agent.records import FAILED, SUCCESS, SessionResult
from ferryman.agent.session.plan import SessionRefused, plan
from ferryman.agent.session.session import Session, SessionLimits
from ferryman.agent.settings import AgentSettings
from ferryman.agent.state import StateDirectory
from ferryman.channel.mux.events import StreamClosed, StreamData, StreamFinished
from ferryman.channel.mux.session import MuxSession, Role
from ferryman.transport.http import HttpClient
from ferryman.wire.agent_message import Flag, PayloadType
from ferryman.wire.payloads import encode_flag
from ferryman.wire.tasks import InteractiveShellContent
from tests.unit.agent.conftest import Channel, Client, Service
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
            "alice-1", planned, lambda: open_data_channel(self._http, self._source, "alice-1"), SessionLimits()
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


@pytest_asyncio.fixture(loop_scope="function")
async def node(service: Service, state: StateDirectory) -> AsyncIterator[Node]:
    async with HttpClient(service.url, user_agent="t") as http:
        yield Node(CredentialSource(state, http), http, service)


@pytest_asyncio.fixture(loop_scope="function")
async def serve() -> AsyncIterator[Callable[[Serve], Any]]:
    """Serve a function on a free port of this machine; returns the port."""
    servers = []

    async def start(handler: Serve, host: str = "127.0.0.1") -> int:
        async def handle(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            with contextlib.suppress(ConnectionError):
                await handler(reader, writer)
            writer.close()

        server = await asyncio.start_server(handle, host, 0, limit=1 << 20)
        servers.append(server)
        port: int = server.sockets[0].getsockname()[1]
        return port

    yield start
    for server in servers:
        server.close()
        await server.wait_closed()


async def echo(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    while data := await reader.read(65536):
        writer.write(data)
        await writer.drain()


async def answer_at_the_end(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    data = await reader.read(-1)
    writer.write(b"got %d bytes" % len(data))
    await writer.drain()


def closed_port() -> int:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        port: int = listener.getsockname()[1]
        return port


async def test_the_client_learns_the_properties(node: Node, client: Client, serve: Any) -> None:
    port = await serve(echo)
    await node.start(forwarding(port, localPortNumber=5432), client)
    assert client.started is not None
    assert client.started.properties == {
        "portNumber": str(port),
        "localPortNumber": "5432",
        "type": "LocalPortForwarding",
    }
    assert (await node.end()).status == SUCCESS


@pytest.mark.parametrize("plain", [False, True])
async def test_streams_are_connections_of_their_own(node: Node, serve: Any, plain: bool) -> None:
    client = Client(plain=plain)
    await node.start(forwarding(await serve(echo)), client)
    tunnels = Tunnels(client, 1 if plain else 2)
    streams = [tunnels.open() for _ in range(20)]
    blocks = {stream: os.urandom(50_000) for stream in streams}
    for stream in streams:
        tunnels.write(stream, blocks[stream])
    for stream in streams:
        assert await tunnels.reads(stream, 50_000) == blocks[stream]
    assert client.started is not None
    assert client.started.mux == (1 if plain else 2)
    await node.end()
    await client.leave()


async def test_half_closed_streams_are_answered(node: Node, client: Client, serve: Any) -> None:
    await node.start(forwarding(await serve(answer_at_the_end)), client)
    tunnels = Tunnels(client)
    stream = tunnels.open()
    tunnels.write(stream, b"x" * 100_000)
    tunnels.finish(stream)
    assert await tunnels.ends(stream) == b"got 100000 bytes"
    await tunnels.until(lambda: stream in tunnels.closed)
    assert tunnels.closed[stream] is None
    await node.end()


async def test_what_awss_client_sent_before_its_end_arrives(node: Node, plain_client: Client, serve: Any) -> None:
    arrived: asyncio.Future[bytes] = asyncio.get_running_loop().create_future()

    async def keep(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        arrived.set_result(await reader.read(-1))

    await node.start(forwarding(await serve(keep)), plain_client)
    tunnels = Tunnels(plain_client, 1)
    stream = tunnels.open()
    tunnels.write(stream, b"all of it" * 300_000)
    tunnels.finish(stream)
    async with asyncio.timeout(PATIENCE):
        assert await arrived == b"all of it" * 300_000
    await node.end()


async def test_the_far_ends_end_comes_after_its_data(node: Node, client: Client, serve: Any) -> None:
    async def speak(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"y" * 3_000_000)
        await writer.drain()

    await node.start(forwarding(await serve(speak)), client)
    tunnels = Tunnels(client)
    stream = tunnels.open()
    assert await tunnels.ends(stream) == b"y" * 3_000_000
    await node.end()


async def test_a_reset_by_the_far_end_is_a_reset(node: Node, client: Client, serve: Any) -> None:
    async def reset(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read(1)
        linger = socket.SO_LINGER
        writer.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, linger, b"\1\0\0\0\0\0\0\0")
        writer.transport.abort()

    await node.start(forwarding(await serve(reset)), client)
    tunnels = Tunnels(client)
    stream = tunnels.open()
    tunnels.write(stream, b"x")
    await tunnels.until(lambda: stream in tunnels.closed)
    assert tunnels.closed[stream]
    await node.end()


async def test_the_clients_reset_is_a_reset(node: Node, client: Client, serve: Any) -> None:
    lost: asyncio.Future[BaseException | None] = asyncio.get_running_loop().create_future()

    async def watch(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"hello")
        try:
            await reader.read(-1)
            lost.set_result(None)
        except ConnectionError as error:
            lost.set_result(error)

    await node.start(forwarding(await serve(watch)), client)
    tunnels = Tunnels(client)
    stream = tunnels.open()
    await tunnels.reads(stream, 5)
    tunnels.mux.reset(stream, "no longer")
    tunnels.push()
    async with asyncio.timeout(PATIENCE):
        assert isinstance(await lost, ConnectionResetError)
    await node.end()


@pytest.mark.parametrize("plain", [False, True])
async def test_a_refused_connection_ends_its_stream_at_once_and_the_session_stays(
    node: Node, serve: Any, plain: bool
) -> None:
    client = Client(plain=plain)
    await node.start(forwarding(closed_port()), client)
    tunnels = Tunnels(client, 1 if plain else 2)
    stream = tunnels.open()
    await tunnels.until(lambda: stream in tunnels.closed)
    if not plain:
        assert "Connection refused" in (tunnels.closed[stream] or "")
    await client.until(lambda: client.payloads(PayloadType.FLAG) == encode_flag(Flag.CONNECT_TO_PORT_ERROR))
    again = tunnels.open()
    await tunnels.until(lambda: again in tunnels.closed)
    assert not node.over
    await node.end()
    await client.leave()


async def test_a_name_that_cannot_be_resolved_ends_the_stream_not_the_session(node: Node, client: Client) -> None:
    name = "a" * 64 + ".example"  # no resolver needs to be asked to know
    await node.start(forwarding(80, host=name), client)
    tunnels = Tunnels(client)
    stream = tunnels.open()
    await tunnels.until(lambda: stream in tunnels.closed)
    assert f"cannot resolve {name}" in (tunnels.closed[stream] or "")
    assert not node.over
    await node.end()


@pytest.mark.parametrize("host", ["169.254.169.254", "::ffff:169.254.169.254", "[fd00:ec2::254]"])
async def test_a_denied_host_ends_the_session_with_a_text(node: Node, client: Client, host: str) -> None:
    await node.start(forwarding(80, host=host), client)
    result = await node.result()
    assert result.status == FAILED
    assert result.output == f"Forwarding to IP address {host.strip('[]')} is forbidden."


async def test_the_deny_list_is_the_nodes_to_set(node: Node, client: Client, serve: Any) -> None:
    port = await serve(echo)
    await node.start(forwarding(port, host="localhost"), client, AgentSettings(denied_hosts=("127.0.0.0/8", "::1")))
    assert (await node.result()).output.endswith("is forbidden.")


async def test_this_machine_is_never_denied_where_no_host_is_given(node: Node, client: Client, serve: Any) -> None:
    port = await serve(echo)
    await node.start(forwarding(port), client, AgentSettings(denied_hosts=("127.0.0.0/8", "::1")))
    tunnels = Tunnels(client)
    stream = tunnels.open()
    tunnels.write(stream, b"hello")
    assert await tunnels.reads(stream, 5) == b"hello"
    await node.end()


async def test_a_stalled_stream_does_not_stop_the_others(node: Node, client: Client, serve: Any) -> None:
    sent: list[int] = []

    async def flood(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        size = int(await reader.readline())
        writer.write(b"z" * size)
        await writer.drain()
        sent.append(size)
        await reader.read(-1)

    await node.start(forwarding(await serve(flood)), client)
    tunnels = Tunnels(client)
    slow = tunnels.open()
    tunnels.stalled.add(slow)
    tunnels.write(slow, b"50000000\n")
    await tunnels.reads(slow, 200_000)
    quick = tunnels.open()
    tunnels.write(quick, b"5000000\n")
    assert len(await tunnels.reads(quick, 5_000_000)) == 5_000_000
    assert len(tunnels.data[slow]) <= 5_000_000
    assert sent == [5_000_000]
    await node.end()


async def test_a_destination_that_does_not_read_stops_its_stream_only(node: Node, client: Client, serve: Any) -> None:
    go_on = asyncio.Event()

    async def sluggish(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        if await reader.readexactly(1) == b"s":
            await go_on.wait()
        await echo(reader, writer)

    await node.start(forwarding(await serve(sluggish)), client)
    tunnels = Tunnels(client)
    slow, quick = tunnels.open(), tunnels.open()
    data = os.urandom(40_000_000)
    tunnels.write(slow, b"s" + data)
    tunnels.write(quick, b"q" + data[:1_000_000])
    assert await tunnels.reads(quick, 1_000_000) == data[:1_000_000]
    await tunnels.until(lambda: client.engine.all_acknowledged)
    tunnels.write(quick, b"still quick")
    assert (await tunnels.reads(quick, 1_000_011)).endswith(b"still quick")
    assert tunnels.mux.writable(slow) == 0, "the node has taken more than the destination and a window hold"
    assert not tunnels.data[slow]
    go_on.set()
    assert await tunnels.reads(slow, 40_000_000) == data
    await node.end()


async def test_another_client_begins_anew(node: Node, client: Client, serve: Any) -> None:
    async def greet(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"hello")
        await echo(reader, writer)

    await node.start(forwarding(await serve(greet)), client)
    tunnels = Tunnels(client)
    stream = tunnels.open()
    client.consumes = False
    await tunnels.reads(stream, 5)
    await client.leave()
    successor = Client()
    await successor.join(node.channel)
    await successor.until(lambda: successor.started is not None)
    others = Tunnels(successor)
    other = others.open()
    others.write(other, b" again")
    assert await others.reads(other, 11) == b"hello again"
    await node.end()
    await successor.leave()


@pytest.mark.parametrize("plain", [False, True])
async def test_nothing_is_lost_or_doubled_when_connections_are_cut(
    node: Node, service: Service, serve: Any, plain: bool
) -> None:
    client = Client(plain=plain)
    await node.start(forwarding(await serve(echo)), client)
    tunnels = Tunnels(client, 1 if plain else 2)
    stream = tunnels.open()
    data = os.urandom(1_000_000 if plain else 12_000_000)
    tunnels.write(stream, data)
    for part in range(1, 6):
        await tunnels.until(lambda part=part: len(tunnels.data[stream]) >= part * len(data) // 8)  # type: ignore[misc]
        await client.leave()
        await node.channel.websocket.close(code=1001)
        node.channel = await service.channels.get()
        await client.join(node.channel)
    assert await tunnels.reads(stream, len(data)) == data
    await node.end()
    await client.leave()


async def test_a_broken_mux_protocol_ends_the_session(node: Node, client: Client, serve: Any) -> None:
    await node.start(forwarding(await serve(echo)), client)
    client.type(b"GET / HTTP/1.1\r\n\r\n")
    result = await node.result()
    assert result.status == FAILED
    assert "violated the port forwarding protocol" in result.output


@pytest.mark.parametrize("properties", [{}, {"type": "LocalPortForwarding"}])
async def test_the_flag_to_terminate_ends_the_session(
    node: Node, client: Client, serve: Any, properties: dict[str, str]
) -> None:
    await node.start(document(await serve(echo), **properties), client)
    client.flag(Flag.TERMINATE_SESSION)
    assert (await node.result()).status == SUCCESS


@pytest.mark.parametrize("plain", [False, True])
async def test_ssh_style_is_one_connection_and_binary_clean(node: Node, serve: Any, plain: bool) -> None:
    client = Client(plain=plain)
    await node.start(document(await serve(echo)), client)
    data = b"\n" + os.urandom(300_000) + b"\x03\n"
    client.type(data)
    await client.until(lambda: len(client.output) >= len(data))
    assert client.output == data
    await client.until(lambda: client.engine.all_acknowledged)
    await node.end()
    await client.leave()


async def test_ssh_style_the_far_end_speaks_first_and_its_end_is_the_sessions(
    node: Node, client: Client, serve: Any
) -> None:
    async def speak(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"SSH-2.0-test\r\n" + b"w" * 5_000_000)
        await writer.drain()

    await node.start(document(await serve(speak)), client)
    assert (await node.result()).status == SUCCESS
    assert len(client.output) == 5_000_014
    assert [state.session_state for state in node.channel.states][-1] == "Terminating"


async def test_ssh_style_the_clients_end_of_input_is_passed_on(node: Node, client: Client, serve: Any) -> None:
    await node.start(document(await serve(answer_at_the_end)), client)
    client.type(b"v" * 1_000_000)
    client.flag(Flag.INPUT_ENDED)
    assert (await node.result()).status == SUCCESS
    assert client.output == b"got 1000000 bytes"


async def test_ssh_style_a_refused_connection_is_the_sessions_failure(node: Node, client: Client) -> None:
    port = closed_port()
    await node.start(document(port), client)
    result = await node.result()
    assert (result.status, result.output) == (FAILED, f"cannot connect to localhost:{port}: Connection refused")


async def test_ssh_style_output_waits_for_the_client(node: Node, client: Client, serve: Any) -> None:
    sent = asyncio.Event()

    async def speak(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"u" * 30_000_000)
        await writer.drain()
        sent.set()

    client.consumes = False
    await node.start(document(await serve(speak)), client)
    await client.until(lambda: node.session.capacity() == 0)
    await asyncio.wait({asyncio.create_task(sent.wait())}, timeout=0.5)
    assert not sent.is_set()
    assert len(client.output) < 3_000_000
    client.consume()
    assert (await node.result()).status == SUCCESS
    assert len(client.output) == 30_000_000


async def test_ssh_style_input_waits_for_the_destination(node: Node, client: Client, serve: Any) -> None:
    go_on = asyncio.Event()

    async def sluggish(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"hello")
        await go_on.wait()
        await answer_at_the_end(reader, writer)

    await node.start(document(await serve(sluggish)), client)
    client.type(bytes(40_000_000))
    client.flag(Flag.INPUT_ENDED)
    await client.shows("hello")
    await asyncio.wait({asyncio.create_task(client.until(lambda: client.engine.all_acknowledged))}, timeout=0.5)
    assert client.engine.capacity() == 0
    go_on.set()
    assert (await node.result()).status == SUCCESS
    assert client.output == b"hellogot 40000000 bytes"


async def test_clients_older_than_smux_forward_one_connection_after_another(node: Node, serve: Any) -> None:
    client = Client(plain=True, version="1.1.60.0")
    await node.start(forwarding(await serve(echo)), client)
    client.type(b"first")
    await client.shows("first")
    client.flag(Flag.DISCONNECT_TO_PORT)
    client.type(b"second")
    await client.shows("second")
    assert client.output == b"firstsecond"
    assert not node.over
    await node.end()
    await client.leave()


@pytest.mark.parametrize(
    ("content", "text"),
    [
        (document(None), "Port number is empty"),
        (document(""), "Port number is empty"),
        (document("http"), "not one of 1 to 65535"),
        (document("0"), "not one of 1 to 65535"),
        (document("65536"), "not one of 1 to 65535"),
        (document("²"), "not one of 1 to 65535"),
        (document(22, host=["a"]), "host is not a text"),
    ],
)
def test_documents_that_cannot_be_run_say_why(content: InteractiveShellContent, text: str) -> None:
    with pytest.raises(SessionRefused, match=text):
        plan(content, AgentSettings())
