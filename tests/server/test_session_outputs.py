"""Logs of sessions in S3 and CloudWatch Logs, written by the server."""

import asyncio
import json
import operator
import re
from collections.abc import AsyncIterator, Iterator, Sequence
from functools import cache, partial
from pathlib import Path
from typing import Any

import pytest
from botocore.exceptions import ClientError
from structlog.testing import capture_logs

from ferryman.core.audit.output_records import OUTPUT_CHANGE
from ferryman.core.audit.records import moment
from ferryman.core.ports.outputs import OutputKind, PendingOutput
from ferryman.core.ports.recordings import RecordingMode
from ferryman.model.identifiers import Millis, SessionId
from ferryman.model.session_outputs import S3Output, SessionOutputs
from ferryman.recording import aws_clients, recorder
from ferryman.recording.aws_clients import AwsAccess, CallFailed, aws_client
from ferryman.recording.outputs import checks, delivery, destinations
from ferryman.recording.outputs.checks import Checks
from ferryman.recording.outputs.destinations import Reach
from ferryman.recording.outputs.expiry import DAY_MILLIS, Expiry
from ferryman.wire.agent_message import MessageType, PayloadType, frame
from tests.aws_stand_ins import KEY_ID, REGION, SECRET, StandIn, create_bucket, moto
from tests.faulty_proxy import Fault, FaultyProxy, faulty_proxy
from tests.server.logged import DAYS, Logged, delivered, end, output_url, prefer
from tests.server.own_calls import call
from tests.server.peers import output
from tests.server.running import Recorded, Server, until

BUCKET, GROUP = "session-logs", "/ferryman/sessions"


shared_client = cache(aws_client)
"""Making a client takes longer than most of what tests do with it."""


@pytest.fixture(scope="module")
def aws() -> Iterator[StandIn]:
    with moto() as started:
        yield started


@pytest.fixture(scope="module")
def module_proxy(aws: StandIn) -> Iterator[FaultyProxy]:
    with faulty_proxy(aws.url) as started:
        yield started


@pytest.fixture
def proxy(aws: StandIn, module_proxy: FaultyProxy, monkeypatch: pytest.MonkeyPatch) -> FaultyProxy:
    """What is between the server and Moto, which has an empty bucket and log group."""
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", KEY_ID)
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", SECRET)
    monkeypatch.setattr(destinations, "aws_client", shared_client)
    module_proxy.fault = None
    aws.reset()
    aws.client("s3").create_bucket(Bucket=BUCKET)
    aws.client("logs").create_log_group(logGroupName=GROUP)
    return module_proxy


@pytest.fixture
async def logged(tmp_path: Path, proxy: FaultyProxy, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Logged]:
    monkeypatch.setattr(delivery, "TICK_SECONDS", 0.05)
    monkeypatch.setattr(delivery, "FIRST_RETRY_MILLIS", 50)
    monkeypatch.setattr(recorder, "TICK_SECONDS", 0.05)
    access = AwsAccess(REGION, proxy.url)
    made = Logged(tmp_path, Reach(access, access))
    yield made
    await made.recorder.close()


@pytest.fixture
def recorded(logged: Logged) -> Recorded:
    return logged.record


@pytest.fixture
async def server(server: Server, logged: Logged) -> AsyncIterator[Server]:
    yield server
    await logged.stop_delivery()  # before the store is closed


async def text_in_bucket(aws: StandIn, session_id: str, prefix: str = "") -> str:
    client = await asyncio.to_thread(aws.client, "s3")
    answer = await asyncio.to_thread(partial(client.get_object, Bucket=BUCKET, Key=f"{prefix}{session_id}.log"))
    return str(answer["Body"].read().decode())


async def messages(aws: StandIn, session_id: str) -> list[str]:
    """The events of a session's log stream; none if there is no stream."""
    client = await asyncio.to_thread(aws.client, "logs")
    try:
        answer = await asyncio.to_thread(
            partial(client.get_log_events, logGroupName=GROUP, logStreamName=session_id, startFromHead=True)
        )
    except client.exceptions.ResourceNotFoundException:
        return []
    return [event["message"] for event in answer["events"]]


