"""A caller whose policies are too much work, through boto3."""

import asyncio
import json
from functools import partial
from typing import Any

import pytest
from botocore.exceptions import ClientError

from ferryman.core.identities import create_access_key, create_user
from tests.unit.server.conftest import Server


async def refusal(operation: Any, **parameters: Any) -> tuple[str, str]:
    with pytest.raises(ClientError) as caught:
        await asyncio.to_thread(partial(operation, **parameters))
    return caught.value.response["Error"]["Code"], caught.value.response["Error"]["Message"]


async def test_a_decision_that_is_too_much_work_is_denied_and_its_caller_waits(server: Server) -> None:
    statement = {"Effect": "Allow", "Action": "*", "Resource": "*"}
    condition = {"ForAnyValue:StringLike": {"aws:TagKeys": [f"*x?{place}y*" for place in range(230)]}}
    policy = {
        "Version": "2012-10-17",
        "Statement": [statement, {**statement, "Effect": "Deny", "Condition": condition}],
    }
    eve = await create_user(server.service, "eve")
    await server.service.store.policies.put_inline(eve.user_id, "p", json.dumps(policy))
    key = await create_access_key(server.service, "eve")
    ssm, sts = [await asyncio.to_thread(server.client, service, key) for service in ("ssm", "sts")]
    node = {"ResourceType": "ManagedInstance", "ResourceId": "mi-0123456789abcdef0"}
    code, message = await refusal(ssm.remove_tags_from_resource, **node, TagKeys=[f"{n}x" * 40 for n in range(50)])
    assert (code, "more than 100000 units of work" in message) == ("AccessDeniedException", True)
    server.clock.advance(-60)  # within the pause, however slow this machine is
    assert (await refusal(sts.get_caller_identity))[0] == "Throttling"
    server.clock.advance(120)
    assert (await asyncio.to_thread(sts.get_caller_identity))["Arn"].endswith(":user/eve")
