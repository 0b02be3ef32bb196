"""Keys in their states, aliases, policies, rotation and tags, as botocore's clients see them."""

import json
from dataclasses import replace
from typing import Any

import pytest

from ferryman.core.kms.access import default_policy
from ferryman.core.kms.keys import aliases
from ferryman.core.kms.keys.aliases import ALIASES_A_KEY
from ferryman.core.kms.keys.sweep import sweep_keys
from ferryman.model.identifiers import Millis
from ferryman.model.kms import FoundKey, KeyState, KmsKey
from tests.server.callers.kms_calls import ARN, IAM, ROOT, Kms, allow, kms_of, new_key, person, refused
from tests.server.running import Server

DAY = 86_400


@pytest.fixture
def kms(server: Server) -> Kms:
    return kms_of(server)


async def sweep_after(server: Server, days: int) -> None:
    """Do what is due in so many days; signatures are of today."""
    server.clock.advance(days * DAY + 1)
    await sweep_keys(server.service)  # or the server's own was faster
    server.clock.advance(-days * DAY - 1)


async def test_only_symmetric_keys_are_created(kms: Kms) -> None:
    for members in (
        {"KeySpec": "RSA_2048", "KeyUsage": "SIGN_VERIFY"},
        {"CustomerMasterKeySpec": "ECC_NIST_P256"},
        {"KeyUsage": "GENERATE_VERIFY_MAC"},
        {"Origin": "EXTERNAL"},
        {"CustomKeyStoreId": "cks-1"},
        {"MultiRegion": True},
    ):
        code, message = await refused(kms, "create_key", **members)
        assert (code, " must be " in message) == ("UnsupportedOperationException", True), members
    assert (await kms("list_keys"))["Keys"] == []


async def test_a_disabled_key_neither_encrypts_nor_decrypts(kms: Kms) -> None:
    key_id = await new_key(kms)
    blob = (await kms("encrypt", KeyId=key_id, Plaintext=b"x"))["CiphertextBlob"]
    await kms("disable_key", KeyId=key_id)
    assert (await kms("describe_key", KeyId=key_id))["KeyMetadata"]["KeyState"] == "Disabled"
    for operation, members in (
        ("encrypt", {"KeyId": key_id, "Plaintext": b"x"}),
        ("generate_data_key", {"KeyId": key_id, "KeySpec": "AES_256"}),
        ("decrypt", {"CiphertextBlob": blob}),
        ("re_encrypt", {"CiphertextBlob": blob, "DestinationKeyId": key_id}),
        ("enable_key_rotation", {"KeyId": key_id}),
        ("create_grant", {"KeyId": key_id, "GranteePrincipal": f"{IAM}:user/root", "Operations": ["Decrypt"]}),
    ):
        assert await refused(kms, operation, **members) == ("DisabledException", f"{ARN}:key/{key_id} is disabled.")
    await kms("enable_key", KeyId=key_id)
    assert (await kms("decrypt", CiphertextBlob=blob))["Plaintext"] == b"x"


