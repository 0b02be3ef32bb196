"""Grants on keys, as botocore's clients see them."""

import json
from typing import Any

import pytest

from ferryman.core.iam.operator import create_access_key, create_user
from ferryman.core.kms import access, grants
from ferryman.model.identity.credentials import Credentials
from ferryman.model.values.secret import Secret
from ferryman.policy.evaluation import NamedPolicy
from tests.server.callers.kms_calls import IAM, Kms, allow, kms_of, new_key, person, refused
from tests.server.running import Server


@pytest.fixture
def kms(server: Server) -> Kms:
    return kms_of(server)


async def test_a_grant_allows_its_operations_with_its_context(server: Server, kms: Kms) -> None:
    key_id = await new_key(kms)
    alice = await person(server, "alice")
    asked: dict[str, Any] = {
        "KeyId": key_id,
        "GranteePrincipal": f"{IAM}:user/alice",
        "Operations": ["Encrypt", "DescribeKey"],
        "Constraints": {"EncryptionContextSubset": {"dept": "a"}},
        "Name": "n",
    }
    granted = await kms("create_grant", **asked)
    assert (await kms("create_grant", **asked))["GrantId"] == granted["GrantId"]
    inside = {"KeyId": key_id, "Plaintext": b"x", "EncryptionContext": {"dept": "a", "more": ""}}
    blob = (await kms("encrypt", alice, **inside, GrantTokens=[granted["GrantToken"]]))["CiphertextBlob"]
    await kms("describe_key", alice, KeyId=key_id)
    for operation, members in (
        ("encrypt", inside | {"EncryptionContext": {"dept": "b"}}),
        ("decrypt", {"CiphertextBlob": blob, "EncryptionContext": inside["EncryptionContext"]}),
        ("get_key_policy", {"KeyId": key_id}),
    ):
        assert (await refused(kms, operation, alice, **members))[0] == "AccessDeniedException", operation
    [listed] = (await kms("list_grants", KeyId=key_id))["Grants"]
    assert (listed["GranteePrincipal"], listed["Operations"]) == (f"{IAM}:user/alice", ["Encrypt", "DescribeKey"])
    assert listed["Constraints"] == {"EncryptionContextSubset": {"dept": "a"}}
    assert (await kms("list_grants", KeyId=key_id, GranteePrincipal=f"{IAM}:user/root"))["Grants"] == []
    assert (await kms("list_grants", KeyId=key_id, GrantId=granted["GrantId"]))["Grants"] == [listed]
    await kms("revoke_grant", KeyId=key_id, GrantId=granted["GrantId"])
    assert (await refused(kms, "encrypt", alice, **inside))[0] == "AccessDeniedException"
    assert (await refused(kms, "revoke_grant", KeyId=key_id, GrantId=granted["GrantId"]))[0] == "NotFoundException"


async def test_an_equal_context_is_all_of_it_and_a_deny_wins(server: Server, kms: Kms) -> None:
    key_id = await new_key(kms)
    alice = await person(server, "alice")
    bob = await person(server, "bob", {"Effect": "Deny", "Action": "kms:Encrypt", "Resource": "*"})
    for name in ("alice", "bob"):
        constraint = {"EncryptionContextEquals": {"dept": "a"}}
        grantee = f"{IAM}:user/{name}"
        await kms(
            "create_grant", KeyId=key_id, GranteePrincipal=grantee, Operations=["Encrypt"], Constraints=constraint
        )
    asked = {"KeyId": key_id, "Plaintext": b"x"}
    await kms("encrypt", alice, **asked, EncryptionContext={"dept": "a"})
    more = {"dept": "a", "more": ""}
    assert (await refused(kms, "encrypt", alice, **asked, EncryptionContext=more))[0] == "AccessDeniedException"
    equal = {"dept": "a"}
    assert (await refused(kms, "encrypt", bob, **asked, EncryptionContext=equal))[0] == "AccessDeniedException"


