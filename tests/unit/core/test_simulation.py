"""What would be decided: the same as is decided when it is asked."""

import json
from collections.abc import Mapping
from typing import TYPE_CHECKING

import pytest

from ferryman.core.authorization.decisions import require_session, require_start
from ferryman.core.authorization.policy_sources import source_of
from ferryman.core.authorization.request_context import Keys, policy_set
from ferryman.core.iam import operator as identities
from ferryman.core.iam import roles, users
from ferryman.core.identity.callers import caller_of
from ferryman.core.simulation import bounded, context_keys, principal, simulate, simulate_start
from ferryman.core.tags import add_tags_to_resource
from ferryman.model.errors import ServiceError
from ferryman.model.identifiers import Millis, NodeId
from ferryman.model.identity.groups import Group
from ferryman.policy.evaluation import Layer, Verdict

if TYPE_CHECKING:
    from tests.unit.core.conftest import World

ACCOUNT, REGION = "123456789012", "test-1"
CHECKED = {"BoolIfExists": {"ssm:SessionDocumentAccessCheck": "true"}}


def document(*statements: Mapping[str, object]) -> str:
    return json.dumps({"Version": "2012-10-17", "Statement": list(statements)})


def allow(action: str, resource: str = "*", effect: str = "Allow", **more: object) -> Mapping[str, object]:
    return {"Effect": effect, "Action": action, "Resource": resource, **more}


async def give(world: "World", name: str, *statements: Mapping[str, object]) -> str:
    """A user with one policy; its id."""
    user = await identities.create_user(world.service, name)
    await world.store.policies.put_inline(user.user_id, "p", document(*statements))
    return user.user_id


@pytest.mark.parametrize(
    ("statements", "chosen", "asked"),
    [
        ([allow("ssm:StartSession", "arn:aws:ssm:*:*:managed-instance/*")], None, 1),
        ([allow("ssm:StartSession", "arn:aws:ssm:*:*:managed-instance/*")], "AWS-StartSSHSession", 2),
        ([allow("ssm:StartSession", "arn:aws:ssm:*:*:managed-instance/*", Condition=CHECKED)], None, 2),
        ([allow("ssm:StartSession", "*", Condition=CHECKED)], None, 2),
        ([allow("ssm:StartSession"), allow("ssm:*", "arn:aws:ssm:*:*:document/*", "Deny")], None, 2),
        ([allow("ssm:StartSession", "*", Condition={"StringEquals": {"ssm:resourceTag/tier": "web"}})], None, 1),
        ([allow("ssm:DescribeSessions")], None, 2),
        ([allow("ssm:StartSession", "*", Condition={"NumericLessThan": {"ferryman:RequiredObservers": "1"}})], None, 1),
        ([allow("ssm:StartSession", "*", Condition={"NumericEquals": {"ferryman:RequiredObservers": "1"}})], None, 2),
    ],
)
async def test_starts_are_decided_as_when_they_are_asked_for(
    world: "World", statements: list[Mapping[str, object]], chosen: str | None, asked: int
) -> None:
    node_id = await world.register()
    await add_tags_to_resource(world.service, world.administrator, "ManagedInstance", node_id, {"tier": "web"})
    await give(world, "carol", *statements)
    carol = await principal(world.service, "carol")
    told = await simulate_start(world.service, carol, world.service.arns.node(node_id), chosen)
    assert len(told) == asked
    name = chosen or "SSM-SessionManagerRunShell"
    allowed = True
    try:
        is_chosen = chosen is not None
        await require_start(world.service, carol.caller, NodeId(node_id), name, is_chosen=is_chosen, observers=0)
    except ServiceError:
        allowed = False
    assert all(each.explanation.decision.allowed for each in told) is allowed


async def test_own_sessions_are_recognised_by_id(world: "World") -> None:
    session_id = (await world.start(await world.node())).session_id
    arn = world.service.arns.session(session_id)
    for who, verdict in (("alice", Verdict.ALLOWED), ("bob", Verdict.IMPLICIT_DENY), ("root", Verdict.ALLOWED)):
        of = await principal(world.service, who)
        found = await simulate(world.service, of, "ssm:TerminateSession", arn)
        assert found.explanation.decision.verdict is verdict
    session = await world.session(session_id)
    with pytest.raises(ServiceError):
        require_session(world.service, world.bob, "ssm:TerminateSession", session_id, session)


