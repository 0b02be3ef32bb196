"""Every operation is denied to a caller without a policy, including operations that are added later."""

import asyncio
import json
from collections.abc import Mapping
from typing import Any

import pytest
from botocore import xform_name
from botocore.exceptions import ClientError

from ferryman.awsapi.models import operation_model
from ferryman.core.authorization.decisions import _AGENT_ACTIONS
from ferryman.core.iam.operator import create_access_key, create_user
from ferryman.model.access_requests import AccessRequest, AccessRequestId, AccessRequestStatus, Requester
from ferryman.model.identifiers import Millis
from ferryman.server.operations.registry import BY_CALLER
from tests.server.callers.model_values import BESIDES, minimal
from tests.server.running import Server

ACTION_PREFIXES = {"tagging": "tag"}
CODES = {"ec2": "UnauthorizedOperation", "iam": "AccessDenied", "sts": "AccessDenied"}
NEEDS_NO_POLICY = {("sts", "GetCallerIdentity"), ("sts", "GetSessionToken")}
ASKED = sorted(key for key in BY_CALLER if key not in NEEDS_NO_POLICY and f"{key[0]}:{key[1]}" not in _AGENT_ACTIONS)
ACTIONS = {("kms", "ReEncrypt"): "kms:ReEncryptFrom"}
"""Of operations that have several."""


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
        given = BESIDES.get((service, operation), {}) | (minimal(model.input_shape) if model.input_shape else {})
        with pytest.raises(ClientError) as refused:
            await asyncio.to_thread(getattr(client, xform_name(operation)), **given)
        error = refused.value.response["Error"]
        assert error["Code"] == CODES.get(service, "AccessDeniedException"), (operation, error)
        action = ACTIONS.get((service, operation), f"{ACTION_PREFIXES.get(service, service)}:{operation}")
        expected = f":user/nobody is not authorized to perform: {action} on resource: "
        assert expected in error["Message"], operation


IAM = "arn:aws:iam::123456789012"
TRUSTING = {"Statement": {"Effect": "Allow", "Principal": {"AWS": "123456789012"}, "Action": "sts:AssumeRole"}}
DENY_ALL = {"Statement": {"Effect": "Deny", "Action": "*", "Resource": "*"}}
CLOSED = {"Statement": {"Effect": "Allow", "Principal": {"Federated": "x"}, "Action": "kms:*", "Resource": "*"}}
"""Lets nobody in."""
SAY = {"Statement": {"Effect": "Allow", "Action": "ssm:StartSession", "Resource": "*"}}
OTHERS = {
    "UserName": "nemo",
    "GroupName": "none",
    "RoleName": "nothing",
    "RoleArn": f"{IAM}:role/dept/nothing",
    "PolicyArn": f"{IAM}:policy/dept/nothing",
    "PolicySourceArn": f"{IAM}:user/dept/nemo",
    "AccessKeyId": "AKIA" + "A" * 16,
    "OpenIDConnectProviderArn": f"{IAM}:oidc-provider/nowhere.example",
    "Name": "No-Such-Document",
    "DocumentName": "No-Such-Document",
    "ResourceId": "No-Such-Document",
    "Target": "mi-0123456789abcdef0",
    "InstanceId": "mi-0123456789abcdef0",
    "SessionId": "nemo-0123456789abcdef0",
    "ActivationId": "01234567-89ab-cdef-0123-456789abcdef",
    "AccessRequestId": "oi-0123456789ab",
    "OpsItemId": "oi-0123456789ab",
    "AutomationExecutionId": "01234567-89ab-cdef-0123-456789abcdee",
    "InvitationId": "01234567-89ab-cdef-0123-456789abcded",
    "KeyId": "01234567-89ab-4def-8123-456789abcdec",
    "SourceKeyId": "01234567-89ab-4def-8123-456789abcdeb",
    "DestinationKeyId": "01234567-89ab-4def-8123-456789abcdea",
    "TargetKeyId": "01234567-89ab-4def-8123-456789abcde9",
    "AliasName": "alias/none",
    "GrantId": "0" * 64,
}
"""What nothing there is called."""


def things_of_kms(server: Server) -> dict[str, str]:
    kms = server.client("kms")
    key_id: str = kms.create_key(Policy=json.dumps(CLOSED), BypassPolicyLockoutSafetyCheck=True)["KeyMetadata"]["KeyId"]
    named: str = kms.create_key()["KeyMetadata"]["KeyId"]
    kms.create_alias(AliasName="alias/there", TargetKeyId=named)
    arn = server.client("iam").get_user()["User"]["Arn"]
    grant_id: str = kms.create_grant(KeyId=named, GranteePrincipal=arn, Operations=["Decrypt"])["GrantId"]
    return {
        "KeyId": named,
        "SourceKeyId": key_id,
        "DestinationKeyId": named,
        "TargetKeyId": key_id,
        "AliasName": "alias/there",
        "GrantId": grant_id,
    }


