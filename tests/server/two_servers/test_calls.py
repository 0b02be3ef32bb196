"""A call to one of two servers reaches a node of the other."""

from dataclasses import replace

import pytest

from ferryman.model.sessions import SessionStatus
from ferryman.server.channels.contention import REPLACEMENTS
from ferryman.wire.agent_message import MessageType
from ferryman.wire.tasks import decode_interactive_shell
from tests.server.peers import state
from tests.server.running import Server


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


async def test_two_agents_that_claim_one_node_on_two_servers_are_slowed_down(server: Server, other: Server) -> None:
    node = await server.register()
    for _ in range(REPLACEMENTS):
        older = await node.control()
        await replace(node, server=other).control()
        assert await older.closed() == 1000
    with pytest.raises(AssertionError, match="another agent claims this node"):
        await node.control()
