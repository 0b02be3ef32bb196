"""What one node's owner can do with that node's keys: nothing to other nodes, nothing that people do.

The attacker has everything of one node: its RSA key, its credentials, its sessions' tokens.
"""

import asyncio
import json
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from botocore import xform_name
from botocore.exceptions import ClientError
from botocore.model import ListShape, MapShape, Shape, StructureShape
from cryptography.hazmat.primitives.asymmetric import rsa

from ferryman.awsapi.models import operation_model
from ferryman.model.identity.credentials import Credentials
from ferryman.server.operations.context import Key
from ferryman.server.operations.registry import BY_ANYONE, BY_CALLER, BY_NODE_KEY
from ferryman.signing.canonical import SignableRequest
from ferryman.signing.rsa import encode_public_key, sign_rsa
from ferryman.wire.agent_message import MessageType
from tests.server.callers.model_values import BESIDES, minimal
from tests.server.peers import output
from tests.server.running import REGION, Node, Server

JSON = "application/x-amz-json-1.1"
STRANGER = "mi-0123456789abcdef0"

OF_AGENTS = {
    ("ssm", "UpdateInstanceInformation"): "InstanceId",
    ("ssm", "ListInstanceAssociations"): "InstanceId",
    ("ec2messages", "GetMessages"): "Destination",
    ("ssmmessages", "CreateControlChannel"): "ChannelId",
    ("ssmmessages", "CreateDataChannel"): "ChannelId",
}
"""What a node may call, and the member that says about whom."""
OF_ALL = {("sts", "GetCallerIdentity")}
"""What anybody may ask about themselves."""
OF_PEOPLE = sorted(BY_CALLER.keys() - OF_AGENTS.keys() - OF_ALL)
"""Everything else that is signed with credentials: a new operation is in here by itself."""

SAMPLES: dict[str, Any] = {
    "InstanceId": STRANGER,
    "Target": STRANGER,
    "ActivationId": "01234567-89ab-cdef-0123-456789abcdef",
    "SessionId": "alice-0123456789abcdef0",
    "AccessRequestId": "oi-0123456789ab",
    "OpsItemId": "oi-0123456789ab",
    "State": "Active",
    "ResourceType": "ManagedInstance",
    "ResourceId": STRANGER,
    "DocumentType": "Session",
    "DocumentVersion": "1",
    "Content": '{"schemaVersion":"1.0","sessionType":"Standard_Stream"}',
    "Name": "SSM-SessionManagerRunShell",
}
"""Values that pass the model's checks, so that what refuses is the authorisation."""
ALSO: dict[str, dict[str, Any]] = {
    "CreateDocument": {"DocumentType": "Session"},
    "StartAccessRequest": {"Targets": [{"Key": "InstanceIds", "Values": [STRANGER]}]},
}
"""What an operation checks before it authorises, though its model does not require it."""


def sample(name: str, shape: Shape) -> Any:
    """A valid value of a required member."""
    if name in SAMPLES:
        return SAMPLES[name]
    if isinstance(shape, StructureShape):
        return required(shape)
    if isinstance(shape, ListShape):
        return [sample(name, shape.member)]
    if isinstance(shape, MapShape):
        return {}
    if shape.enum:
        return shape.enum[0]
    return 1 if shape.type_name in ("integer", "long") else "x" * max(1, shape.metadata.get("min", 1))


def required(shape: StructureShape) -> dict[str, Any]:
    return {name: sample(name, shape.members[name]) for name in shape.required_members}


def target_of(key: Key) -> str:
    prefix = {"ssm": "AmazonSSM", "ec2messages": "EC2WindowsMessageDeliveryService"}[key[0]]
    return f"{prefix}.{key[1]}"


async def call(
    server: Server,
    key: Key,
    members: dict[str, Any],
    credentials: Credentials,
    now: datetime | None = None,
) -> tuple[int, str]:
    """Call an operation signed with a node's credentials; status, and the error's code."""
    body = json.dumps(members).encode()
    if key[0] == "ssmmessages":
        kind = "control" if key[1] == "CreateControlChannel" else "data"
        path, headers = f"/v1/{kind}-channel/{members['ChannelId']}", {"Content-Type": "application/json"}
    else:
        path, headers = "/", {"Content-Type": JSON, "X-Amz-Target": target_of(key)}
    signed = server.signed("POST", path, "", body, headers, credentials, key[0], now)
    async with server.http.post(server.url_of(path), data=body, headers=signed) as answer:
        await answer.read()
        return answer.status, answer.headers.get("x-amzn-ErrorType", "")


def about(key: Key, subject: str) -> dict[str, Any]:
    """The least valid request of one of the agents' operations about `subject`."""
    model = operation_model(*key)
    assert model is not None
    return required(model.input_shape) | {OF_AGENTS[key]: subject}


