"""What happens to a session after StartSession, and when its time is up."""

import json
from typing import TYPE_CHECKING

from ferryman.core.authorization.admission import admit_client
from ferryman.core.messages import StartTask
from ferryman.core.sessions.actions import terminate_session
from ferryman.core.sessions.lifecycle import (
    agent_task_completed,
    dispatch_task,
    end_lost,
    end_session,
    ends_attached,
    fail_session,
    node_attached,
    session_finished,
)
from ferryman.core.sessions.requests import SessionTicket
from ferryman.core.sessions.sweep import sweep
from ferryman.model.identifiers import Millis, NodeId
from ferryman.model.sessions import SessionStatus
from tests.unit.core.sessions.transitions import UNKNOWN, connected, status

if TYPE_CHECKING:
    from tests.unit.core.conftest import World


async def test_the_task_is_what_agents_expect(world: "World") -> None:
    node_id = await world.register()
    control = await world.connect(node_id)
    ticket = await world.start(node_id)
    assert await dispatch_task(world.service, await world.session(ticket.session_id))
    (task,) = control.received
    assert isinstance(task, StartTask)
    assert task.session_id == ticket.session_id
    content = json.loads(task.content)
    assert content["SessionId"] == ticket.session_id
    assert content["SessionOwner"] == world.alice.arn
    assert content["Parameters"] == {}
    document = content["DocumentContent"]
    assert (document["schemaVersion"], document["sessionType"]) == ("1.0", "Standard_Stream")
    assert document["inputs"]["idleSessionTimeout"] == "20"


async def admitted_without_node(world: "World") -> tuple[NodeId, SessionTicket]:
    """A session whose client came while its node was away."""
    node_id = await world.register()
    control = await world.connect(node_id)
    ticket = await world.start(node_id)
    await control.leave()
    admitted = await admit_client(world.service, ticket.session_id, ticket.token_value.reveal(), "c")
    assert not await dispatch_task(world.service, admitted.session)
    return node_id, ticket


async def test_a_node_that_is_back_in_time_gets_the_task(world: "World") -> None:
    node_id, ticket = await admitted_without_node(world)
    world.clock.advance(seconds=9)
    await sweep(world.service)
    control = await world.connect(node_id)
    await node_attached(world.service, node_id)
    (task,) = control.received
    assert isinstance(task, StartTask)
    assert task.session_id == ticket.session_id
    world.clock.advance(seconds=59)
    await sweep(world.service)
    assert await status(world, ticket) is SessionStatus.CONNECTING


async def test_a_node_that_is_back_gets_no_task_whose_client_never_came_or_that_is_anothers(world: "World") -> None:
    node_id = await world.register()
    control = await world.connect(node_id)
    await world.start(node_id)
    await connected(world, node_id)
    await admitted_without_node(world)
    await node_attached(world.service, node_id)
    assert control.received == []


async def test_a_task_that_reaches_nobody_fails_the_session(world: "World") -> None:
    node_id, ticket = await admitted_without_node(world)
    relay = await world.hold(ticket.session_id)
    world.clock.advance(seconds=9)
    await sweep(world.service)
    assert await status(world, ticket) is SessionStatus.CONNECTING
    world.clock.advance(seconds=1)
    await sweep(world.service)
    await world.bus.drain()
    session = await world.session(ticket.session_id)
    assert (session.status, session.details) == (SessionStatus.FAILED, f"{node_id} is not connected.")
    assert (session.ended_at, session.token_id) == (world.clock(), None)
    assert relay.ended == [session.details]


async def test_both_ends_make_it_connected_and_losing_one_disconnected(world: "World") -> None:
    ticket, _ = await connected(world)
    assert await status(world, ticket) is SessionStatus.CONNECTED
    lost = await end_lost(world.service, ticket.session_id, Millis(world.clock() - 5000))
    assert lost is not None
    assert lost.status is SessionStatus.DISCONNECTED
    assert lost.deadline_at == world.clock() - 5000 + 20 * 60_000
    assert await end_lost(world.service, ticket.session_id, None) is not None  # the other end, too
    again = await ends_attached(world.service, ticket.session_id)
    assert again is not None
    assert again.status is SessionStatus.CONNECTED
    assert await ends_attached(world.service, ticket.session_id) is not None


async def test_losing_the_client_before_the_agent_came_leaves_it_connecting(world: "World") -> None:
    ticket = await world.start(await world.node())
    waiting = await end_lost(world.service, ticket.session_id, None)
    assert waiting is not None
    assert (waiting.status, waiting.deadline_at) == (SessionStatus.CONNECTING, world.clock() + 60_000)


