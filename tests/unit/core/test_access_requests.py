"""Access requests: who may ask, what decides, who approves, what the credentials reach, how it ends."""

import asyncio
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest

from ferryman.core import callers, documents, sessions
from ferryman.core.access_approvals import SendSignal, send_automation_signal
from ferryman.core.access_requests import MOST_PENDING, StartAccessRequest, start_access_request
from ferryman.core.access_standing import sweep_access_requests
from ferryman.core.authorization import admit_client
from ferryman.core.requests import DescribeSessionsRequest, DocumentDraft
from ferryman.core.service import AccessSettings
from ferryman.core.session_deadlines import sweep
from ferryman.core.session_lifecycle import ends_attached
from ferryman.core.session_listing import describe_sessions
from ferryman.model.access_requests import AccessRequest, AccessRequestId, AccessRequestStatus, Approval
from ferryman.model.callers import Caller
from ferryman.model.documents import DENY_ACCESS_DOCUMENT, DocumentType
from ferryman.model.errors import ServiceError
from ferryman.model.identifiers import NodeId
from ferryman.model.sessions import AccessType, SessionState, SessionStatus
from ferryman.store.database import open_store
from tests.unit.core.access import (
    ASSUMING,
    DECIDING,
    REQUESTING,
    WINDOW,
    as_role,
    ask,
    cedar_policy,
    group,
    lead_role,
    manual_policy,
    person,
    signal,
    tag,
    token,
    with_access,
)

if TYPE_CHECKING:
    from tests.unit.core.conftest import World

PERMIT_TEST = (
    "permit(principal, action, resource)"
    ' when { resource.hasTag("Environment") && resource.getTag("Environment") == "Test" };'
)
FORBID_CRITICAL = 'forbid(principal, action, resource) when { resource.hasTag("Critical") };'
BROKEN = "forbid(principal, action, resource) when { 9223372036854775807 + 1 == 1 };"


def refused(code: str, match: str = "") -> Any:
    return pytest.raises(ServiceError, match=f"^{code}: .*{match}")


@pytest.fixture
async def carol(world: "World") -> Caller:
    """Who asks, and may start no session on her own."""
    return await person(world, "carol", *REQUESTING)


@pytest.fixture
async def dave(world: "World") -> Caller:
    """Who approves."""
    return await person(world, "dave", *DECIDING)


async def approved(world: "World", carol: Caller, dave: Caller, *nodes: NodeId) -> AccessRequest:
    await manual_policy(world, ["dave"])
    request = await ask(world, carol, *nodes)
    return await signal(world, dave, request, "Approve")


async def test_from_request_to_approval_to_a_session_to_the_end(world: "World", carol: Caller, dave: Caller) -> None:
    node = await world.node()
    with refused("AccessDeniedException"):
        await world.start(node, carol)
    await manual_policy(world, ["dave"])
    request = await ask(world, carol, node)
    assert (request.status, request.policy) == (AccessRequestStatus.PENDING, "People")
    assert await token(world, carol, request) == (request, None)
    world.clock.advance(minutes=5)
    request = await signal(world, dave, request, "Approve", "go ahead")
    assert request.status is AccessRequestStatus.APPROVED
    assert request.deadline_at == world.clock() + WINDOW * 1000
    assert (request.decided_by, request.details) == (dave.arn, "go ahead")

    access = await with_access(world, carol, request)
    ticket = await world.start(node, access)
    session = await world.session(ticket.session_id)
    assert (session.access_type, session.owner, session.owner_id) == (
        AccessType.JUST_IN_TIME,
        carol.arn,
        carol.user_id,
    )
    relay = await world.hold(ticket.session_id)
    await admit_client(world.service, ticket.session_id, ticket.token_value.reveal(), "c")
    await ends_attached(world.service, ticket.session_id)
    relay.last_activity = request.deadline_at
    world.clock.now = request.deadline_at
    await asyncio.gather(*(sweep_access_requests(world.service) for _ in range(3)))
    await asyncio.gather(*(sweep(world.service) for _ in range(3)))
    session = await world.session(ticket.session_id)
    assert session.status is SessionStatus.TERMINATING
    assert session.details == f"The access of {request.request_id} has ended."
    assert relay.ended == [session.details]
    assert (await token(world, carol, request))[0].status is AccessRequestStatus.EXPIRED
    with refused("ExpiredTokenException|AccessDeniedException", "has ended"):
        await world.start(node, access)


async def test_a_policy_approves_at_once(world: "World", carol: Caller) -> None:
    node = await world.node()
    await tag(world, node, Environment="Test")
    await cedar_policy(world, PERMIT_TEST)
    request = await ask(world, carol, node)
    assert (request.status, request.duration) == (AccessRequestStatus.APPROVED, 3600)
    await world.start(node, await with_access(world, carol, request))


