"""Every operation is denied to a caller without a policy, also those that will be added."""

import asyncio
from typing import Any

import pytest
from botocore import xform_name
from botocore.exceptions import ClientError
from botocore.model import Shape

from ferryman.awsapi.models import operation_model
from ferryman.core.authorization import _NODE
from ferryman.core.identities import create_access_key, create_user
from ferryman.server.operations import BY_CALLER
from tests.unit.server.conftest import Server

NEEDS_NO_POLICY = {("sts", "GetCallerIdentity"), ("sts", "GetSessionToken")}
ASKED = sorted(key for key in BY_CALLER if key not in NEEDS_NO_POLICY and f"{key[0]}:{key[1]}" not in _NODE)
PARAMETERS: dict[str, Any] = {
    "ResourceType": "Document",
    "ActivationId": "01234567-89ab-cdef-0123-456789abcdef",
    "InstanceId": "mi-0123456789abcdef0",
    "Content": "{}",
    "VersionId": "v1",
    "PolicyArn": "arn:aws:iam::123456789012:policy/p",
    "AccessRequestId": "oi-0123456789ab",
    "OpsItemId": "oi-0123456789ab",
    "Targets": [{"Key": "InstanceIds", "Values": ["mi-0123456789abcdef0"]}],
}

BESIDES: dict[tuple[str, str], dict[str, Any]] = {("ssm", "CreateDocument"): {"DocumentType": "Session"}}
"""What AWS does not require and Ferryman does."""


def minimal(shape: Shape, name: str = "") -> Any:
    """A value that satisfies the model, with required members only."""
    if name in PARAMETERS:
        return PARAMETERS[name]
    match shape.type_name:
        case "structure":
            return {each: minimal(shape.members[each], each) for each in shape.required_members}
        case "list":
            return [minimal(shape.member)]
        case "integer" | "long":
            return int(shape.metadata.get("min", 1))
        case "boolean":
            return True
        case _:
            return (shape.enum or ["1" * max(3, int(shape.metadata.get("min", 1)))])[0]


def test_there_are_operations_to_deny() -> None:
    assert ("ssm", "StartSession") in ASKED


@pytest.mark.parametrize("service", sorted({service for service, _ in ASKED}))
async def test_nothing_is_allowed_without_a_policy(server: Server, service: str) -> None:
    """One server and client for all operations of a service: a minute of starting them is saved."""
    await create_user(server.service, "nobody")
    client = server.client(service, await create_access_key(server.service, "nobody"))
    for operation in [name for of, name in ASKED if of == service]:
        model = operation_model(service, operation)
        assert model is not None
        given = (minimal(model.input_shape) if model.input_shape else {}) | BESIDES.get((service, operation), {})
        with pytest.raises(ClientError) as refused:
            await asyncio.to_thread(getattr(client, xform_name(operation)), **given)
        error = refused.value.response["Error"]
        assert error["Code"] == ("AccessDeniedException" if service == "ssm" else "AccessDenied"), (operation, error)
        expected = f":user/nobody is not authorized to perform: {service}:{operation} on resource: "
        assert expected in error["Message"], operation
