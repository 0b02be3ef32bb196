"""Logs of sessions in S3 and CloudWatch Logs, written by the server."""

import json
import re
from dataclasses import replace
from functools import partial

import pytest
from botocore.exceptions import ClientError

from ferryman.core.ports.recordings.store import RecordingMode
from ferryman.model.sessions import SessionStatus
from ferryman.recording.other_spools import outside
from ferryman.recording.outputs.delivery import OutputDelivery
from ferryman.recording.outputs.destinations import Destinations
from ferryman.recording.recorder import ServerRecorder
from ferryman.recording.storage.spool import SpoolStorage
from ferryman.wire.agent_message import MessageType, PayloadType, frame
from tests.aws_stand_ins import REGION, StandIn
from tests.server.callers.own_calls import call
from tests.server.logged import (
    BUCKET,
    GROUP,
    Logged,
    delivered,
    end,
    messages,
    output_url,
    prefer,
    streamed,
    text_in_bucket,
)
from tests.server.peers import output
from tests.server.running import Recorded, Server, until


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


async def test_log_is_left_to_the_server_that_has_it(server: Server, aws: StandIn, logged: Logged) -> None:
    """Another server of the store neither finishes what it does not have, nor delivers it."""
    await prefer(server, s3BucketName=BUCKET)
    paired = await server.paired()
    await paired.agent.send(output(0, b"all of it"))
    await paired.client.frame()
    await logged.stop_delivery()
    spool = SpoolStorage(logged.directory / "other", 1 << 20)
    other = ServerRecorder(logged.service, spool, logged.mode, spool=spool, is_elsewhere=outside(logged.service, spool))
    delivery = OutputDelivery(logged.service, other, Destinations(logged.reach))
    await end(server, paired)
    await server.until_status(paired.session_id, SessionStatus.TERMINATED)
    assert await other.finish_ended() == 0
    await until(logged.recorder.finish_ended, bool)
    await delivery.tick()
    await delivery.settle()
    assert await server.store.outputs.of_session(paired.session_id)
    await delivery.close()
    await other.close()
    await logged.restart_delivery()
    await delivered(server, paired.session_id)
    assert "all of it" in await text_in_bucket(aws, paired.session_id)


class TestUnderAKey:
    """`outputs.s3.kms_key` is set."""

    @pytest.fixture
    def recorded(self, logged: Logged, aws: StandIn) -> Recorded:
        self.key = str(aws.client("kms").create_key()["KeyMetadata"]["Arn"])
        logged.reach = replace(logged.reach, s3_kms_key=self.key)
        return logged.record

    async def test_objects_are_encrypted_under_it_whatever_the_bucket_does(self, server: Server, aws: StandIn) -> None:
        await prefer(server, s3BucketName=BUCKET, s3EncryptionEnabled=True)
        paired = await server.paired()
        await paired.agent.send(output(0, b"shown"))
        await end(server, paired)
        await delivered(server, paired.session_id)
        head = aws.client("s3").head_object(Bucket=BUCKET, Key=f"{paired.session_id}.log")
        assert (head["ServerSideEncryption"], head["SSEKMSKeyId"]) == ("aws:kms", self.key)
