"""Sessions that end by a limit, are recovered after a restart, or are pruned."""

import asyncio
from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import TYPE_CHECKING, Any
from unittest.mock import AsyncMock

import pytest
from sqlalchemy import Connection

from ferryman.core.authorization.admission import admit_client
from ferryman.core.messages import EndTask
from ferryman.core.service import Limits, Service
from ferryman.core.sessions.actions import resume_session, start_session, terminate_session
from ferryman.core.sessions.lifecycle import (
    dispatch_task,
    end_lost,
    ends_attached,
    session_finished,
)
from ferryman.core.sessions.requests import StartSessionRequest
from ferryman.core.sessions.sweep import recover, sweep
from ferryman.model.errors import StoreUnavailable
from ferryman.model.identifiers import Millis, SessionId
from ferryman.model.sessions import SessionStatus
from ferryman.store.connections import Connections
from ferryman.store.sessions.store import SqlSessions
from tests.unit.core.sessions.transitions import connected, status

if TYPE_CHECKING:
    from tests.unit.core.conftest import World


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


async def test_a_session_is_not_terminated_before_its_relay_has_heard_of_its_end(
    world: "World", monkeypatch: pytest.MonkeyPatch
) -> None:
    """The relay's server may be cut off: otherwise both ends would go on with a session that has ended."""
    ticket, relay = await connected(world)
    with monkeypatch.context() as cut_off:
        cut_off.setattr(world.bus, "request", AsyncMock(side_effect=TimeoutError))
        await terminate_session(world.service, world.alice, ticket.session_id)
        world.clock.advance(seconds=10)
        await sweep(world.service)
        assert await status(world, ticket) is SessionStatus.TERMINATING
    world.clock.advance(seconds=10)
    await sweep(world.service)
    assert relay.ended == [f"Terminated by {world.alice.arn}."]
    assert await status(world, ticket) is SessionStatus.TERMINATED


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


async def test_recovery_leaves_sessions_whose_relay_does_not_answer(
    world: "World", monkeypatch: pytest.MonkeyPatch
) -> None:
    """Another server has them, and is only slow."""
    ticket, _ = await connected(world)
    monkeypatch.setattr(world.bus, "subscribed", AsyncMock(return_value=frozenset()))
    assert await recover(world.service) == 0
    assert await status(world, ticket) is SessionStatus.CONNECTED


@pytest.mark.parametrize(("changed_alone", "recovered"), [(3, 3), (1, 1)])
async def test_recovery_leaves_sessions_that_others_change_meanwhile(
    world: "World", monkeypatch: pytest.MonkeyPatch, changed_alone: int, recovered: int
) -> None:
    """They connect to other servers, and a transaction over all of them meets theirs; a server that starts does not
    fail for it."""
    for _ in range(3):
        _, relay = await connected(world)
        await relay.leave()
    alone = 0

    async def disconnect(store: SqlSessions, deadlines: Mapping[SessionId, Millis]) -> frozenset[SessionId]:
        nonlocal alone
        alone += 1
        if len(deadlines) > 1 or alone > 1 + changed_alone:
            raise StoreUnavailable("locked", "could not serialize access")
        return await stored(store, deadlines)

    stored = SqlSessions.disconnect
    monkeypatch.setattr(SqlSessions, "disconnect", disconnect)
    assert await recover(world.service) == recovered


async def test_recovery_fails_with_the_store(world: "World", monkeypatch: pytest.MonkeyPatch) -> None:
    _, relay = await connected(world)
    await relay.leave()
    monkeypatch.setattr(SqlSessions, "disconnect", AsyncMock(side_effect=StoreUnavailable("gone", "closed")))
    with pytest.raises(StoreUnavailable):
        await recover(world.service)


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


async def test_concurrent_sweeps_of_two_servers_agree(world: "World") -> None:
    tickets = [await world.start(await world.node()) for _ in range(5)]
    world.clock.advance(minutes=1)
    other: Service = replace(world.service)
    await asyncio.gather(sweep(world.service), sweep(other), sweep(other))
    assert {await status(world, ticket) for ticket in tickets} == {SessionStatus.FAILED}