async def test_a_key_is_deleted_after_its_waiting_time(server: Server, kms: Kms) -> None:
    key_id = await new_key(kms, Tags=[{"TagKey": "team", "TagValue": "ops"}])
    blob = (await kms("encrypt", KeyId=key_id, Plaintext=b"x"))["CiphertextBlob"]
    await kms("create_alias", AliasName="alias/doomed", TargetKeyId=key_id)
    for days in (6, 31):
        asked: dict[str, Any] = {"KeyId": key_id, "PendingWindowInDays": days}
        assert (await refused(kms, "schedule_key_deletion", **asked))[0] == "ValidationException"
    answer = await kms("schedule_key_deletion", KeyId="alias/doomed", PendingWindowInDays=7)
    assert (answer["KeyId"], answer["KeyState"], answer["PendingWindowInDays"]) == (
        f"{ARN}:key/{key_id}",
        "PendingDeletion",
        7,
    )
    pending = ("KMSInvalidStateException", f"{ARN}:key/{key_id} is pending deletion.")
    for operation, members in (
        ("decrypt", {"CiphertextBlob": blob}),
        ("enable_key", {"KeyId": key_id}),
        ("disable_key", {"KeyId": key_id}),
        ("schedule_key_deletion", {"KeyId": key_id}),
        ("update_key_description", {"KeyId": key_id, "Description": "d"}),
        ("create_alias", {"AliasName": "alias/b", "TargetKeyId": key_id}),
        ("tag_resource", {"KeyId": key_id, "Tags": [{"TagKey": "a", "TagValue": "b"}]}),
        ("untag_resource", {"KeyId": key_id, "TagKeys": ["team"]}),
        ("rotate_key_on_demand", {"KeyId": key_id}),
        ("get_key_rotation_status", {"KeyId": key_id}),
    ):
        assert await refused(kms, operation, **members) == pending, operation
    assert (await kms("cancel_key_deletion", KeyId=key_id))["KeyId"] == f"{ARN}:key/{key_id}"
    assert (await refused(kms, "cancel_key_deletion", KeyId=key_id))[0] == "KMSInvalidStateException"
    found = (await kms("describe_key", KeyId=key_id))["KeyMetadata"]
    assert (found["KeyState"], "DeletionDate" in found) == ("Disabled", False)
    await kms("schedule_key_deletion", KeyId=key_id, PendingWindowInDays=8)
    assert await sweep_keys(server.service) == 0
    await sweep_after(server, 8)
    assert (await refused(kms, "decrypt", CiphertextBlob=blob))[0] == "NotFoundException"
    assert (await refused(kms, "describe_key", KeyId="alias/doomed"))[0] == "NotFoundException"
    assert (await kms("list_keys"))["Keys"] == []


async def test_keys_are_named_as_aws_names_them(kms: Kms) -> None:
    key_id = await new_key(kms)
    await kms("create_alias", AliasName="alias/a/b_c-d", TargetKeyId=f"{ARN}:key/{key_id}")
    for name in (key_id, f"{ARN}:key/{key_id}", "alias/a/b_c-d", f"{ARN}:alias/a/b_c-d"):
        assert (await kms("describe_key", KeyId=name))["KeyMetadata"]["KeyId"] == key_id, name
    for name in (
        "nonsense",
        key_id.upper(),
        f"{ARN}:{key_id}",
        f"{ARN.replace('test-1', 'eu-central-1')}:key/{key_id}",
        f"arn:aws:kms:test-1:210987654321:key/{key_id}",
        "alias/other",
        "arn:",
        "key/" + key_id,
    ):
        assert (await refused(kms, "describe_key", KeyId=name))[0] == "NotFoundException", name


async def test_aliases_are_created_moved_listed_and_deleted(kms: Kms) -> None:
    one, two = await new_key(kms), await new_key(kms)
    for name in ("b", "a", "c"):
        await kms("create_alias", AliasName=f"alias/{name}", TargetKeyId=one)
    await kms("update_alias", AliasName="alias/c", TargetKeyId=two)
    first = await kms("list_aliases", Limit=2)
    assert [each["AliasName"] for each in first["Aliases"]] == ["alias/a", "alias/b"]
    assert first["Truncated"] is True
    rest = await kms("list_aliases", Limit=2, Marker=first["NextMarker"])
    assert ([each["TargetKeyId"] for each in rest["Aliases"]], rest["Truncated"]) == ([two], False)
    assert rest["Aliases"][0]["AliasArn"] == f"{ARN}:alias/c"
    assert len((await kms("list_aliases", KeyId=one))["Aliases"]) == 2
    marked = {"KeyId": one, "Marker": first["NextMarker"]}
    assert (await refused(kms, "list_aliases", **marked))[0] == "InvalidMarkerException"
    for name, code in (
        ("alias/a", "AlreadyExistsException"),
        ("alias/aws/ssm", "NotAuthorizedException"),
        ("a", "InvalidAliasNameException"),
        ("alias/", "InvalidAliasNameException"),
        ("alias/a:b", "InvalidAliasNameException"),
    ):
        assert (await refused(kms, "create_alias", AliasName=name, TargetKeyId=one))[0] == code, name
    assert (await refused(kms, "create_alias", AliasName="alias/d", TargetKeyId="alias/a"))[0] == "ValidationException"
    assert (await refused(kms, "update_alias", AliasName="alias/d", TargetKeyId=one))[0] == "NotFoundException"
    assert (await refused(kms, "delete_alias", AliasName="alias/aws/ssm"))[0] == "NotAuthorizedException"
    await kms("delete_alias", AliasName="alias/a")
    assert (await refused(kms, "delete_alias", AliasName="alias/a"))[0] == "NotFoundException"