async def streamed(aws: StandIn, session_id: str) -> list[str]:
    """The lines of a session's events."""
    return [line for each in await messages(aws, session_id) for line in json.loads(each)["sessionData"]]


def given_up(logged: Logged) -> list[dict[str, Any]]:
    """The records of logs that were given up."""
    return [dict(each["detail"]) for each in logged.entries if each.get("detail-type") == OUTPUT_CHANGE]


async def test_log_is_an_object_and_events_once_the_session_has_ended(
    server: Server, aws: StandIn, logged: Logged
) -> None:
    await prefer(server, s3BucketName=BUCKET, s3KeyPrefix="shells/prod", cloudWatchLogGroupName=GROUP)
    paired = await server.paired()
    await paired.agent.send(output(0, b"\x1b[1m$ ls\x1b[0m\r\n"))
    await paired.agent.send(output(1, "größe\tend".encode()))
    assert await output_url(server, paired.session_id, "Active") == {}
    await end(server, paired)
    await delivered(server, paired.session_id)
    text = await text_in_bucket(aws, paired.session_id, "shells/prod/")
    pattern = r"Script started on (\S+ \S+)\+00:00\n\x1b\[1m\$ ls\x1b\[0m\r\ngröße\tend\nScript done on \S+ \S+\n"
    assert re.fullmatch(pattern, text)
    assert await messages(aws, paired.session_id) == [text.replace("\r\n", "\n")]
    head = aws.client("s3").head_object(Bucket=BUCKET, Key=f"shells/prod/{paired.session_id}.log")
    assert head["ContentType"] == "text/plain"
    proxy_url = logged.reach.s3.endpoint_url if logged.reach.s3 else ""
    assert await output_url(server, paired.session_id) == {
        "S3OutputUrl": f"{proxy_url}/{BUCKET}/shells/prod/{paired.session_id}.log",
        "CloudWatchOutputUrl": f"{proxy_url}/cloudwatch/home?region={REGION}#logsV2:log-groups/log-group/"
        f"$252Fferryman$252Fsessions/log-events/{paired.session_id}",
    }
    assert logged.spool.used == 0
    assert await server.store.recordings.get(paired.session_id) is None


async def test_recording_for_a_log_cannot_be_listed_or_read(server: Server) -> None:
    await prefer(server, s3BucketName=BUCKET)
    paired = await server.paired()
    await paired.agent.send(output(0, b"secret"))
    for operation in ("GetRecording", "GetRecordingEvents", "DeleteRecording"):
        with pytest.raises(ClientError, match="DoesNotExistException"):
            await call(server, operation, SessionId=paired.session_id)
    assert (await call(server, "ListRecordings"))["Recordings"] == []
    assert await server.store.recordings.get(paired.session_id) is not None


async def test_node_never_learns_of_destinations(server: Server) -> None:
    await prefer(server, s3BucketName=BUCKET, cloudWatchLogGroupName=GROUP, cloudWatchStreamingEnabled=True)
    node = await server.register()
    control = await node.control()
    await server.open_client(await server.start(node))
    task = await control.until(MessageType.INTERACTIVE_SHELL)
    assert b"runAsEnabled" in task.payload
    for word in (b"s3", b"cloudWatch", BUCKET.encode(), GROUP.encode()):
        assert word not in task.payload


