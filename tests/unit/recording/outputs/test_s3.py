"""A long log is uploaded in parts, also after a server was killed between two of them; against Moto."""

from collections.abc import Iterator
from itertools import islice
from types import SimpleNamespace
from typing import Any

import pytest

from ferryman.recording.aws_clients import CallFailed
from ferryman.recording.outputs import s3
from ferryman.recording.outputs.s3 import abort_upload, bucket_encryption, upload_log
from tests.aws_stand_ins import create_bucket, moto

PART = 5 * 1024 * 1024
"""S3's least."""


@pytest.fixture(scope="module")
def client() -> Iterator[Any]:
    with moto() as started:
        create_bucket(started, "logs")
        yield started.client("s3")


@pytest.fixture(autouse=True)
def small_parts(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(s3, "PART_BYTES", PART)


def pieces(size: int) -> Iterator[bytes]:
    """A log of so many bytes, in blocks that end where no part does."""
    block = bytes(range(256)) * 1003
    while size > 0:
        yield block[:size]
        size -= len(block)


@pytest.mark.parametrize("size", [0, 1, PART - 1, PART, PART + 1, 2 * PART, 3 * PART + 17])
def test_log_of_any_size_is_whole(client: Any, size: int) -> None:
    list(upload_log(client, "logs", "any.log", pieces(size), {}, None))
    assert client.get_object(Bucket="logs", Key="any.log")["Body"].read() == b"".join(pieces(size))


@pytest.mark.parametrize("steps", range(1, 5))
def test_log_is_whole_although_a_server_was_killed_between_parts(client: Any, steps: int) -> None:
    size = 3 * PART + 17
    progress = list(islice(upload_log(client, "logs", f"{steps}.log", pieces(size), {}, None), steps))[-1]
    assert len(client.list_multipart_uploads(Bucket="logs").get("Uploads", [])) == 1
    list(upload_log(client, "logs", f"{steps}.log", pieces(size), {}, progress))
    assert client.get_object(Bucket="logs", Key=f"{steps}.log")["Body"].read() == b"".join(pieces(size))
    assert client.list_multipart_uploads(Bucket="logs").get("Uploads", []) == []


def test_log_is_encrypted_as_the_bucket_is_by_default(client: Any) -> None:
    assert bucket_encryption(client, "logs") == {}
    for algorithm, key in (("AES256", {}), ("aws:kms", {"KMSMasterKeyID": "arn:aws:kms:us-east-1:123456789012:key/x"})):
        rules = [{"BucketKeyEnabled": True}, {"ApplyServerSideEncryptionByDefault": {"SSEAlgorithm": algorithm, **key}}]
        answer = {"ServerSideEncryptionConfiguration": {"Rules": rules}}
        stand_in = SimpleNamespace(get_bucket_encryption=lambda Bucket, found=answer: found)  # noqa: N803 - AWS's name
        expected = {"ServerSideEncryption": algorithm} | ({"SSEKMSKeyId": key["KMSMasterKeyID"]} if key else {})
        assert bucket_encryption(stand_in, "logs") == expected


def test_failure_names_bucket_action_and_cause(client: Any) -> None:
    with pytest.raises(CallFailed, match=r"s3:PutObject on the bucket wrong was refused \(NoSuchBucket: The specified"):
        list(upload_log(client, "wrong", "a.log", pieces(1), {}, None))


def test_upload_that_cannot_be_aborted_is_named_and_one_that_is_gone_is_fine(client: Any) -> None:
    progress = next(upload_log(client, "logs", "gone.log", pieces(2 * PART), {}, None))
    for _ in range(2):
        abort_upload(client, "logs", "gone.log", progress)
    with pytest.raises(CallFailed, match=r"s3:AbortMultipartUpload on the bucket wrong was refused"):
        abort_upload(client, "wrong", "gone.log", progress)