async def test_an_ended_session_stays_ended(world: "World") -> None:
    node_id = await world.node()
    for end in (end_session, session_finished, fail_session):
        ticket = await world.start(node_id)
        await end(world.service, ticket.session_id, "cause")
        before = await world.session(ticket.session_id)
        assert await ends_attached(world.service, ticket.session_id) is None
        assert await end_lost(world.service, ticket.session_id, None) is None
        assert not await end_session(world.service, ticket.session_id, "another")
        assert not await fail_session(world.service, ticket.session_id, "another")
        assert await world.session(ticket.session_id) == before


async def test_calls_for_unknown_sessions_do_nothing(world: "World") -> None:
    assert await ends_attached(world.service, UNKNOWN) is None
    assert await end_lost(world.service, UNKNOWN, None) is None
    assert not await end_session(world.service, UNKNOWN, "")
    await session_finished(world.service, UNKNOWN, "")
    await agent_task_completed(world.service, NodeId("mi-0"), UNKNOWN, "Success", "")


async def test_a_shell_that_exits_ends_its_session_without_details(world: "World") -> None:
    node_id = await world.node()
    ticket, relay = await connected(world, node_id)
    for _ in range(3):
        await agent_task_completed(world.service, node_id, ticket.session_id, "Success", "")
    await world.bus.drain()
    session = await world.session(ticket.session_id)
    assert (session.status, session.details, session.ended_at) == (SessionStatus.TERMINATED, None, world.clock())
    assert relay.ended == [""]


async def test_a_task_that_fails_before_anyone_joined_fails_the_session(world: "World") -> None:
    node_id = await world.node()
    ticket = await world.start(node_id)
    relay = await world.hold(ticket.session_id)
    output = "\n----------ERROR-------\nno such user: ssm-user"
    await agent_task_completed(world.service, node_id, ticket.session_id, "Failed", output)
    await agent_task_completed(world.service, node_id, ticket.session_id, "Failed", output)
    await world.bus.drain()
    session = await world.session(ticket.session_id)
    assert (session.status, session.details) == (SessionStatus.FAILED, "no such user: ssm-user")
    assert relay.ended == ["no such user: ssm-user"]


async def test_a_task_that_fails_later_terminates_with_its_cause(world: "World") -> None:
    node_id = await world.node()
    ticket, _ = await connected(world, node_id)
    await agent_task_completed(world.service, node_id, ticket.session_id, "TimedOut", "")
    session = await world.session(ticket.session_id)
    assert (session.status, session.details) == (SessionStatus.TERMINATED, "The agent reported TimedOut.")


async def test_reports_about_another_nodes_session_are_ignored(world: "World") -> None:
    ticket, relay = await connected(world)
    await agent_task_completed(world.service, await world.node(), ticket.session_id, "Success", "")
    assert await status(world, ticket) is SessionStatus.CONNECTED
    assert relay.ended == []


async def test_the_agents_confirmation_keeps_who_ended_it(world: "World") -> None:
    node_id = await world.node()
    ticket, _ = await connected(world, node_id)
    await terminate_session(world.service, world.alice, ticket.session_id)
    await agent_task_completed(world.service, node_id, ticket.session_id, "Success", "killed")
    session = await world.session(ticket.session_id)
    assert (session.status, session.details) == (SessionStatus.TERMINATED, f"Terminated by {world.alice.arn}.")


async def test_details_are_cut_to_awss_limit(world: "World") -> None:
    ticket = await world.start(await world.node())
    await session_finished(world.service, ticket.session_id, "x" * 5000)
    details = (await world.session(ticket.session_id)).details
    assert details is not None
    assert len(details) == 1024


async def test_a_session_that_is_ended_has_not_ended_by_itself(world: "World") -> None:
    ticket, relay = await connected(world)
    assert await end_session(world.service, ticket.session_id, "Terminated by somebody.")
    session = await world.session(ticket.session_id)
    await agent_task_completed(world.service, session.target, ticket.session_id, "Success", "")
    await world.bus.drain()
    assert relay.lost == [True, True]


async def test_a_session_whose_program_ends_has(world: "World") -> None:
    ticket, relay = await connected(world)
    session = await world.session(ticket.session_id)
    await agent_task_completed(world.service, session.target, ticket.session_id, "Success", "")
    await world.bus.drain()
    assert relay.lost == [False]