async def test_lines_are_streamed_while_the_session_runs(server: Server, aws: StandIn) -> None:
    await prefer(server, cloudWatchLogGroupName=GROUP, cloudWatchStreamingEnabled=True)
    paired = await server.paired()
    await paired.agent.send(output(0, b"\x1b[1m$ ls\x1b[0m\ta\r\nsecond\r\nthe la"))
    first = await until(partial(messages, aws, paired.session_id), len)
    members = json.loads(first[0])
    assert list(members) == [
        "eventVersion",
        "eventTime",
        "awsRegion",
        "target",
        "userIdentity",
        "runAsUser",
        "sessionId",
        "sessionData",
    ]
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ", members.pop("eventTime"))
    assert members == {
        "eventVersion": "1.0",
        "awsRegion": "test-1",
        "target": {"id": paired.node.node_id},
        "userIdentity": {"arn": "arn:aws:iam::123456789012:user/root"},
        "runAsUser": "ssm-user",
        "sessionId": paired.session_id,
        "sessionData": ["$ ls a", "second"],
    }
    assert "CloudWatchOutputUrl" in await until(
        partial(output_url, server, paired.session_id, "Active"), lambda links: links
    )
    await paired.agent.send(output(1, b"st"))
    await end(server, paired)
    await delivered(server, paired.session_id)
    assert await streamed(aws, paired.session_id) == ["$ ls a", "second", "the last"]


async def test_stream_continues_behind_the_last_line_when_the_server_restarts(
    server: Server, aws: StandIn, logged: Logged
) -> None:
    await prefer(server, cloudWatchLogGroupName=GROUP, cloudWatchStreamingEnabled=True)
    paired = await server.paired()
    rows = partial(server.store.outputs.of_session, paired.session_id)
    await until(rows, lambda found: found[0].progress)  # past a block that shows nothing
    assert await messages(aws, paired.session_id) == []
    await logged.restart_delivery()
    await paired.agent.send(output(0, b"one\r\ntw"))
    await until(partial(streamed, aws, paired.session_id), lambda lines: "one" in lines)
    await logged.restart_delivery()
    await paired.agent.send(output(1, b"o\r\nthree\r\nfo"))
    await until(partial(streamed, aws, paired.session_id), lambda lines: "three" in lines)
    await logged.restart_delivery()
    await paired.agent.send(output(2, b"ur"))
    await end(server, paired)
    await delivered(server, paired.session_id)
    assert await streamed(aws, paired.session_id) == ["one", "two", "three", "four"]


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


async def test_encrypted_log_is_encrypted_as_the_bucket_says(server: Server, aws: StandIn) -> None:
    rule = {"ApplyServerSideEncryptionByDefault": {"SSEAlgorithm": "AES256"}}
    aws.client("s3").put_bucket_encryption(Bucket=BUCKET, ServerSideEncryptionConfiguration={"Rules": [rule]})
    await prefer(server, s3BucketName=BUCKET, s3EncryptionEnabled=True)
    paired = await server.paired()
    await end(server, paired)
    await delivered(server, paired.session_id)
    head = aws.client("s3").head_object(Bucket=BUCKET, Key=f"{paired.session_id}.log")
    assert head["ServerSideEncryption"] == "AES256"


async def test_session_that_nobody_joined_has_no_log(server: Server, aws: StandIn) -> None:
    await prefer(server, s3BucketName=BUCKET)
    node = await server.register()
    await node.control()
    ticket = await server.start(node)
    await server.call("terminate_session", SessionId=ticket["SessionId"])
    server.clock.advance(60)
    await delivered(server, ticket["SessionId"])
    assert await output_url(server, ticket["SessionId"]) == {}
    assert "Contents" not in aws.client("s3").list_objects_v2(Bucket=BUCKET)


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


@pytest.mark.parametrize("after", [False, True], ids=["request", "answer"])
async def test_log_waits_while_the_bucket_is_away(
    server: Server, aws: StandIn, proxy: FaultyProxy, after: bool
) -> None:
    await prefer(server, s3BucketName=BUCKET)
    paired = await server.paired()
    await paired.agent.send(output(0, b"kept"))
    proxy.fault = Fault("PUT /session-logs", times=2, after=after)
    await end(server, paired)
    rows = partial(server.store.outputs.of_session, paired.session_id)
    (failed,) = await until(rows, lambda found: found and found[0].failure)
    assert "s3:PutObject on the bucket session-logs was not answered" in str(failed.failure)
    backlog = await server.store.outputs.backlog()
    assert (backlog.waiting, backlog.failing) == (1, 1)
    assert backlog.oldest is not None
    assert backlog.oldest.session_id == paired.session_id
    await delivered(server, paired.session_id)
    assert "kept" in await text_in_bucket(aws, paired.session_id)


