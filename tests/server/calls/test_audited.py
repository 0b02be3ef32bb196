"""What the server records of calls and sessions, and what it refuses when it cannot record."""

import asyncio
from collections.abc import AsyncIterator, Iterator
from contextlib import contextmanager
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from botocore.exceptions import ClientError

from ferryman.audit.files import TrailFiles, trail_files
from ferryman.audit.reader import newest_first, verify
from ferryman.audit.sessions import recorded_sessions
from ferryman.audit.writer import TrailWriter
from ferryman.core.audit.chain import chain_key
from ferryman.core.audit.records import CHANNEL_CHANGE, NODE_CHANGE, SESSION_CHANGE, trail_event
from ferryman.core.audit.redaction import HIDDEN
from ferryman.core.audit.reports import EXIT
from ferryman.core.iam.operator import create_access_key, create_user, set_access_key_active
from ferryman.core.service import AuditSettings, Service
from ferryman.model.identity.credentials import Credentials
from ferryman.model.sessions import SessionStatus
from ferryman.model.values.secret import Secret
from ferryman.server.http.call_records import access_key_id
from ferryman.wire.agent_message import MessageType
from tests.server.peers import exit_code
from tests.server.running import Recorded, Server, until


@pytest.fixture
def audit() -> AuditSettings:
    return AuditSettings()


@pytest.fixture
async def recorded(tmp_path: Path, audit: AuditSettings) -> AsyncIterator[Recorded]:
    """Give the server a trail."""
    opened: list[TrailWriter] = []

    def record(service: Service) -> Service:
        files = TrailFiles(tmp_path / "audit", 1 << 24)
        opened.append(TrailWriter(files, chain_key(service.vault), partial(trail_event, service)))
        return replace(service, trail=opened[0], settings=replace(service.settings, audit=audit))

    yield record
    await opened[0].close()


class Told:
    """The trail of a server, read as its operator would."""

    def __init__(self, server: Server, directory: Path) -> None:
        self.server = server
        self.directory = directory

    async def all(self) -> list[dict[str, Any]]:
        """Every record so far, oldest first."""
        await self.server.service.trail.keep({"test": "mark"})
        return list(newest_first(self.directory))[::-1]

    async def calls(self, name: str) -> list[dict[str, Any]]:
        return [each for each in await self.all() if each.get("eventName") == name]

    async def events(self, kind: str) -> list[dict[str, Any]]:
        return [each["detail"] for each in await self.all() if each.get("detail-type") == kind]


@pytest.fixture
def told(server: Server, tmp_path: Path) -> Told:
    return Told(server, tmp_path / "audit")


@contextmanager
def unwritable(directory: Path) -> Iterator[None]:
    """The trail's directory is none, and the open file is gone, until the end of the `with`."""
    away = directory.with_name("away")
    directory.rename(away)
    path = trail_files(away)[-1]
    content = path.read_bytes()
    path.unlink()
    path.write_bytes(content)
    directory.write_bytes(b"")
    try:
        yield
    finally:
        directory.unlink()
        away.rename(directory)


async def test_a_call_is_recorded(server: Server, told: Told) -> None:
    node = await server.register()
    await node.control()
    answer = await server.call("start_session", Target=node.node_id, Reason="ticket 7")
    [record] = await told.calls("StartSession")
    identity = record["userIdentity"]
    assert identity["type"] == "IAMUser"
    assert identity["userName"] == "root"
    assert identity["accessKeyId"] == server.administrator.access_key_id
    assert record["requestParameters"] == {"target": node.node_id, "reason": "ticket 7"}
    assert record["responseElements"]["sessionId"] == answer["SessionId"]
    assert record["responseElements"]["tokenValue"] == HIDDEN
    assert record["requestID"] == answer["ResponseMetadata"]["RequestId"]
    assert record["sourceIPAddress"] == "127.0.0.1"
    assert record["userAgent"].startswith("Boto3/")
    assert (record["eventSource"], record["awsRegion"]) == ("ssm.amazonaws.com", "test-1")
    assert record["recipientAccountId"] == "123456789012"
    assert record["readOnly"] is False
    assert "errorCode" not in record


async def test_no_secret_is_in_the_files(server: Server, told: Told) -> None:
    node = await server.register()
    await node.control()
    answer = await server.start(node)
    await told.all()
    content = b"".join(path.read_bytes() for path in trail_files(told.directory)).decode()
    assert answer["SessionId"] in content
    secret, token = node.credentials.secret_access_key, node.credentials.session_token
    assert token is not None
    for hidden in (answer["TokenValue"], secret.reveal(), token.reveal(), '"print"'):
        assert hidden not in content
    assert server.administrator.secret_access_key.reveal() not in content


