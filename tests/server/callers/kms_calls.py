"""What tests of KMS's operations share."""

import asyncio
import json
from collections.abc import Callable
from typing import Any

import pytest
from botocore.exceptions import ClientError

from ferryman.core.iam.operator import create_access_key, create_user
from tests.server.running import ACCOUNT, REGION, Node, Server

ARN = f"arn:aws:kms:{REGION}:{ACCOUNT}"
IAM = f"arn:aws:iam::{ACCOUNT}"
ROOT = {"AWS": f"{IAM}:root"}
Kms = Callable[..., Any]


def kms_of(server: Server) -> Kms:
    """Return a function that calls an operation, as the administrator unless a client is named."""
    server.client()  # what `server.call` uses
    administrator = server.client("kms")

    async def call(operation: str, client: Any = None, **parameters: Any) -> Any:
        return await asyncio.to_thread(getattr(client or administrator, operation), **parameters)

    return call


async def refused(kms: Kms, operation: str, client: Any = None, **parameters: Any) -> tuple[str, str]:
    """Code and message of a call that is refused."""
    with pytest.raises(ClientError) as error:
        await kms(operation, client, **parameters)
    answer = error.value.response["Error"]
    return answer["Code"], answer["Message"]


async def person(server: Server, name: str, *statements: dict[str, Any]) -> Any:
    """A client of KMS of a new user with a policy of these statements."""
    user = await create_user(server.service, name)
    if statements:
        await server.store.policies.put_inline(user.user_id, "p", json.dumps({"Statement": statements}))
    return server.client("kms", await create_access_key(server.service, name))


def allow(*actions: str, **more: Any) -> dict[str, Any]:
    """A statement that allows actions on everything."""
    return {"Effect": "Allow", "Action": list(actions), "Resource": "*", **more}


def session_of(started: dict[str, Any], node: Node) -> dict[str, str]:
    """The encryption context of a session."""
    return {"aws:ssm:SessionId": started["SessionId"], "aws:ssm:TargetId": node.node_id}


async def new_key(kms: Kms, **members: Any) -> str:
    """The id of a new key."""
    made: str = (await kms("create_key", **members))["KeyMetadata"]["KeyId"]
    return made
