"""API calls of users, programs and nodes against a real server, valid and invalid."""

import asyncio
import io
import json
import re
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from botocore.exceptions import ClientError
from cryptography.hazmat.primitives.asymmetric import rsa

from ferryman.core.iam.operator import create_access_key, create_user
from ferryman.core.service import Limits
from ferryman.model.identity.callers import BuiltinRole, Credentials
from ferryman.model.secret import Secret
from ferryman.model.sessions import SessionStatus
from ferryman.server.http.steps import UNSIGNED_BODY
from ferryman.server.http.throttling import REFUSAL_SECONDS
from ferryman.server.timeouts import Timeouts
from ferryman.signing.canonical import SignableRequest
from ferryman.signing.rsa import encode_public_key, sign_rsa
from tests.server.running import REGION, Server
from tests.waiting import PATIENCE

JSON = "application/x-amz-json-1.1"
LIST_ACTIVE = b'{"State":"Active"}'
DESCRIBE = "AmazonSSM.DescribeSessions"


@pytest.fixture
def timeouts() -> Timeouts:
    return Timeouts(poll=0.05)


late_bodies = pytest.mark.parametrize("timeouts", [Timeouts(body=0.2)], ids=["short"])
"""For tests whose bodies never arrive; on a busy machine whole ones may take as long."""


def signed_describe(server: Server, body: bytes = LIST_ACTIVE, **changes: Any) -> dict[str, str]:
    """Headers of a signed DescribeSessions."""
    headers = {"Content-Type": JSON, "X-Amz-Target": DESCRIBE}
    return server.signed("POST", "/", "", body, headers, **changes)


async def refusal(server: Server, operation: str, **parameters: Any) -> tuple[str, str, int]:
    """Code, message and status of a call that boto3 sees refused."""
    with pytest.raises(ClientError) as caught:
        await server.call(operation, **parameters)
    answer = caught.value.response
    return answer["Error"]["Code"], answer["Error"]["Message"], answer["ResponseMetadata"]["HTTPStatusCode"]


async def test_get_caller_identity(server: Server) -> None:
    identity = await asyncio.to_thread(server.client("sts").get_caller_identity)
    assert identity["Account"] == "123456789012"
    assert identity["Arn"] == "arn:aws:iam::123456789012:user/root"
    assert identity["UserId"].startswith("AIDA")


async def test_a_session_from_start_to_end(server: Server) -> None:
    node = await server.register()
    control = await node.control()
    started = await server.call("start_session", Target=node.node_id, Reason="to look")
    session_id = started["SessionId"]
    assert re.fullmatch(r"root-[0-9a-f]{17}", session_id)
    assert len(started["TokenValue"]) <= 300
    path = f"/v1/data-channel/{session_id}?role=publish_subscribe&sessionType=Standard_Stream"
    assert started["StreamUrl"] == f"ws://ferryman.test{path}"

    (row,) = (await server.call("describe_sessions", State="Active"))["Sessions"]
    assert row["SessionId"] == session_id
    assert row["Status"] == "Connecting"
    assert row["Target"] == node.node_id
    assert row["Owner"] == "arn:aws:iam::123456789012:user/root"
    assert row["Reason"] == "to look"
    assert row["DocumentName"] == "SSM-SessionManagerRunShell"
    assert row["OutputUrl"] == {}
    assert row["AccessType"] == "Standard"
    assert abs(row["StartDate"] - datetime.now(UTC)) < timedelta(seconds=30)
    assert {"EndDate", "Details", "MaxSessionDuration"}.isdisjoint(row)

    resumed = await server.call("resume_session", SessionId=session_id)
    assert resumed["TokenValue"] != started["TokenValue"]
    assert (await server.call("terminate_session", SessionId=session_id))["SessionId"] == session_id
    server.clock.advance(60)
    await server.until_status(session_id, SessionStatus.TERMINATED)
    (row,) = (await server.call("describe_sessions", State="History"))["Sessions"]
    assert row["EndDate"] > row["StartDate"]
    await control.close()


