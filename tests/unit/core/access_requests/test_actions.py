"""Access requests: who may ask for what, which policy decides, and what of it is recorded."""

import asyncio
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest

from ferryman.core.access_requests.actions import MOST_PENDING, StartAccessRequest, start_access_request
from ferryman.core.access_requests.approvals import WITHDRAWN
from ferryman.core.access_requests.expiry import sweep_access_requests
from ferryman.core.authorization.admission import admit_client
from ferryman.core.documents import actions as documents
from ferryman.core.documents.requests import DocumentDraft
from ferryman.core.ratelimits.token_bucket import TokenBuckets
from ferryman.core.sessions.lifecycle import ends_attached
from ferryman.core.sessions.sweep import sweep
from ferryman.model.access_requests import AccessRequest, AccessRequestId, AccessRequestStatus
from ferryman.model.documents import DENY_ACCESS_DOCUMENT, DocumentType
from ferryman.model.identifiers import NodeId
from ferryman.model.identity.callers import Caller
from ferryman.model.sessions import AccessType, SessionStatus
from tests.unit.core.access import (
    REQUESTING,
    WINDOW,
    approved,
    ask,
    cedar_policy,
    group,
    manual_policy,
    person,
    refused,
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


async def test_a_policy_approves_a_request_immediately(world: "World", carol: Caller) -> None:
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


async def test_pending_requests_are_limited(world: "World", carol: Caller, dave: Caller) -> None:
    node = await world.node()
    await manual_policy(world, ["dave"])
    requests = [await ask(world, carol, node) for _ in range(MOST_PENDING)]
    with refused("ServiceQuotaExceededException"):
        await ask(world, carol, node)
    await signal(world, dave, requests[0], "Reject")
    await ask(world, carol, node)


async def test_requests_that_are_made_again_and_again_are_limited_for_each_person(
    world: "World", carol: Caller, dave: Caller
) -> None:
    erin = await person(world, "erin", *REQUESTING)
    world.service = replace(world.service, access_requests=TokenBuckets(2, 1 / 60))
    node = await world.node()
    await manual_policy(world, ["dave"])
    for _ in range(2):
        await signal(world, carol, await ask(world, carol, node), "Revoke")
    with refused("ThrottlingException"):
        await ask(world, carol, node)
    await ask(world, erin, node)
    world.clock.advance(minutes=1)
    await ask(world, carol, node)


async def test_request_that_is_refused_does_not_count(world: "World", carol: Caller) -> None:
    world.service = replace(world.service, access_requests=TokenBuckets(MOST_PENDING + 1, 0))
    node = await world.node()
    await manual_policy(world, ["dave"])
    requests = [await ask(world, carol, node) for _ in range(MOST_PENDING)]
    for _ in range(3):
        with refused("ServiceQuotaExceededException"):
            await ask(world, carol, node)
    await signal(world, carol, requests[0], "Revoke")
    await ask(world, carol, node)


async def test_limit_of_requests_is_that_of_the_documentation_and_counts_the_person(world: "World") -> None:
    """Whoever takes on a role under ever new names is one person."""
    limit = world.service.access_requests
    erin = await person(world, "erin", *REQUESTING)
    assert [limit.acquire("x", world.service.clock()) for _ in range(61)].count(True) == 60
    world.clock.advance(minutes=1)
    assert [limit.acquire("x", world.service.clock()) for _ in range(2)] == [True, False]
    node = await world.node()
    await manual_policy(world, ["dave"])
    while limit.acquire(erin.person_id, world.service.clock()):
        pass
    with refused("ThrottlingException"):
        await ask(world, replace(erin, name="another", arn=f"{erin.arn}/another"), node)


async def test_a_token_is_the_requesters_alone(world: "World", carol: Caller, dave: Caller) -> None:
    request = await approved(world, carol, dave, await world.node())
    erin = await person(world, "erin", *REQUESTING)
    with refused("AccessDeniedException", "belongs to someone else"):
        await token(world, erin, request)
    with refused("AccessDeniedException", "no identity-based policy"):
        await token(world, dave, request)
    with refused("ResourceNotFoundException"):
        await token(world, carol, replace(request, request_id=AccessRequestId("oi-000000000000")))


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


async def test_every_change_is_recorded_and_announced(world: "World", carol: Caller, dave: Caller) -> None:
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


async def test_a_pending_request_is_withdrawn_by_its_requester_only(
    world: "World", carol: Caller, dave: Caller
) -> None:
    await manual_policy(world, ["dave"])
    request = await ask(world, carol, await world.node())
    with refused("AccessDeniedException", "only its requester can withdraw it"):
        await signal(world, dave, request, "Revoke")
    withdrawn = await signal(world, carol, request, "Revoke")
    assert (withdrawn.status, withdrawn.details) == (AccessRequestStatus.REVOKED, WITHDRAWN)
    assert withdrawn.decided_by == carol.arn
    with refused("InvalidAutomationSignalException", "is Revoked"):
        await signal(world, dave, request, "Approve")
    with refused("InvalidAutomationSignalException", "is Revoked"):
        await signal(world, carol, request, "Revoke")
    assert (await token(world, carol, request))[1] is None


async def test_of_a_withdrawal_and_an_approval_one_counts(world: "World", carol: Caller, dave: Caller) -> None:
    await manual_policy(world, ["dave"])
    node = await world.node()
    for _ in range(10):
        request = await ask(world, carol, node)
        done = await asyncio.gather(
            signal(world, dave, request, "Approve"), signal(world, carol, request, "Revoke"), return_exceptions=True
        )
        assert isinstance(done[1], AccessRequest)  # the approval came first and is revoked, or was refused
        assert done[1].status is AccessRequestStatus.REVOKED
        assert (await token(world, carol, request))[1] is None


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
