"""Credentials of access requests: they give what was approved, to nobody who was kept from it in another way."""

import json
from typing import TYPE_CHECKING

import pytest

from ferryman.core import roles, sessions
from ferryman.core.roles import RoleDraft
from ferryman.model.callers import Caller
from ferryman.model.errors import ServiceError
from ferryman.model.identifiers import NodeId
from tests.unit.core.access import (
    ASSUMING,
    DECIDING,
    REQUESTING,
    as_role,
    ask,
    lead_role,
    manual_policy,
    person,
    signal,
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


async def test_what_the_policies_of_a_session_deny_stays_denied(world: "World") -> None:
    node = await world.node()
    deny = {"Effect": "Deny", "Action": "ssm:StartSession", "Resource": "*"}
    policy = json.dumps({"Version": "2012-10-17", "Statement": [*REQUESTING, deny]})
    grace = await person(world, "grace", ASSUMING)
    narrow = await as_role(world, grace, await lead_role(world), "g", policy=policy)
    with pytest.raises(ServiceError, match=r"^AccessDeniedException: .*explicit deny"):
        await world.start(node, await access(world, narrow, node))


async def test_what_the_policies_of_a_session_only_leave_out_is_given(world: "World") -> None:
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