async def test_a_key_has_so_many_aliases(kms: Kms, monkeypatch: pytest.MonkeyPatch) -> None:
    assert ALIASES_A_KEY == 50
    monkeypatch.setattr(aliases, "ALIASES_A_KEY", 2)
    key_id, other = await new_key(kms), await new_key(kms)
    for name in ("a", "b"):
        await kms("create_alias", AliasName=f"alias/{name}", TargetKeyId=key_id)
    await kms("create_alias", AliasName="alias/c", TargetKeyId=other)
    for operation, name in (("create_alias", "alias/d"), ("update_alias", "alias/c")):
        assert (await refused(kms, operation, AliasName=name, TargetKeyId=key_id))[0] == "LimitExceededException"


async def test_an_alias_needs_permission_for_the_alias_and_the_key(server: Server, kms: Kms) -> None:
    key_id = await new_key(kms)
    alias_only = await person(server, "a", allow("kms:CreateAlias") | {"Resource": f"{ARN}:alias/*"})
    key_only = await person(server, "k", allow("kms:CreateAlias") | {"Resource": f"{ARN}:key/*"})
    both = await person(server, "b", allow("kms:CreateAlias") | {"Resource": [f"{ARN}:key/*", f"{ARN}:alias/b*"]})
    asked = {"AliasName": "alias/b1", "TargetKeyId": key_id}
    for client, lacking in ((alias_only, f"key/{key_id}"), (key_only, "alias/b1")):
        code, message = await refused(kms, "create_alias", client, **asked)
        assert (code, f"on resource: {ARN}:{lacking} " in message) == ("AccessDeniedException", True)
    await kms("create_alias", both, **asked)


