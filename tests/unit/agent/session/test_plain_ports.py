"""Port sessions without smux: one connection, as SSH's ProxyCommand and old clients use it."""

import asyncio
import os
from typing import Any

import pytest

from ferryman.agent.records import FAILED, SUCCESS
from ferryman.channel.peer_versions import client_multiplexes
from ferryman.wire.agent_message import Flag
from tests.ports import free_port
from tests.unit.agent.peers import Client
from tests.unit.agent.session.port_sessions import Node, answer_at_the_end, document, echo, forwarding


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
    port = free_port()
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


@pytest.mark.parametrize(
    ("version", "many"),
    [
        ("1.1.69.9", False),
        ("1.1.70", True),
        ("1.1.70.0", True),
        ("1.1", False),
        ("1.01.070", True),
        ("1.2.677.0", True),
        ("pyssm-client/0.1.0", True),
        ("1.next.0", True),
        ("", False),
        ("9" * 5000, True),
    ],
)
def test_client_version_is_compared_as_awss_agent_does(version: str, many: bool) -> None:
    assert client_multiplexes(version) is many


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
