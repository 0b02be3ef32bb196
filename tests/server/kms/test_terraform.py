"""The calls of Terraform's provider for KMS, with the members that it sends, in its order."""

import json
from typing import Any

import pytest

from tests.server.callers.kms_calls import ARN, IAM, ROOT, Kms, allow, kms_of, person, refused
from tests.server.running import Server


@pytest.fixture
def kms(server: Server) -> Kms:
    return kms_of(server)


async def read_key(kms: Kms, key_id: str) -> dict[str, Any]:
    """What `aws_kms_key` reads after every change."""
    metadata: dict[str, Any] = (await kms("describe_key", KeyId=key_id))["KeyMetadata"]
    policy = (await kms("get_key_policy", KeyId=key_id, PolicyName="default"))["Policy"]
    rotation = await kms("get_key_rotation_status", KeyId=key_id)
    tags = await kms("list_resource_tags", KeyId=key_id)
    assert tags["Truncated"] is False
    return metadata | {
        "policy": json.loads(policy),
        "rotated": rotation["KeyRotationEnabled"],
        "days": rotation.get("RotationPeriodInDays"),
        "tags": tags["Tags"],
    }


async def test_the_calls_of_terraform_for_a_key_work(kms: Kms) -> None:
    policy = {"Version": "2012-10-17", "Statement": [allow("kms:*", Principal=ROOT, Sid="Enable IAM User Permissions")]}
    tags = [{"TagKey": "team", "TagValue": "web"}]
    made = await kms(
        "create_key",
        BypassPolicyLockoutSafetyCheck=False,
        CustomerMasterKeySpec="SYMMETRIC_DEFAULT",
        KeyUsage="ENCRYPT_DECRYPT",
        Description="first",
        Policy=json.dumps(policy),
        Tags=tags,
    )
    key_id = made["KeyMetadata"]["KeyId"]
    await kms("enable_key_rotation", KeyId=key_id, RotationPeriodInDays=90)
    row = await read_key(kms, key_id)
    assert (row["policy"], row["rotated"], row["days"], row["tags"]) == (policy, True, 90, tags)
    assert (row["KeySpec"], row["KeyUsage"], row["MultiRegion"], row["Description"]) == (
        "SYMMETRIC_DEFAULT",
        "ENCRYPT_DECRYPT",
        False,
        "first",
    )
    await kms("update_key_description", KeyId=key_id, Description="second")
    changed = json.dumps(policy | {"Id": "changed"})
    await kms(
        "put_key_policy", KeyId=key_id, PolicyName="default", Policy=changed, BypassPolicyLockoutSafetyCheck=False
    )
    await kms("disable_key_rotation", KeyId=key_id)
    await kms("untag_resource", KeyId=key_id, TagKeys=["team"])
    await kms("tag_resource", KeyId=key_id, Tags=[{"TagKey": "role", "TagValue": "db"}])
    await kms("disable_key", KeyId=key_id)
    row = await read_key(kms, key_id)
    assert (row["Description"], row["policy"]["Id"], row["rotated"], row["days"]) == ("second", "changed", False, None)
    assert (row["Enabled"], row["tags"]) == (False, [{"TagKey": "role", "TagValue": "db"}])
    await kms("schedule_key_deletion", KeyId=key_id, PendingWindowInDays=7)
    assert (await kms("describe_key", KeyId=key_id))["KeyMetadata"]["KeyState"] == "PendingDeletion"


async def test_the_calls_of_terraform_for_an_alias_and_a_grant_work(server: Server, kms: Kms) -> None:
    key_id = (await kms("create_key"))["KeyMetadata"]["KeyId"]
    await kms("create_alias", AliasName="alias/web", TargetKeyId=key_id)
    (alias,) = (await kms("list_aliases"))["Aliases"]
    assert (alias["AliasName"], alias["AliasArn"], alias["TargetKeyId"]) == ("alias/web", f"{ARN}:alias/web", key_id)
    await kms("update_alias", AliasName="alias/web", TargetKeyId=key_id)
    await person(server, "alice")
    grant_id = (
        await kms(
            "create_grant",
            GranteePrincipal=f"{IAM}:user/alice",
            KeyId=key_id,
            Operations=["Encrypt", "Decrypt"],
            Constraints={"EncryptionContextEquals": {"team": "web"}},
        )
    )["GrantId"]
    (grant,) = (await kms("list_grants", KeyId=key_id, Limit=100))["Grants"]
    assert (grant["GrantId"], sorted(grant["Operations"])) == (grant_id, ["Decrypt", "Encrypt"])
    assert grant["Constraints"] == {"EncryptionContextEquals": {"team": "web"}}
    await kms("revoke_grant", GrantId=grant_id, KeyId=key_id)
    assert (await kms("list_grants", KeyId=key_id, Limit=100))["Grants"] == []
    await kms("delete_alias", AliasName="alias/web")
    assert (await kms("list_aliases"))["Aliases"] == []
    assert (await refused(kms, "delete_alias", AliasName="alias/web"))[0] == "NotFoundException"
