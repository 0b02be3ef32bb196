"""The calls of Terraform's provider for KMS, with the members that it sends, in its order.

Taken from the audit trail while Terraform 1.11.4 with version 5.100.0 of the provider applied, changed and destroyed
`tests/interop/keys.tf`.
"""

import json
from typing import Any

import pytest

from tests.server.callers.kms_calls import ARN, IAM, ROOT, Kms, allow, kms_of, new_key, person
from tests.server.running import Server


@pytest.fixture
def kms(server: Server) -> Kms:
    return kms_of(server)


async def read_key(kms: Kms, key_id: str) -> dict[str, Any]:
    """What `aws_kms_key` reads at every refresh."""
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
    spec = {"CustomerMasterKeySpec": "SYMMETRIC_DEFAULT", "KeyUsage": "ENCRYPT_DECRYPT"}
    tags = [{"TagKey": "team", "TagValue": "web"}]
    key_id = (await kms("create_key", **spec, Description="first", Tags=tags))["KeyMetadata"]["KeyId"]
    await kms("enable_key_rotation", KeyId=key_id, RotationPeriodInDays=90)
    row = await read_key(kms, key_id)
    assert (row["rotated"], row["days"], row["tags"]) == (True, 90, tags)
    assert (row["KeySpec"], row["KeyUsage"], row["MultiRegion"], row["Description"]) == (
        "SYMMETRIC_DEFAULT",
        "ENCRYPT_DECRYPT",
        False,
        "first",
    )
    changed = [{"TagKey": "team", "TagValue": "db"}]
    await kms("tag_resource", KeyId=key_id, Tags=changed)
    await kms("disable_key_rotation", KeyId=key_id)
    await kms("update_key_description", KeyId=key_id, Description="second")
    await kms("disable_key", KeyId=key_id)
    row = await read_key(kms, key_id)
    assert (row["Description"], row["rotated"], row["days"]) == ("second", False, None)
    assert (row["Enabled"], row["tags"]) == (False, changed)
    await kms("schedule_key_deletion", KeyId=key_id)
    assert (await kms("describe_key", KeyId=key_id))["KeyMetadata"]["KeyState"] == "PendingDeletion"


async def test_the_calls_of_terraform_for_a_key_with_a_policy_work(kms: Kms) -> None:
    policy = {"Version": "2012-10-17", "Statement": [allow("kms:*", Principal=ROOT, Sid="Account")]}
    made = await kms(
        "create_key",
        CustomerMasterKeySpec="SYMMETRIC_DEFAULT",
        KeyUsage="ENCRYPT_DECRYPT",
        Policy=json.dumps(policy),
    )
    key_id = made["KeyMetadata"]["KeyId"]
    assert (await read_key(kms, key_id))["policy"] == policy
    changed = policy | {"Id": "changed"}
    await kms("put_key_policy", KeyId=key_id, PolicyName="default", Policy=json.dumps(changed))
    assert (await read_key(kms, key_id))["policy"] == changed


async def test_the_calls_of_terraform_for_an_alias_work(kms: Kms) -> None:
    key_id, other = await new_key(kms), await new_key(kms)
    await kms("create_alias", AliasName="alias/web", TargetKeyId=f"{ARN}:key/{key_id}")
    (alias,) = (await kms("list_aliases"))["Aliases"]
    assert (alias["AliasName"], alias["AliasArn"], alias["TargetKeyId"]) == ("alias/web", f"{ARN}:alias/web", key_id)
    await kms("update_alias", AliasName="alias/web", TargetKeyId=f"{ARN}:key/{other}")
    assert [each["TargetKeyId"] for each in (await kms("list_aliases"))["Aliases"]] == [other]
    await kms("delete_alias", AliasName="alias/web")
    assert (await kms("list_aliases"))["Aliases"] == []


@pytest.mark.parametrize("used", ["EncryptionContextEquals", "EncryptionContextSubset"])
async def test_the_calls_of_terraform_for_a_grant_work(server: Server, kms: Kms, used: str) -> None:
    key_id = await new_key(kms)
    await person(server, "alice")
    both: dict[str, dict[str, str]] = {"EncryptionContextEquals": {}, "EncryptionContextSubset": {}}
    asked: dict[str, Any] = {
        "GranteePrincipal": f"{IAM}:user/alice",
        "KeyId": key_id,
        "Operations": ["Encrypt", "Decrypt"],
        "Constraints": both | {used: {"team": "web"}},
    }
    grant_id = (await kms("create_grant", **asked))["GrantId"]
    (grant,) = (await kms("list_grants", KeyId=key_id, Limit=100))["Grants"]
    assert (grant["GrantId"], sorted(grant["Operations"])) == (grant_id, ["Decrypt", "Encrypt"])
    assert grant["Constraints"] == {used: {"team": "web"}}
    await kms("revoke_grant", GrantId=grant_id, KeyId=key_id)
    assert (await kms("list_grants", KeyId=key_id, Limit=100))["Grants"] == []


async def test_the_calls_of_terraform_for_a_grant_that_is_retired_work(server: Server, kms: Kms) -> None:
    arn = f"{ARN}:key/{await new_key(kms)}"
    await person(server, "alice")
    alice = f"{IAM}:user/alice"
    operations = ["DescribeKey", "RetireGrant"]
    made = await kms("create_grant", GranteePrincipal=alice, KeyId=arn, Operations=operations, RetiringPrincipal=alice)
    (grant,) = (await kms("list_grants", KeyId=arn, Limit=100))["Grants"]
    assert (grant["RetiringPrincipal"], grant["Operations"]) == (alice, operations[::-1])
    await kms("retire_grant", GrantId=made["GrantId"], KeyId=arn)
    assert (await kms("list_grants", KeyId=arn, Limit=100))["Grants"] == []
