"""A session's log as an object in a bucket, as AWS's agent writes it (`protocol/agent.md` §6). Calls block."""

from collections.abc import Iterable, Iterator
from typing import Any

import msgspec

from ferryman.recording.aws_clients import CallFailed, calling

PART_BYTES = 8 * 1024 * 1024
"""A longer log is uploaded in parts of this size; S3 accepts 10,000 parts."""
_WRITTEN_BY_AGENT = {"ACL": "bucket-owner-full-control", "ContentType": "text/plain"}


class Upload(msgspec.Struct, frozen=True):
    """An upload in parts that was begun; the next attempt aborts it and begins another."""

    upload_id: str


def bucket_encryption(client: Any, bucket: str) -> dict[str, str]:
    """Return the parameters that encrypt an object as the bucket does by default; empty if it does not.

    Raises `CallFailed`.
    """
    try:
        with calling("s3:GetEncryptionConfiguration", f"the bucket {bucket}"):
            answer = client.get_bucket_encryption(Bucket=bucket)
    except CallFailed as error:
        if error.code == "ServerSideEncryptionConfigurationNotFoundError":
            return {}
        raise
    for rule in answer.get("ServerSideEncryptionConfiguration", {}).get("Rules", []):
        default = rule.get("ApplyServerSideEncryptionByDefault", {})
        if default.get("SSEAlgorithm"):
            key = {"SSEKMSKeyId": default["KMSMasterKeyID"]} if default.get("KMSMasterKeyID") else {}
            return {"ServerSideEncryption": default["SSEAlgorithm"], **key}
    return {}


def upload_log(
    client: Any, bucket: str, key: str, pieces: Iterable[bytes], encryption: dict[str, str], progress: str | None
) -> Iterator[str]:
    """Write a log; each step makes one call, and yields the progress to store.

    `progress` is what was stored last. A log that was written already is replaced. Raises `CallFailed`.
    """
    if progress is not None:
        try:
            abort_upload(client, bucket, key, progress)
        except CallFailed as error:
            if not error.code:  # whoever may not abort may still write
                raise
    where = f"the bucket {bucket}"
    parts = _parts(pieces)
    first = next(parts, b"")
    second = next(parts, None)
    if second is None:
        with calling("s3:PutObject", where):
            client.put_object(Bucket=bucket, Key=key, Body=first, **_WRITTEN_BY_AGENT, **encryption)
        return
    with calling("s3:PutObject", where):
        begun = client.create_multipart_upload(Bucket=bucket, Key=key, **_WRITTEN_BY_AGENT, **encryption)
    remembered = msgspec.json.encode(Upload(begun["UploadId"])).decode()
    yield remembered
    uploaded = []
    for number, part in enumerate(_chained(first, second, parts), 1):
        with calling("s3:PutObject", where):
            tag = client.upload_part(Bucket=bucket, Key=key, UploadId=begun["UploadId"], PartNumber=number, Body=part)[
                "ETag"
            ]
        uploaded.append({"ETag": tag, "PartNumber": number})
        yield remembered
    with calling("s3:PutObject", where):
        client.complete_multipart_upload(
            Bucket=bucket, Key=key, UploadId=begun["UploadId"], MultipartUpload={"Parts": uploaded}
        )


def abort_upload(client: Any, bucket: str, key: str, progress: str) -> None:
    """Abort an upload that was begun, so that its parts take no space; no effect if it no longer exists.

    Raises `CallFailed`.
    """
    upload = msgspec.json.decode(progress, type=Upload)
    try:
        with calling("s3:AbortMultipartUpload", f"the bucket {bucket}"):
            client.abort_multipart_upload(Bucket=bucket, Key=key, UploadId=upload.upload_id)
    except CallFailed as error:
        if error.code != "NoSuchUpload":
            raise


def _parts(pieces: Iterable[bytes]) -> Iterator[bytes]:
    """Yield the pieces joined into parts of PART_BYTES; the last may be shorter."""
    waiting = bytearray()
    for piece in pieces:
        waiting += piece
        while len(waiting) >= PART_BYTES:
            yield bytes(waiting[:PART_BYTES])
            del waiting[:PART_BYTES]
    if waiting:
        yield bytes(waiting)


def _chained(first: bytes, second: bytes, others: Iterator[bytes]) -> Iterator[bytes]:
    yield first
    yield second
    yield from others
