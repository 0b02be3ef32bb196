"""Callers whose policies are too expensive to evaluate, through boto3."""

import asyncio
import json
from functools import partial
from typing import Any

import aiohttp
import pytest
from botocore.exceptions import ClientError

from ferryman.core.iam.operator import create_access_key, create_user
from ferryman.core.ratelimits.throttle import DENIALS_BURST
from ferryman.model.identity.credentials import Credentials
from ferryman.model.values.secret import Secret
from ferryman.server.http import upgrades
from tests.server.running import ACCOUNT, Server


async def refusal(operation: Any, **parameters: Any) -> tuple[str, str]:
    with pytest.raises(ClientError) as caught:
        await asyncio.to_thread(partial(operation, **parameters))
    return caught.value.response["Error"]["Code"], caught.value.response["Error"]["Message"]


STATEMENT = {"Effect": "Allow", "Action": "*", "Resource": "*"}
CONDITION = {"ForAnyValue:StringLike": {"aws:TagKeys": [f"*x?{place}y*" for place in range(230)]}}
COSTLY = json.dumps(
    {"Version": "2012-10-17", "Statement": [STATEMENT, {**STATEMENT, "Effect": "Deny", "Condition": CONDITION}]}
)
NODE = {"ResourceType": "ManagedInstance", "ResourceId": "mi-0123456789abcdef0"}
TAG_KEYS = [f"{n}x" * 40 for n in range(50)]


async def test_too_expensive_policy_evaluation_is_denied_and_its_caller_is_paused(server: Server) -> None:
    eve = await create_user(server.service, "eve")
    await server.service.store.policies.put_inline(eve.user_id, "p", COSTLY)
    key = await create_access_key(server.service, "eve")
    ssm, sts = [await asyncio.to_thread(server.client, service, key) for service in ("ssm", "sts")]
    code, message = await refusal(ssm.remove_tags_from_resource, **NODE, TagKeys=TAG_KEYS)
    assert (code, "more than 100000 units of work" in message) == ("AccessDeniedException", True)
    server.clock.advance(-60)  # within the pause, however slow this machine is
    assert (await refusal(sts.get_caller_identity))[0] == "Throttling"
    server.clock.advance(120)
    assert (await asyncio.to_thread(sts.get_caller_identity))["Arn"].endswith(":user/eve")


async def test_pause_follows_the_person_across_role_session_names(server: Server) -> None:
    """The names of a role's sessions are its callers' to choose."""
    entering = json.dumps({"Statement": {"Effect": "Allow", "Action": "sts:AssumeRole", "Resource": "*"}})
    trust = json.dumps(
        {"Statement": {"Effect": "Allow", "Principal": {"AWS": ACCOUNT}, "Action": "sts:AssumeRole"}},
    )
    iam = await asyncio.to_thread(server.client, "iam")
    await asyncio.to_thread(iam.create_role, RoleName="heavy", AssumeRolePolicyDocument=trust)
    await asyncio.to_thread(iam.put_role_policy, RoleName="heavy", PolicyName="p", PolicyDocument=COSTLY)
    keys = {}
    for name in ("eve", "bob"):
        user = await create_user(server.service, name)
        await server.service.store.policies.put_inline(user.user_id, "p", entering)
        keys[name] = await create_access_key(server.service, name)

    async def session(user: str, name: str, service: str) -> Any:
        sts = await asyncio.to_thread(server.client, "sts", keys[user])
        role = f"arn:aws:iam::{ACCOUNT}:role/heavy"
        given = (await asyncio.to_thread(sts.assume_role, RoleArn=role, RoleSessionName=name))["Credentials"]
        token = Secret(given["SessionToken"])
        credentials = Credentials(given["AccessKeyId"], Secret(given["SecretAccessKey"]), token)
        return await asyncio.to_thread(server.client, service, credentials)

    costly = await session("eve", "bob", "ssm")
    same, other = await session("bob", "bob", "sts"), await session("eve", "other", "sts")
    assert (await refusal(costly.remove_tags_from_resource, **NODE, TagKeys=TAG_KEYS))[0] == "AccessDeniedException"
    server.clock.advance(-60)
    assert (await refusal(other.get_caller_identity))[0] == "Throttling"
    assert await asyncio.to_thread(same.get_caller_identity)


async def test_caller_with_a_large_refused_body_is_paused(server: Server) -> None:
    """Reading a large body costs milliseconds, whatever is decided then."""
    await create_user(server.service, "eve")
    key = await create_access_key(server.service, "eve")
    ssm, sts = [await asyncio.to_thread(server.client, service, key) for service in ("ssm", "sts")]
    many = [f"{n}x" * 20 for n in range(3000)]
    assert (await refusal(ssm.remove_tags_from_resource, **NODE, TagKeys=many[:10]))[0] == "AccessDeniedException"
    assert await asyncio.to_thread(sts.get_caller_identity)
    assert (await refusal(ssm.remove_tags_from_resource, **NODE, TagKeys=many))[0] == "ValidationException"
    server.clock.advance(-60)  # within the pause, however slow this machine is
    assert (await refusal(sts.get_caller_identity))[0] == "Throttling"
    assert await asyncio.to_thread((await asyncio.to_thread(server.client, "sts")).get_caller_identity)
    server.clock.advance(120)
    assert await asyncio.to_thread(sts.get_caller_identity)


@pytest.mark.parametrize(
    ("operation", "parameters", "refused"),
    [
        ("describe_sessions", {"State": "Active"}, "AccessDeniedException"),
        ("describe_sessions", {"State": "Never"}, "ValidationException"),
        ("list_commands", {}, "UnknownOperationException"),
    ],
)
async def test_caller_refused_too_often_is_paused_alone(
    server: Server, operation: str, parameters: dict[str, str], refused: str
) -> None:
    await server.call("describe_sessions", State="Active")
    await create_user(server.service, "eve")
    key = await create_access_key(server.service, "eve")
    ssm = await asyncio.to_thread(server.client, "ssm", key)
    codes: list[str] = []
    server.clock.stop()  # nothing is forgiven meanwhile
    while codes[-1:] != ["ThrottlingException"] and len(codes) < DENIALS_BURST + 20:
        codes.append((await refusal(getattr(ssm, operation), **parameters))[0])
    assert codes == [refused] * (DENIALS_BURST + 1) + ["ThrottlingException"]
    assert (await refusal(ssm.get_connection_status, Target="mi-0123456789abcdef0"))[0] == "ThrottlingException"
    await server.call("describe_sessions", State="Active")


async def test_refused_control_channels_of_a_person_count(server: Server, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(upgrades, "UPGRADE_SECONDS", 0.0)
    await server.call("describe_sessions", State="Active")
    await create_user(server.service, "eve")
    key = await create_access_key(server.service, "eve")
    path = "/v1/control-channel/mi-0123456789abcdef0"
    signed = server.signed("GET", path, "", b"", credentials=key, service="ssmmessages")
    statuses: list[int] = []
    server.clock.stop()
    while statuses[-1:] != [400] and len(statuses) < DENIALS_BURST + 20:
        with pytest.raises(aiohttp.WSServerHandshakeError) as refused:
            await server.dial(path, signed)
        statuses.append(refused.value.status)
    assert statuses == [403] * (DENIALS_BURST + 1) + [400]
    await server.call("describe_sessions", State="Active")
