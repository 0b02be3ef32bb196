"""KMS as its clients see it: keys, what is encrypted under them, and who may."""

import asyncio
import json
from collections.abc import Callable
from typing import Any

import pytest
from botocore.exceptions import ClientError

from ferryman.core.iam.operator import create_access_key, create_user
from tests.server.running import ACCOUNT, REGION, Node, Server

ARN = f"arn:aws:kms:{REGION}:{ACCOUNT}"
CONTEXT = {"purpose": "tests", "who": "Zo\u00eb"}
Kms = Callable[..., Any]


@pytest.fixture
def kms(server: Server) -> Kms:
    """Call an operation, as the administrator unless a client is named."""
    server.client()  # what `server.call` uses
    administrator = server.client("kms")

    async def call(operation: str, client: Any = None, **parameters: Any) -> Any:
        return await asyncio.to_thread(getattr(client or administrator, operation), **parameters)

    return call


async def refused(kms: Kms, operation: str, client: Any = None, **parameters: Any) -> tuple[str, str]:
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
    return {"Effect": "Allow", "Action": list(actions), "Resource": "*", **more}


def session_of(started: dict[str, Any], node: Node) -> dict[str, str]:
    return {"aws:ssm:SessionId": started["SessionId"], "aws:ssm:TargetId": node.node_id}


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


async def test_what_was_altered_is_not_decrypted(kms: Kms) -> None:
    key_id = (await kms("create_key"))["KeyMetadata"]["KeyId"]
    other = (await kms("create_key"))["KeyMetadata"]["KeyId"]
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
    key_id = (await kms("create_key"))["KeyMetadata"]["KeyId"]
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
    root = {"AWS": f"arn:aws:iam::{ACCOUNT}:root"}
    refusing = {
        "Effect": "Deny",
        "Principal": "*",
        "Action": "kms:Decrypt",
        "Resource": "*",
        "Condition": {"StringEquals": {"aws:PrincipalType": "ManagedInstance"}},
    }
    policy = {"Statement": [allow("kms:*", Principal=root), refusing]}
    key_id = (await kms("create_key", Policy=json.dumps(policy)))["KeyMetadata"]["KeyId"]
    node = await server.register()
    await node.control()
    context = session_of(await server.start(node), node)
    blob = (await kms("generate_data_key", KeyId=key_id, NumberOfBytes=64, EncryptionContext=context))["CiphertextBlob"]
    own = server.client("kms", node.credentials)
    code, message = await refused(kms, "decrypt", own, CiphertextBlob=blob, EncryptionContext=context)
    assert code == "AccessDeniedException"
    assert "explicit deny in a resource-based policy" in message


async def test_people_make_session_keys_for_their_own_sessions_only(server: Server, kms: Kms) -> None:
    key_id = (await kms("create_key"))["KeyMetadata"]["KeyId"]
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
    claimed = {"aws:ssm:TargetId": node.node_id}
    code, _ = await refused(kms, "generate_data_key", KeyId=key_id, NumberOfBytes=64, EncryptionContext=claimed)
    assert code == "AccessDeniedException"


async def test_key_policy_and_identity_policies_decide_together(server: Server, kms: Kms) -> None:
    both = await person(server, "both", allow("kms:Encrypt"))
    named = await person(server, "named")
    root = {"AWS": f"arn:aws:iam::{ACCOUNT}:root"}
    by_name = allow("kms:Encrypt", Principal={"AWS": f"arn:aws:iam::{ACCOUNT}:user/named"})
    policies = {
        "account": [allow("kms:*", Principal=root)],
        "name": [allow("kms:PutKeyPolicy", Principal=root), by_name],
        "deny": [allow("kms:*", Principal=root), by_name, by_name | {"Effect": "Deny", "Principal": "*"}],
    }
    answers = {}
    for title, statements in policies.items():
        policy = json.dumps({"Version": "2012-10-17", "Statement": statements})
        key_id = (await kms("create_key", Policy=policy))["KeyMetadata"]["KeyId"]
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
