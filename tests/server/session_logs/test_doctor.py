"""What `ferryman doctor --config` says of the destinations of session logs and of the bucket of recordings."""

import asyncio
import json
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from ferryman.bootstrap.configuration import load
from ferryman.cli.doctor.client import CheckResult, Finding
from ferryman.cli.doctor.destinations import (
    SUBJECT,
    examine_destinations,
    examine_recording_bucket,
    examine_recording_key,
)
from ferryman.cli.operate.init import ServerPlan, initialise
from ferryman.recording.outputs.examination import PROBE
from tests.aws_stand_ins import REGION, StandIn
from tests.faulty_proxy import Fault, FaultyProxy
from tests.server.logged import BUCKET, GROUP, messages, prefer
from tests.server.running import Server

Examine = Callable[[str], Awaitable[list[Finding]]]
ADVICE = "Correct [outputs], the permissions of its credentials, or the documents that name the destination"


@pytest.fixture
def tables(proxy: FaultyProxy) -> str:
    reached = f'region = "{REGION}"\nendpoint_url = "{proxy.url}"\n'
    return f"[outputs.s3]\n{reached}[outputs.cloudwatch]\n{reached}"


@pytest.fixture
def examine(tmp_path: Path, database_url: str) -> Examine:
    """Examine the destinations that the server's documents name, with tables of the configuration."""
    path = tmp_path / "ferryman.toml"
    server = '[server]\naccount_id = "123456789012"\nregion = "us-east-1"\npublic_url = "http://127.0.0.1:7330"\n'

    async def examine(tables: str) -> list[Finding]:
        path.write_text(f'{server}database = "{database_url}"\n{tables}')
        return await asyncio.to_thread(examine_destinations, load(path), datetime.now(UTC))

    return examine


async def document(server: Server, name: str, parameters: dict[str, Any] | None = None, **inputs: Any) -> None:
    content = {
        "schemaVersion": "1.0",
        "sessionType": "Standard_Stream",
        "inputs": inputs,
        "parameters": parameters or {},
    }
    await server.call("create_document", Name=name, Content=json.dumps(content), DocumentType="Session")


async def test_destinations_that_documents_name_are_written_to(
    server: Server, aws: StandIn, tables: str, examine: Examine
) -> None:
    rule = {"ApplyServerSideEncryptionByDefault": {"SSEAlgorithm": "AES256"}}
    aws.client("s3").put_bucket_encryption(Bucket=BUCKET, ServerSideEncryptionConfiguration={"Rules": [rule]})
    await prefer(server, s3BucketName=BUCKET, s3EncryptionEnabled=True)
    await document(server, "Another", s3BucketName=BUCKET, s3KeyPrefix="a", cloudWatchLogGroupName=GROUP)
    await document(server, "Chosen", {"bucket": {"type": "String"}}, s3BucketName="{{ bucket }}")
    assert sorted(await examine(tables), key=lambda each: each.said) == [
        Finding(CheckResult.GOOD, SUBJECT, f"{GROUP} can be written"),
        Finding(CheckResult.GOOD, SUBJECT, f"{BUCKET} can be written"),
        Finding(CheckResult.GOOD, SUBJECT, f"{BUCKET} can be written, and encrypts"),
    ]
    assert "Contents" not in aws.client("s3").list_objects_v2(Bucket=BUCKET)
    assert await messages(aws, PROBE) == ["ferryman doctor can write to this log group"]


