"""Roles and temporary credentials through boto3: what IAM keeps, what STS issues, and what that signs."""

import asyncio
import json
from typing import Any

import pytest
from botocore.exceptions import ClientError

from ferryman.core.iam.operator import create_access_key, create_user
from ferryman.model.identity.callers import BuiltinRole
from ferryman.model.identity.credentials import Credentials
from ferryman.model.sessions import AccessType
from ferryman.model.values.secret import Secret
from tests.server.running import ACCOUNT, Server

OPERATOR = "arn:aws:iam::aws:policy/FerrymanOperator"
INLINE = '{"Statement": {"Effect": "Allow", "Action": "ssm:*", "Resource": "*"}}'
TRUST = {
    "Version": "2012-10-17",
    "Statement": {"Effect": "Allow", "Principal": {"AWS": ACCOUNT}, "Action": ["sts:AssumeRole", "sts:TagSession"]},
}


def credentials_of(answer: dict[str, Any]) -> Credentials:
    given = answer["Credentials"]
    return Credentials(given["AccessKeyId"], Secret(given["SecretAccessKey"]), Secret(given["SessionToken"]))


def refusal(call: Any, **parameters: Any) -> str:
    with pytest.raises(ClientError) as refused:
        call(**parameters)
    return str(refused.value.response["Error"]["Code"])


async def test_iam_keeps_roles_as_boto3_shows_them(server: Server) -> None:
    iam = await asyncio.to_thread(server.client, "iam")

    def walk() -> None:
        tags = [{"Key": "team", "Value": "red"}]
        given = {"Path": "/team/", "Description": "d", "MaxSessionDuration": 7200, "PermissionsBoundary": OPERATOR}
        document = json.dumps(TRUST)
        made = iam.create_role(RoleName="Ops", AssumeRolePolicyDocument=document, Tags=tags, **given)["Role"]
        role = iam.get_role(RoleName="Ops")["Role"]
        assert role == made
        assert role["AssumeRolePolicyDocument"] == TRUST
        assert role["Arn"] == f"arn:aws:iam::{ACCOUNT}:role/team/Ops"
        assert role["PermissionsBoundary"]["PermissionsBoundaryArn"] == OPERATOR
        assert (role["Tags"], role["MaxSessionDuration"]) == (tags, 7200)
        iam.update_role(RoleName="Ops", Description="", MaxSessionDuration=3600)
        assert iam.update_role_description(RoleName="Ops", Description="new")["Role"]["Description"] == "new"
        iam.delete_role_permissions_boundary(RoleName="Ops")
        iam.put_role_policy(RoleName="Ops", PolicyName="p", PolicyDocument=INLINE)
        assert iam.get_role_policy(RoleName="Ops", PolicyName="p")["PolicyDocument"]["Statement"]["Action"] == "ssm:*"
        assert iam.list_role_policies(RoleName="Ops")["PolicyNames"] == ["p"]
        iam.attach_role_policy(RoleName="Ops", PolicyArn=OPERATOR)
        attached = iam.list_attached_role_policies(RoleName="Ops")["AttachedPolicies"]
        assert attached == [{"PolicyName": "FerrymanOperator", "PolicyArn": OPERATOR}]
        iam.untag_role(RoleName="Ops", TagKeys=["team"])
        iam.tag_role(RoleName="Ops", Tags=[{"Key": "site", "Value": "one"}, {"Key": "empty", "Value": ""}])
        assert {tag["Key"]: tag["Value"] for tag in iam.list_role_tags(RoleName="Ops")["Tags"]} == {
            "site": "one",
            "empty": "",
        }
        twice = [{"Key": "a", "Value": "1"}, {"Key": "A", "Value": "2"}]
        assert refusal(iam.tag_role, RoleName="Ops", Tags=twice) == "InvalidInput"
        iam.create_role(RoleName="Another", AssumeRolePolicyDocument=document)
        pages = iam.get_paginator("list_roles").paginate(PaginationConfig={"PageSize": 1})
        assert [[role["RoleName"] for role in page["Roles"]] for page in pages] == [["Another"], ["Ops"]]
        assert refusal(iam.delete_role, RoleName="Ops") == "DeleteConflict"
        assert iam.list_instance_profiles_for_role(RoleName="Ops")["InstanceProfiles"] == []
        iam.detach_role_policy(RoleName="Ops", PolicyArn=OPERATOR)
        iam.delete_role_policy(RoleName="Ops", PolicyName="p")
        iam.update_assume_role_policy(RoleName="Ops", PolicyDocument=document)
        iam.delete_role(RoleName="Ops")
        assert refusal(iam.get_role, RoleName="Ops") == "NoSuchEntity"
        url = "https://id.example.com"
        arn = iam.create_open_id_connect_provider(Url=url, ClientIDList=["a"], Tags=tags)["OpenIDConnectProviderArn"]
        iam.add_client_id_to_open_id_connect_provider(OpenIDConnectProviderArn=arn, ClientID="b")
        provider = iam.get_open_id_connect_provider(OpenIDConnectProviderArn=arn)
        assert (provider["Url"], provider["ClientIDList"], provider["Tags"]) == ("id.example.com", ["a", "b"], tags)
        assert iam.list_open_id_connect_providers()["OpenIDConnectProviderList"] == [{"Arn": arn}]
        iam.delete_open_id_connect_provider(OpenIDConnectProviderArn=arn)

    await asyncio.to_thread(walk)