async def by_key(server: Server, node: Node, key: Key, members: dict[str, Any], now: datetime) -> tuple[int, str]:
    """Call an operation signed with the node's RSA key."""
    body = json.dumps(members).encode()
    headers = {"Host": f"127.0.0.1:{server.port}", "Content-Type": JSON, "X-Amz-Target": target_of(key)}
    request = SignableRequest("POST", "/", "", list(headers.items()), body)
    headers |= sign_rsa(request, node.node_id, node.private_key, REGION, now)
    status, answer = await server.json_call(target_of(key), body, headers)
    return status, str(answer.get("__type", ""))


def test_the_tables_know_every_operation() -> None:
    assert set(OF_PEOPLE) | OF_AGENTS.keys() | OF_ALL == set(BY_CALLER)
    assert len(OF_PEOPLE) > 20


async def test_node_cannot_call_operations_for_people(server: Server) -> None:
    """Also not about itself, and not with its RSA key."""
    node = await server.register()
    now = datetime.now(UTC)
    for key in [key for key in OF_PEOPLE if key[0] == "ssm"]:
        model = operation_model(*key)
        assert model is not None
        members = required(model.input_shape) | ALSO.get(key[1], {})
        own = {name: node.node_id if value == STRANGER else value for name, value in members.items()}
        for attempt in (members, own):
            assert await call(server, key, attempt, node.credentials) == (400, "AccessDeniedException"), (key, attempt)
        assert await by_key(server, node, key, members, now) == (400, "InvalidSignatureException"), key


DENIED = {
    "ec2": "UnauthorizedOperation",
    "ec2-instance-connect": "AccessDeniedException",
    "cloudtrail": "AccessDeniedException",
    "ferryman": "AccessDeniedException",
    "kms": "AccessDeniedException",
    "tagging": "AccessDeniedException",
}
"""What services call it that is not allowed, where that is not AccessDenied."""


@pytest.mark.parametrize("service", sorted({service for service, _ in OF_PEOPLE} - {"ssm"}))
async def test_node_cannot_call_other_services(server: Server, service: str) -> None:
    node = await server.register()
    client = server.client(service, node.credentials)
    for operation in [name for of, name in OF_PEOPLE if of == service]:
        model = operation_model(service, operation)
        assert model is not None
        members = (minimal(model.input_shape) if model.input_shape else {}) | BESIDES.get((service, operation), {})
        if model.input_shape and "UserName" in model.input_shape.members:  # whose default is the caller
            members["UserName"] = "root"
        with pytest.raises(ClientError) as refused:
            await asyncio.to_thread(getattr(client, xform_name(operation)), **members)
        assert refused.value.response["Error"]["Code"] == DENIED.get(service, "AccessDenied"), operation


@pytest.mark.parametrize("key", OF_AGENTS, ids=lambda key: key[1])
async def test_node_cannot_answer_for_another_node(server: Server, key: Key) -> None:
    node, other = await server.register(), await server.register()
    await other.control()
    subject = str(other.node_id)
    if key[1] == "CreateDataChannel":
        subject = (await server.start(other))["SessionId"]
    status, code = await call(server, key, about(key, subject), node.credentials)
    assert (status, code) == (403 if key[0] == "ssmmessages" else 400, "AccessDeniedException")


async def test_node_learns_nothing_about_a_session_by_guessing_its_id(server: Server) -> None:
    """An unknown session and another node's are refused alike."""
    node, other = await server.register(), await server.register()
    await other.control()
    session_id = (await server.start(other))["SessionId"]
    key = ("ssmmessages", "CreateDataChannel")
    answers = {await call(server, key, about(key, each), node.credentials) for each in (session_id, "root-0")}
    assert answers == {(403, "AccessDeniedException")}


async def test_anothers_channel_is_not_opened_with_own_credentials(server: Server) -> None:
    """Nor with the other's own channel tokens, should those be stolen, too."""
    paired = await server.paired()
    attacker = await server.register()
    path, query = f"/v1/control-channel/{paired.node.node_id}", "role=subscribe&stream=input"
    upgrade = {"Connection": "Upgrade", "Upgrade": "websocket", "Sec-WebSocket-Version": "13"}
    upgrade |= {"Sec-WebSocket-Key": "AAAAAAAAAAAAAAAAAAAAAA=="}
    headers = attacker.signed("GET", path, query) | upgrade
    async with server.http.get(server.url_of(f"{path}?{query}"), headers=headers) as answer:
        assert answer.status == 403
    stolen = await paired.node.create_channel("data", paired.session_id)
    for claimed in (attacker.node_id, paired.node.node_id):
        peer = await attacker.upgrade("data", paired.session_id)
        await peer.text(
            {
                "MessageSchemaVersion": "1.0",
                "RequestId": "r",
                "TokenValue": stolen,
                "ClientInstanceId": claimed,
                "ClientId": "",
            }
        )
        assert await peer.closed() == 1008
    await paired.agent.answered()  # the session did not notice
    await paired.control.answered()


