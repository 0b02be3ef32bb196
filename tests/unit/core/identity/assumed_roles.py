"""Roles that tests assume, and who may."""

import json
from typing import TYPE_CHECKING, Any

from ferryman.core.iam import attached_policies as held_policies
from ferryman.core.iam import roles
from ferryman.core.iam.attached_policies import Holder, HolderKind
from ferryman.core.iam.roles import RoleDraft
from ferryman.core.identity import callers
from ferryman.core.identity.assume_role import RoleSession, SessionRequest, assume_role
from ferryman.model.identity.callers import Caller

if TYPE_CHECKING:
    from tests.unit.core.conftest import World

ACCOUNT = "123456789012"
OPERATOR = "arn:aws:iam::aws:policy/FerrymanOperator"
NODE = f"arn:aws:ssm:test-1:{ACCOUNT}:managed-instance/mi-0123456789abcdef0"
ANY = {"AWS": f"arn:aws:iam::{ACCOUNT}:root"}


def document(*statements: dict[str, Any]) -> str:
    return json.dumps({"Version": "2012-10-17", "Statement": list(statements)})


def allowing(principal: Any, *actions: str, **condition: Any) -> str:
    statement = {"Effect": "Allow", "Principal": principal, "Action": [*actions] or "sts:AssumeRole"}
    return document(statement | ({"Condition": condition} if condition else {}))


def arn_of(name: str) -> str:
    return f"arn:aws:iam::{ACCOUNT}:role/{name}"


async def role(world: "World", trust: str, name: str = "Ops", **members: Any) -> str:
    await roles.create_role(world.service, world.administrator, RoleDraft(name, allowing(ANY), **members), {})
    await roles.update_assume_role_policy(world.service, world.administrator, name, trust)  # it may name the role
    await held_policies.attach_policy(world.service, world.administrator, Holder(HolderKind.ROLE, name), OPERATOR)
    return arn_of(f"{members.get('path', '/')[1:]}{name}")


async def known(world: "World", session: RoleSession) -> Caller:
    credentials = session.issued.credentials
    assert credentials.session_token is not None
    token = credentials.session_token.reveal()
    return (await callers.authenticate(world.service, credentials.access_key_id, token)).caller


async def assumed(world: "World", caller: Caller, arn: str, name: str = "shirley", **members: Any) -> Caller:
    return await known(world, await assume_role(world.service, caller, SessionRequest(arn, name, **members)))
