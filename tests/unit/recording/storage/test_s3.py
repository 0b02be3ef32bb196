"""Recordings in S3: who may write a block, what is noticed, and what is said if S3 does not answer; against Moto."""

import errno
from collections.abc import Iterator
from pathlib import Path

import pytest

from ferryman.recording.aws_clients import AwsAccess
from ferryman.recording.reader import RecordingReader
from ferryman.recording.storage import s3
from ferryman.recording.storage.s3 import S3Storage
from tests.aws_stand_ins import KEY_ID, REGION, SECRET, StandIn, create_bucket, credentials, moto, seaweedfs
from tests.faulty_proxy import Fault, FaultyProxy, faulty_proxy
from tests.unit.recording.recorded import ID, KEY, message, recorder, shown


@pytest.fixture(scope="module")
def aws() -> Iterator[StandIn]:
    with moto() as started:
        yield started


@pytest.fixture
def proxy(aws: StandIn, monkeypatch: pytest.MonkeyPatch) -> Iterator[FaultyProxy]:
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", KEY_ID)
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", SECRET)
    aws.reset()
    create_bucket(aws, "recordings")
    with faulty_proxy(aws.url) as started:
        yield started


@pytest.fixture
def storage(proxy: FaultyProxy) -> Iterator[S3Storage]:
    made = S3Storage(AwsAccess(REGION, proxy.url), "recordings", "prod/")
    yield made
    made.close()


@pytest.fixture
def other_server(proxy: FaultyProxy) -> Iterator[S3Storage]:
    made = S3Storage(AwsAccess(REGION, proxy.url), "recordings", "prod/")
    yield made
    made.close()


def keys(aws: StandIn) -> list[str]:
    return [each["Key"] for each in aws.client("s3").list_objects_v2(Bucket="recordings").get("Contents", [])]


async def test_blocks_are_objects_while_the_session_runs_and_one_at_its_end(aws: StandIn, storage: S3Storage) -> None:
    async with recorder(storage) as tap:
        for number in range(3):
            tap.output(number, message(number, b"%d" % number))
            await tap.flush()
            assert len(keys(aws)) == number + 1
    assert keys(aws)[0] == f"prod/{ID[-2:]}/{ID}/0000000000000000"
    storage.complete(ID)
    assert keys(aws) == [f"prod/{ID[-2:]}/{ID}/0000000000000000"]
    assert shown(storage) == b"012"


async def test_two_servers_cannot_write_the_same_block(storage: S3Storage, other_server: S3Storage) -> None:
    async with recorder(storage) as tap, recorder(other_server) as other:
        tap.output(0, message(0, b"first"))
        await tap.flush()
        other.output(0, message(0, b"second"))
        with pytest.raises(OSError, match="another server has written to prod/f0/"):
            await other.flush()
    assert shown(storage) == b"first"


@pytest.mark.parametrize("after", [False, True], ids=["request lost", "answer lost"])
async def test_block_whose_answer_was_lost_is_written_once(storage: S3Storage, proxy: FaultyProxy, after: bool) -> None:
    async with recorder(storage) as tap:
        tap.output(0, message(0, b"one"))
        proxy.fault = Fault("PUT", times=1, after=after)
        with pytest.raises(OSError, match="s3:PutObject on the bucket recordings was not answered"):
            await tap.flush()
        tap.output(1, message(1, b"two"))
        await tap.flush()
        assert tap.failure is None
    assert shown(storage) == b"onetwo"
    assert RecordingReader(storage, ID, KEY).verify(None, 2) is None


async def test_missing_altered_and_swapped_objects_are_noticed(aws: StandIn, storage: S3Storage) -> None:
    async with recorder(storage) as tap:
        for number in range(3):
            tap.output(number, message(number, b"%d" % number))
            await tap.flush()
    client, (first, second, third) = aws.client("s3"), keys(aws)
    contents = {key: client.get_object(Bucket="recordings", Key=key)["Body"].read() for key in (first, second, third)}
    reader = RecordingReader(storage, ID, KEY)
    assert reader.verify(None, 3) is None
    client.delete_object(Bucket="recordings", Key=second)
    assert reader.verify(None, 3) == "block 1 is missing: block 2 is in its place"
    client.put_object(Bucket="recordings", Key=second, Body=contents[second][:-1] + b"x")
    assert "was altered" in str(reader.verify(None, 3))
    client.put_object(Bucket="recordings", Key=second, Body=contents[second][:-9])
    assert "cut short" in str(reader.verify(None, 3))
    client.put_object(Bucket="recordings", Key=second, Body=contents[third])
    assert reader.verify(None, 3) is not None
    client.put_object(Bucket="recordings", Key=second, Body=contents[second])
    client.delete_object(Bucket="recordings", Key=third)
    assert reader.verify(None, 3) == "the recording has 2 blocks, and 3 were written"


async def test_server_killed_while_it_merges_leaves_a_whole_recording(
    aws: StandIn, storage: S3Storage, proxy: FaultyProxy
) -> None:
    async with recorder(storage) as tap:
        for number in range(4):
            tap.output(number, message(number, b"%d" % number))
            await tap.flush()
    proxy.fault = Fault("POST /recordings?delete")
    with pytest.raises(OSError, match="s3:DeleteObject"):
        storage.complete(ID)
    assert len(keys(aws)) == 4
    assert shown(storage) == b"0123"
    proxy.fault = None
    storage.complete(ID)
    assert shown(storage) == b"0123"
    storage.delete(ID)
    assert keys(aws) == []


async def test_long_listings_and_deletions_take_several_calls(
    aws: StandIn, storage: S3Storage, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(s3, "LISTED_AT_ONCE", 2)
    monkeypatch.setattr(s3, "DELETED_AT_ONCE", 2)
    async with recorder(storage) as tap:
        for number in range(5):
            tap.output(number, message(number, b"%d" % number))
            await tap.flush()
    assert shown(storage) == b"01234"
    storage.delete(ID)
    assert keys(aws) == []


@pytest.mark.parametrize(
    ("fault", "cause"),
    [
        (Fault("PUT", 403, "<Error><Code>AccessDenied</Code></Error>"), "was refused (AccessDenied"),
        (Fault("PUT", 503, "<Error><Code>SlowDown</Code></Error>"), "was refused (SlowDown"),
        (Fault("PUT"), "was not answered"),
    ],
)
def test_failure_names_bucket_action_and_cause(
    storage: S3Storage, proxy: FaultyProxy, fault: Fault, cause: str
) -> None:
    proxy.fault = fault
    with pytest.raises(OSError, match="s3:PutObject on the bucket recordings") as raised:
        storage.probe()
    assert cause in str(raised.value)
    assert raised.value.errno == errno.EIO


def test_wrong_bucket_is_named(proxy: FaultyProxy) -> None:
    storage = S3Storage(AwsAccess(REGION, proxy.url), "wrong")
    with pytest.raises(OSError, match=r"s3:PutObject on the bucket wrong was refused \(NoSuchBucket"):
        storage.probe()
    storage.close()


def test_credentials_that_may_not_write_are_denied(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in credentials(tmp_path).items():
        monkeypatch.setenv(name, value)
    with seaweedfs(tmp_path) as server:
        create_bucket(server, "recordings")
        storage = S3Storage(AwsAccess(REGION, server.url, profile="reader"), "recordings")
        with pytest.raises(OSError, match=r"s3:PutObject on the bucket recordings was refused \(AccessDenied"):
            storage.append(ID, b"block")
        assert list(storage.index(ID)) == []
        storage.close()
