"""Access requests once they are asked: who approves, what else ends them, and what ends with them."""

import asyncio
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest

from ferryman.core.access_requests.approvals import SendSignal, send_automation_signal
from ferryman.core.access_requests.expiry import sweep_access_requests
from ferryman.core.authorization.admission import admit_client
from ferryman.core.identity import callers
from ferryman.core.service import AccessSettings
from ferryman.model.access_requests import AccessRequestStatus, Approval
from ferryman.model.errors import ServiceError
from ferryman.model.identity.callers import Caller
from ferryman.model.sessions import SessionStatus
from ferryman.store.database import open_store
from tests.unit.core.access import (
    ASSUMING,
    DECIDING,
    REQUESTING,
    approved,
    as_role,
    ask,
    group,
    lead_role,
    manual_policy,
    person,
    refused,
    signal,
    token,
    with_access,
)

if TYPE_CHECKING:
    from tests.unit.core.conftest import World


async def test_levels_are_taken_in_order_and_each_person_counts_once(world: "World", carol: Caller) -> None:
    node = await world.node()
    people = {name: await person(world, name, *DECIDING) for name in ("one", "two", "both", "boss")}
    await manual_policy(world, (2, ["one", "two", "both"]), ["boss", "both"])
    request = await ask(world, carol, node)
    with refused("AccessDeniedException", "names others as approvers at level0"):
        await signal(world, people["boss"], request, "Approve")
    request = await signal(world, people["both"], request, "Approve")
    with refused("InvalidAutomationSignalException", "approved .* already"):
        await signal(world, people["both"], request, "Approve")
    assert (request.status, request.current_level) == (AccessRequestStatus.PENDING, 0)
    request = await signal(world, people["one"], request, "Approve")
    assert (request.status, request.current_level) == (AccessRequestStatus.PENDING, 1)
    with refused("AccessDeniedException", "names others as approvers at level1"):
        await signal(world, people["two"], request, "Approve")
    with refused("InvalidAutomationSignalException", "approved .* already"):
        await signal(world, people["both"], request, "Approve")
    request = await signal(world, people["boss"], request, "Approve")
    assert request.status is AccessRequestStatus.APPROVED
    given = [(each.level, each.arn.rpartition("/")[2]) for each in request.approvals]
    assert sorted(given) == [(0, "both"), (0, "one"), (1, "boss")]


async def test_approvals_at_one_time_add_up(world: "World", carol: Caller) -> None:
    people = [await person(world, f"p{number}", *DECIDING) for number in range(4)]
    await manual_policy(world, (4, [each.name for each in people]))
    request = await ask(world, carol, await world.node())
    await asyncio.gather(*(signal(world, each, request, "Approve") for each in people))
    found, temporary = await token(world, carol, request)
    assert found.status is AccessRequestStatus.APPROVED
    assert temporary is not None


async def test_two_servers_expire_a_request_once_also_after_a_restart(
    world: "World", carol: Caller, dave: Caller, database_url: str
) -> None:
    await manual_policy(world, ["dave"])
    node = await world.node()
    requests = [await ask(world, carol, node) for _ in range(5)]
    await signal(world, dave, requests[0], "Approve")
    told: list[Any] = []

    class Notices:
        def put(self, entry: dict[str, Any]) -> None:
            told.append((entry["detail"]["accessRequestId"], entry["detail"]["status"]))

    world.clock.advance(minutes=60)
    async with await open_store(database_url) as first, await open_store(database_url) as second:
        servers = [replace(world.service, store=store, notices=Notices()) for store in (first, second)]
        await asyncio.gather(*(sweep_access_requests(server) for server in servers * 3))
    assert sorted(told) == sorted((request.request_id, "Expired") for request in requests)
    assert await world.store.access_requests.due(world.clock(), 10) == []


async def test_complete_approvals_count_though_their_server_died(world: "World", carol: Caller, dave: Caller) -> None:
    await manual_policy(world, ["dave"])
    request = await ask(world, carol, await world.node())
    stored = Approval(0, dave.user_id, dave.arn, world.clock())
    await world.store.access_requests.approve(request.request_id, stored)
    found, temporary = await token(world, carol, request)
    assert (found.status, found.decided_by) == (AccessRequestStatus.APPROVED, dave.arn)
    assert temporary is not None


async def test_nobody_decides_on_their_own_request(world: "World", carol: Caller) -> None:
    both = await person(world, "both", *REQUESTING, *DECIDING)
    await manual_policy(world, ["both", "carol"])
    request = await ask(world, both, await world.node())
    for kind in ("Approve", "Reject"):
        with refused("AccessDeniedException", "their own"):
            await signal(world, both, request, kind)
    another_key = replace(both, access_key_id="AKIAOTHER")
    with refused("AccessDeniedException", "their own"):
        await signal(world, another_key, request, "Approve")


async def test_members_of_a_group_approve(world: "World", carol: Caller) -> None:
    erin, frank = [await person(world, name, *DECIDING) for name in ("erin", "frank")]
    await group(world, "oncall", erin)
    enhanced = {"Approvers": [{"approver": "oncall", "type": "SSOGroup"}]}
    step = {"name": "a", "action": "aws:approve", "inputs": {"EnhancedApprovals": enhanced}}
    await manual_policy(world, mainSteps=[step])
    request = await ask(world, carol, await world.node())
    with refused("AccessDeniedException", "names others"):
        await signal(world, frank, request, "Approve")
    assert (await signal(world, erin, request, "Approve")).status is AccessRequestStatus.APPROVED