async def test_role_session_owns_the_sessions_it_starts(server: Server) -> None:
    await create_user(server.service, "alice", BuiltinRole.OPERATOR)
    key = await create_access_key(server.service, "alice")
    node = await server.register()
    control = await node.control()
    iam, sts = [await asyncio.to_thread(server.client, service) for service in ("iam", "sts")]

    def assume() -> dict[str, Any]:
        arn = iam.create_role(RoleName="Ops", AssumeRolePolicyDocument=json.dumps(TRUST))["Role"]["Arn"]
        iam.attach_role_policy(RoleName="Ops", PolicyArn=OPERATOR)
        tags = [{"Key": "team", "Value": "red"}]
        return dict(sts.assume_role(RoleArn=arn, RoleSessionName="alice", DurationSeconds=900, Tags=tags))

    assumed = await asyncio.to_thread(assume)
    assert 0 < assumed["PackedPolicySize"] < 10
    arn = f"arn:aws:sts::{ACCOUNT}:assumed-role/Ops/alice"
    assert assumed["AssumedRoleUser"]["Arn"] == arn
    session = credentials_of(assumed)
    theirs, hers = [await asyncio.to_thread(server.client, "ssm", each) for each in (session, key)]
    identity = (await asyncio.to_thread(server.client, "sts", session)).get_caller_identity
    answer = await asyncio.to_thread(identity)
    assert (answer["Arn"], answer["UserId"]) == (arn, assumed["AssumedRoleUser"]["AssumedRoleId"])
    ticket = await asyncio.to_thread(theirs.start_session, Target=node.node_id)
    assert ticket["SessionId"].startswith("alice-")
    (row,) = (await asyncio.to_thread(theirs.describe_sessions, State="Active"))["Sessions"]
    assert (row["Owner"], row["AccessType"]) == (arn, AccessType.STANDARD.value)
    same = {"SessionId": ticket["SessionId"]}
    assert await asyncio.to_thread(refusal, hers.terminate_session, **same) == "AccessDeniedException"
    await asyncio.to_thread(theirs.terminate_session, **same)
    server.clock.advance(900)
    assert await asyncio.to_thread(refusal, theirs.describe_sessions, State="Active") == "ExpiredTokenException"
    await control.close()


async def test_a_session_token_signs_for_its_user(server: Server) -> None:
    sts = await asyncio.to_thread(server.client, "sts")
    issued = credentials_of(await asyncio.to_thread(sts.get_session_token, DurationSeconds=900))
    again, ssm = [await asyncio.to_thread(server.client, each, issued) for each in ("sts", "ssm")]
    assert (await asyncio.to_thread(again.get_caller_identity))["Arn"].endswith(":user/root")
    await asyncio.to_thread(ssm.describe_sessions, State="Active")
    assert await asyncio.to_thread(refusal, again.get_session_token) == "AccessDenied"
    mfa = {"SerialNumber": f"arn:aws:iam::{ACCOUNT}:mfa/root", "TokenCode": "123456"}
    assert await asyncio.to_thread(refusal, sts.get_session_token, **mfa) == "AccessDenied"
    stolen = Credentials(issued.access_key_id, Secret("x" * 40), issued.session_token)
    other = await asyncio.to_thread(server.client, "sts", stolen)
    assert await asyncio.to_thread(refusal, other.get_caller_identity) == "SignatureDoesNotMatch"