async def test_refused_calls_are_recorded(server: Server, told: Told) -> None:
    with pytest.raises(ClientError, match="TargetNotConnected"):
        await server.call("start_session", Target="mi-0123456789abcdef0")
    [record] = await told.calls("StartSession")
    assert record["errorCode"] == "TargetNotConnected"
    assert record["errorMessage"] == "mi-0123456789abcdef0 is not connected."
    assert record["responseElements"] is None
    assert record["requestParameters"]["target"] == "mi-0123456789abcdef0"


async def test_a_wrong_signature_is_recorded_with_the_key_it_claims(server: Server, told: Told) -> None:
    forged = replace(server.administrator, secret_access_key=Secret("wrong"))
    headers = {"Content-Type": "application/x-amz-json-1.1", "X-Amz-Target": "AmazonSSM.DescribeSessions"}
    signed = server.signed("POST", "/", "", b"{}", headers, forged)
    await server.json_call("AmazonSSM.DescribeSessions", b"{}", signed)
    [record] = await told.calls("DescribeSessions")
    assert record["errorCode"] == "InvalidSignatureException"
    key = server.administrator.access_key_id
    assert record["userIdentity"] == {"type": "Unknown", "accessKeyId": key}
    assert record["readOnly"] is True


class TestCredentialsNoLongerAccepted:
    """Whoever signed is named, although the call is refused."""

    async def refused(self, server: Server, credentials: Credentials) -> str:
        target = "AmazonSSM.DescribeSessions"
        headers = {"Content-Type": "application/x-amz-json-1.1", "X-Amz-Target": target}
        signed = server.signed("POST", "/", "", b"{}", headers, credentials)
        status, answer = await server.json_call(target, b"{}", signed)
        assert status == 400
        return str(answer["__type"])

    async def session_token(self, server: Server) -> Credentials:
        sts = await asyncio.to_thread(server.client, "sts")
        given = (await asyncio.to_thread(sts.get_session_token, DurationSeconds=900))["Credentials"]
        return Credentials(given["AccessKeyId"], Secret(given["SecretAccessKey"]), Secret(given["SessionToken"]))

    async def test_expired_token_is_recorded_under_its_person(self, server: Server, told: Told) -> None:
        issued = await self.session_token(server)
        server.clock.advance(901)
        assert await self.refused(server, issued) == "ExpiredTokenException"
        [record] = await told.calls("DescribeSessions")
        identity = record["userIdentity"]
        assert (identity["type"], identity["userName"]) == ("IAMUser", "root")
        assert identity["accessKeyId"] == issued.access_key_id
        assert record["errorCode"] == "ExpiredTokenException"
        assert record["requestParameters"] is None

    async def test_expired_token_with_a_wrong_signature_names_nobody(self, server: Server, told: Told) -> None:
        issued = await self.session_token(server)
        server.clock.advance(901)
        stolen = replace(issued, secret_access_key=Secret("x" * 40))
        assert await self.refused(server, stolen) == "ExpiredTokenException"
        [record] = await told.calls("DescribeSessions")
        assert record["userIdentity"] == {"type": "Unknown", "accessKeyId": issued.access_key_id}

    async def test_disabled_key_and_its_token_are_recorded_under_their_person(self, server: Server, told: Told) -> None:
        await create_user(server.service, "alice", None)
        key = await create_access_key(server.service, "alice")
        sts = await asyncio.to_thread(server.client, "sts", key)
        given = (await asyncio.to_thread(sts.get_session_token))["Credentials"]
        issued = Credentials(given["AccessKeyId"], Secret(given["SecretAccessKey"]), Secret(given["SessionToken"]))
        await set_access_key_active(server.service, key.access_key_id, active=False)
        for each in (key, issued):
            assert await self.refused(server, each) == "UnrecognizedClientException"
        named = [each["userIdentity"] for each in await told.calls("DescribeSessions")]
        assert [(each["userName"], each["accessKeyId"]) for each in named] == [
            ("alice", key.access_key_id),
            ("alice", issued.access_key_id),
        ]

    async def test_expired_credentials_of_a_node_are_recorded_under_it(self, server: Server, told: Told) -> None:
        node = await server.register()
        server.clock.advance(3601)
        path = f"/v1/control-channel/{node.node_id}"
        async with server.http.get(server.url_of(path), headers=node.signed("GET", path)) as answer:
            assert answer.status == 403
        [record] = await told.calls("OpenControlChannel")
        assert record["errorCode"] == "ExpiredTokenException"
        assert record["userIdentity"]["type"] == "ManagedNode"
        assert record["userIdentity"]["principalId"] == node.node_id