@pytest.mark.parametrize("kind", ["Approve", "Reject", "Revoke"])
async def test_signals_come_too_late(world: "World", carol: Caller, dave: Caller, kind: str) -> None:
    await manual_policy(world, ["dave"])
    request = await ask(world, carol, await world.node())
    if kind == "Revoke":
        with refused("AccessDeniedException", "it is pending, so only its requester can withdraw it"):
            await signal(world, dave, request, kind)
    world.clock.now = request.deadline_at
    with refused("InvalidAutomationSignalException", "is Expired"):
        await signal(world, dave, request, kind)
    found, _ = await token(world, carol, request)
    assert (found.status, found.details) == (AccessRequestStatus.EXPIRED, "Nobody decided it in time.")


async def test_signals_that_mean_nothing(world: "World", carol: Caller, dave: Caller) -> None:
    await manual_policy(world, ["dave"])
    request = await ask(world, carol, await world.node())
    with refused("InvalidAutomationSignalException", "Approve, Reject, Revoke"):
        await signal(world, dave, request, "StopStep")
    with refused("AutomationExecutionNotFoundException"):
        await send_automation_signal(world.service, dave, SendSignal("0" * 36, "Approve"))
    with refused("AccessDeniedException", "ssm:SendAutomationSignal"):
        await signal(world, carol, request, "Approve")


async def test_a_rejected_request_stays_rejected(world: "World", carol: Caller, dave: Caller) -> None:
    await manual_policy(world, ["dave"])
    request = await signal(world, dave, await ask(world, carol, await world.node()), "Reject", "not today")
    assert (request.status, request.details) == (AccessRequestStatus.REJECTED, "not today")
    for kind in ("Approve", "Reject", "Revoke"):
        with refused("InvalidAutomationSignalException", "is Rejected"):
            await signal(world, dave, request, kind)
    assert await token(world, carol, request) == (request, None)


@pytest.mark.parametrize("ending", [True, False])
async def test_revoking_ends_what_runs_if_it_is_to(world: "World", carol: Caller, dave: Caller, ending: bool) -> None:
    world.service = replace(
        world.service, settings=replace(world.service.settings, access=AccessSettings(end_sessions=ending))
    )
    node = await world.node()
    request = await approved(world, carol, dave, node)
    access = await with_access(world, carol, request)
    ticket = await world.start(node, access)
    relay = await world.hold(ticket.session_id)
    revoked = await signal(world, dave, request, "Revoke", "enough")
    assert (revoked.status, revoked.details, revoked.decided_by) == (AccessRequestStatus.REVOKED, "enough", dave.arn)
    session = await world.session(ticket.session_id)
    cause = f"The access of {request.request_id} was revoked by {dave.arn}."
    assert (session.details, relay.ended) == ((cause, [cause]) if ending else (None, []))
    with refused("AccessDeniedException", "has ended"):
        await world.start(node, access)
    with refused("ExpiredTokenException"):
        await callers.session_caller(world.service, access.session)  # type: ignore[arg-type]


async def test_a_session_that_starts_while_its_access_is_revoked(world: "World", carol: Caller, dave: Caller) -> None:
    node = await world.node()
    request = await approved(world, carol, dave, node)
    access = await with_access(world, carol, request)
    outcomes = await asyncio.gather(
        *(world.start(node, access) for _ in range(20)),
        signal(world, dave, request, "Revoke"),
        return_exceptions=True,
    )
    assert all(not isinstance(each, Exception) or isinstance(each, ServiceError) for each in outcomes)
    assert not await world.store.sessions.active_by(request.request_id) or all(
        session.status is SessionStatus.TERMINATING
        for session in await world.store.sessions.active_by(request.request_id)
    )


async def test_a_client_that_comes_after_the_window_is_not_let_in(world: "World", carol: Caller, dave: Caller) -> None:
    node = await world.node()
    request = await approved(world, carol, dave, node)
    world.clock.now = request.deadline_at
    world.clock.advance(seconds=-1)
    ticket = await world.start(node, await with_access(world, carol, request))
    world.clock.advance(seconds=1)
    with refused("AccessDeniedException", "has ended"):
        await admit_client(world.service, ticket.session_id, ticket.token_value.reveal(), "c")


async def test_a_role_session_is_not_a_second_person(world: "World") -> None:
    both = await person(world, "both", *REQUESTING, *DECIDING, ASSUMING)
    other = await person(world, "other", *DECIDING, ASSUMING)
    arn = await lead_role(world)
    enhanced = {"Approvers": [{"approver": "Lead", "type": "IAMRole"}]}
    step = {"name": "a", "action": "aws:approve", "inputs": {"EnhancedApprovals": enhanced, "MinRequiredApprovals": 2}}
    await manual_policy(world, mainSteps=[step])
    request = await ask(world, both, await world.node())
    own = await as_role(world, both, arn, "somebody")
    with refused("AccessDeniedException", "their own"):
        await signal(world, own, request, "Approve")
    with refused("AccessDeniedException", "their own"):
        await signal(world, await as_role(world, own, arn, "chained"), request, "Approve")
    await signal(world, await as_role(world, other, arn, "first"), request, "Approve")
    with refused("InvalidAutomationSignalException", "already"):
        await signal(world, await as_role(world, other, arn, "second"), request, "Approve")
