"""Where the log of a session may go is decided when it starts."""

import json
from functools import partial
from typing import Any

import pytest
from botocore.exceptions import ClientError
from structlog.testing import capture_logs

from ferryman.recording.aws_clients import AwsAccess, CallFailed
from ferryman.recording.outputs import checks
from ferryman.recording.outputs.checks import Checks
from ferryman.recording.outputs.destinations import Reach
from ferryman.wire.agent_message import MessageType
from tests.aws_stand_ins import REGION, StandIn, create_bucket
from tests.faulty_proxy import FaultyProxy
from tests.server.logged import BUCKET, GROUP, Logged, prefer
from tests.server.running import Server


async def test_node_never_learns_of_destinations(server: Server) -> None:
    await prefer(server, s3BucketName=BUCKET, cloudWatchLogGroupName=GROUP, cloudWatchStreamingEnabled=True)
    node = await server.register()
    control = await node.control()
    await server.open_client(await server.start(node))
    task = await control.until(MessageType.INTERACTIVE_SHELL)
    assert b"runAsEnabled" in task.payload
    for word in (b"s3", b"cloudWatch", BUCKET.encode(), GROUP.encode()):
        assert word not in task.payload


@pytest.mark.parametrize(
    ("inputs", "text"),
    [
        (
            {"s3BucketName": BUCKET, "s3EncryptionEnabled": True},
            "We couldn't start the session because encryption is not set up on the selected Amazon S3 bucket. Either "
            "encrypt the bucket or choose an option to enable logging without encryption.",
        ),
        (
            {"cloudWatchLogGroupName": GROUP, "cloudWatchEncryptionEnabled": True},
            "We couldn't start the session because encryption is not set up on the selected CloudWatch Logs log group. "
            "Either encrypt the log group or choose an option to enable logging without encryption.",
        ),
        (
            {"s3BucketName": "no-such-bucket", "s3EncryptionEnabled": True},
            "the server could not find out whether the bucket no-such-bucket is encrypted. An administrator finds the "
            r"cause in the server's log and in the audit trail\.$",
        ),
        (
            {"cloudWatchLogGroupName": "no-such-group", "cloudWatchEncryptionEnabled": True},
            "the server could not find out whether the log group no-such-group is encrypted",
        ),
    ],
)
async def test_session_does_not_start_if_its_log_must_be_encrypted_and_is_not(
    server: Server, inputs: dict[str, Any], text: str
) -> None:
    await prefer(server, **inputs)
    node = await server.register()
    await node.control()
    with pytest.raises(ClientError, match=text):
        await server.start(node)
    assert (await server.call("describe_sessions", State="Active"))["Sessions"] == []


async def test_what_aws_says_of_a_destination_is_only_for_administrators(server: Server, logged: Logged) -> None:
    await prefer(server, s3BucketName="no-such-bucket", s3EncryptionEnabled=True)
    node = await server.register()
    await node.control()
    cause = "s3:GetEncryptionConfiguration on the bucket no-such-bucket was refused (NoSuchBucket"
    with capture_logs() as lines, pytest.raises(ClientError) as refused:
        await server.start(node)
    assert "NoSuchBucket" not in str(refused.value)
    assert [line["reason"].startswith(cause) for line in lines if line["event"] == "request refused"] == [True]
    (record,) = [each for each in logged.entries if each.get("eventName") == "StartSession"]
    assert record["additionalEventData"]["cause"].startswith(cause)


async def test_too_many_checks_of_destinations_are_throttled(
    server: Server, logged: Logged, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(checks, "MOST_OF_ONE_PERSON", 0)
    logged.delivery._destinations._checks = Checks()
    await prefer(server, s3BucketName=BUCKET, s3EncryptionEnabled=True)
    node = await server.register()
    await node.control()
    with pytest.raises(ClientError, match="ThrottlingException"):
        await server.start(node)


async def test_server_without_access_says_which_table_is_missing(server: Server, logged: Logged) -> None:
    await prefer(server, s3BucketName=BUCKET)
    logged.delivery._destinations.reach = Reach()
    node = await server.register()
    await node.control()
    with pytest.raises(ClientError, match=r"the bucket session-logs needs the table \[outputs.s3\]"):
        await server.start(node)


async def test_documents_may_name_only_what_the_configuration_allows(
    server: Server, aws: StandIn, proxy: FaultyProxy, logged: Logged
) -> None:
    members: dict[str, Any] = {"parameters": {"bucket": {"type": "String"}}, "inputs": {"s3BucketName": "{{ bucket }}"}}
    content = {"schemaVersion": "1.0", "sessionType": "Standard_Stream", **members}
    await server.call("create_document", Name="Chosen", Content=json.dumps(content), DocumentType="Session")
    create_bucket(aws, "payroll")
    node = await server.register()
    await node.control()
    begin = partial(server.call, "start_session", Target=node.node_id, DocumentName="Chosen")
    started = await begin(Parameters={"bucket": ["payroll"]})
    s3 = AwsAccess(REGION, proxy.url, allowed=(BUCKET, "logs-*"))
    logs = AwsAccess(REGION, proxy.url, allowed=("/ferryman/*",))
    logged.delivery._destinations.reach = Reach(s3, logs)
    for bucket in ("payroll", f"{BUCKET}-2", "logs"):
        with pytest.raises(ClientError, match=rf"the bucket {bucket} is not among outputs\.s3\.buckets"):
            await begin(Parameters={"bucket": [bucket]})
    await begin(Parameters={"bucket": [BUCKET]})
    await prefer(server, cloudWatchLogGroupName="/other")
    with pytest.raises(ClientError, match=r"the log group /other is not among outputs\.cloudwatch\.log_groups"):
        await server.start(node)
    (waiting,) = await server.store.outputs.of_session(started["SessionId"])
    assert waiting.outputs.s3 is not None
    with pytest.raises(CallFailed, match="is not among"):
        logged.delivery._destinations.s3(waiting.outputs.s3.bucket)


async def test_port_session_has_no_log_and_needs_no_access(server: Server, logged: Logged) -> None:
    await prefer(server, s3BucketName=BUCKET)
    logged.delivery._destinations.reach = Reach()
    node = await server.register()
    await node.control()
    ticket = await server.call(
        "start_session",
        Target=node.node_id,
        DocumentName="AWS-StartPortForwardingSession",
        Parameters={"portNumber": ["80"]},
    )
    assert await server.store.outputs.of_session(ticket["SessionId"]) == []
