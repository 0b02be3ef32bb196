"""KMS as its clients see it: keys, what is encrypted under them, and who may."""

import base64
import json

import pytest
from botocore.exceptions import ClientError

from ferryman.core.audit.records import ObservedCall, call_record, needs_record
from ferryman.core.iam.operator import create_access_key, create_user
from ferryman.model.identity.callers import BuiltinRole
from tests.server.callers.kms_calls import ARN, IAM, ROOT, Kms, allow, kms_of, new_key, person, refused, session_of
from tests.server.running import Server

CONTEXT = {"purpose": "tests", "who": "Zo\u00eb"}


@pytest.fixture
def kms(server: Server) -> Kms:
    return kms_of(server)


async def test_a_data_key_is_decrypted_with_its_context_only(kms: Kms) -> None:
    made = (await kms("create_key", Description="d"))["KeyMetadata"]
    assert (made["KeyState"], made["Enabled"], made["Arn"]) == ("Enabled", True, f"{ARN}:key/{made['KeyId']}")
    found = (await kms("describe_key", KeyId=made["Arn"]))["KeyMetadata"]
    assert found == made
    assert (await kms("list_keys"))["Keys"] == [{"KeyId": made["KeyId"], "KeyArn": made["Arn"]}]
    data_key = await kms("generate_data_key", KeyId=made["KeyId"], NumberOfBytes=64, EncryptionContext=CONTEXT)
    assert len(data_key["Plaintext"]) == 64
    assert data_key["KeyId"] == made["Arn"]
    opened = await kms("decrypt", CiphertextBlob=data_key["CiphertextBlob"], EncryptionContext=CONTEXT)
    assert opened["Plaintext"] == data_key["Plaintext"]
    assert opened["KeyId"] == made["Arn"]
    assert opened["EncryptionAlgorithm"] == "SYMMETRIC_DEFAULT"
    for context in ({}, {"purpose": "tests"}, {**CONTEXT, "more": ""}):
        code, _ = await refused(kms, "decrypt", CiphertextBlob=data_key["CiphertextBlob"], EncryptionContext=context)
        assert code == "InvalidCiphertextException"


async def test_sessions_of_keys_are_in_the_records_and_plaintexts_are_not(server: Server, kms: Kms) -> None:
    key_id = await new_key(kms)
    secret = b"a very secret plaintext"
    blob = (await kms("encrypt", KeyId=key_id, Plaintext=secret, EncryptionContext=CONTEXT))["CiphertextBlob"]
    await kms("decrypt", CiphertextBlob=blob, EncryptionContext=CONTEXT)
    operations = {
        "Encrypt": ({"KeyId": key_id, "Plaintext": secret, "EncryptionContext": CONTEXT}, {"CiphertextBlob": blob}),
        "Decrypt": ({"CiphertextBlob": blob, "GrantTokens": ["token"]}, {"Plaintext": secret, "KeyId": f"{ARN}:key/x"}),
        "CreateGrant": ({"KeyId": key_id}, {"GrantToken": "token", "GrantId": "id"}),
    }
    for operation, (parameters, result) in operations.items():
        call = ObservedCall("kms", operation, "r", None, "", parameters=parameters, result=result)
        assert needs_record(operation)
        told = str(call_record(server.service, call, None))
        for hidden in (secret.decode(), base64.b64encode(secret).decode(), base64.b64encode(blob).decode(), "'token'"):
            assert hidden not in told, operation
        assert key_id in told or operation == "Decrypt"


async def test_what_was_altered_is_not_decrypted(kms: Kms) -> None:
    key_id = await new_key(kms)
    other = await new_key(kms)
    blob = (await kms("encrypt", KeyId=key_id, Plaintext=b"secret"))["CiphertextBlob"]
    assert b"secret" not in blob
    assert (await kms("decrypt", KeyId=key_id, CiphertextBlob=blob))["Plaintext"] == b"secret"
    assert (await refused(kms, "decrypt", KeyId=other, CiphertextBlob=blob))[0] == "IncorrectKeyException"
    for place in (17, 20, 25, 40, len(blob) - 1):
        altered = blob[:place] + bytes([blob[place] ^ 1]) + blob[place + 1 :]
        assert (await refused(kms, "decrypt", CiphertextBlob=altered))[0] == "InvalidCiphertextException", place
    for cut in (b"x", blob[:-1], blob[:60], b"\2" + blob[1:]):
        assert (await refused(kms, "decrypt", CiphertextBlob=cut))[0] == "InvalidCiphertextException"