async def test_a_forged_upgrade_is_recorded(server: Server, told: Told) -> None:
    async with server.http.get(server.url_of("/v1/control-channel/mi-0123456789abcdef0")) as answer:
        assert answer.status == 403
    [record] = await told.calls("OpenControlChannel")
    assert record["errorCode"] == "MissingAuthenticationTokenException"


async def test_wrong_signature_of_an_admitted_client_is_recorded(server: Server, told: Told) -> None:
    path = "/v1/data-channel/root-00000000000000000"
    forged = replace(server.administrator, secret_access_key=Secret("wrong"))
    await (await server.dial(path, server.signed("GET", path, "", b"", None, forged, "ssmmessages"))).close()
    await (await server.dial(path, {"Authorization": "Bearer x"})).close()
    [record] = await told.calls("OpenDataChannel")
    assert record["errorCode"] == "InvalidSignatureException"
    assert record["userIdentity"]["accessKeyId"] == server.administrator.access_key_id


async def test_repeated_calls_of_agents_are_recorded_when_refused(server: Server, told: Told) -> None:
    node = await server.register()
    await node.create_channel("control", node.node_id)
    assert await told.calls("CreateControlChannel") == []
    path = "/v1/control-channel/mi-0123456789abcdef0"
    body = b'{"MessageSchemaVersion":"1.0","RequestId":"00000000-0000-4000-8000-000000000000"}'
    headers = node.signed("POST", path, body=body, headers={"Content-Type": "application/json"})
    async with server.http.post(server.url_of(path), data=body, headers=headers) as answer:
        assert answer.status == 403
    [record] = await told.calls("CreateControlChannel")
    assert record["errorCode"] == "AccessDeniedException"
    assert record["userIdentity"]["type"] == "ManagedNode"
    assert record["userIdentity"]["principalId"] == node.node_id


async def test_a_sessions_life_is_recorded(server: Server, told: Told) -> None:
    paired = await server.paired()
    await server.call("terminate_session", SessionId=paired.session_id)
    for peer in (paired.client, paired.agent):
        await peer.closed()
    await paired.client.close()
    await paired.agent.close()
    await until(lambda: told.events(CHANNEL_CHANGE), lambda seen: [each["state"] for each in seen].count("Closed") == 2)
    changes = await told.events(SESSION_CHANGE)
    assert [each["status"] for each in changes[:3]] == ["Connecting", "Connected", "Terminating"]
    last = changes[2]
    assert last["owner"].endswith("/root")
    assert last["target"] == paired.node.node_id
    assert last["details"].startswith("Terminated by arn:aws:iam::")
    opened = [each for each in await told.events(CHANNEL_CHANGE) if each["state"] == "Opened"]
    assert [(each["end"], each["sourceIPAddress"]) for each in opened] == [
        ("client", "127.0.0.1"),
        ("agent", "127.0.0.1"),
    ]
    [agent] = [
        each for each in await told.events(CHANNEL_CHANGE) if each["state"] == "Closed" and each["end"] == "agent"
    ]
    [session] = recorded_sessions(reversed(await told.all()))
    assert (session.session_id, session.person, session.target) == (paired.session_id, "root", paired.node.node_id)
    assert (session.client_address, session.details) == ("127.0.0.1", last["details"])
    assert agent["framesSent"] == 1
    assert agent["bytesSent"] > 120


async def test_exit_code_that_the_agent_reports_is_recorded_once(server: Server, told: Told) -> None:
    paired = await server.paired()
    for sequence, payload in enumerate((b"EXIT_CODE: x", b"EXIT_CODE: 99999999999", b"EXIT_CODE: 3", b"EXIT_CODE: 4")):
        await paired.agent.send(exit_code(sequence, payload))
        await paired.client.until(MessageType.OUTPUT_STREAM_DATA)
    assert await told.events(EXIT) == [{"sessionId": paired.session_id, "exitCode": 3, "reportedBy": "agent"}]
    [session] = recorded_sessions(reversed(await told.all()))
    assert session.exit_code == 3


