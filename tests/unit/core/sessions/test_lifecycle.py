"""What happens to a session after StartSession, and when its time is up."""

import asyncio
import json
from collections.abc import Callable
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest
from sqlalchemy import Connection

from ferryman.core.authorization.admission import admit_client
from ferryman.core.messages import EndTask, StartTask
from ferryman.core.service import Limits, Service
from ferryman.core.sessions.actions import resume_session, start_session, terminate_session
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
from ferryman.core.sessions.requests import SessionTicket, StartSessionRequest
from ferryman.core.sessions.sweep import recover, sweep
from ferryman.model.identifiers import Millis, NodeId, SessionId
from ferryman.model.sessions import SessionStatus
from ferryman.store.connections import Connections

if TYPE_CHECKING:
    from tests.unit.core.conftest import RelayPeer, World

UNKNOWN = SessionId("alice-00000000000000000")


async def connected(world: "World", node_id: NodeId | None = None) -> tuple[SessionTicket, "RelayPeer"]:
    """Start a session whose two ends are attached."""
    ticket = await world.start(node_id or await world.node())
    await admit_client(world.service, ticket.session_id, ticket.token_value.reveal(), "c")
    relay = await world.hold(ticket.session_id)
    assert await ends_attached(world.service, ticket.session_id)
    return ticket, relay


async def status(world: "World", ticket: SessionTicket) -> SessionStatus:
    return (await world.session(ticket.session_id)).status


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


async def test_what_is_over_stays_over(world: "World") -> None:
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


async def test_another_nodes_word_counts_for_nothing(world: "World") -> None:
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


async def test_a_client_that_never_dials_in_fails_after_a_minute(world: "World") -> None:
    ticket = await world.start(await world.node())
    world.clock.advance(seconds=59.999)
    assert await sweep(world.service) == 0
    world.clock.advance(seconds=0.001)
    assert await sweep(world.service) == 1
    session = await world.session(ticket.session_id)
    assert (session.status, session.details) == (
        SessionStatus.FAILED,
        "The client did not connect within 60 seconds.",
    )
    assert session.ended_at == world.clock()
    assert await sweep(world.service) == 0


async def test_a_node_that_never_opens_its_channel_is_named(world: "World") -> None:
    node_id = await world.node()
    ticket = await world.start(node_id)
    relay = await world.hold(ticket.session_id)
    world.clock.advance(seconds=59)
    admitted = await admit_client(world.service, ticket.session_id, ticket.token_value.reveal(), "c")
    await dispatch_task(world.service, admitted.session)
    world.clock.advance(seconds=59)
    assert await sweep(world.service) == 0
    world.clock.advance(seconds=1)
    await sweep(world.service)
    await world.bus.drain()
    session = await world.session(ticket.session_id)
    assert session.status is SessionStatus.FAILED
    assert relay.ended == [f"{node_id} did not open the session's data channel within 60 seconds."]


async def test_terminating_lasts_ten_seconds_at_most(world: "World") -> None:
    ticket, _ = await connected(world)
    await terminate_session(world.service, world.alice, ticket.session_id)
    world.clock.advance(seconds=9)
    await sweep(world.service)
    assert await status(world, ticket) is SessionStatus.TERMINATING
    world.clock.advance(seconds=1)
    await sweep(world.service)
    session = await world.session(ticket.session_id)
    assert (session.status, session.ended_at) == (SessionStatus.TERMINATED, world.clock())
    assert session.details == f"Terminated by {world.alice.arn}."


async def test_activity_puts_the_idle_end_off(world: "World") -> None:
    ticket, relay = await connected(world)
    world.clock.advance(minutes=15)
    relay.last_activity = world.clock()
    world.clock.advance(minutes=5)
    assert await sweep(world.service) == 1
    assert await status(world, ticket) is SessionStatus.CONNECTED
    world.clock.advance(minutes=15)
    assert await sweep(world.service) == 1
    await world.bus.drain()
    session = await world.session(ticket.session_id)
    assert session.status is SessionStatus.TERMINATING
    assert relay.ended == [session.details] == ["The session was idle for 20 minutes."]


async def test_a_forward_left_alone_for_two_hours_survives(world: "World") -> None:
    request = StartSessionRequest(await world.node(), "AWS-StartPortForwardingSession")
    ticket = await start_session(world.service, world.alice, request)
    relay = await world.hold(ticket.session_id)
    await ends_attached(world.service, ticket.session_id)
    used = world.clock()
    for _ in range(120):
        world.clock.advance(minutes=1)
        await sweep(world.service)
    assert await status(world, ticket) is SessionStatus.CONNECTED
    await end_lost(world.service, ticket.session_id, used)
    world.clock.advance(minutes=19)
    await sweep(world.service)
    assert await status(world, ticket) is SessionStatus.DISCONNECTED
    world.clock.advance(minutes=1)
    await sweep(world.service)
    await world.bus.drain()
    assert relay.ended == ["The session was idle for 20 minutes."]


