"""Credentials of access requests: they give what was approved, to nobody who was kept from it in another way."""

import json
from typing import TYPE_CHECKING

import pytest

from ferryman.core.iam import roles
from ferryman.core.iam.roles import RoleDraft
from ferryman.core.identity import callers
from ferryman.core.sessions import actions as sessions
from ferryman.core.sessions.listing import describe_sessions
from ferryman.core.sessions.requests import DescribeSessionsRequest
from ferryman.model.errors import ServiceError
from ferryman.model.identifiers import NodeId
from ferryman.model.identity.callers import Caller
from ferryman.model.sessions import AccessType, SessionState
from tests.unit.core.access import (
    ASSUMING,
    DECIDING,
    REQUESTING,
    approved,
    as_role,
    ask,
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


async def access(world: "World", caller: Caller, node: NodeId) -> Caller:
    """The caller with access to a node, which a person approved."""
    await manual_policy(world, ["dave"])
    request = await ask(world, caller, node)
    await signal(world, await person(world, "dave", *DECIDING), request, "Approve")
    return await with_access(world, caller, request)


async def test_actions_that_session_policies_deny_stay_denied(world: "World") -> None:
    node = await world.node()
    deny = {"Effect": "Deny", "Action": "ssm:StartSession", "Resource": "*"}
    policy = json.dumps({"Version": "2012-10-17", "Statement": [*REQUESTING, deny]})
    grace = await person(world, "grace", ASSUMING)
    narrow = await as_role(world, grace, await lead_role(world), "g", policy=policy)
    with pytest.raises(ServiceError, match=r"^AccessDeniedException: .*explicit deny"):
        await world.start(node, await access(world, narrow, node))


async def test_access_is_granted_where_session_policies_only_leave_it_out(world: "World") -> None:
    node, other = await world.node(), await world.node()
    policy = json.dumps({"Version": "2012-10-17", "Statement": REQUESTING})
    grace = await person(world, "grace", ASSUMING)
    narrow = await as_role(world, grace, await lead_role(world), "g", policy=policy)
    given = await access(world, narrow, node)
    await world.start(node, given)
    with pytest.raises(ServiceError, match=r"^AccessDeniedException: "):
        await world.start(other, given)
    with pytest.raises(ServiceError, match=r"^AccessDeniedException: "):
        await ask(world, given, other)


async def test_a_role_that_trusts_the_requesters_session_by_name_is_out_of_reach(world: "World") -> None:
    lead = await lead_role(world)
    grace = await as_role(world, await person(world, "grace", ASSUMING), lead, "g")
    trust = {"Effect": "Allow", "Principal": {"AWS": grace.arn}, "Action": "sts:AssumeRole"}
    text = json.dumps({"Version": "2012-10-17", "Statement": [trust]})
    await roles.create_role(world.service, world.administrator, RoleDraft("More", text), {})
    more = lead.replace("Lead", "More")
    assert (await as_role(world, grace, more, "g")).role_arn == more
    given = await access(world, grace, await world.node())
    with pytest.raises(ServiceError, match=r"^AccessDeniedException: .*session policy"):
        await as_role(world, given, more, "g")


async def test_a_namesake_in_the_same_role_does_not_get_at_what_was_approved(world: "World") -> None:
    lead = await lead_role(world)
    own = {"Effect": "Allow", "Action": ["ssm:ResumeSession", "ssm:TerminateSession"]}
    own["Resource"] = "arn:aws:ssm:*:*:session/${aws:userid}-*"
    role_id = (await roles.get_role(world.service, world.administrator, "Lead")).role_id
    await world.store.policies.put_inline(
        role_id, "sessions", json.dumps({"Version": "2012-10-17", "Statement": [own]})
    )
    grace, heidi = [await person(world, name, ASSUMING) for name in ("grace", "heidi")]
    node = await world.node()
    ticket = await world.start(node, await access(world, await as_role(world, grace, lead, "shift"), node))
    namesake = await as_role(world, heidi, lead, "shift")
    for touch in (sessions.resume_session, sessions.terminate_session):
        with pytest.raises(ServiceError, match=r"^AccessDeniedException: "):
            await touch(world.service, namesake, ticket.session_id)
    await sessions.resume_session(world.service, await as_role(world, grace, lead, "shift"), ticket.session_id)


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
    for do in (sessions.resume_session, sessions.terminate_session):
        with refused("AccessDeniedException"):
            await do(world.service, access, theirs.session_id)
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


async def test_actions_that_policies_deny_the_requester_stay_denied(world: "World", dave: Caller) -> None:
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


async def test_sessions_of_one_name_do_not_get_each_others_tokens(world: "World", dave: Caller) -> None:
    first, second = [await person(world, name, ASSUMING) for name in ("first", "second")]
    arn = await lead_role(world)
    await manual_policy(world, ["dave"])
    node = await world.node()
    asked = await as_role(world, first, arn, "shift")
    request = await signal(world, dave, await ask(world, asked, node), "Approve")
    with refused("AccessDeniedException", "belongs to someone else"):
        await token(world, await as_role(world, second, arn, "shift"), request)
    access = await with_access(world, await as_role(world, first, arn, "shift"), request)
    session = await world.session((await world.start(node, access)).session_id)
    assert (session.access_type, session.owner) == (AccessType.JUST_IN_TIME, asked.arn)