async def test_commands_are_hidden_unless_the_settings_say_otherwise(server: Server, told: Told) -> None:
    node = await server.register()
    await node.control()
    given = {"DocumentName": "AWS-StartInteractiveCommand", "Parameters": {"command": ["top -d 1"]}}
    await server.call("start_session", Target=node.node_id, **given)
    [record] = await told.calls("StartSession")
    assert record["requestParameters"]["parameters"] == {"command": HIDDEN}


async def test_a_nodes_life_is_recorded(server: Server, told: Told) -> None:
    node = await server.register()
    control = await node.control()
    await server.call("deregister_managed_instance", InstanceId=node.node_id)
    await control.closed()
    await control.close()
    seen = await until(lambda: told.events(NODE_CHANGE), lambda seen: len(seen) == 4)
    assert [each["status"] for each in seen] == ["Registered", "Connected", "Deregistered", "Disconnected"]
    assert seen[2]["by"].endswith("/root")


async def test_a_call_that_cannot_be_recorded_is_refused(server: Server, told: Told) -> None:
    paired = await server.paired()
    await told.all()
    with unwritable(told.directory):
        for _ in range(2):  # the one that shows it, and the next
            with pytest.raises(ClientError, match="ServiceUnavailable"):
                await server.start(paired.node)
        with pytest.raises(ClientError, match="ServiceUnavailable"):
            await server.call("create_activation", IamRole="role")
        health = await server.health()
        assert (health["status"], health["store"], health["audit"]) == ("unavailable", "ok", "failed")
        assert (await server.call("describe_sessions", State="Active"))["Sessions"]
        await server.call("terminate_session", SessionId=paired.session_id)
        assert (await server.session(paired.session_id)).status is SessionStatus.TERMINATING
    health = await until(server.health, lambda health: health["status"] == "ok")
    assert health["store"] == "ok"
    await server.start(paired.node)
    refused = [each["errorCode"] for each in await told.calls("StartSession") if "errorCode" in each]
    assert refused == ["ServiceUnavailable"] * 2
    assert [each["status"] for each in await told.events(SESSION_CHANGE)].count("Terminating") == 1
    assert verify(told.directory, chain_key(server.service.vault))[1] == []


class TestNotRequired:
    @pytest.fixture
    def audit(self) -> AuditSettings:
        return AuditSettings(required=False, agent_calls=True, commands=True)

    async def test_calls_are_answered_unrecorded(self, server: Server, told: Told) -> None:
        node = await server.register()
        await node.control()
        await told.all()
        with unwritable(told.directory):
            for _ in range(2):
                assert (await server.start(node))["SessionId"]
            await until(server.health, lambda _: server.service.trail.failure is not None)
            assert (await server.health())["status"] == "ok"
        await until(server.health, lambda _: server.service.trail.failure is None)
        assert len(await told.calls("StartSession")) == 2

    async def test_commands_are_recorded_if_asked_for(self, server: Server, told: Told) -> None:
        node = await server.register()
        await node.control()
        given = {"DocumentName": "AWS-StartInteractiveCommand", "Parameters": {"command": ["top -d 1"]}}
        await server.call("start_session", Target=node.node_id, **given)
        [record] = await told.calls("StartSession")
        assert record["requestParameters"]["parameters"] == {"command": ["top -d 1"]}

    async def test_agents_calls_are_recorded_if_asked_for(self, server: Server, told: Told) -> None:
        node = await server.register()
        await node.create_channel("control", node.node_id)
        [record] = await told.calls("CreateControlChannel")
        assert record["requestParameters"]["channelId"] == node.node_id
        assert record["responseElements"]["tokenValue"] == HIDDEN


@pytest.mark.parametrize(
    ("authorization", "claimed"),
    [
        ("AWS4-HMAC-SHA256 Credential=AKIAREAL/2030/r/ssm/aws4_request, SignedHeaders=host", "AKIAREAL"),
        ("AWS4-HMAC-SHA256 X=Credential=AKIAVICTIM/, Credential=AKIAREAL/2030/r", "AKIAREAL"),
        ("Xa=Credential=AKIAVICTIM/&X-Amz-Credential=AKIAREAL%2F2030", "AKIAREAL"),
        ("X-Amz-Credential=AKIAREAL%2F2030", "AKIAREAL"),
        ("role=publish_subscribe", None),
    ],
)
def test_the_claimed_key_is_the_one_that_is_verified(authorization: str, claimed: str | None) -> None:
    assert access_key_id(authorization) == claimed