async def test_a_node_decrypts_for_its_own_running_sessions_only(server: Server, kms: Kms) -> None:
    key_id = await new_key(kms)
    node, other = await server.register(), await server.register()
    await node.control()
    await other.control()
    started, elsewhere = await server.start(node), await server.start(other)
    context = session_of(started, node)
    blob = (await kms("generate_data_key", KeyId=key_id, NumberOfBytes=64, EncryptionContext=context))["CiphertextBlob"]
    own, foreign = (server.client("kms", each.credentials) for each in (node, other))
    asked = {"KeyId": key_id, "CiphertextBlob": blob, "EncryptionContext": context}
    assert len((await kms("decrypt", own, **asked))["Plaintext"]) == 64
    assert (await refused(kms, "decrypt", foreign, **asked))[0] == "AccessDeniedException"
    for wrong in (
        {},
        {"aws:ssm:SessionId": started["SessionId"]},
        session_of(elsewhere, other),
        session_of(elsewhere, node),
        session_of({"SessionId": "root-0123456789abcdef0"}, node),
    ):
        assert (await refused(kms, "decrypt", own, **asked | {"EncryptionContext": wrong}))[
            0
        ] == "AccessDeniedException"
    plain = (await kms("encrypt", KeyId=key_id, Plaintext=b"x"))["CiphertextBlob"]
    assert (await refused(kms, "decrypt", own, CiphertextBlob=plain))[0] == "AccessDeniedException"
    for operation, members in (
        ("encrypt", {"Plaintext": b"x", "EncryptionContext": context}),
        ("generate_data_key", {"NumberOfBytes": 64, "EncryptionContext": context}),
        ("describe_key", {}),
    ):
        assert (await refused(kms, operation, own, KeyId=key_id, **members))[0] == "AccessDeniedException"
    await server.call("terminate_session", SessionId=started["SessionId"])
    assert (await refused(kms, "decrypt", own, **asked))[0] == "AccessDeniedException"


async def test_a_key_policy_can_keep_nodes_out(server: Server, kms: Kms) -> None:
    refusing = {
        "Effect": "Deny",
        "Principal": "*",
        "Action": "kms:Decrypt",
        "Resource": "*",
        "Condition": {"StringEquals": {"aws:PrincipalType": "ManagedInstance"}},
    }
    policy = {"Statement": [allow("kms:*", Principal=ROOT), refusing]}
    key_id = await new_key(kms, Policy=json.dumps(policy))
    node = await server.register()
    await node.control()
    context = session_of(await server.start(node), node)
    blob = (await kms("generate_data_key", KeyId=key_id, NumberOfBytes=64, EncryptionContext=context))["CiphertextBlob"]
    own = server.client("kms", node.credentials)
    code, message = await refused(kms, "decrypt", own, CiphertextBlob=blob, EncryptionContext=context)
    assert code == "AccessDeniedException"
    assert "explicit deny in a resource-based policy" in message


async def test_people_make_session_keys_for_their_own_sessions_only(server: Server, kms: Kms) -> None:
    key_id = await new_key(kms)
    node = await server.register()
    await node.control()
    context = session_of(await server.start(node), node)
    other = await person(server, "other", allow("kms:*"))
    asked = {"KeyId": key_id, "EncryptionContext": context}
    blob = (await kms("generate_data_key", KeyId=key_id, NumberOfBytes=64, EncryptionContext=context))["CiphertextBlob"]
    for operation, members in (
        ("generate_data_key", {"NumberOfBytes": 64}),
        ("generate_data_key_without_plaintext", {"NumberOfBytes": 64}),
        ("encrypt", {"Plaintext": b"x"}),
        ("decrypt", {"CiphertextBlob": blob}),
    ):
        code, message = await refused(kms, operation, other, **asked, **members)
        assert (code, "not that of a running session" in message) == ("AccessDeniedException", True), operation
        await kms(operation, **asked, **members)
    moved = {
        "CiphertextBlob": (await kms("encrypt", other, KeyId=key_id, Plaintext=b"x"))["CiphertextBlob"],
        "DestinationKeyId": key_id,
        "DestinationEncryptionContext": context,
    }
    assert (await refused(kms, "re_encrypt", other, **moved))[0] == "AccessDeniedException"
    spelled = {
        name.lower(): value for name, value in context.items()
    }  # conditions of policies do not tell the two apart
    for claimed in ({"aws:ssm:TargetId": node.node_id}, spelled, {"AWS:SSM:SESSIONID": "any"}):
        code, _ = await refused(kms, "generate_data_key", KeyId=key_id, NumberOfBytes=64, EncryptionContext=claimed)
        assert code == "AccessDeniedException", claimed


