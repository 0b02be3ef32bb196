"""Policies in force: whose they are, what they see of a request, and how sessions are owned."""

import json
from collections.abc import Mapping
from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from ferryman.core.authorization.decisions import require
from ferryman.core.iam import operator as identities
from ferryman.core.identity import callers
from ferryman.core.sessions import actions as sessions
from ferryman.core.sessions.requests import StartSessionRequest
from ferryman.core.tags import add_tags_to_resource, remove_tags_from_resource
from ferryman.model.errors import ServiceError
from ferryman.model.identifiers import NodeId
from ferryman.model.identity.callers import Caller, CallerKind, Origin
from ferryman.model.identity.policies import PolicyDocument
from ferryman.model.sessions import SessionStatus
from ferryman.model.tags import ResourceType

if TYPE_CHECKING:
    from tests.unit.core.conftest import World

OWN = "arn:aws:ssm:*:*:session/${aws:username}-*"
OWN_BY_ID = "arn:aws:ssm:*:*:session/${aws:userid}-*"
NODES = "arn:aws:ssm:*:*:managed-instance/*"


def statement(
    effect: str, actions: str, resource: str | list[str] = "*", condition: Mapping[str, object] | None = None
) -> dict[str, object]:
    made: dict[str, object] = {"Effect": effect, "Action": actions.split(), "Resource": resource}
    return made | ({"Condition": condition} if condition else {})


def having(caller: Caller, *statements: Mapping[str, object]) -> Caller:
    text = json.dumps({"Version": "2012-10-17", "Statement": list(statements)})
    return replace(caller, policies=(PolicyDocument("test", text),))


def may(world: "World", caller: Caller, action: str = "ssm:DescribeSessions", resource: str = "*") -> bool:
    try:
        require(world.service, caller, action, resource)
    except ServiceError as refused:
        assert refused.code == "AccessDeniedException"  # noqa: PT017 any other error is a failure
        return False
    return True


async def refused(
    world: "World", caller: Caller, target: NodeId, document: str | None = None, reason: str | None = None
) -> str | None:
    """Start a session; None if that is allowed, else the resource that was refused."""
    try:
        await sessions.start_session(world.service, caller, StartSessionRequest(target, document, reason=reason))
    except ServiceError as error:
        assert error.code == "AccessDeniedException"  # noqa: PT017 any other error is a failure
        return error.message.split(" on resource: ")[1].split()[0]
    return None


async def user(world: "World", name: str) -> Caller:
    return await callers.caller_of(world.service, await identities.create_user(world.service, name))


async def test_a_change_of_policies_acts_on_the_next_call(world: "World") -> None:
    carol = await identities.create_user(world.service, "carol")
    allow = json.dumps({"Statement": statement("Allow", "ssm:DescribeSessions")})
    deny = json.dumps({"Statement": statement("Deny", "ssm:*")})
    assert not may(world, await callers.caller_of(world.service, carol))
    await world.store.policies.put_inline(carol.user_id, "p", allow)
    assert may(world, await callers.caller_of(world.service, carol))
    await world.store.policies.put_inline(carol.user_id, "q", deny)
    assert not may(world, await callers.caller_of(world.service, carol))
    await world.store.policies.forget(carol.user_id)
    assert not may(world, await callers.caller_of(world.service, carol))


@pytest.mark.parametrize(
    ("condition", "allowed"),
    [
        ({"StringEquals": {"aws:username": "alice"}}, True),
        ({"StringEquals": {"aws:username": "bob"}}, False),
        ({"StringLike": {"aws:userid": "AIDA*"}}, True),
        ({"ArnLike": {"aws:PrincipalArn": "arn:aws:iam::*:user/alice"}}, True),
        ({"StringEquals": {"aws:PrincipalType": "User"}}, True),
        ({"StringEquals": {"aws:PrincipalTag/team": "web"}}, True),
        ({"StringEquals": {"aws:PrincipalTag/team": "db"}}, False),
        ({"IpAddress": {"aws:SourceIp": "192.0.2.0/24"}}, True),
        ({"IpAddress": {"aws:SourceIp": "198.51.100.0/24"}}, False),
        ({"Bool": {"aws:SecureTransport": "true"}}, True),
        ({"Bool": {"aws:SecureTransport": "false"}}, False),
        ({"StringLike": {"aws:UserAgent": "aws-cli/*"}}, True),
        ({"DateGreaterThan": {"aws:CurrentTime": "2023-11-14T22:13:00Z"}}, True),
        ({"DateLessThan": {"aws:CurrentTime": "2023-11-14T22:13:00Z"}}, False),
        ({"NumericEquals": {"aws:EpochTime": "1700000000"}}, True),
        ({"Null": {"aws:MultiFactorAuthPresent": "true"}}, True),
    ],
)
async def test_the_keys_of_every_request(world: "World", condition: Mapping[str, object], allowed: bool) -> None:
    origin = Origin("192.0.2.7", "aws-cli/2.0", is_secure=True)
    alice = replace(world.alice, tags={"team": "web"}, origin=origin)
    assert may(world, having(alice, statement("Allow", "ssm:*", condition=condition))) is allowed