async def test_a_later_user_of_the_name_has_no_grant(server: Server, kms: Kms) -> None:
    key_id = await new_key(kms)
    await create_user(server.service, "alice")
    await kms("create_grant", KeyId=key_id, GranteePrincipal=f"{IAM}:user/alice", Operations=["Encrypt"])
    first = server.client("kms", await create_access_key(server.service, "alice"))
    await kms("encrypt", first, KeyId=key_id, Plaintext=b"x")
    user = await server.store.identities.user_named("alice")
    assert user is not None
    await server.store.identities.remove_user(user.user_id)
    second = await person(server, "alice")
    assert (await refused(kms, "encrypt", second, KeyId=key_id, Plaintext=b"x"))[0] == "AccessDeniedException"


async def test_grants_are_retired_by_whom_they_say(server: Server, kms: Kms) -> None:
    key_id = await new_key(kms)
    retiring, grantee = await person(server, "retiring"), await person(server, "grantee")
    stranger = await person(server, "stranger")

    async def granted(*operations: str) -> Any:
        return await kms(
            "create_grant",
            KeyId=key_id,
            GranteePrincipal=f"{IAM}:user/grantee",
            RetiringPrincipal=f"{IAM}:user/retiring",
            Operations=["Encrypt", *operations],
        )

    one, two = await granted(), await granted("RetireGrant")
    by_id = {"KeyId": key_id, "GrantId": one["GrantId"]}
    assert (await refused(kms, "retire_grant", stranger, **by_id))[0] == "AccessDeniedException"
    assert (await refused(kms, "retire_grant", stranger, GrantToken=one["GrantToken"]))[0] == "AccessDeniedException"
    assert (await refused(kms, "retire_grant", grantee, **by_id))[0] == "AccessDeniedException"
    assert (await refused(kms, "retire_grant", retiring, **by_id, DryRun=True))[0] == "DryRunOperationException"
    await kms("retire_grant", retiring, **by_id)
    await kms("retire_grant", grantee, GrantToken=two["GrantToken"])
    assert (await kms("list_grants", KeyId=key_id))["Grants"] == []
    assert (await refused(kms, "retire_grant", retiring, GrantToken=one["GrantToken"]))[0] == "NotFoundException"
    assert (await refused(kms, "retire_grant", retiring, GrantToken="forged"))[0] == "InvalidGrantTokenException"
    assert (await refused(kms, "retire_grant"))[0] == "ValidationException"
    other = await new_key(kms)
    three = await granted()
    await kms("create_alias", AliasName="alias/other", TargetKeyId=other)
    for name in (other, "alias/other", "alias/none"):
        wrong = {"KeyId": name, "GrantId": three["GrantId"]}
        assert (await refused(kms, "retire_grant", **wrong))[0] == "NotFoundException"
        # Nobody learns by a grant on one key that another exists.
        assert (await refused(kms, "retire_grant", retiring, **wrong))[0] == "AccessDeniedException"


async def test_a_grantee_hands_on_no_more_than_it_has(server: Server, kms: Kms) -> None:
    key_id = await new_key(kms)
    alice, bob = await person(server, "alice"), await person(server, "bob")
    await kms(
        "create_grant",
        KeyId=key_id,
        GranteePrincipal=f"{IAM}:user/alice",
        Operations=["Encrypt", "CreateGrant"],
        Constraints={"EncryptionContextSubset": {"dept": "a"}},
    )
    to_bob: dict[str, Any] = {"KeyId": key_id, "GranteePrincipal": f"{IAM}:user/bob"}
    narrow: dict[str, Any] = {"Constraints": {"EncryptionContextEquals": {"dept": "a", "x": "y"}}}
    for members in (
        {"Operations": ["Decrypt"], **narrow},
        {"Operations": ["Encrypt"]},
        {"Operations": ["Encrypt"], "Constraints": {"EncryptionContextSubset": {"x": "y"}}},
    ):
        assert (await refused(kms, "create_grant", alice, **to_bob, **members))[0] == "AccessDeniedException", members
    await kms("create_grant", alice, **to_bob, Operations=["Encrypt"], **narrow)
    await kms("encrypt", bob, KeyId=key_id, Plaintext=b"x", EncryptionContext={"dept": "a", "x": "y"})