async def test_a_disconnected_session_ends_by_the_idle_timeout(world: "World") -> None:
    node_id = await world.register()
    control = await world.connect(node_id)
    ticket, relay = await connected(world, node_id)
    await end_lost(world.service, ticket.session_id, world.clock())
    await relay.leave()
    world.clock.advance(minutes=19)
    assert await sweep(world.service) == 0
    world.clock.advance(minutes=1)
    await sweep(world.service)
    await world.bus.drain()
    assert await status(world, ticket) is SessionStatus.TERMINATING
    assert control.received == [EndTask(ticket.session_id)]


async def test_resuming_puts_the_idle_end_off(world: "World") -> None:
    ticket, relay = await connected(world)
    await end_lost(world.service, ticket.session_id, world.clock())
    await relay.leave()
    world.clock.advance(minutes=19)
    await resume_session(world.service, world.alice, ticket.session_id)
    world.clock.advance(minutes=19)
    assert await sweep(world.service) == 0
    assert await status(world, ticket) is SessionStatus.DISCONNECTED


async def test_maximum_duration_ends_a_busy_session(world: "World") -> None:
    limits = Limits(idle_timeout_minutes=5, max_duration_minutes=8)
    service = replace(world.service, settings=replace(world.service.settings, limits=limits))
    ticket = await start_session(service, world.alice, StartSessionRequest(await world.node()))
    relay = await world.hold(ticket.session_id)
    await ends_attached(service, ticket.session_id)
    world.clock.advance(minutes=5)
    relay.last_activity = world.clock()
    await sweep(service)
    world.clock.advance(minutes=3)
    relay.last_activity = world.clock()
    await sweep(service)
    session = await world.session(ticket.session_id)
    assert session.status is SessionStatus.TERMINATING
    assert session.details == "The session reached its maximum duration of 8 minutes."
    assert session.max_duration == 8


async def test_a_relay_that_does_not_answer_is_asked_again(world: "World") -> None:
    ticket, relay = await connected(world)
    await relay.leave()

    async def broken(payload: bytes) -> bytes:
        raise RuntimeError("relay fault")

    await world.bus.subscribe(f"session.{ticket.session_id}", broken)
    world.clock.advance(minutes=20)
    await sweep(world.service)
    session = await world.session(ticket.session_id)
    assert (session.status, session.deadline_at) == (SessionStatus.CONNECTED, world.clock() + 10_000)


async def test_a_connected_session_whose_server_is_gone_gets_its_idle_time(world: "World") -> None:
    ticket, relay = await connected(world)
    await relay.leave()
    world.clock.advance(minutes=20)
    await sweep(world.service)
    session = await world.session(ticket.session_id)
    assert (session.status, session.deadline_at) == (SessionStatus.DISCONNECTED, world.clock() + 20 * 60_000)


async def test_recovery_disconnects_what_no_relay_holds(world: "World") -> None:
    node_id = await world.node()
    held, _ = await connected(world, node_id)
    lost = [await connected(world, node_id) for _ in range(3)]
    for _, relay in lost:
        await relay.leave()
    waiting = await world.start(node_id)
    world.clock.advance(minutes=3)
    assert await recover(world.service) == 3
    assert await status(world, held) is SessionStatus.CONNECTED
    assert await status(world, waiting) is SessionStatus.CONNECTING
    for ticket, _ in lost:
        session = await world.session(ticket.session_id)
        assert (session.status, session.deadline_at) == (SessionStatus.DISCONNECTED, world.clock() + 20 * 60_000)
    assert await recover(world.service) == 0


async def test_recovery_writes_once_for_many_sessions(world: "World", monkeypatch: pytest.MonkeyPatch) -> None:
    for _ in range(5):
        _, relay = await connected(world)
        await relay.leave()
    writes = 0

    async def counted(connections: Connections, run: Callable[[Connection], Any]) -> Any:
        nonlocal writes
        writes += 1
        return await transact(connections, run)

    transact = Connections._transaction
    monkeypatch.setattr(Connections, "_transaction", counted)
    monkeypatch.setattr(Connections, "write_returning", None)  # what a single transition uses
    assert await recover(world.service) == 5
    assert writes == 1


async def test_more_sessions_than_a_batch_end_in_one_sweep(world: "World") -> None:
    node_id = await world.node()
    for caller in (world.alice, world.bob, world.administrator):  # one person may have 100
        for _ in range(70):
            await world.start(node_id, caller)
    world.clock.advance(minutes=1)
    assert await sweep(world.service) == 210


async def test_history_is_pruned_after_thirty_days(world: "World") -> None:
    node_id = await world.node()
    old, new = await world.start(node_id), await world.start(node_id)
    await session_finished(world.service, old.session_id, "")
    world.clock.advance(seconds=1)
    await session_finished(world.service, new.session_id, "")
    world.clock.advance(days=30)
    await sweep(world.service)
    assert await world.store.sessions.get(old.session_id) is None
    assert await world.store.sessions.get(new.session_id) is not None


async def test_sweeps_of_two_servers_at_once_agree(world: "World") -> None:
    tickets = [await world.start(await world.node()) for _ in range(5)]
    world.clock.advance(minutes=1)
    other: Service = replace(world.service)
    await asyncio.gather(sweep(world.service), sweep(other), sweep(other))
    assert {await status(world, ticket) for ticket in tickets} == {SessionStatus.FAILED}


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