async def test_an_operation_cannot_replace_a_callers_keys(world: "World") -> None:
    alice = having(world.alice, statement("Allow", "ssm:*", condition={"StringEquals": {"aws:username": "bob"}}))
    with pytest.raises(ServiceError):
        require(world.service, alice, "ssm:DescribeSessions", "*", {"aws:username": "bob"})


async def test_an_explicit_deny_is_named(world: "World") -> None:
    alice = having(world.alice, statement("Allow", "*"), statement("Deny", "ssm:DescribeSessions"))
    with pytest.raises(ServiceError) as error:
        require(world.service, alice, "ssm:DescribeSessions", "arn:aws:ssm:::x")
    assert error.value.message == (
        f"User: {alice.arn} is not authorized to perform: ssm:DescribeSessions on resource: arn:aws:ssm:::x "
        "with an explicit deny in an identity-based policy"
    )


@pytest.mark.parametrize("action", ["ssm:UpdateInstanceInformation", "ssmmessages:OpenControlChannel"])
async def test_no_policy_lets_a_user_pass_for_a_node(world: "World", action: str) -> None:
    node = await world.register()
    assert not may(world, having(world.alice, statement("Allow", "*")), action, world.node_caller(node).arn)


async def test_nodes_by_tag(world: "World") -> None:
    web, other = await world.node(), await world.node()
    await add_tags_to_resource(world.service, world.administrator, "ManagedInstance", web, {"Finance": "WebServers"})
    by_tag = {"StringLike": {"ssm:resourceTag/Finance": ["WebServers"]}}
    alice = having(world.alice, statement("Allow", "ssm:StartSession", NODES, by_tag))
    assert await refused(world, alice, web) is None
    assert await refused(world, alice, other) == world.service.arns.node(other)


async def test_tags_of_a_request(world: "World") -> None:
    node = await world.register()
    only = {
        "StringEquals": {"aws:RequestTag/team": "web"},
        "ForAllValues:StringEquals": {"aws:TagKeys": ["team", "stage"]},
    }
    alice = having(world.alice, statement("Allow", "ssm:AddTagsToResource", NODES, only))
    kind = ResourceType.NODE.value
    await add_tags_to_resource(world.service, alice, kind, node, {"team": "web", "stage": "test"})
    for wrong in ({"team": "db"}, {"team": "web", "owner": "me"}, {}):
        with pytest.raises(ServiceError, match="not authorized"):
            await add_tags_to_resource(world.service, alice, kind, node, wrong)


@pytest.mark.parametrize("document", [None, "AWS-StartSSHSession"])
async def test_a_reason_can_be_required_and_checked(world: "World", document: str | None) -> None:
    node = await world.node()
    anything = statement("Allow", "ssm:StartSession")
    required = having(
        world.alice, anything, statement("Deny", "ssm:StartSession", "*", {"Null": {"ferryman:Reason": "true"}})
    )
    ticketed = having(
        world.alice, statement("Allow", "ssm:StartSession", "*", {"StringLike": {"ferryman:Reason": "TICKET-*"}})
    )
    for reason in (None, "", " ", "\t\u3000", "\u200b\ufeff", "\x00"):
        assert await refused(world, required, node, document, reason) is not None
    assert await refused(world, required, node, document, "because") is None
    for reason in (None, "because"):
        assert await refused(world, ticketed, node, document, reason) is not None
    assert await refused(world, ticketed, node, document, "TICKET-7") is None


CHECKED = {"BoolIfExists": {"ssm:SessionDocumentAccessCheck": "true"}}
PREFERENCES = "arn:aws:ssm:*:*:document/SSM-SessionManagerRunShell"
SSH = "arn:aws:ssm:*::document/AWS-StartSSHSession"


async def test_the_document_is_checked_if_it_is_chosen_or_the_policy_asks(world: "World") -> None:
    node = await world.node()
    shell, ssh = None, "AWS-StartSSHSession"
    nodes_only = having(world.alice, statement("Allow", "ssm:StartSession", NODES))
    asking = having(world.alice, statement("Allow", "ssm:StartSession", [NODES, SSH], CHECKED))
    both = having(world.alice, statement("Allow", "ssm:StartSession", [NODES, PREFERENCES], CHECKED))
    barred = having(
        world.alice, statement("Allow", "ssm:StartSession"), statement("Deny", "ssm:StartSession", PREFERENCES)
    )
    documents_only = having(world.alice, statement("Allow", "ssm:StartSession", [PREFERENCES, SSH]))
    assert await refused(world, nodes_only, node, shell) is None
    assert "document/AWS-StartSSHSession" in str(await refused(world, nodes_only, node, ssh))
    assert "document/SSM-SessionManagerRunShell" in str(await refused(world, asking, node, shell))
    assert await refused(world, asking, node, ssh) is None
    assert await refused(world, both, node, shell) is None
    assert "document/AWS-StartSSHSession" in str(await refused(world, both, node, ssh))
    assert "document/SSM-SessionManagerRunShell" in str(await refused(world, barred, node, shell))
    assert await refused(world, barred, node, ssh) is None
    for document in (shell, ssh):
        assert "managed-instance/" in str(await refused(world, documents_only, node, document))