@pytest.mark.parametrize(
    ("auto", "deny", "tags", "automatic"),
    [
        (PERMIT_TEST, None, {"Environment": "Test"}, True),
        (PERMIT_TEST, None, {"Environment": "Production"}, False),
        (PERMIT_TEST, FORBID_CRITICAL, {"Environment": "Test"}, True),
        (PERMIT_TEST, FORBID_CRITICAL, {"Environment": "Test", "Critical": ""}, False),
        (PERMIT_TEST + FORBID_CRITICAL, None, {"Environment": "Test", "Critical": ""}, False),
        (PERMIT_TEST, BROKEN, {"Environment": "Test"}, False),
        (PERMIT_TEST + BROKEN, None, {"Environment": "Test"}, False),
        (None, None, {"Environment": "Test"}, False),
    ],
)
async def test_deny_wins_and_an_error_approves_nothing(
    world: "World", carol: Caller, auto: str | None, deny: str | None, tags: dict[str, str], automatic: bool
) -> None:
    node = await world.node()
    await tag(world, node, **tags)
    if auto is not None:
        await cedar_policy(world, auto)
    if deny is not None:
        await cedar_policy(world, deny, name=DENY_ACCESS_DOCUMENT)
    if automatic:
        assert (await ask(world, carol, node)).status is AccessRequestStatus.APPROVED
        return
    with refused("AccessDeniedException", "No approval policy"):
        await ask(world, carol, node)
    await manual_policy(world, ["dave"])  # what is not approved automatically is left to people
    assert (await ask(world, carol, node)).status is AccessRequestStatus.PENDING


@pytest.mark.parametrize("second", [FORBID_CRITICAL, BROKEN])
async def test_a_policy_in_several_texts_permits_only_as_a_whole(world: "World", carol: Caller, second: str) -> None:
    node = await world.node()
    await tag(world, node, Environment="Test", Critical="yes")
    await cedar_policy(world, PERMIT_TEST, second)
    with refused("AccessDeniedException", "No approval policy"):
        await ask(world, carol, node)


async def test_all_nodes_of_a_request_need_the_same(world: "World", carol: Caller) -> None:
    test, shop, bank, other = [await world.node() for _ in range(4)]
    await tag(world, test, Environment="Test")
    await tag(world, shop, Work="shop")
    await tag(world, bank, Work="bank", Also="yes")
    await cedar_policy(world, PERMIT_TEST)
    await manual_policy(world, ["dave"], name="Shop", targets=[{"Key": "tag:Work", "Values": ["shop"]}])
    await manual_policy(world, ["dave"], name="Bank", targets=[{"Key": "tag:Work", "Values": ["bank"]}])
    assert (await ask(world, carol, shop)).policy == "Shop"
    with refused("AccessDeniedException", f"{other}|{test}"):
        await ask(world, carol, test, shop, other)
    with refused("ValidationException", r"Bank, Shop.*separately"):
        await ask(world, carol, shop, bank)
    await manual_policy(world, ["dave"], name="Any")
    assert (await ask(world, carol, shop)).policy == "Shop"
    assert (await ask(world, carol, other)).policy == "Any"
    await manual_policy(world, ["dave"], name="Also", targets=[{"Key": "tag:Also", "Values": ["yes"]}])
    with refused("ValidationException", r"Also, Bank are all about"):
        await ask(world, carol, bank)


async def test_targets_by_tags_are_what_they_were_when_it_was_asked(
    world: "World", carol: Caller, dave: Caller
) -> None:
    first, second, third = [await world.node() for _ in range(3)]
    for node in (first, second):
        await tag(world, node, Fleet="a")
    await manual_policy(world, ["dave"])
    targets = (("tag:Fleet", ("a", "b")), ("tag-key", ("Fleet",)))
    request = await start_access_request(world.service, carol, StartAccessRequest("why", targets))
    assert set(request.nodes) == {first, second}
    await tag(world, third, Fleet="a")
    await signal(world, dave, request, "Approve")
    access = await with_access(world, carol, request)
    await world.start(first, access)
    with refused("AccessDeniedException"):
        await world.start(third, access)


@pytest.mark.parametrize(
    ("targets", "code"),
    [
        ((), "ValidationException"),
        ((("InstanceIds", ()),), "ValidationException"),
        ((("resource-groups:Name", ("a",)),), "ValidationException"),
        ((("InstanceIds", ("mi-00000000000000000",)),), "ResourceNotFoundException"),
        ((("tag:Nobody", ("has",)),), "ResourceNotFoundException"),
    ],
)
async def test_targets_that_mean_nothing(
    world: "World", carol: Caller, targets: tuple[tuple[str, tuple[str, ...]], ...], code: str
) -> None:
    with refused(code):
        await start_access_request(world.service, carol, StartAccessRequest("why", targets))


