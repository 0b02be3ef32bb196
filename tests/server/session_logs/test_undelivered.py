"""Logs of sessions whose destinations are away, slow, full or missing."""

import asyncio
import json
import operator
import re
from collections.abc import Sequence
from dataclasses import replace
from functools import partial

import pytest
from structlog.testing import capture_logs

from ferryman.core.audit.records import moment
from ferryman.core.ports.recordings.outputs import OutputKind, PendingOutput
from ferryman.core.steady_clock import ClockSteps, UnsetClock
from ferryman.model.identifiers import Millis, SessionId
from ferryman.model.session_outputs import S3Output, SessionOutputs
from ferryman.recording import aws_clients
from ferryman.recording.aws_clients import aws_client
from ferryman.recording.outputs import destinations, s3
from ferryman.recording.outputs.expiry import DAY_MILLIS, Expiry
from ferryman.wire.agent_message import MessageType
from tests.aws_stand_ins import StandIn, create_bucket
from tests.faulty_proxy import Fault, FaultyProxy
from tests.server.logged import (
    BUCKET,
    DAYS,
    GROUP,
    Logged,
    delivered,
    end,
    given_up,
    messages,
    output_url,
    prefer,
    streamed,
    text_in_bucket,
)
from tests.server.peers import output
from tests.server.running import Server, until


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


async def test_log_that_must_be_encrypted_waits_until_it_can_be(server: Server, aws: StandIn) -> None:
    """A destination encrypted when the session began, and no longer does."""
    bucket, client = "encrypting", aws.client("s3")
    create_bucket(aws, bucket)
    rule = {"ApplyServerSideEncryptionByDefault": {"SSEAlgorithm": "AES256"}}
    client.put_bucket_encryption(Bucket=bucket, ServerSideEncryptionConfiguration={"Rules": [rule]})
    await prefer(server, s3BucketName=bucket, s3EncryptionEnabled=True)
    paired = await server.paired()
    client.delete_bucket_encryption(Bucket=bucket)
    await end(server, paired)
    rows = partial(server.store.outputs.of_session, paired.session_id)
    (failed,) = await until(rows, lambda found: found and found[0].failure)
    assert "the bucket encrypting no longer encrypts" in str(failed.failure)
    assert client.list_objects_v2(Bucket=bucket)["KeyCount"] == 0
    client.put_bucket_encryption(Bucket=bucket, ServerSideEncryptionConfiguration={"Rules": [rule]})
    await delivered(server, paired.session_id)


@pytest.mark.parametrize("streams", [False, True])
async def test_events_that_must_be_encrypted_wait_until_they_can_be(
    server: Server, aws: StandIn, streams: bool
) -> None:
    group, client = f"encrypting/{streams}", aws.client("logs")
    key = "arn:aws:kms:us-east-1:123456789012:key/01234567-89ab-cdef-0123-456789abcdef"
    client.create_log_group(logGroupName=group, kmsKeyId=key)
    inputs = {"cloudWatchLogGroupName": group, "cloudWatchEncryptionEnabled": True}
    await prefer(server, **inputs, cloudWatchStreamingEnabled=streams)
    paired = await server.paired()
    client.delete_log_group(logGroupName=group)
    client.create_log_group(logGroupName=group)
    await paired.agent.send(output(0, b"kept\r\n"))
    await end(server, paired)
    rows = partial(server.store.outputs.of_session, paired.session_id)
    (failed,) = await until(rows, lambda found: found and found[0].failure)
    assert "no longer has a key" in str(failed.failure)
    assert client.describe_log_streams(logGroupName=group)["logStreams"] == []
    client.delete_log_group(logGroupName=group)
    client.create_log_group(logGroupName=group, kmsKeyId=key)
    await delivered(server, paired.session_id)


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


async def test_upload_of_a_log_that_is_given_up_is_aborted(
    server: Server, aws: StandIn, proxy: FaultyProxy, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(s3, "PART_BYTES", 1000)
    await prefer(server, s3BucketName=BUCKET)
    paired = await server.paired()
    proxy.fault = Fault("partNumber=2", 403)
    await paired.agent.send(output(0, b"x" * 5000))
    await end(server, paired)
    rows = partial(server.store.outputs.of_session, paired.session_id)
    await until(rows, lambda found: found and found[0].failure)
    uploads = partial(aws.client("s3").list_multipart_uploads, Bucket=BUCKET)
    assert len(uploads().get("Uploads", [])) == 1
    server.clock.advance(DAYS * 86_400)
    await delivered(server, paired.session_id)
    assert uploads().get("Uploads", []) == []


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
    with capture_logs() as lines:
        for hours in (10, 12, 14):  # with a limit of one day, half of it before
            ended_at = Millis(int(now - hours * DAY_MILLIS // 24 + 1000))
            output = PendingOutput(SessionId("alice-0"), OutputKind.S3, outputs, ended_at, ended_at=ended_at)
            assert not Expiry(logged.service, 1).failed(output, "away", Millis(now + 60_000))
    assert [line["event"] for line in lines] == ["session log will be given up"]


async def test_delivered_log_whose_recording_cannot_be_deleted_is_not_given_up(server: Server, logged: Logged) -> None:
    ended_at = Millis(server.clock() - 2 * DAYS * DAY_MILLIS)
    output = PendingOutput(
        SessionId("alice-0"), OutputKind.S3, SessionOutputs(S3Output(BUCKET)), ended_at, ended_at=ended_at
    )
    await logged.delivery._failed(replace(output, delivered_at=ended_at), "the disk is away")
    assert given_up(logged) == []
    await logged.delivery._failed(output, "the bucket is away")
    assert len(given_up(logged)) == 1


async def test_log_is_not_given_up_because_the_clock_was_set(server: Server, logged: Logged) -> None:
    now, outputs = server.clock(), SessionOutputs(S3Output(BUCKET))

    def is_given_up(days: float, steps: ClockSteps, limit: int = DAYS) -> bool:
        ended_at = Millis(int(now - days * DAY_MILLIS))
        output = PendingOutput(SessionId("alice-0"), OutputKind.S3, outputs, ended_at, ended_at=ended_at)
        return Expiry(replace(logged.service, clock_steps=steps), limit).failed(output, "away", Millis(now + 60_000))

    class Steps(UnsetClock):
        def __init__(self, total: int = 0, *, settled: bool = True) -> None:
            self.total, self.settled = total, settled

    assert is_given_up(DAYS, Steps())
    assert is_given_up(DAYS, Steps(-DAY_MILLIS))
    assert not is_given_up(DAYS - 0.001, Steps())
    assert not is_given_up(DAYS, Steps(), limit=0)
    assert not is_given_up(DAYS, Steps(settled=False))
    assert not is_given_up(DAYS, Steps(1000))
    assert len(given_up(logged)) == 2


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
    await until(lambda: asyncio.sleep(0, logged.recorder.failure), bool)
    logged.spool._most = 10_000_000
    await paired.agent.send(output(30, b"after"))
    await until(lambda: asyncio.sleep(0, logged.recorder.failure), lambda failure: failure is None)
    await end(server, paired)
    await delivered(server, paired.session_id)
    text = await text_in_bucket(aws, paired.session_id)
    assert "before" in text
    assert "after" in text
    assert re.search(r"\[\d+ bytes are missing: they could not be written\.\]", text)
