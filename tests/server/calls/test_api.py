"""API calls of users and programs against a real server."""

import asyncio
import json
import re
from datetime import UTC, datetime, timedelta

import pytest
from botocore.exceptions import ClientError

from ferryman.core.iam.operator import create_access_key, create_user
from ferryman.model.identity.callers import BuiltinRole
from ferryman.model.sessions import SessionStatus
from ferryman.server.timeouts import Timeouts
from tests.server.callers.api_calls import DESCRIBE, JSON, LIST_ACTIVE, refusal, signed_describe
from tests.server.running import Server
from tests.waiting import PATIENCE


@pytest.fixture
def timeouts() -> Timeouts:
    return Timeouts(poll=0.05)


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
    assert abs(row["StartDate"] - datetime.now(UTC)) < timedelta(seconds=PATIENCE)
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


async def test_nodes_are_listed_with_what_they_reported(server: Server) -> None:
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