async def test_who_may_ask_for_what(world: "World", dave: Caller) -> None:
    mine, other = await world.node(), await world.node()
    await tag(world, mine, Team="web")
    await manual_policy(world, ["dave"])
    statement = REQUESTING[0] | {"Condition": {"StringEquals": {"ssm:resourceTag/Team": "web"}}}
    erin = await person(world, "erin", statement)
    assert (await ask(world, erin, mine)).status is AccessRequestStatus.PENDING
    with refused("AccessDeniedException", "ssm:StartAccessRequest"):
        await ask(world, erin, mine, other)
    with refused("AccessDeniedException", "ssm:StartAccessRequest"):
        await ask(world, erin, NodeId("mi-00000000000000000"))  # whether there is such a node is not told
    with refused("AccessDeniedException", "ssm:StartAccessRequest"):
        await ask(world, dave, mine)
    await tag(world, mine, Fleet="all")
    await tag(world, other, Fleet="all")
    everywhere = REQUESTING[0] | {"Condition": {"StringNotEquals": {"ssm:resourceTag/Team": "web"}}}
    frank = await person(world, "frank", everywhere)
    with refused("AccessDeniedException", f"ssm:StartAccessRequest .*{mine}"):
        await start_access_request(world.service, frank, StartAccessRequest("why", (("tag:Fleet", ("all",)),)))


async def test_only_so_many_requests_wait(world: "World", carol: Caller, dave: Caller) -> None:
    node = await world.node()
    await manual_policy(world, ["dave"])
    requests = [await ask(world, carol, node) for _ in range(MOST_PENDING)]
    with refused("ServiceQuotaExceededException"):
        await ask(world, carol, node)
    await signal(world, dave, requests[0], "Reject")
    await ask(world, carol, node)


async def test_a_token_is_the_requesters_alone(world: "World", carol: Caller, dave: Caller) -> None:
    request = await approved(world, carol, dave, await world.node())
    erin = await person(world, "erin", *REQUESTING)
    with refused("AccessDeniedException", "somebody else's"):
        await token(world, erin, request)
    with refused("AccessDeniedException", "no identity-based policy"):
        await token(world, dave, request)
    with refused("ResourceNotFoundException"):
        await token(world, carol, replace(request, request_id=AccessRequestId("oi-000000000000")))


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


async def test_a_policy_sees_the_groups_and_tags_of_who_asks(world: "World") -> None:
    by_group = 'permit(principal in AWS::IdentityStore::Group::"oncall", action, resource);'
    by_tag = 'permit(principal, action, resource) when { principal has division && principal.division == "Ops" };'
    await cedar_policy(world, by_group + by_tag)
    node = await world.node()
    erin = await person(world, "erin", *REQUESTING)
    frank = await person(world, "frank", *REQUESTING, tags={"division": "Ops"})
    with refused("AccessDeniedException", "No approval policy"):
        await ask(world, erin, node)
    assert (await ask(world, frank, node)).status is AccessRequestStatus.APPROVED
    await group(world, "oncall", erin)
    assert (await ask(world, erin, node)).status is AccessRequestStatus.APPROVED


@pytest.mark.parametrize("kind", ["Approve", "Reject", "Revoke"])
async def test_signals_come_too_late(world: "World", carol: Caller, dave: Caller, kind: str) -> None:
    await manual_policy(world, ["dave"])
    request = await ask(world, carol, await world.node())
    if kind == "Revoke":
        with refused("InvalidAutomationSignalException", "is Pending"):
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


async def test_credentials_reach_their_nodes_only_and_ones_own_sessions(
    world: "World", carol: Caller, dave: Caller
) -> None:
    node, other = await world.node(), await world.node()
    request = await approved(world, carol, dave, node)
    access = await with_access(world, carol, request)
    mine = await world.start(node, access)
    theirs = await world.start(node, world.alice)
    with refused("AccessDeniedException"):
        await world.start(other, access)
    await sessions.resume_session(world.service, access, mine.session_id)
    for each in (theirs,):
        with refused("AccessDeniedException"):
            await sessions.resume_session(world.service, access, each.session_id)
        with refused("AccessDeniedException"):
            await sessions.terminate_session(world.service, access, each.session_id)
    page = await describe_sessions(world.service, access, DescribeSessionsRequest(SessionState.ACTIVE))
    assert [session.session_id for session in page.items] == [mine.session_id]
    foreign = DescribeSessionsRequest(SessionState.ACTIVE, filters=(("Owner", world.alice.arn),))
    assert (await describe_sessions(world.service, access, foreign)).items == ()
    with refused("AccessDeniedException"):
        await ask(world, access, other)
    with refused("AccessDeniedException"):
        await token(world, access, request)
    with refused("AccessDeniedException"):
        await signal(world, access, request, "Revoke")
    of_type = DescribeSessionsRequest(SessionState.ACTIVE, filters=(("AccessType", "JustInTime"),))
    page = await describe_sessions(world.service, world.administrator, of_type)
    assert [session.session_id for session in page.items] == [mine.session_id]
    await sessions.terminate_session(world.service, access, mine.session_id)