async def test_the_deciding_statement_and_unknown_keys_are_named(world: "World") -> None:
    given: Keys = {"aws:sourceip": "192.0.2.7"}
    condition = {"IpAddress": {"aws:SourceIp": "192.0.2.0/24"}}
    user_id = await give(world, "carol", allow("ssm:*", effect="Deny", Condition=condition), allow("ssm:List*"))
    carol = await principal(world.service, f"arn:aws:iam::{ACCOUNT}:user/carol")
    allowed = (await simulate(world.service, carol, "ssm:ListDocuments", "*")).explanation
    assert allowed.missing_keys == ("aws:sourceip",)
    assert allowed.decision.statement is not None
    assert (allowed.decision.statement.policy, allowed.decision.statement.index) == (f"{user_id}/p", 1)
    denied = (await simulate(world.service, carol, "ssm:ListDocuments", "*", given)).explanation
    assert denied.decision.verdict is Verdict.EXPLICIT_DENY
    assert [each.index for each in denied.matched] == [0, 1]
    assert context_keys(policy_set(carol.caller).identity) == ["aws:SourceIp"]
    assert (await source_of(world.service, carol.caller.policies[0])).title == "inline policy p of user carol"


async def test_a_boundary_has_a_say(world: "World") -> None:
    await give(world, "carol", allow("*"))
    operator = "arn:aws:iam::aws:policy/FerrymanOperator"
    await users.put_user_permissions_boundary(world.service, world.administrator, "carol", operator)
    carol = await principal(world.service, "carol")
    for action, within in (("ssm:ListDocuments", True), ("iam:CreateUser", False)):
        found = await simulate(world.service, carol, action, "*")
        assert bounded(policy_set(carol.caller), found) is within
        assert found.explanation.decision.allowed is within
    assert found.explanation.decision.layer is Layer.BOUNDARY
    assert carol.caller == await caller_of(world.service, await identities.find_user(world.service, "carol"))


async def test_groups_and_roles_have_no_name_of_a_user(world: "World") -> None:
    trust = document({"Effect": "Allow", "Principal": {"AWS": "*"}, "Action": "sts:AssumeRole"})
    role = await roles.create_role(world.service, world.administrator, roles.RoleDraft("ops", trust), {})
    await world.store.groups.add(Group("AGPA1", "ops", Millis(1), "/x/"))
    named = allow("ssm:ListDocuments", Condition={"Null": {"aws:userid": "false"}})
    for holder in (role.role_id, "AGPA1"):
        await world.store.policies.put_inline(holder, "p", document(named, allow("ssm:GetDocument")))
    for who, user_id_known in (
        (f"arn:aws:iam::{ACCOUNT}:group/x/ops", False),
        (f"arn:aws:iam::{ACCOUNT}:role/ops", False),
        (f"arn:aws:sts::{ACCOUNT}:assumed-role/ops/carol", True),
    ):
        of = await principal(world.service, who)
        assert (await simulate(world.service, of, "ssm:GetDocument", "*")).explanation.decision.allowed
        found = await simulate(world.service, of, "ssm:ListDocuments", "*")
        assert found.explanation.decision.allowed is user_id_known


async def test_no_policy_allows_the_calls_of_nodes(world: "World") -> None:
    root = await principal(world.service, "root")
    found = await simulate(world.service, root, "ssmmessages:OpenControlChannel", "*")
    assert not found.explanation.decision.allowed


@pytest.mark.parametrize(
    "who",
    [
        "nobody",
        "arn:aws:iam::123456789012:user/x/alice",
        "arn:aws:iam::999999999999:user/alice",
        "arn:aws:iam::123456789012:role/none",
        "arn:aws:iam::123456789012:group/none",
        "arn:aws:ssm:::x",
    ],
)
async def test_missing_users_are_named(world: "World", who: str) -> None:
    with pytest.raises(ServiceError, match=f"{who} cannot be found") as refused:
        await principal(world.service, who)
    assert refused.value.code == "NoSuchEntity"
