"""What agents call: role tokens, keys, messages; and which credentials may call what."""

import json
from collections.abc import AsyncIterator
from datetime import UTC, datetime

import pytest
from cryptography.hazmat.primitives.asymmetric import rsa

from ferryman.server.timeouts import Timeouts
from ferryman.signing.canonical import SignableRequest
from ferryman.signing.rsa import encode_public_key, sign_rsa
from tests.server.callers.api_calls import DESCRIBE, JSON, LIST_ACTIVE
from tests.server.running import REGION, Server


@pytest.fixture
def timeouts() -> Timeouts:
    return Timeouts(poll=0.05)


async def test_get_messages_is_always_empty(server: Server) -> None:
    node = await server.register()
    body = json.dumps(
        {"Destination": node.node_id, "MessagesRequestId": "r-1", "VisibilityTimeoutInSeconds": 10}
    ).encode()
    target = "EC2WindowsMessageDeliveryService.GetMessages"
    headers = {"Content-Type": JSON, "X-Amz-Target": target}
    headers = server.signed("POST", "/", "", body, headers, node.credentials, "ec2messages")
    status, answer = await server.json_call(target, body, headers)
    assert (status, answer["Messages"]) == (200, [])

    body = json.dumps({"InstanceId": node.node_id, "MaxResults": 20}).encode()
    target = "AmazonSSM.ListInstanceAssociations"
    headers = server.signed("POST", "/", "", body, {"Content-Type": JSON, "X-Amz-Target": target}, node.credentials)
    assert await server.json_call(target, body, headers) == (200, {"Associations": []})


async def test_node_cannot_act_for_another_node(server: Server) -> None:
    node, other = await server.register(), await server.register()
    body = json.dumps({"InstanceId": other.node_id, "MaxResults": 20}).encode()
    target = "AmazonSSM.ListInstanceAssociations"
    headers = server.signed("POST", "/", "", body, {"Content-Type": JSON, "X-Amz-Target": target}, node.credentials)
    status, answer = await server.json_call(target, body, headers)
    assert (status, answer["__type"]) == (400, "AccessDeniedException")


async def test_a_rotated_key_replaces_the_old_one(server: Server) -> None:
    node = await server.register()
    new_key = rsa.generate_private_key(65537, 2048)
    body = json.dumps({"NewPublicKey": encode_public_key(new_key), "NewPublicKeyType": "Rsa"}).encode()
    target = "AmazonSSM.UpdateManagedInstancePublicKey"

    def signed() -> dict[str, str]:
        headers = {"Host": f"127.0.0.1:{server.port}", "Content-Type": JSON, "X-Amz-Target": target}
        request = SignableRequest("POST", "/", "", list(headers.items()), body)
        return headers | sign_rsa(request, node.node_id, node.private_key, REGION, datetime.now(UTC))

    assert await server.json_call(target, body, signed()) == (200, {})
    await server.role_token(node.node_id, new_key)
    status, answer = await server.json_call(target, body, signed())
    assert (status, answer["__type"]) == (400, "InvalidSignatureException")


async def test_chunked_role_token_request_is_accepted(server: Server) -> None:
    node = await server.register()

    async def chunks() -> AsyncIterator[bytes]:
        yield b'{"Fingerprint":'
        yield b'"print"}'

    target = "AmazonSSM.RequestManagedInstanceRoleToken"
    headers = {"Host": f"127.0.0.1:{server.port}", "Content-Type": JSON, "X-Amz-Target": target}
    request = SignableRequest("POST", "/", "", list(headers.items()), b'{"Fingerprint":"print"}')
    headers |= sign_rsa(request, node.node_id, node.private_key, REGION, datetime.now(UTC))
    async with server.http.post(server.url_of("/"), data=chunks(), headers=headers) as answer:
        assert answer.status == 200
        assert set(await answer.json(content_type=None)) == {
            "AccessKeyId",
            "SecretAccessKey",
            "SessionToken",
            "TokenExpirationDate",
            "UpdateKeyPair",
        }


async def test_node_key_signs_only_its_two_operations(server: Server) -> None:
    node = await server.register()
    headers = {"Host": f"127.0.0.1:{server.port}", "Content-Type": JSON, "X-Amz-Target": DESCRIBE}
    request = SignableRequest("POST", "/", "", list(headers.items()), LIST_ACTIVE)
    headers |= sign_rsa(request, node.node_id, node.private_key, REGION, datetime.now(UTC))
    status, answer = await server.json_call(DESCRIBE, LIST_ACTIVE, headers)
    assert (status, answer["__type"]) == (400, "InvalidSignatureException")

    target, body = "AmazonSSM.RequestManagedInstanceRoleToken", b'{"Fingerprint":"print"}'
    headers = server.signed("POST", "/", "", body, {"Content-Type": JSON, "X-Amz-Target": target}, node.credentials)
    status, answer = await server.json_call(target, body, headers)
    assert (status, answer["__type"]) == (400, "InvalidSignatureException")


async def test_credentials_outlive_a_newer_token_but_not_their_hour(server: Server) -> None:
    node = await server.register()
    await server.role_token(node.node_id, node.private_key)
    await node.create_channel("control", node.node_id)
    server.clock.advance(3601)
    path = f"/v1/control-channel/{node.node_id}"
    headers = node.signed("POST", path, body=b"{}")
    async with server.http.post(server.url_of(path), data=b"{}", headers=headers) as answer:
        assert answer.status == 403
        assert "ExpiredTokenException" in await answer.text()