@pytest.mark.parametrize(
    ("inputs", "text", "advice"),
    [
        ({"s3BucketName": "gone"}, "s3:PutObject on the bucket gone was refused (NoSuchBucket", ADVICE),
        ({"s3BucketName": BUCKET, "s3EncryptionEnabled": True}, "We couldn't start the session because encryption", ""),
        ({"cloudWatchLogGroupName": "gone"}, "the log group gone does not exist", ADVICE),
        (
            {"cloudWatchLogGroupName": GROUP, "cloudWatchEncryptionEnabled": True},
            "We couldn't start the session because encryption",
            "",
        ),
    ],
)
async def test_destination_that_is_missing_or_not_encrypted_is_a_finding(
    server: Server, tables: str, examine: Examine, inputs: dict[str, Any], text: str, advice: str
) -> None:
    await prefer(server, **inputs)
    (finding,) = await examine(tables)
    assert (finding.verdict, finding.subject, finding.advice) == (CheckResult.BAD, SUBJECT, advice)
    assert finding.said.startswith(text)


async def test_destination_that_does_not_answer_is_a_finding(
    server: Server, proxy: FaultyProxy, tables: str, examine: Examine
) -> None:
    await prefer(server, s3BucketName=BUCKET)
    proxy.fault = Fault("PUT")
    (finding,) = await examine(tables)
    assert finding.verdict is CheckResult.BAD
    assert finding.said.startswith(f"s3:PutObject on the bucket {BUCKET} was not answered")


async def test_destination_that_the_configuration_does_not_reach_is_a_finding(
    server: Server, tables: str, examine: Examine
) -> None:
    assert await examine("") == []
    assert await examine(tables) == [Finding(CheckResult.GOOD, SUBJECT, "no document names a bucket or log group")]
    await prefer(server, s3BucketName=BUCKET)
    (missing,) = await examine("")
    (forbidden,) = await examine(f'[outputs.s3]\nregion = "{REGION}"\nbuckets = ["others"]\n')
    assert (missing.verdict, forbidden.verdict) == (CheckResult.BAD, CheckResult.BAD)
    assert f"the bucket {BUCKET} needs the table [outputs.s3]" in missing.said
    assert f"the bucket {BUCKET} is not among outputs.s3.buckets" in forbidden.said


async def test_bucket_of_recordings_is_written_to(tmp_path: Path, proxy: FaultyProxy) -> None:
    path = tmp_path / "ferryman.toml"

    async def examined(bucket: str) -> Finding:
        path.write_text(
            '[server]\naccount_id = "123456789012"\nregion = "us-east-1"\npublic_url = "http://127.0.0.1:7330"\n'
            f'[recordings.s3]\nbucket = "{bucket}"\nregion = "{REGION}"\nendpoint_url = "{proxy.url}"\n'
        )
        (finding,) = await asyncio.to_thread(examine_recording_bucket, load(path))
        return finding

    assert await examined(BUCKET) == Finding(CheckResult.GOOD, "Recordings", f"the bucket {BUCKET} can be written")
    missing = await examined("gone")
    assert missing.verdict is CheckResult.BAD
    assert "NoSuchBucket" in missing.said


async def test_key_of_recordings_is_used(tmp_path: Path, aws: StandIn, proxy: FaultyProxy) -> None:
    made = await asyncio.to_thread(initialise, ServerPlan(tmp_path / "server"))
    text = made.configuration.read_text()
    key = str(aws.client("kms").create_key()["KeyMetadata"]["KeyId"])

    async def examined(table: str) -> Finding:
        made.configuration.write_text(f"{text}\n[recordings.kms]\n{table}\n")
        (finding,) = await asyncio.to_thread(examine_recording_key, load(made.configuration))
        return finding

    own = await examined('key = "alias/recordings"')
    assert own.verdict is CheckResult.BAD
    assert "alias/recordings does not exist" in own.said
    elsewhere = f'region = "{REGION}"\nendpoint_url = "{proxy.url}"'
    good = await examined(f'key = "{key}"\n{elsewhere}')
    assert good == Finding(CheckResult.GOOD, "Recordings", f"the KMS key {key} can be used")
    gone = await examined(f'key = "01234567-89ab-4def-8123-456789abcdef"\n{elsewhere}')
    assert (gone.verdict, "kms:Encrypt on the KMS key 01234567" in gone.said) == (CheckResult.BAD, True)