async def test_an_alias_that_moved_meanwhile_is_not_changed(
    server: Server, kms: Kms, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The caller was allowed to take it from the key that it named, not from the one that it names now."""
    one, two, three = [await new_key(kms) for _ in range(3)]
    store = server.store.kms_aliases
    for operation, method, members in (
        ("update_alias", "move", {"TargetKeyId": three}),
        ("delete_alias", "remove", {}),
    ):
        name = f"alias/{method}"
        await kms("create_alias", AliasName=name, TargetKeyId=one)
        original, move = getattr(store, method), store.move

        async def later(*arguments: Any, name: str = name, original: Any = original, move: Any = move) -> Any:
            await move(name, one, two, Millis(1), 50)
            return await original(*arguments)

        monkeypatch.setattr(store, method, later)
        assert (await refused(kms, operation, AliasName=name, **members))[0] == "KMSInternalException"
        monkeypatch.setattr(store, method, original)
        found = await store.get(name)
        assert found is not None
        assert found.key_id == two


async def test_a_caller_who_is_locked_out_meanwhile_changes_nothing(
    server: Server, kms: Kms, monkeypatch: pytest.MonkeyPatch
) -> None:
    mallory = await person(server, "mallory", allow("kms:*"))
    key_id = await new_key(kms)
    locked = json.dumps({"Statement": [allow("kms:*", Principal={"AWS": f"{IAM}:user/root"})]})
    original = server.store.kms_keys.change

    async def later(key: KmsKey, to: KmsKey) -> bool:
        monkeypatch.setattr(server.store.kms_keys, "change", original)
        assert await original(key, replace(key, policy=locked))
        return await original(key, to)

    for operation, members in (
        ("put_key_policy", {"Policy": json.dumps({"Statement": [allow("kms:*", Principal=ROOT)]})}),
        ("schedule_key_deletion", {}),
    ):
        await kms("put_key_policy", KeyId=key_id, Policy=default_policy(server.service.settings.account_id))
        monkeypatch.setattr(server.store.kms_keys, "change", later)
        assert (await refused(kms, operation, mallory, KeyId=key_id, **members))[0] == "AccessDeniedException"
        found = await server.store.kms_keys.find(key_id)
        assert found is not None
        assert (found.key.policy, found.key.state) == (locked, KeyState.ENABLED)


async def test_a_policy_that_locks_the_caller_out_is_refused(kms: Kms) -> None:
    key_id = await new_key(kms)
    before = (await kms("get_key_policy", KeyId=key_id, PolicyName="default"))["Policy"]
    assert json.loads(before)["Statement"][0]["Principal"] == ROOT
    assert (await kms("list_key_policies", KeyId=key_id))["PolicyNames"] == ["default"]
    shut = json.dumps({"Statement": [allow("kms:Encrypt", Principal=ROOT)]})
    unknown = json.dumps({"Statement": [allow("kms:*", Principal={"AWS": f"{IAM}:user/nemo"})]})
    for policy in (shut, unknown, "{}", '{"Statement": 1}'):
        code, _ = await refused(kms, "put_key_policy", KeyId=key_id, Policy=policy)
        assert code == "MalformedPolicyDocumentException", policy
        assert (await refused(kms, "create_key", Policy=policy))[0] == "MalformedPolicyDocumentException"
    long = json.dumps({"Statement": [allow(*(f"kms:A{number}" for number in range(4000)), Principal=ROOT)]})
    assert (await refused(kms, "put_key_policy", KeyId=key_id, Policy=long))[0] == "LimitExceededException"
    named = {"KeyId": key_id, "Policy": before, "PolicyName": "other"}
    assert (await refused(kms, "put_key_policy", **named))[0] == "NotFoundException"
    assert (await kms("get_key_policy", KeyId=key_id))["Policy"] == before
    await kms("put_key_policy", KeyId=key_id, Policy=shut, BypassPolicyLockoutSafetyCheck=True)
    assert (await kms("encrypt", KeyId=key_id, Plaintext=b"x"))["CiphertextBlob"]
    assert (await refused(kms, "put_key_policy", KeyId=key_id, Policy=before))[0] == "AccessDeniedException"


async def test_a_rotated_key_decrypts_what_it_encrypted_before(server: Server, kms: Kms) -> None:
    key_id = await new_key(kms)
    old = await kms("generate_data_key", KeyId=key_id, NumberOfBytes=32)
    assert (await kms("rotate_key_on_demand", KeyId=key_id))["KeyId"] == f"{ARN}:key/{key_id}"
    new = await kms("generate_data_key", KeyId=key_id, NumberOfBytes=32)
    assert new["KeyMaterialId"] != old["KeyMaterialId"]
    for each in (old, new):
        opened = await kms("decrypt", CiphertextBlob=each["CiphertextBlob"])
        assert (opened["Plaintext"], opened["KeyMaterialId"]) == (each["Plaintext"], each["KeyMaterialId"])
    assert (await kms("describe_key", KeyId=key_id))["KeyMetadata"]["CurrentKeyMaterialId"] == new["KeyMaterialId"]
    await kms("enable_key_rotation", KeyId=key_id, RotationPeriodInDays=90)
    status = await kms("get_key_rotation_status", KeyId=key_id)
    assert (status["KeyRotationEnabled"], status["RotationPeriodInDays"]) == (True, 90)
    await sweep_after(server, 90)
    rotations = (await kms("list_key_rotations", KeyId=key_id))["Rotations"]
    assert [each["RotationType"] for each in rotations] == ["ON_DEMAND", "AUTOMATIC"]
    everything = await kms("list_key_rotations", KeyId=key_id, IncludeKeyMaterial="ALL_KEY_MATERIAL", Limit=2)
    assert [each["KeyMaterialId"] for each in everything["Rotations"]] == [old["KeyMaterialId"], new["KeyMaterialId"]]
    last = await kms(
        "list_key_rotations",
        KeyId=key_id,
        IncludeKeyMaterial="ALL_KEY_MATERIAL",
        Marker=everything["NextMarker"],
    )
    assert [each["KeyMaterialState"] for each in last["Rotations"]] == ["CURRENT"]
    await kms("disable_key_rotation", KeyId=key_id)
    assert (await kms("get_key_rotation_status", KeyId=key_id))["KeyRotationEnabled"] is False


async def test_tags(kms: Kms) -> None:
    assert (await refused(kms, "create_key", Tags=[{"TagKey": "a", "TagValue": ""}] * 2))[0] == "TagException"
    key_id = await new_key(kms, Tags=[{"TagKey": "b", "TagValue": "1"}])
    await kms("tag_resource", KeyId=key_id, Tags=[{"TagKey": "a", "TagValue": ""}, {"TagKey": "b", "TagValue": "2"}])
    first = await kms("list_resource_tags", KeyId=key_id, Limit=1)
    assert first["Tags"] == [{"TagKey": "a", "TagValue": ""}]
    rest = await kms("list_resource_tags", KeyId=key_id, Marker=first["NextMarker"])
    assert (rest["Tags"], rest["Truncated"]) == ([{"TagKey": "b", "TagValue": "2"}], False)
    for tags, code in (
        ([{"TagKey": "A", "TagValue": ""}], "TagException"),
        ([{"TagKey": "aws:x", "TagValue": ""}], "TagException"),
        ([{"TagKey": f"t{number}", "TagValue": ""} for number in range(49)], "LimitExceededException"),
    ):
        assert (await refused(kms, "tag_resource", KeyId=key_id, Tags=tags))[0] == code
    await kms("untag_resource", KeyId=key_id, TagKeys=["a", "z"])
    assert len((await kms("list_resource_tags", KeyId=key_id))["Tags"]) == 1


async def test_conditions_on_the_key_and_the_request(server: Server, kms: Kms) -> None:
    key_id = await new_key(kms, Tags=[{"TagKey": "team", "TagValue": "ops"}])
    await kms("create_alias", AliasName="alias/ops", TargetKeyId=key_id)
    conditions: dict[str, tuple[dict[str, str], dict[str, Any]]] = {
        "tag": ({"aws:ResourceTag/team": "ops"}, {}),
        "alias": ({"kms:RequestAlias": "alias/ops"}, {"KeyId": "alias/ops"}),
        "context": ({"kms:EncryptionContext:dept": "a"}, {"EncryptionContext": {"dept": "a"}}),
        "account": ({"kms:CallerAccount": "123456789012"}, {}),
    }
    for name, (wanted, fitting) in conditions.items():
        client = await person(server, name, allow("kms:Encrypt", Condition={"StringEquals": wanted}))
        await kms("encrypt", client, **{"KeyId": key_id, "Plaintext": b"x"} | fitting)
        if name in ("alias", "context"):
            assert (await refused(kms, "encrypt", client, KeyId=key_id, Plaintext=b"x"))[0] == "AccessDeniedException"
    several = {"ForAnyValue:StringEquals": {"kms:ResourceAliases": "alias/ops"}}
    every = {"ForAllValues:StringEquals": {"kms:EncryptionContextKeys": ["dept"]}}
    client = await person(server, "several", allow("kms:Encrypt", Condition=several | every))
    asked = {"KeyId": key_id, "Plaintext": b"x"}
    await kms("encrypt", client, **asked, EncryptionContext={"dept": "a"})
    more = {"dept": "a", "more": ""}
    assert (await refused(kms, "encrypt", client, **asked, EncryptionContext=more))[0] == "AccessDeniedException"


async def test_what_is_not_supported_and_what_is_too_large(kms: Kms) -> None:
    key_id = await new_key(kms)
    for operation, members, code in (
        ("generate_data_key", {"KeySpec": "AES_256", "NumberOfBytes": 32}, "ValidationException"),
        ("generate_data_key", {}, "ValidationException"),
        ("encrypt", {"Plaintext": b"x" * 4097}, "ValidationException"),
        ("encrypt", {"Plaintext": b"x", "EncryptionAlgorithm": "RSAES_OAEP_SHA_1"}, "InvalidKeyUsageException"),
        ("encrypt", {"Plaintext": b"x", "EncryptionContext": {"k": "v" * 8192}}, "ValidationException"),
        ("encrypt", {"Plaintext": b"x", "EncryptionContext": {str(n): "" for n in range(257)}}, "ValidationException"),
        ("encrypt", {"Plaintext": b"x", "GrantTokens": ["forged"]}, "InvalidGrantTokenException"),
        ("encrypt", {"Plaintext": b"x", "DryRun": True}, "DryRunOperationException"),
        (
            "generate_data_key",
            {"KeySpec": "AES_256", "Recipient": {"AttestationDocument": b"x"}},
            "UnsupportedOperationException",
        ),
    ):
        assert (await refused(kms, operation, KeyId=key_id, **members))[0] == code, members
    assert (await refused(kms, "decrypt", KeyId=key_id))[0] == "ValidationException"
    assert (await refused(kms, "generate_random"))[0] == "ValidationException"
    assert len((await kms("generate_random", NumberOfBytes=1024))["Plaintext"]) == 1024
    made = await kms("generate_data_key_without_plaintext", KeyId=key_id, KeySpec="AES_128")
    assert "Plaintext" not in made
    assert len((await kms("decrypt", CiphertextBlob=made["CiphertextBlob"]))["Plaintext"]) == 16


async def test_reencryption_needs_both_permissions_and_moves_the_context(server: Server, kms: Kms) -> None:
    one, two = await new_key(kms), await new_key(kms)
    blob = (await kms("encrypt", KeyId=one, Plaintext=b"x", EncryptionContext={"a": "1"}))["CiphertextBlob"]
    asked = {
        "CiphertextBlob": blob,
        "SourceEncryptionContext": {"a": "1"},
        "DestinationKeyId": two,
        "DestinationEncryptionContext": {"b": "2"},
    }
    only_from = await person(server, "from", allow("kms:ReEncryptFrom"))
    assert (await refused(kms, "re_encrypt", only_from, **asked))[0] == "AccessDeniedException"
    moved = await kms("re_encrypt", **asked)
    assert (moved["SourceKeyId"], moved["KeyId"]) == (f"{ARN}:key/{one}", f"{ARN}:key/{two}")
    opened = await kms("decrypt", CiphertextBlob=moved["CiphertextBlob"], EncryptionContext={"b": "2"})
    assert opened["Plaintext"] == b"x"


async def test_a_destination_that_moved_meanwhile_is_not_taken_for_the_same_key(
    server: Server, kms: Kms, monkeypatch: pytest.MonkeyPatch
) -> None:
    one, two = await new_key(kms), await new_key(kms)
    await kms("create_alias", AliasName="alias/a", TargetKeyId=one)
    blob = (await kms("encrypt", KeyId=one, Plaintext=b"x"))["CiphertextBlob"]
    original = server.store.kms_keys.find

    async def then_move(name: str, generation: int | None = None) -> FoundKey | None:
        found = await original(name, generation)
        if name == "alias/a":
            await server.store.kms_aliases.move(name, one, two, Millis(1), 50)
        return found

    monkeypatch.setattr(server.store.kms_keys, "find", then_move)
    asked = {"CiphertextBlob": blob, "DestinationKeyId": "alias/a"}
    assert (await refused(kms, "re_encrypt", **asked))[0] == "KMSInternalException"