async def test_key_policy_and_identity_policies_decide_together(server: Server, kms: Kms) -> None:
    both = await person(server, "both", allow("kms:Encrypt"))
    named = await person(server, "named")
    by_name = allow("kms:Encrypt", Principal={"AWS": f"{IAM}:user/named"})
    policies = {
        "account": [allow("kms:*", Principal=ROOT)],
        "name": [allow("kms:PutKeyPolicy", Principal=ROOT), by_name],
        "deny": [allow("kms:*", Principal=ROOT), by_name, by_name | {"Effect": "Deny", "Principal": "*"}],
    }
    answers = {}
    for title, statements in policies.items():
        policy = json.dumps({"Version": "2012-10-17", "Statement": statements})
        key_id = await new_key(kms, Policy=policy)
        for who, client in (("both", both), ("named", named)):
            try:
                await kms("encrypt", client, KeyId=key_id, Plaintext=b"x")
                answers[title, who] = "allowed"
            except ClientError as error:
                answers[title, who] = error.response["Error"]["Message"].partition(" because ")[2]
    assert answers == {
        ("account", "both"): "allowed",
        ("account", "named"): "no identity-based policy allows the kms:Encrypt action",
        ("name", "both"): "no resource-based policy allows the kms:Encrypt action",
        ("name", "named"): "allowed",
        ("deny", "both"): "",
        ("deny", "named"): "no identity-based policy allows the kms:Encrypt action",
    }


async def test_a_simulation_knows_the_key_policy(server: Server, kms: Kms) -> None:
    await person(server, "alice", allow("kms:Encrypt"))
    deny = allow("kms:Encrypt", Principal="*", Condition={"StringEquals": {"kms:KeySpec": "SYMMETRIC_DEFAULT"}})
    open_key = await new_key(kms)
    closed = await new_key(kms, Policy=json.dumps({"Statement": [allow("kms:Put*", Principal=ROOT)]}))
    denied = await new_key(
        kms, Policy=json.dumps({"Statement": [allow("kms:*", Principal=ROOT), deny | {"Effect": "Deny"}]})
    )
    asked = {
        "PolicySourceArn": f"{IAM}:user/alice",
        "ActionNames": ["kms:Encrypt"],
        "ResourceArns": [f"{ARN}:key/{key_id}" for key_id in (open_key, closed, denied)],
    }
    results = (await kms("simulate_principal_policy", server.client("iam"), **asked))["EvaluationResults"]
    assert [each["EvalDecision"] for each in results] == ["allowed", "implicitDeny", "explicitDeny"]
    sources = [{each["SourcePolicyId"] for each in result["MatchedStatements"]} for result in results]
    assert sources[0] == {"p", f"key policy of {open_key}"}
    assert sources[2] == {"p", f"key policy of {denied}"}


async def test_an_operator_encrypts_own_sessions_and_nothing_else(server: Server, kms: Kms) -> None:
    key_id = await new_key(kms)
    await create_user(server.service, "operator", BuiltinRole.OPERATOR)
    credentials = await create_access_key(server.service, "operator")
    operator = server.client("kms", credentials)
    paired = await server.paired(credentials=credentials)
    own = {"aws:ssm:SessionId": paired.session_id, "aws:ssm:TargetId": paired.node.node_id}
    asked = {"KeyId": key_id, "NumberOfBytes": 64}
    assert (await kms("generate_data_key", operator, **asked, EncryptionContext=own))["Plaintext"]
    others = session_of(await server.start(paired.node), paired.node)
    for context in ({}, {"a": "b"}, others):
        code, _ = await refused(kms, "generate_data_key", operator, **asked, EncryptionContext=context)
        assert code == "AccessDeniedException"
    encrypt = {"KeyId": key_id, "Plaintext": b"x", "EncryptionContext": own}
    assert (await refused(kms, "encrypt", operator, **encrypt))[0] == "AccessDeniedException"