async def test_an_empty_constraint_is_not_one_before_policies(server: Server, kms: Kms) -> None:
    key_id = await new_key(kms)
    only_subset = {"StringEquals": {"kms:GrantConstraintType": "EncryptionContextSubset"}}
    alice = await person(server, "alice", allow("kms:CreateGrant", Condition=only_subset))
    asked = {"KeyId": key_id, "GranteePrincipal": f"{IAM}:user/alice", "Operations": ["Decrypt"]}
    constraints: dict[str, Any] = {"Constraints": {"EncryptionContextSubset": {}}}
    assert (await refused(kms, "create_grant", alice, **asked, **constraints))[0] == "AccessDeniedException"
    await kms("create_grant", alice, **asked, Constraints={"EncryptionContextSubset": {"a": "b"}})


async def test_many_grants_of_no_use_cost_one_decision(
    server: Server, kms: Kms, monkeypatch: pytest.MonkeyPatch
) -> None:
    key_id, iam, sts = await new_key(kms), server.client("iam"), server.client("sts")
    trusted = {"Effect": "Allow", "Action": "sts:AssumeRole", "Principal": {"AWS": f"{IAM}:user/root"}}
    trust = json.dumps({"Statement": [trusted]})
    await kms("create_role", iam, RoleName="granted", AssumeRolePolicyDocument=trust)
    role = f"{IAM}:role/granted"
    for name in ("a", "b", "c"):
        await kms("create_grant", KeyId=key_id, GranteePrincipal=role, Operations=["Encrypt"], Name=name)
    narrow = json.dumps({"Version": "2012-10-17", "Statement": [allow("ssm:*")]})
    assumed = await kms("assume_role", sts, RoleArn=role, RoleSessionName="narrow", Policy=narrow)
    given = assumed["Credentials"]
    credentials = Credentials(given["AccessKeyId"], Secret(given["SecretAccessKey"]), Secret(given["SessionToken"]))
    decided: list[str] = []

    def as_policy(principal: str, action: str) -> NamedPolicy:
        decided.append(principal)
        return original(principal, action)

    original = access._as_policy
    monkeypatch.setattr(access, "_as_policy", as_policy)
    client = server.client("kms", credentials)
    assert (await refused(kms, "encrypt", client, KeyId=key_id, Plaintext=b"x"))[0] == "AccessDeniedException"
    assert decided == [role]


async def test_what_grants_cannot_be(kms: Kms, monkeypatch: pytest.MonkeyPatch) -> None:
    key_id = await new_key(kms)
    root = f"{IAM}:user/root"
    for members, code in (
        ({"GranteePrincipal": root, "Operations": []}, "ValidationException"),
        ({"GranteePrincipal": root, "Operations": ["Sign"]}, "ValidationException"),
        ({"GranteePrincipal": f"{IAM}:user/nemo", "Operations": ["Encrypt"]}, "InvalidArnException"),
        ({"GranteePrincipal": f"{IAM}:root", "Operations": ["Encrypt"]}, "InvalidArnException"),
        ({"GranteePrincipal": "root", "Operations": ["Encrypt"]}, "InvalidArnException"),
        ({"GranteeServicePrincipal": "a.b.c", "Operations": ["Encrypt"]}, "ValidationException"),
        ({"GranteePrincipal": root, "RetiringPrincipal": "x", "Operations": ["Encrypt"]}, "InvalidArnException"),
        (
            {
                "GranteePrincipal": root,
                "Operations": ["Encrypt"],
                "Constraints": {"EncryptionContextSubset": {"k": "v" * 400}},
            },
            "ValidationException",
        ),
    ):
        assert (await refused(kms, "create_grant", KeyId=key_id, **members))[0] == code, members
    monkeypatch.setattr(grants, "GRANTS_A_KEY", 1)
    await kms("create_grant", KeyId=key_id, GranteePrincipal=root, Operations=["Encrypt"])
    asked = {"KeyId": key_id, "GranteePrincipal": root, "Operations": ["Encrypt"]}
    assert (await refused(kms, "create_grant", **asked))[0] == "LimitExceededException"
