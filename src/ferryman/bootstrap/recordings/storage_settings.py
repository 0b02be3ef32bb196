"""Settings of storage outside the database: recordings, session logs, copies of the audit trail."""

from pathlib import Path
from typing import Annotated, Literal

import msgspec
from msgspec import Meta

from ferryman.model.failures import Failure

Bucket = Annotated[str, Meta(pattern=r"^[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]$")]
BucketRegion = Annotated[str, Meta(pattern=r"^[a-z0-9-]{1,32}$")]
BucketNames = tuple[Annotated[str, Meta(pattern=r"^[a-z0-9][a-z0-9.-]{0,62}\*?$")], ...]
LogGroupNames = tuple[Annotated[str, Meta(pattern=r"^[.\-_/#A-Za-z0-9]{1,512}\*?$")], ...]
"""Names that sessions' logs may go to; one that ends with * stands for all names that begin like it."""
KmsKeyName = Annotated[str, Meta(pattern=r"^[A-Za-z0-9:/_-]{1,2048}$")]
KeyPrefix = Annotated[str, Meta(pattern=r"^([A-Za-z0-9_-][A-Za-z0-9._-]*(/[A-Za-z0-9_-][A-Za-z0-9._-]*)*)?$")]


class AwsService(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """How S3 or CloudWatch Logs is reached."""

    region: BucketRegion
    endpoint_url: str | None = None
    ca_file: str | None = None
    profile: str | None = None


class ObjectStorage(AwsService, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A bucket that the audit trail's records are put into."""

    bucket: Bucket
    prefix: KeyPrefix = ""
    interval_seconds: Annotated[float, Meta(ge=0, le=3600)] = 300
    object_mib: Annotated[int, Meta(ge=1, le=64)] = 5


class RecordingBucket(AwsService, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A bucket that recordings are kept in, instead of a directory."""

    bucket: Bucket
    prefix: KeyPrefix = ""


class RecordingKms(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The KMS key that the data keys of recordings are under: of this server, or elsewhere if `region` is set."""

    key: KmsKeyName
    region: BucketRegion | None = None
    endpoint_url: str | None = None
    ca_file: str | None = None
    profile: str | None = None


class Recordings(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Whether sessions are recorded, and where recordings are kept."""

    mode: Literal["off", "best-effort", "required"] = "off"
    directory: str = "recordings"
    input: bool = False
    delete_after_days: Annotated[int, Meta(ge=0, le=36_500)] = 0
    retain_for_days: Annotated[int, Meta(ge=0, le=36_500)] = 0
    search: bool = False
    s3: RecordingBucket | None = None
    kms: RecordingKms | None = None


class BucketService(AwsService, frozen=True, forbid_unknown_fields=True):
    """How S3 is reached, and which buckets documents may name; all if `buckets` is empty."""

    buckets: BucketNames = ()
    kms_key: KmsKeyName | None = None


class LogGroupService(AwsService, frozen=True, forbid_unknown_fields=True):
    """How CloudWatch Logs is reached, and which log groups documents may name; all if `log_groups` is empty."""

    log_groups: LogGroupNames = ()


class Outputs(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Session logs for the buckets and log groups that documents name."""

    s3: BucketService | None = None
    cloudwatch: LogGroupService | None = None
    directory: str = "outputs"
    spool_mib: Annotated[int, Meta(ge=1, le=1024 * 1024)] = 1024
    give_up_after_days: Annotated[int, Meta(ge=0, le=36_500)] = 14


def check_recordings(recordings: Recordings, path: Path) -> None:
    """Raise Failure if settings of the file contradict each other."""
    kms = recordings.kms
    if kms is not None and kms.region is None and (kms.endpoint_url or kms.ca_file or kms.profile):
        raise Failure(
            f"{path}: [recordings.kms] is incomplete",
            "a KMS elsewhere is named by its region as well",
            "Set recordings.kms.region, or leave out endpoint_url, ca_file and profile to use this server's own keys",
        )