@pytest.mark.parametrize("resource", [OWN, OWN_BY_ID])
async def test_own_sessions_are_recognised_by_id_not_by_name(world: "World", resource: str) -> None:
    """`a-*` matches the sessions of `a-b`, and of a user who had the name before; neither is `a`."""
    node = await world.node()
    rule = (statement("Allow", "ssm:StartSession"), statement("Allow", "ssm:TerminateSession", resource))
    a, ab = having(await user(world, "a"), *rule), having(await user(world, "a-b"), *rule)
    earlier = replace(a, user_id="AIDAEARLIER")
    same_name = Caller(CallerKind.USER, a.account_id, a.arn + "x", "AROA1:a", "a", policies=a.policies)
    for owner in (a, ab, earlier, same_name):
        ticket = await world.start(node, owner)
        for other in (a, ab, earlier, same_name):
            if other is not owner:
                with pytest.raises(ServiceError, match="not authorized"):
                    await sessions.terminate_session(world.service, other, ticket.session_id)
        await sessions.terminate_session(world.service, owner, ticket.session_id)
        assert (await world.session(ticket.session_id)).status is not SessionStatus.CONNECTING


async def test_permission_for_a_users_sessions_by_name_lets_a_caller_end_them(world: "World") -> None:
    """The name is written in the policy, not a variable; and a condition on the caller's name still holds."""
    node = await world.node()
    condition = {"StringEquals": {"aws:username": "bob"}}
    rule = statement("Allow", "ssm:TerminateSession", "arn:aws:ssm:*:*:session/alice-*", condition)
    ticket = await world.start(node)
    with pytest.raises(ServiceError, match="not authorized"):
        await sessions.terminate_session(world.service, having(await user(world, "carol"), rule), ticket.session_id)
    await sessions.terminate_session(world.service, having(world.bob, rule), ticket.session_id)


async def test_sessions_by_their_owners_tag(world: "World") -> None:
    """The guide's second way, which AWS's session tags make possible."""
    node = await world.node()
    condition = {"StringLike": {"ssm:resourceTag/aws:ssmmessages:session-id": ["${aws:userid}"]}}
    rule = (
        statement("Allow", "ssm:StartSession"),
        statement("Allow", "ssm:ResumeSession", "arn:aws:ssm:*:*:session/*", condition),
    )
    alice, bob = having(world.alice, *rule), having(world.bob, *rule)
    ticket = await world.start(node, alice)
    with pytest.raises(ServiceError, match="not authorized"):
        await sessions.resume_session(world.service, bob, ticket.session_id)
    await sessions.resume_session(world.service, alice, ticket.session_id)


async def test_a_deny_of_all_but_own_sessions_bars_others(world: "World") -> None:
    node = await world.node()
    deny = {"Effect": "Deny", "Action": "ssm:TerminateSession", "NotResource": [OWN, OWN_BY_ID]}
    rule = (statement("Allow", "*"), deny)
    alice, bob = having(world.alice, *rule), having(world.bob, *rule)
    ticket = await world.start(node, alice)
    with pytest.raises(ServiceError, match="explicit deny"):
        await sessions.terminate_session(world.service, bob, ticket.session_id)
    for own in (OWN, OWN_BY_ID):
        alice = having(world.alice, statement("Allow", "*"), {**deny, "NotResource": own})
        await sessions.terminate_session(world.service, alice, ticket.session_id)


async def test_tag_keys_by_patterns_are_denied_when_they_are_too_much_work(world: "World") -> None:
    """A caller supplies both: the patterns by a session policy, the keys and their length by the request."""
    patterns = [f"*a?{place}b*" for place in range(230)]
    condition = {"ForAnyValue:StringLike": {"aws:TagKeys": patterns}}
    eve = having(world.alice, statement("Allow", "*"), statement("Deny", "*", condition=condition))
    node = await world.register()
    with pytest.raises(ServiceError) as refused_:
        await remove_tags_from_resource(world.service, eve, "ManagedInstance", node, ["a" * 128] * 50)
    assert refused_.value.code == "AccessDeniedException"
    assert "more than 100000 units of work" in refused_.value.message
    await remove_tags_from_resource(world.service, eve, "ManagedInstance", node, ["team"])
