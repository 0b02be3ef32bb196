"""Every resource of IAM with a path is refused if its ARN would be too long: whoever makes it, or moves it."""

import json
from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING, Any

import pytest

from ferryman.core.iam import groups, managed_policies, operator, roles, users
from ferryman.core.iam.managed_policies import PolicyDraft
from ferryman.core.iam.resources import LONGEST_ARN
from ferryman.core.iam.roles import RoleDraft
from ferryman.core.iam.users import UserDraft
from ferryman.model.errors import ServiceError
from ferryman.model.identity.roles import IamRole

if TYPE_CHECKING:
    from tests.unit.core.conftest import World

TRUST = json.dumps({"Statement": {"Effect": "Allow", "Principal": {"AWS": "*"}, "Action": "sts:AssumeRole"}})
POLICY = '{"Statement": {"Effect": "Allow", "Action": "ssm:*", "Resource": "*"}}'
NAME = "n" * 64
Create = Callable[["World", str], Awaitable[Any]]


async def create_user(world: "World", path: str) -> object:
    return await users.create_user(world.service, world.administrator, UserDraft(NAME, path), {})


async def update_user(world: "World", path: str) -> None:
    await operator.create_user(world.service, "old")
    await users.update_user(world.service, world.administrator, "old", NAME, path)


async def create_group(world: "World", path: str) -> object:
    return await groups.create_group(world.service, world.administrator, NAME, path)


async def update_group(world: "World", path: str) -> None:
    await groups.create_group(world.service, world.administrator, "old", "/")
    await groups.update_group(world.service, world.administrator, "old", NAME, path)


async def create_role(world: "World", path: str) -> IamRole:
    return await roles.create_role(world.service, world.administrator, RoleDraft(NAME, TRUST, path), {})


async def create_policy(world: "World", path: str) -> object:
    draft = PolicyDraft(NAME, POLICY, path=path)
    return await managed_policies.create_policy(world.service, world.administrator, draft, {})


@pytest.mark.parametrize(
    ("kind", "create"),
    [
        ("user", create_user),
        ("user", update_user),
        ("group", create_group),
        ("group", update_group),
        ("role", create_role),
        ("policy", create_policy),
    ],
)
async def test_an_arn_may_not_be_too_long(world: "World", kind: str, create: Create) -> None:
    rest = len(f"arn:aws:iam::123456789012:{kind}/{NAME}")
    too_long = f"/{'p' * (LONGEST_ARN - rest)}/"
    with pytest.raises(ServiceError, match=f"would have {LONGEST_ARN + 1} characters, {LONGEST_ARN} at most"):
        await create(world, too_long)


async def test_the_longest_arn_is_accepted(world: "World") -> None:
    rest = len(f"arn:aws:iam::123456789012:role/{NAME}")
    made = await create_role(world, f"/{'p' * (LONGEST_ARN - rest - 1)}/")
    assert len(world.service.arns.role(made.name, made.path)) == LONGEST_ARN