async def test_log_waits_until_its_bucket_exists(server: Server, aws: StandIn) -> None:
    await prefer(server, s3BucketName="later", cloudWatchLogGroupName="later")
    paired = await server.paired()
    await paired.agent.send(output(0, b"kept"))
    await end(server, paired)
    rows = partial(server.store.outputs.of_session, paired.session_id)
    failed = await until(rows, lambda found: len(found) == 2 and all(each.failure for each in found))
    assert "logs:CreateLogStream on the log group later was refused (ResourceNotFound" in str(failed[0].failure)
    assert "s3:PutObject on the bucket later was refused (NoSuchBucket" in str(failed[1].failure)
    create_bucket(aws, "later")
    aws.client("logs").create_log_group(logGroupName="later")
    await delivered(server, paired.session_id)
    assert len(await output_url(server, paired.session_id)) == 2


async def test_log_that_cannot_be_delivered_is_given_up_and_recorded(
    server: Server, aws: StandIn, logged: Logged
) -> None:
    await prefer(server, s3BucketName="gone", cloudWatchLogGroupName=GROUP)
    paired = await server.paired()
    await paired.agent.send(output(0, b"kept"))
    await end(server, paired)
    rows = partial(server.store.outputs.of_session, paired.session_id)
    both = await until(rows, lambda found: all(each.failure or each.delivered_at for each in found))
    assert logged.spool.used
    assert given_up(logged) == []
    server.clock.advance(DAYS * 86_400)
    await delivered(server, paired.session_id)
    (record,) = given_up(logged)
    assert "s3:PutObject on the bucket gone was refused (NoSuchBucket" in record.pop("reason")
    assert both[0].ended_at is not None
    assert record == {
        "sessionId": paired.session_id,
        "state": "GivenUp",
        "destination": "the bucket gone",
        "endDate": moment(both[0].ended_at),
    }
    assert "kept" in "".join(await messages(aws, paired.session_id))
    assert logged.spool.used == 0
    assert await server.store.recordings.get(paired.session_id) is None


async def test_log_of_a_recording_that_cannot_be_finished_is_given_up(server: Server, logged: Logged) -> None:
    await prefer(server, s3BucketName=BUCKET)
    paired = await server.paired()
    await paired.agent.send(output(0, b"x"))
    (path,) = await until(lambda: asyncio.sleep(0, list(logged.spool.directory.glob("*/*.frb"))), len)
    await until(lambda: asyncio.sleep(0, path.stat().st_size), lambda size: size)
    path.write_bytes(path.read_bytes()[:-1] + b"!")
    await end(server, paired)

    async def rows() -> Sequence[PendingOutput]:
        await logged.delivery.look_for_unfinished()
        return await server.store.outputs.of_session(paired.session_id)

    (failed,) = await until(rows, lambda found: found[0].failure)
    assert "the session's recording cannot be finished" in str(failed.failure)
    server.clock.advance(DAYS * 86_400)
    await until(rows, lambda found: not found)
    assert "cannot be finished" in given_up(logged)[0]["reason"]
    assert logged.spool.used == 0
    assert await server.store.recordings.get(paired.session_id) is None


async def test_last_day_of_a_log_is_announced_once(server: Server, logged: Logged) -> None:
    now = server.clock()
    outputs = SessionOutputs(S3Output(BUCKET))
    with capture_logs() as lines:
        for days in (12.5, 13.0, 13.5):
            ended_at = Millis(int(now - days * DAY_MILLIS + 1000))
            output = PendingOutput(SessionId("alice-0"), OutputKind.S3, outputs, ended_at, ended_at=ended_at)
            assert not Expiry(logged.service, DAYS).failed(output, "away", Millis(now + 60_000))
            assert not Expiry(logged.service, 0).failed(output, "away", Millis(now + 60_000))
    (warned,) = [line for line in lines if line["event"] == "session log will be given up"]
    assert warned["at"] == moment(Millis(now + DAY_MILLIS + 1000))


