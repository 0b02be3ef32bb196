"""Two servers on one store and one NATS: a call to one of them reaches a node of the other.

Frames do not cross yet: both ends of a session must be on one server.
"""

import asyncio
import os
import secrets
from collections.abc import AsyncIterator
from dataclasses import replace

import pytest

from ferryman.bootstrap.bus.opening import ClosableBus
from ferryman.core.service import Service
from ferryman.model.sessions import SessionStatus
from ferryman.server.serving import serve
from ferryman.wire.agent_message import MessageType
from ferryman.wire.tasks import decode_interactive_shell
from tests.nats import NatsServer, open_bus
from tests.server.peers import state
from tests.server.running import Server


@pytest.fixture
def prefix() -> str:
    return secrets.token_hex(4)


@pytest.fixture
async def bus(nats_server: NatsServer, prefix: str) -> ClosableBus:
    return await open_bus(nats_server, prefix)


@pytest.fixture
async def other(server: Server, nats_server: NatsServer, prefix: str) -> AsyncIterator[Server]:
    """The second server."""
    first = server.service
    bus = await open_bus(nats_server, prefix)
    service = Service(
        first.settings, first.store, bus, first.vault, first.clock, os.urandom, document_worker=first.document_worker
    )
    port: asyncio.Future[int] = asyncio.get_running_loop().create_future()
    stop = asyncio.Event()
    running = asyncio.create_task(serve(service, "127.0.0.1", 0, ready=port.set_result, stop=stop))
    second = replace(server, service=service, port=await port, stop=stop, running=running, peers=[], clients=[])
    yield second
    for peer in second.peers:
        await peer.close()
    for client in second.clients:
        client.close()
    await second.shut_down()
    await bus.close()


async def test_a_session_starts_on_a_node_of_the_other_server(server: Server, other: Server) -> None:
    node = await server.register()
    assert (await server.call("get_connection_status", Target=node.node_id))["Status"] == "notconnected"
    control = await replace(node, server=other).control()
    for each in (server, other):
        assert (await each.call("get_connection_status", Target=node.node_id))["Status"] == "connected"
        listed = await each.call("describe_instance_information")
        assert [every["PingStatus"] for every in listed["InstanceInformationList"]] == ["Online"]

    ticket = await server.start(node)
    client = await server.open_client(ticket, "client")
    task = await control.until(MessageType.INTERACTIVE_SHELL)
    assert decode_interactive_shell(task.payload).session_id == ticket["SessionId"]
    agent = await node.data(ticket["SessionId"])
    await agent.until(MessageType.START_PUBLICATION)
    await agent.send(state("Connected", ticket["SessionId"], None))
    await server.until_status(ticket["SessionId"], SessionStatus.CONNECTED)

    await other.call("terminate_session", SessionId=ticket["SessionId"])
    await client.until(MessageType.CHANNEL_CLOSED)
    await agent.until(MessageType.CHANNEL_CLOSED)


async def test_a_node_that_moves_is_reached_where_it_is(server: Server, other: Server) -> None:
    """Its old control channel may stay open for long, if its server does not notice."""
    node = await server.register()
    await node.control()
    control = await replace(node, server=other).control()
    await server.open_client(await server.start(node))
    await control.until(MessageType.INTERACTIVE_SHELL)


async def test_a_node_deregistered_on_one_server_is_closed_on_the_other(server: Server, other: Server) -> None:
    node = await server.register()
    control = await replace(node, server=other).control()
    await server.call("deregister_managed_instance", InstanceId=node.node_id)
    assert await control.closed() == 1008
