"""SendSSHPublicKey: to the node's agent and back, and who may call it."""

import asyncio
import json
from typing import Any

import pytest
from botocore.exceptions import ClientError

from ferryman.core.iam.operator import create_access_key, create_user
from ferryman.core.nodes import ssh_keys
from ferryman.model.identity.credentials import Credentials
from ferryman.model.nodes import NodeInformation
from ferryman.model.tags import ResourceType
from ferryman.wire.agent_message import MessageType
from ferryman.wire.payloads import decode_payload, encode_payload
from ferryman.wire.ssh_keys import REASON_LIMIT, SshPublicKey, SshPublicKeyResult
from tests.server.peers import Peer, plain_frame
from tests.server.running import Node, Server
from tests.unit.wire.ssh_key_samples import KEY

INSTANCES = "arn:aws:ec2:test-1:123456789012:instance"


def sending(
    server: Server, target: str, key: str = KEY, user: str = "alice", credentials: Credentials | None = None
) -> "asyncio.Task[dict[str, Any]]":
    client = server.client("ec2-instance-connect", credentials)
    given = {"InstanceId": target, "InstanceOSUser": user, "SSHPublicKey": key, "AvailabilityZone": "test-1a"}
    return asyncio.create_task(asyncio.to_thread(client.send_ssh_public_key, **given))


async def refusal(call: "asyncio.Task[dict[str, Any]]") -> tuple[str, str]:
    with pytest.raises(ClientError) as refused:
        await call
    error = refused.value.response["Error"]
    return error["Code"], error["Message"]


async def offered(control: Peer) -> SshPublicKey:
    return decode_payload((await control.until(MessageType.SSH_PUBLIC_KEY)).payload, SshPublicKey)


async def answer(control: Peer, key_id: str, error: str = "") -> None:
    payload = encode_payload(SshPublicKeyResult(key_id, error))
    await control.send(plain_frame(MessageType.SSH_PUBLIC_KEY_RESULT, payload))


async def connected(server: Server) -> tuple[Node, Peer]:
    node = await server.register()
    return node, await node.control()


async def test_key_is_reported_as_sent_once_the_node_confirms(server: Server) -> None:
    node, control = await connected(server)
    call = sending(server, node.node_id, KEY + " alice@laptop")
    key = await offered(control)
    assert (key.user, key.public_key) == ("alice", KEY)
    assert not call.done()
    await answer(control, key.key_id)
    told = await call
    assert told["Success"] is True
    assert told["RequestId"]


async def test_refusal_by_the_node_is_reported_with_its_reason(server: Server) -> None:
    node, control = await connected(server)
    call = sending(server, node.node_id)
    await answer(control, (await offered(control)).key_id, "the node has no user alice" + "!" * 1000)
    code, message = await refusal(call)
    assert code == "EC2InstanceUnavailableException"
    assert message.startswith(f"{node.node_id} did not accept the key: the node has no user alice!")
    assert len(message) < REASON_LIMIT + 100


async def test_node_cannot_confirm_another_nodes_key(server: Server) -> None:
    node, control = await connected(server)
    _, other = await connected(server)
    call = sending(server, node.node_id)
    key = await offered(control)
    await answer(other, key.key_id, "from another node")
    await answer(control, "another key", "of none that was sent")
    await other.answered()
    await answer(control, key.key_id)
    assert (await call)["Success"] is True


async def test_sessions_start_while_a_node_does_not_answer_about_a_key(server: Server) -> None:
    node, control = await connected(server)
    call = sending(server, node.node_id)
    key = await offered(control)
    await server.open_client(await server.start(node))
    assert await control.until(MessageType.INTERACTIVE_SHELL)
    await answer(control, key.key_id)
    assert (await call)["Success"] is True


async def test_nodes_that_cannot_have_keys(server: Server, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ssh_keys, "NODE_SECONDS", 0.05)
    silent, _ = await connected(server)
    away = await server.register()
    foreign, _ = await connected(server)
    information = NodeInformation("amazon-ssm-agent", "3.3.0.0", "Linux")
    await server.store.nodes.update_information(foreign.node_id, information, server.clock())
    for target, code, words in (
        (silent.node_id, "EC2InstanceUnavailableException", "did not answer within 0.05 seconds"),
        (away.node_id, "EC2InstanceStateInvalidException", "is not connected"),
        (foreign.node_id, "EC2InstanceUnavailableException", "does not run Ferryman's agent"),
        ("i-0123456789abcdef0", "EC2InstanceNotFoundException", "is not a registered managed node"),
    ):
        told, message = await refusal(sending(server, target))
        assert told == code
        assert words in message


async def test_malformed_ssh_key_is_refused_without_asking_the_node(server: Server) -> None:
    node, _ = await connected(server)
    for key in (f'command="id" {KEY}', f"{KEY}\n{KEY}", "x" * 100):
        code, message = await refusal(sending(server, node.node_id, key))
        assert code == "InvalidArgsException"
        assert "The SSH public key is not valid" in message


async def test_policies_decide_by_node_user_and_tag(server: Server) -> None:
    node, control = await connected(server)
    other, _ = await connected(server)
    await server.store.tags.put(ResourceType.NODE, node.node_id, {"env": "prod"})
    user = await create_user(server.service, "alice")
    key = await create_access_key(server.service, "alice")

    async def allow(resource: str, condition: dict[str, Any]) -> None:
        action = "ec2-instance-connect:SendSSHPublicKey"
        statement = {"Effect": "Allow", "Action": action, "Resource": resource, "Condition": condition}
        await server.store.policies.put_inline(user.user_id, "p", json.dumps({"Statement": statement}))

    for resource, condition in (
        (f"{INSTANCES}/{node.node_id}", {"StringEquals": {"ec2:osuser": "deploy"}}),
        (f"{INSTANCES}/*", {"StringEquals": {"ec2:osuser": "deploy", "ec2:ResourceTag/env": "prod"}}),
        ("*", {"StringEquals": {"ec2:osuser": "deploy", "aws:ResourceTag/env": "prod"}}),
    ):
        await allow(resource, condition)
        call = sending(server, node.node_id, user="deploy", credentials=key)
        await answer(control, (await offered(control)).key_id)
        assert (await call)["Success"] is True
        for target, name in ((node.node_id, "root"), (other.node_id, "deploy")):
            code, message = await refusal(sending(server, target, user=name, credentials=key))
            assert code == "AccessDeniedException"
            assert f"SendSSHPublicKey on resource: {INSTANCES}/{target}" in message