@pytest.mark.parametrize(
    ("about", "status", "code"),
    [("PutLogEvents", 400, "ThrottlingException"), ("PutLogEvents", 503, "ServiceUnavailableException")],
)
async def test_throttled_stream_is_sent_later_and_loses_nothing(
    server: Server, aws: StandIn, proxy: FaultyProxy, about: str, status: int, code: str
) -> None:
    await prefer(server, cloudWatchLogGroupName=GROUP, cloudWatchStreamingEnabled=True)
    paired = await server.paired()
    fault = proxy.fault = Fault(about, status, json.dumps({"__type": code, "message": "Rate exceeded"}), times=3)
    for number in range(3):
        await paired.agent.send(output(number, b"line %d\r\n" % number))
        await until(lambda: asyncio.sleep(0, fault.met), partial(operator.lt, number))
    await paired.agent.send(output(3, b"last\r\n"))
    await until(partial(streamed, aws, paired.session_id), lambda lines: "last" in lines)
    assert await streamed(aws, paired.session_id) == ["line 0", "line 1", "line 2", "last"]


async def test_slow_bucket_delays_nothing_but_its_own_logs(
    server: Server, aws: StandIn, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(aws_clients, "READ_SECONDS", 1)
    monkeypatch.setattr(destinations, "aws_client", aws_client)
    await prefer(server, s3BucketName=BUCKET)
    paired = await server.paired()
    with aws.frozen():
        await end(server, paired)
        rows = partial(server.store.outputs.of_session, paired.session_id)
        (failed,) = await until(rows, lambda found: found and found[0].failure)
        assert "was not answered" in str(failed.failure)
        another = await server.paired()
        await another.agent.send(output(0, b"shown meanwhile"))
        assert (await another.client.until(MessageType.OUTPUT_STREAM_DATA)).payload == b"shown meanwhile"
    await delivered(server, paired.session_id)


async def test_log_says_what_a_full_spool_could_not_hold(server: Server, aws: StandIn, logged: Logged) -> None:
    await prefer(server, s3BucketName=BUCKET)
    paired = await server.paired()
    await paired.agent.send(output(0, b"before"))
    await until(lambda: asyncio.sleep(0, logged.spool.used), lambda used: used)
    logged.spool._most = logged.spool.used
    for number in range(1, 30):
        await paired.agent.send(output(number, bytes(100_000)))
        await paired.client.until(MessageType.OUTPUT_STREAM_DATA)
    logged.spool._most = 10_000_000
    await paired.agent.send(output(30, b"after"))
    await until(lambda: asyncio.sleep(0, logged.recorder.failure), lambda failure: failure is None)
    await end(server, paired)
    await delivered(server, paired.session_id)
    text = await text_in_bucket(aws, paired.session_id)
    assert "before" in text
    assert "after" in text
    assert re.search(r"\[\d+ bytes are missing: they could not be written\.\]", text)


async def test_recorded_session_keeps_its_recording_and_has_a_log(server: Server, aws: StandIn, logged: Logged) -> None:
    await prefer(server, s3BucketName=BUCKET)
    logged.recorder._mode = RecordingMode.REQUIRED
    paired = await server.paired()
    await paired.agent.send(frame(MessageType.OUTPUT_STREAM_DATA, 0, 0, bytes(16), 1, PayloadType.OUTPUT, b"both"))
    await end(server, paired)
    await delivered(server, paired.session_id)
    assert "both" in await text_in_bucket(aws, paired.session_id)
    recording = await server.store.recordings.get(paired.session_id)
    assert recording is not None
    assert recording.finished_at is not None
    assert logged.spool.used == 0
