"""Users as IAM's operations make them, and who is let make them: the boundary that a delegate cannot get past."""

import json
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest

from ferryman.core.authorization.decisions import require
from ferryman.core.iam import access_keys, groups, managed_policies, users
from ferryman.core.iam import attached_policies as held_policies
from ferryman.core.iam.attached_policies import Holder, HolderKind
from ferryman.core.iam.managed_policies import PolicyDraft
from ferryman.core.iam.operator import find_user
from ferryman.core.iam.users import UserDraft
from ferryman.core.identity.callers import caller_of
from ferryman.model.errors import ServiceError
from ferryman.model.identity.callers import Caller, CallerKind
from ferryman.model.identity.policies import PolicyDocument

if TYPE_CHECKING:
    from tests.unit.core.conftest import World

BOUNDARY = "arn:aws:iam::123456789012:policy/contractors"
ADMINISTRATOR = "arn:aws:iam::aws:policy/FerrymanAdministrator"
DELEGATED = {
    "Effect": "Allow",
    "Action": ["iam:CreateUser", "iam:AttachUserPolicy", "iam:PutUserPolicy", "iam:CreateAccessKey"],
    "Resource": "arn:aws:iam::*:user/contractors/*",
    "Condition": {"StringEquals": {"iam:PermissionsBoundary": BOUNDARY}},
}
"""As docs/how-to/manage-users.md has it."""


def may(action: str) -> str:
    return json.dumps({"Statement": {"Effect": "Allow", "Action": action, "Resource": "*"}})


async def code(attempt: Any) -> str:
    with pytest.raises(ServiceError) as refused:
        await attempt
    return refused.value.code


@pytest.fixture
async def delegate(world: "World") -> Caller:
    """Alice, who may make users within a boundary, and nothing else."""
    draft = PolicyDraft("contractors", may("ssm:DescribeSessions"))
    await managed_policies.create_policy(world.service, world.administrator, draft, {})
    return replace(
        world.alice, policies=(PolicyDocument("p", json.dumps({"Version": "2012-10-17", "Statement": DELEGATED})),)
    )


async def test_a_delegate_makes_nobody_who_can_do_more_than_the_boundary(world: "World", delegate: Caller) -> None:
    service, path = world.service, "/contractors/"
    for draft in (UserDraft("eve", path), UserDraft("eve", path, ADMINISTRATOR), UserDraft("eve", "/", BOUNDARY)):
        assert await code(users.create_user(service, delegate, draft, {})) == "AccessDeniedException"
    await users.create_user(service, delegate, UserDraft("eve", path, BOUNDARY), {})
    eve = Holder(HolderKind.USER, "eve")
    await held_policies.attach_policy(service, delegate, eve, ADMINISTRATOR)
    await held_policies.put_policy(service, delegate, eve, "all", may("*"))
    await access_keys.create_access_key(service, delegate, "eve")
    made = await caller_of(service, await find_user(service, "eve"))
    require(service, made, "ssm:DescribeSessions", "*")
    with pytest.raises(ServiceError, match="permissions boundary"):
        require(service, made, "ssm:ListDocuments", "*")
    for attempt in (
        users.delete_user_permissions_boundary(service, delegate, "eve"),
        users.put_user_permissions_boundary(service, delegate, "eve", ADMINISTRATOR),
        users.update_user(service, delegate, "eve", None, "/"),
        users.put_user_permissions_boundary(service, made, "eve", ADMINISTRATOR),
        managed_policies.create_policy_version(service, delegate, BOUNDARY, may("*"), is_default=True),
        held_policies.attach_policy(service, delegate, Holder(HolderKind.USER, "alice"), ADMINISTRATOR),
        access_keys.create_access_key(service, delegate, "root"),
    ):
        assert await code(attempt) == "AccessDeniedException"


async def test_a_new_name_must_be_allowed_as_the_old_one(world: "World") -> None:
    statement = {"Effect": "Allow", "Action": "iam:*", "Resource": "arn:aws:iam::*:*/ops/*"}
    document = json.dumps({"Statement": statement})
    ops = replace(world.alice, policies=(PolicyDocument("p", document),))
    await users.create_user(world.service, ops, UserDraft("carol", "/ops/"), {})
    assert await code(users.update_user(world.service, ops, "carol", None, "/")) == "AccessDeniedException"
    await users.update_user(world.service, ops, "carol", "dora", "/ops/sub/")
    await groups.create_group(world.service, ops, "night", "/ops/")
    assert await code(groups.update_group(world.service, ops, "night", "day", "/")) == "AccessDeniedException"


async def test_a_caller_without_permission_does_not_learn_which_users_exist(world: "World") -> None:
    told = []
    for name in ("bob", "nobody"):
        with pytest.raises(ServiceError) as refused:
            await users.get_user(world.service, world.alice, name)
        told.append(refused.value.message.replace(name, "NAME"))
    assert told[0] == told[1]


async def test_a_roles_session_names_the_user_it_means(world: "World") -> None:
    role = replace(world.administrator, kind=CallerKind.ROLE)
    assert await code(users.get_user(world.service, role, None)) == "ValidationException"
    assert (await users.get_user(world.service, role, "bob")).name == "bob"


async def test_a_user_is_in_ten_groups_at_most(world: "World") -> None:
    for number in range(11):
        await groups.create_group(world.service, world.administrator, f"g{number}", "/")
    for number in range(10):
        await groups.add_user_to_group(world.service, world.administrator, f"g{number}", "bob")
    await groups.add_user_to_group(world.service, world.administrator, "g0", "bob")
    eleventh = groups.add_user_to_group(world.service, world.administrator, "g10", "bob")
    assert await code(eleventh) == "LimitExceeded"