async def test_the_paginator_walks_all_sessions(server: Server) -> None:
    node = await server.register()
    await node.control()
    client = server.client()
    started = [(await server.start(node))["SessionId"] for _ in range(5)]
    paginator = client.get_paginator("describe_sessions")
    pages = await asyncio.to_thread(lambda: list(paginator.paginate(State="Active", PaginationConfig={"PageSize": 2})))
    assert [len(page["Sessions"]) for page in pages] == [2, 2, 1]
    assert {row["SessionId"] for page in pages for row in page["Sessions"]} == set(started)


async def test_nodes_are_listed_with_what_they_said(server: Server) -> None:
    node = await server.register()
    body = json.dumps(
        {
            "AgentName": "amazon-ssm-agent",
            "AgentStatus": "Active",
            "AgentVersion": "3.3.0.0",
            "AvailabilityZone": "",
            "ComputerName": "node-1",
            "IPAddress": "192.0.2.10",
            "InstanceId": node.node_id,
            "PlatformName": "Debian GNU/Linux",
            "PlatformType": "Linux",
            "PlatformVersion": "12",
            "SSMConnectionChannel": "",
        }
    ).encode()
    headers = {"Content-Type": JSON, "X-Amz-Target": "AmazonSSM.UpdateInstanceInformation"}
    headers = server.signed("POST", "/", "", body, headers, node.credentials)
    assert await server.json_call("AmazonSSM.UpdateInstanceInformation", body, headers) == (200, {})

    (row,) = (await server.call("describe_instance_information"))["InstanceInformationList"]
    assert row["InstanceId"] == node.node_id
    assert row["PingStatus"] == "ConnectionLost"
    assert row["ComputerName"] == "node-1"
    assert row["PlatformType"] == "Linux"
    assert row["AgentVersion"] == "3.3.0.0"
    assert row["ResourceType"] == "ManagedInstance"
    assert (row["SourceId"], row["SourceType"]) == (node.node_id, "AWS::SSM::ManagedInstance")
    await node.control()
    (row,) = (await server.call("describe_instance_information"))["InstanceInformationList"]
    assert row["PingStatus"] == "Online"
    older = [{"key": "PingStatus", "valueSet": ["Online"]}]
    (row,) = (await server.call("describe_instance_information", InstanceInformationFilterList=older))[
        "InstanceInformationList"
    ]
    newer = [{"Key": "tag-key", "Values": ["x"]}]
    with pytest.raises(ClientError, match="ValidationException"):
        await server.call("describe_instance_information", InstanceInformationFilterList=older, Filters=newer)


