"""Port sessions: real connections, a scripted server, a client that speaks smux through the real engines."""

import asyncio
import os
import socket
from typing import Any

import pytest

from ferryman.agent.records import FAILED, SUCCESS
from ferryman.agent.session.plan import SessionRefused, plan
from ferryman.agent.settings import AgentSettings
from ferryman.wire.agent_message import Flag, PayloadType
from ferryman.wire.payloads import encode_flag
from ferryman.wire.tasks import InteractiveShellContent
from tests.ports import free_port
from tests.unit.agent.peers import Client, Service
from tests.unit.agent.session.port_sessions import (
    Node,
    Tunnels,
    answer_at_the_end,
    document,
    echo,
    forwarding,
)
from tests.waiting import PATIENCE


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


async def test_bytes_that_awss_client_sent_before_its_end_arrive(node: Node, plain_client: Client, serve: Any) -> None:
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
async def test_a_refused_connection_ends_its_stream_immediately_and_the_session_stays_open(
    node: Node, serve: Any, plain: bool
) -> None:
    client = Client(plain=plain)
    await node.start(forwarding(free_port()), client)
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


async def test_another_client_starts_over(node: Node, client: Client, serve: Any) -> None:
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
