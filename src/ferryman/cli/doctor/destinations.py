"""The checks of `ferryman doctor --config` for session logs: every bucket and log group that documents name."""

import json
from collections.abc import Callable
from dataclasses import replace
from datetime import datetime

from ferryman.bootstrap.configuration import LoadedConfiguration
from ferryman.bootstrap.recordings.outputs import reach
from ferryman.cli.doctor.client import CheckResult, Finding
from ferryman.core.documents.outputs import outputs_of
from ferryman.model.identifiers import Millis
from ferryman.model.session_outputs import CloudWatchOutput, S3Output

SUBJECT = "Session logs"
_PLACEHOLDER = "{{"


def examine_destinations(loaded: LoadedConfiguration, now: datetime) -> list[Finding]:
    """Write to each destination that documents name, if the server has access to any, or documents name one."""
    from ferryman.recording.outputs.destinations import Destinations
    from ferryman.recording.outputs.examination import examine_bucket, examine_log_group

    outputs = loaded.configuration.outputs
    named = _named(loaded)
    if not named:
        if outputs.s3 is None and outputs.cloudwatch is None:
            return []
        return [Finding(CheckResult.GOOD, SUBJECT, "no document names a bucket or log group")]
    destinations = Destinations(reach(loaded))
    try:
        return [
            _finding(lambda each=each: examine_bucket(destinations, each))  # type: ignore[misc]
            if isinstance(each, S3Output)
            else _finding(
                lambda each=each: examine_log_group(destinations, each, Millis(int(now.timestamp() * 1000)))  # type: ignore[misc]
            )
            for each in named
        ]
    finally:
        destinations.close()


def examine_recording_bucket(loaded: LoadedConfiguration) -> list[Finding]:
    """Write to the bucket that recordings are kept in, if there is one."""
    from ferryman.bootstrap.recordings.outputs import recording_bucket

    settings = loaded.configuration.recordings.s3
    if settings is None:
        return []
    bucket = recording_bucket(loaded, settings)
    try:
        bucket.probe()
    except OSError as error:
        advice = "Correct [recordings.s3], or the permissions of its credentials in the bucket"
        return [Finding(CheckResult.BAD, "Recordings", error.strerror or str(error), advice)]
    finally:
        bucket.close()
    return [Finding(CheckResult.GOOD, "Recordings", f"the bucket {settings.bucket} can be written")]


def examine_recording_key(loaded: LoadedConfiguration) -> list[Finding]:
    """Encrypt and decrypt with the KMS key that recordings are under, if there is one."""
    from ferryman.bootstrap.recordings.outputs import kms_elsewhere
    from ferryman.bootstrap.service import with_service
    from ferryman.core.kms.encryption.custody import unwrap_key, wrap_key
    from ferryman.core.ports.kms import KeyCustody, KeyUnusable
    from ferryman.core.service import Service

    settings = loaded.configuration.recordings.kms
    if settings is None:
        return []
    elsewhere = kms_elsewhere(loaded)

    async def probe(service: Service) -> None:
        keeping = replace(service, custody=KeyCustody(settings.key, elsewhere))
        await unwrap_key(keeping, "doctor", await wrap_key(keeping, "doctor", bytes(32)))

    try:
        with_service(loaded, probe)
    except KeyUnusable as error:
        advice = "Create or enable the key, or correct [recordings.kms] or the permissions of its credentials"
        return [Finding(CheckResult.BAD, "Recordings", str(error), advice)]
    finally:
        if elsewhere is not None:
            elsewhere.close()
    return [Finding(CheckResult.GOOD, "Recordings", f"the KMS key {settings.key} can be used")]


def _named(loaded: LoadedConfiguration) -> list[S3Output | CloudWatchOutput]:
    """Return the destinations that documents name, each once; those that parameters decide are left out."""
    from ferryman.store.faults import StoreUnusable
    from ferryman.store.offline.examination import read_session_documents

    found: dict[S3Output | CloudWatchOutput, None] = {}
    try:
        documents = read_session_documents(loaded.database_url)
    except (StoreUnusable, ValueError):
        return []  # another check says so
    for text in documents:
        inputs = json.loads(text).get("inputs") or {}
        literal = {name: value for name, value in inputs.items() if _PLACEHOLDER not in str(value)}
        outputs = outputs_of(literal, {}, "")
        if outputs is not None:
            found |= {each: None for each in (outputs.s3, outputs.cloud_watch) if each is not None}
    return list(found)


def _finding(examine: Callable[[], str]) -> Finding:
    from ferryman.core.ports.recordings.outputs import Undeliverable
    from ferryman.recording.aws_clients import CallFailed

    try:
        return Finding(CheckResult.GOOD, SUBJECT, examine())
    except Undeliverable as error:
        return Finding(CheckResult.BAD, SUBJECT, str(error).rstrip("."), "")
    except CallFailed as error:
        advice = "Correct [outputs], the permissions of its credentials, or the documents that name the destination"
        return Finding(CheckResult.BAD, SUBJECT, str(error), advice)