async def things(server: Server) -> dict[str, str]:
    """What is there, by the members that name it in requests. Paths are such that nobody guesses."""

    def make() -> tuple[str, str]:
        ssm, iam = server.client(), server.client("iam")
        iam.create_user(UserName="alice", Path="/dept/")
        iam.create_group(GroupName="staff", Path="/dept/")
        iam.create_role(RoleName="cook", Path="/dept/", AssumeRolePolicyDocument=json.dumps(TRUSTING))
        iam.create_policy(PolicyName="say", Path="/dept/", PolicyDocument=json.dumps(SAY))
        iam.create_open_id_connect_provider(Url="https://here.example", ThumbprintList=["0" * 40])
        document = {"schemaVersion": "1.0", "sessionType": "Standard_Stream", "parameters": {"a": {"type": "String"}}}
        ssm.create_document(Name="Kitchen", DocumentType="Session", Content=json.dumps(document))
        invitation = server.client("ferryman").create_invitation(UserName="alice")["Invitation"]["InvitationId"]
        return str(iam.create_access_key(UserName="alice")["AccessKey"]["AccessKeyId"]), str(invitation)

    access_key_id, invitation_id = await asyncio.to_thread(make)
    node = await server.register()
    await node.control()
    started = await server.start(node)
    registered = await server.store.nodes.get(node.node_id)
    assert registered is not None
    now = server.clock()
    request = AccessRequest(
        request_id=AccessRequestId("oi-aaaaaaaaaaaa"),
        execution_id="aaaaaaaa-89ab-cdef-0123-456789abcdef",
        status=AccessRequestStatus.PENDING,
        requester=Requester("AIDA", "AIDA", f"{IAM}:user/dept/alice", "alice"),
        reason="because",
        targets=(("InstanceIds", (node.node_id,)),),
        nodes=(node.node_id,),
        policy="policy",
        duration=3600,
        created_at=now,
        deadline_at=Millis(now + 3_600_000),
    )
    assert await server.store.access_requests.add(request, 20)
    return {
        "UserName": "alice",
        "GroupName": "staff",
        "RoleName": "cook",
        "RoleArn": f"{IAM}:role/dept/cook",
        "PolicyArn": f"{IAM}:policy/dept/say",
        "PolicySourceArn": f"{IAM}:user/dept/alice",
        "AccessKeyId": access_key_id,
        "OpenIDConnectProviderArn": f"{IAM}:oidc-provider/here.example",
        "Name": "Kitchen",
        "DocumentName": "Kitchen",
        "ResourceId": "Kitchen",
        "Target": node.node_id,
        "InstanceId": node.node_id,
        "SessionId": started["SessionId"],
        "ActivationId": registered.activation_id,
        "AccessRequestId": request.request_id,
        "OpsItemId": request.request_id,
        "AutomationExecutionId": request.execution_id,
        "InvitationId": invitation_id,
        **await asyncio.to_thread(things_of_kms, server),
    }


def refusal(client: Any, service: str, operation: str, named: Mapping[str, str]) -> str:
    """The error of a call that names things, without their names."""
    model = operation_model(service, operation)
    assert model is not None
    targets = {"Targets": [{"Key": "InstanceIds", "Values": [named["InstanceId"]]}]}
    shape = model.input_shape
    given = minimal(shape, named={**named, **targets}) if shape else {}
    try:
        getattr(client, xform_name(operation))(**(BESIDES.get((service, operation), {}) | given))
    except ClientError as error:
        text = str(error)
        for name in sorted(named.values(), key=len, reverse=True):
            text = text.replace(name, "NAME")
        return text
    return "allowed"


@pytest.mark.parametrize("policy", [None, DENY_ALL])
async def test_denial_does_not_reveal_what_exists(server: Server, policy: dict[str, Any] | None) -> None:
    """Every operation, on what exists and on what does not: a caller who may do nothing sees no difference."""
    there = await things(server)
    nobody = await create_user(server.service, "nobody")
    if policy is not None:
        await server.store.policies.put_inline(nobody.user_id, "p", json.dumps(policy))
    key = await create_access_key(server.service, "nobody")
    told: dict[str, tuple[str, str]] = {}
    for service in sorted({service for service, _ in ASKED}):
        client = server.client(service, key)
        for operation in [name for of, name in ASKED if of == service]:
            server.clock.advance(0.1)  # the denials of two calls, so that the caller is never paused for too many
            real, other = [
                await asyncio.to_thread(refusal, client, service, operation, named) for named in (there, OTHERS)
            ]
            if real != other or CODES.get(service, "AccessDenied") not in real:
                told[operation] = real, other
    assert told == {}