async def test_activations_are_listed_and_deleted(server: Server) -> None:
    expires = datetime.fromtimestamp(server.clock() // 1000 + 60, UTC)
    made = await server.call(
        "create_activation",
        IamRole="role",
        Description="a note",
        DefaultInstanceName="web",
        RegistrationLimit=5,
        ExpirationDate=expires,
        Tags=[{"Key": "stage", "Value": "test"}],
    )
    filters = [{"FilterKey": "IamRole", "FilterValues": ["role"]}]
    answer = await server.call("describe_activations", Filters=filters, MaxResults=1)
    (row,) = answer["ActivationList"]
    created = row.pop("CreatedDate")
    assert abs(created.timestamp() * 1000 - server.clock()) < 60_000
    assert row == {
        "ActivationId": made["ActivationId"],
        "Description": "a note",
        "DefaultInstanceName": "web",
        "IamRole": "role",
        "RegistrationLimit": 5,
        "RegistrationsCount": 0,
        "ExpirationDate": expires,
        "Expired": False,
        "Tags": [{"Key": "stage", "Value": "test"}],
    }
    with pytest.raises(ClientError, match="InvalidFilter"):
        await server.call("describe_activations", Filters=[{"FilterValues": ["role"]}])
    await server.call("delete_activation", ActivationId=made["ActivationId"])
    assert (await server.call("describe_activations"))["ActivationList"] == []
    with pytest.raises(ClientError, match="InvalidActivation"):
        await server.call("delete_activation", ActivationId=made["ActivationId"])


async def test_a_nodes_role_is_changed(server: Server) -> None:
    node = await server.register()
    await server.call("update_managed_instance_role", InstanceId=node.node_id, IamRole="another")
    (row,) = (await server.call("describe_instance_information"))["InstanceInformationList"]
    assert row["IamRole"] == "another"


async def test_a_deregistered_node_is_gone(server: Server) -> None:
    node = await server.register()
    control = await node.control()
    await server.call("deregister_managed_instance", InstanceId=node.node_id)
    assert await control.closed() == 1008
    path = f"/v1/control-channel/{node.node_id}"
    async with server.http.post(server.url_of(path), data=b"{}", headers=node.signed("POST", path, body=b"{}")) as late:
        assert late.status == 403
        assert "UnrecognizedClientException" in await late.text()


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


# What is refused


@pytest.mark.parametrize("body", [b"{", b"[]", b"\xff", b'{"State": 1}', b'{"State":"Active"'])
async def test_malformed_json(server: Server, body: bytes) -> None:
    status, answer = await server.json_call(DESCRIBE, body, signed_describe(server, body))
    assert (status, answer["__type"]) == (400, "SerializationException")


async def test_validation_names_every_violated_constraint(server: Server) -> None:
    body = b'{"State":"Idle","MaxResults":201}'
    status, answer = await server.json_call(DESCRIBE, body, signed_describe(server, body))
    assert (status, answer["__type"]) == (400, "ValidationException")
    assert answer["message"].startswith("2 validation errors detected: ")


@pytest.mark.parametrize("target", ["AmazonSSM.MakeCoffee", "DescribeSessions", "", "Amazon.SSM.DescribeSessions"])
async def test_unknown_targets(server: Server, target: str) -> None:
    headers = server.signed("POST", "/", "", b"{}", {"Content-Type": JSON, "X-Amz-Target": target})
    status, answer = await server.json_call(target, b"{}", headers)
    assert (status, answer["__type"]) == (400, "UnknownOperationException")


async def test_operations_that_are_not_implemented_are_unknown(server: Server) -> None:
    code, message, status = await refusal(server, "list_commands")
    assert (code, status) == ("UnknownOperationException", 400)
    assert "ListCommands" in message


@pytest.mark.parametrize(("method", "path"), [("GET", "/nowhere"), ("PUT", "/")])
async def test_other_paths_and_methods(server: Server, method: str, path: str) -> None:
    async with server.http.request(method, server.url_of(path)) as answer:
        content = await answer.json(content_type=None)
        assert answer.status in (404, 405)
        assert content["__type"] == "UnknownOperationException"
        assert answer.headers["x-amzn-RequestId"]


async def test_another_method_of_a_channel(server: Server) -> None:
    async with server.http.delete(server.url_of("/v1/data-channel/x")) as answer:
        assert answer.status == 405
        assert (await answer.read()).startswith(b"<UnknownOperationException>")


@pytest.mark.parametrize(
    ("form", "status", "code"),
    [
        ("&".join(f"a{number}=" for number in range(1001)), 400, "MalformedInput"),
        ("Action=%FF", 400, "MalformedInput"),
        ("Action=Nothing&Version=2011-06-15", 400, "InvalidAction"),
        ("Action=" + "a" * 2 * 1024 * 1024, 413, "RequestEntityTooLargeException"),
    ],
)
async def test_an_error_of_a_form_before_its_operation_is_known(
    server: Server, form: str, status: int, code: str
) -> None:
    await form_is_refused(server, io.BytesIO(form.encode()), status, code)


@late_bodies
async def test_a_form_that_does_not_arrive_times_out(server: Server) -> None:
    async def never() -> AsyncIterator[bytes]:
        yield b"Action="
        await server.stop.wait()

    await form_is_refused(server, never(), 408, "RequestTimeoutException")
    server.stop.set()


async def form_is_refused(server: Server, data: io.BytesIO | AsyncIterator[bytes], status: int, code: str) -> None:
    headers = {"Content-Type": "application/x-www-form-urlencoded"}
    async with server.http.post(server.url_of("/"), data=data, headers=headers) as answer:
        text = await answer.text()
        assert answer.status == status
        assert answer.content_type == "text/xml"
    assert f"<Code>{code}</Code>" in text


async def test_a_body_of_two_mebibytes(server: Server) -> None:
    body = b'{"State":"' + b"A" * 2 * 1024 * 1024 + b'"}'
    status, answer = await server.json_call(DESCRIBE, body, signed_describe(server, body))
    assert (status, answer["__type"]) == (413, "RequestEntityTooLargeException")


async def test_a_chunked_body_of_two_mebibytes(server: Server) -> None:
    async def chunks() -> AsyncIterator[bytes]:
        for _ in range(64):
            yield b"A" * 32768

    headers = {"Content-Type": JSON, "X-Amz-Target": DESCRIBE}
    async with server.http.post(server.url_of("/"), data=chunks(), headers=headers) as answer:
        assert answer.status == 413


@late_bodies
async def test_missing_body_times_out(server: Server) -> None:
    reader, writer = await asyncio.open_connection("127.0.0.1", server.port)
    writer.write(
        b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 100\r\nX-Amz-Target: " + DESCRIBE.encode() + b"\r\n\r\n{"
    )
    status_line = await asyncio.wait_for(reader.readline(), PATIENCE)
    assert b" 408 " in status_line
    writer.close()
    await writer.wait_closed()


async def test_unsigned(server: Server) -> None:
    status, answer = await server.json_call(DESCRIBE, LIST_ACTIVE)
    assert (status, answer["__type"]) == (400, "MissingAuthenticationTokenException")


async def test_badly_signed(server: Server) -> None:
    given = server.administrator
    wrong = Credentials(given.access_key_id, Secret("wrong"))
    status, answer = await server.json_call(DESCRIBE, LIST_ACTIVE, signed_describe(server, credentials=wrong))
    assert (status, answer["__type"]) == (400, "InvalidSignatureException")


@pytest.mark.parametrize("authorization", ["", "Bearer x", "AWS4-HMAC-SHA256", "AWS4-HMAC-SHA256 Credential=a, x"])
async def test_half_signed(server: Server, authorization: str) -> None:
    headers = {"Authorization": authorization, "X-Amz-Date": "20260101T000000Z"}
    status, answer = await server.json_call(DESCRIBE, LIST_ACTIVE, headers)
    assert (status, answer["__type"]) == (400, "IncompleteSignatureException")


async def test_an_unknown_key(server: Server) -> None:
    unknown = Credentials("AKIAAAAAAAAAAAAAAAAA", Secret("x"))
    status, answer = await server.json_call(DESCRIBE, LIST_ACTIVE, signed_describe(server, credentials=unknown))
    assert (status, answer["__type"]) == (400, "UnrecognizedClientException")


@pytest.mark.parametrize("minutes", [-6, 6])
async def test_stale_or_early(server: Server, minutes: int) -> None:
    moment = datetime.now(UTC) + timedelta(minutes=minutes)
    status, answer = await server.json_call(DESCRIBE, LIST_ACTIVE, signed_describe(server, now=moment))
    assert (status, answer["__type"]) == (400, "InvalidSignatureException")
    assert "Signature" in answer["message"]


async def test_replayed_with_another_body(server: Server) -> None:
    headers = signed_describe(server)
    status, answer = await server.json_call(DESCRIBE, b'{"State":"History"}', headers)
    assert (status, answer["__type"]) == (400, "InvalidSignatureException")


async def test_signed_for_another_service_or_region(server: Server) -> None:
    status, answer = await server.json_call(DESCRIBE, LIST_ACTIVE, signed_describe(server, service="sts"))
    assert (status, answer["__type"]) == (400, "InvalidSignatureException")


async def test_a_header_that_is_not_text(server: Server) -> None:
    reader, writer = await asyncio.open_connection("127.0.0.1", server.port)
    writer.write(
        b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 2\r\nX-Amz-Target: AmazonSSM.DescribeSessions\r\n"
        b"Authorization: \xff\xfe\r\nConnection: close\r\n\r\n{}"
    )
    answer = await asyncio.wait_for(reader.read(), PATIENCE)
    assert b" 400 " in answer.splitlines()[0]
    writer.close()
    await writer.wait_closed()


async def test_unconnected_target_is_refused(server: Server) -> None:
    node = await server.register()
    code, message, _ = await refusal(server, "start_session", Target=node.node_id)
    assert (code, message) == ("TargetNotConnected", f"{node.node_id} is not connected.")
    code, _, _ = await refusal(server, "start_session", Target="mi-00000000000000000")
    assert code == "TargetNotConnected"


async def test_operator_cannot_touch_sessions_of_others(server: Server) -> None:
    node = await server.register()
    await node.control()
    started = await server.start(node)
    await create_user(server.service, "bob", BuiltinRole.OPERATOR)
    bob = server.client(credentials=await create_access_key(server.service, "bob"))
    for operation in (bob.resume_session, bob.terminate_session):
        with pytest.raises(ClientError, match="AccessDeniedException"):
            await asyncio.to_thread(operation, SessionId=started["SessionId"])
    rows = await asyncio.to_thread(bob.describe_sessions, State="Active")
    assert [row["SessionId"] for row in rows["Sessions"]] == [started["SessionId"]]


async def test_internal_error_does_not_reveal_its_cause(server: Server, capsys: pytest.CaptureFixture[str]) -> None:
    await server.store.close()
    status, answer = await server.json_call(DESCRIBE, LIST_ACTIVE, signed_describe(server))
    assert (status, answer["__type"]) == (500, "InternalServerError")
    assert "sql" not in json.dumps(answer).lower()
    async with server.http.get(server.url_of("/healthz")) as health:
        assert health.status == 503


async def test_answers_and_log_lines_share_the_request_id(server: Server, capsys: pytest.CaptureFixture[str]) -> None:
    async with server.http.post(server.url_of("/"), data=LIST_ACTIVE, headers=signed_describe(server)) as answer:
        request_id = answer.headers["x-amzn-RequestId"]
    assert request_id in capsys.readouterr().out


async def test_logs_hold_no_secret(server: Server, capsys: pytest.CaptureFixture[str]) -> None:
    paired = await server.paired()
    resumed = await server.call("resume_session", SessionId=paired.session_id)
    await server.open_client(resumed | {"TokenValue": resumed["TokenValue"][:-4]})
    await server.shut_down()
    logged = capsys.readouterr().out
    assert paired.session_id in logged
    assert paired.node.credentials.session_token is not None
    secrets = (
        resumed["TokenValue"][:40],
        server.administrator.secret_access_key.reveal(),
        paired.node.credentials.secret_access_key.reveal(),
        paired.node.credentials.session_token.reveal(),
        "Signature=",
    )
    assert [secret for secret in secrets if secret in logged] == []


class TestSmallLimits:
    @pytest.fixture
    def limits(self) -> Limits:
        return Limits(body_bytes=100)

    async def test_the_limit_is_the_configured_one(self, server: Server) -> None:
        body = b'{"State":"Active"}' + b" " * 100
        status, answer = await server.json_call(DESCRIBE, body, signed_describe(server, body))
        assert status == 413
        assert "100 bytes" in answer["message"]


class TestFewCalls:
    @pytest.fixture
    def limits(self) -> Limits:
        return Limits(calls_per_second=0.001, calls_burst=2)

    async def test_caller_over_the_rate_limit_is_throttled(self, server: Server) -> None:
        for _ in range(2):
            await server.call("describe_sessions", State="Active")
        refused = await refusal(server, "describe_sessions", State="Active")
        assert refused == ("ThrottlingException", "Rate exceeded", 400)
        await server.call("get_connection_status", Target="mi-0123456789abcdef0")

    async def test_operations_that_the_server_lacks_share_one_limit(self, server: Server) -> None:
        codes = []
        for target in ("AmazonSSM.ListCommands", "AmazonSSM.SendCommand", "AmazonSSM.GetParameter"):
            headers = server.signed("POST", "/", "", b"{}", {"Content-Type": JSON, "X-Amz-Target": target})
            codes.append((await server.json_call(target, b"{}", headers))[1]["__type"])
        assert codes[-1] == "ThrottlingException"
        assert "ThrottlingException" not in codes[:-1]


class TestUnsignedCalls:
    """Calls without a signature, which nobody can be throttled for."""

    async def test_a_large_body_is_refused_unread(self, server: Server) -> None:
        body = b'{"ActivationId":1,"x":"' + b"x" * UNSIGNED_BODY + b'"}'
        status, answer = await server.json_call("AmazonSSM.RegisterManagedInstance", body)
        assert (status, answer["__type"]) == (413, "RequestEntityTooLargeException")

    async def test_a_malformed_one_waits_for_its_refusal(self, server: Server) -> None:
        began = asyncio.get_running_loop().time()
        status, _answer = await server.json_call("AmazonSSM.RegisterManagedInstance", b'{"ActivationId":1}')
        assert status == 400
        assert asyncio.get_running_loop().time() - began >= REFUSAL_SECONDS