async def test_credentials_are_those_of_their_key_id_and_secret(server: Server) -> None:
    """One node's session token under another's key id, or with another secret, is nothing."""
    node, other = await server.register(), await server.register()
    key = ("ssm", "UpdateInstanceInformation")
    mixed = replace(node.credentials, session_token=other.credentials.session_token)
    assert await call(server, key, about(key, other.node_id), mixed) == (400, "UnrecognizedClientException")
    forged = replace(other.credentials, secret_access_key=node.credentials.secret_access_key)
    assert await call(server, key, about(key, other.node_id), forged) == (400, "InvalidSignatureException")


@pytest.mark.parametrize(("minutes", "works"), [(-4, True), (4, True), (-6, False), (6, False)])
async def test_a_nodes_clock_may_be_five_minutes_off(server: Server, minutes: int, works: bool) -> None:
    node = await server.register()
    moment = datetime.now(UTC) + timedelta(minutes=minutes)
    ok, refused = (200, ""), (400, "InvalidSignatureException")
    information = ("ssm", "UpdateInstanceInformation")
    answered = await call(server, information, about(information, node.node_id), node.credentials, moment)
    assert answered == (ok if works else refused)
    token = ("ssm", "RequestManagedInstanceRoleToken")
    assert await by_key(server, node, token, {"Fingerprint": "print"}, moment) == (ok if works else refused)


async def test_every_set_of_credentials_is_good_until_its_own_end(server: Server) -> None:
    """Whatever was issued since."""
    node = await server.register()
    key = ("ssm", "UpdateInstanceInformation")
    issued = [node.credentials]
    for _ in range(3):
        server.clock.advance(1200)
        issued.append(await server.role_token(node.node_id, node.private_key))
    answers = [await call(server, key, about(key, node.node_id), each) for each in issued]
    assert answers == [(400, "ExpiredTokenException")] + 3 * [(200, "")]


async def test_credentials_and_key_of_a_deregistered_node_are_invalid_immediately(server: Server) -> None:
    paired = await server.paired()
    node = paired.node
    await server.call("deregister_managed_instance", InstanceId=node.node_id)
    assert await paired.control.closed() == 1008
    assert await paired.agent.closed() == 1000
    assert await paired.client.closed() == 1000
    for key in OF_AGENTS:
        subject = paired.session_id if key[1] == "CreateDataChannel" else node.node_id
        _, code = await call(server, key, about(key, subject), node.credentials)
        assert code == "UnrecognizedClientException", key
    token = ("ssm", "RequestManagedInstanceRoleToken")
    _, code = await by_key(server, node, token, {"Fingerprint": "print"}, datetime.now(UTC))
    assert code == "UnrecognizedClientException"


async def test_a_key_that_is_changed_in_a_session_leaves_the_session_alone(server: Server) -> None:
    """The old key is void with the answer; channels and credentials go on."""
    paired = await server.paired()
    node, key = paired.node, rsa.generate_private_key(65537, 2048)
    update = ("ssm", "UpdateManagedInstancePublicKey")
    members = {"NewPublicKey": encode_public_key(key), "NewPublicKeyType": "Rsa"}
    assert await by_key(server, node, update, members, datetime.now(UTC)) == (200, "")
    token = ("ssm", "RequestManagedInstanceRoleToken")
    fingerprint = {"Fingerprint": "print"}
    refused = await by_key(server, node, token, fingerprint, datetime.now(UTC))
    assert refused == (400, "InvalidSignatureException")
    changed = replace(node, private_key=key)
    assert await by_key(server, changed, token, fingerprint, datetime.now(UTC)) == (200, "")
    information = ("ssm", "UpdateInstanceInformation")
    assert await call(server, information, about(information, node.node_id), node.credentials) == (200, "")
    await paired.agent.send(output(0, b"still here"))
    assert (await paired.client.until(MessageType.OUTPUT_STREAM_DATA)).payload == b"still here"
    await paired.control.answered()


async def test_a_cloned_disk_is_refused(server: Server) -> None:
    node = await server.register()
    token = ("ssm", "RequestManagedInstanceRoleToken")
    answer = await by_key(server, node, token, {"Fingerprint": "another"}, datetime.now(UTC))
    assert answer == (400, "MachineFingerprintDoesNotMatch")


def test_unsigned_callers_can_only_register_and_redeem() -> None:
    """A web identity's own signature, or an invitation's token, is checked in place of one."""
    assert set(BY_ANYONE) == {
        ("ssm", "RegisterManagedInstance"),
        ("sts", "AssumeRoleWithWebIdentity"),
        ("ferryman", "RedeemInvitation"),
    }
    assert set(BY_NODE_KEY) == {
        ("ssm", "RequestManagedInstanceRoleToken"),
        ("ssm", "UpdateManagedInstancePublicKey"),
    }