async def test_credentials_leave_ones_own_sessions_elsewhere_alone(world: "World", dave: Caller) -> None:
    node, other = await world.node(), await world.node()
    starting = {"Effect": "Allow", "Action": "ssm:StartSession", "Resource": "*"}
    erin = await person(world, "erin", *REQUESTING, starting)
    elsewhere = await world.start(other, erin)
    access = await with_access(world, erin, await approved(world, erin, dave, node))
    for do in (sessions.resume_session, sessions.terminate_session):
        with refused("AccessDeniedException"):
            await do(world.service, access, elsewhere.session_id)


async def test_what_policies_deny_the_requester_stays_denied(world: "World", dave: Caller) -> None:
    node = await world.node()
    deny = {"Effect": "Deny", "Action": "ssm:StartSession", "Resource": "*"}
    erin = await person(world, "erin", *REQUESTING, deny)
    request = await approved(world, erin, dave, node)
    with refused("AccessDeniedException", "explicit deny"):
        await world.start(node, await with_access(world, erin, request))


async def test_credentials_end_with_the_key_that_asked_for_them(world: "World", carol: Caller, dave: Caller) -> None:
    request = await approved(world, carol, dave, await world.node())
    access = await with_access(world, carol, request)
    assert access.session is not None
    assert access.session.expires_at <= request.deadline_at
    await world.store.identities.remove_key(carol.access_key_id)
    with refused("UnrecognizedClientException"):
        await callers.session_caller(world.service, access.session)


async def test_every_change_is_recorded_and_told(world: "World", carol: Caller, dave: Caller) -> None:
    told: list[dict[str, Any]] = []

    class Notices:
        def put(self, entry: dict[str, Any]) -> None:
            told.append(entry)

    world.service = replace(world.service, notices=Notices())
    request = await approved(world, carol, dave, await world.node())
    await signal(world, dave, request, "Revoke")
    assert [each["detail"]["status"] for each in told] == ["Pending", "Approved", "Revoked"]
    pending = told[0]["detail"]
    assert (pending["requesterArn"], pending["reason"], pending["waitingFor"]) == (carol.arn, "to mend it", "level0")
    assert pending["automationExecutionId"] == request.execution_id
    assert told[1]["detail"]["approvals"][0]["approverArn"] == dave.arn


async def test_a_role_is_no_second_person(world: "World") -> None:
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


async def test_sessions_of_one_name_do_not_get_each_others_tokens(world: "World", dave: Caller) -> None:
    first, second = [await person(world, name, ASSUMING) for name in ("first", "second")]
    arn = await lead_role(world)
    await manual_policy(world, ["dave"])
    node = await world.node()
    asked = await as_role(world, first, arn, "shift")
    request = await signal(world, dave, await ask(world, asked, node), "Approve")
    with refused("AccessDeniedException", "somebody else's"):
        await token(world, await as_role(world, second, arn, "shift"), request)
    access = await with_access(world, await as_role(world, first, arn, "shift"), request)
    session = await world.session((await world.start(node, access)).session_id)
    assert (session.access_type, session.owner) == (AccessType.JUST_IN_TIME, asked.arn)


async def test_policies_tell_approval_policies_from_other_documents(world: "World") -> None:
    changing = {"Effect": "Allow", "Action": ["ssm:CreateDocument", "ssm:UpdateDocument", "ssm:DeleteDocument"]}
    only = {"Resource": "*", "Condition": {"StringEquals": {"ssm:DocumentType": "Session"}}}
    erin = await person(world, "erin", changing | only)
    await manual_policy(world, ["dave"])
    session = '{"schemaVersion": "1.0", "sessionType": "Standard_Stream"}'
    await documents.create_document(world.service, erin, DocumentDraft("Mine", session), {})
    with refused("AccessDeniedException", "ssm:CreateDocument"):
        draft = DocumentDraft("Other", session, type=DocumentType.MANUAL_APPROVAL)
        await documents.create_document(world.service, erin, draft, {})
    with refused("AccessDeniedException", "ssm:UpdateDocument"):
        await documents.update_document(world.service, erin, DocumentDraft("People", session))
    with refused("AccessDeniedException", "ssm:DeleteDocument"):
        await documents.delete_document(world.service, erin, "People", None)


async def test_there_are_so_many_manual_policies(world: "World", monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(documents, "MANUAL_POLICY_LIMIT", 2)
    for name in ("One", "Two"):
        await manual_policy(world, ["dave"], name=name)
    with refused("DocumentLimitExceeded", "manual approval policies"):
        await manual_policy(world, ["dave"], name="Three")
