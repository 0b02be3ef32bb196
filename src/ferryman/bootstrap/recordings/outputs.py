"""S3 and CloudWatch Logs as the configuration describes them, for session logs and for recordings."""

from typing import TYPE_CHECKING

from ferryman.bootstrap.configuration import LoadedConfiguration
from ferryman.bootstrap.recordings.storage_settings import AwsService, BucketService, LogGroupService, RecordingBucket
from ferryman.model.failures import Failure

if TYPE_CHECKING:
    from ferryman.recording.aws_clients import AwsAccess
    from ferryman.recording.keys.foreign_kms import KmsElsewhere
    from ferryman.recording.outputs.destinations import Reach
    from ferryman.recording.storage.s3 import S3Storage
    from ferryman.recording.storage.spool import SpoolStorage


def reach(loaded: LoadedConfiguration) -> "Reach":
    """Return how the server reaches S3 and CloudWatch Logs."""
    from ferryman.recording.outputs.destinations import Reach

    outputs = loaded.configuration.outputs
    s3 = None if outputs.s3 is None else _access(loaded, outputs.s3)
    cloud_watch = None if outputs.cloudwatch is None else _access(loaded, outputs.cloudwatch)
    return Reach(s3, cloud_watch, None if outputs.s3 is None else outputs.s3.kms_key)


def spool(loaded: LoadedConfiguration) -> "SpoolStorage":
    """Return the storage in which sessions are recorded until their logs are delivered.

    Raises Failure if the directory cannot be written, although the server has access to a destination.
    """
    from ferryman.recording.storage.spool import SpoolStorage

    outputs = loaded.configuration.outputs
    storage = SpoolStorage(loaded.path(outputs.directory), outputs.spool_mib * 1024 * 1024)
    if outputs.s3 is not None or outputs.cloudwatch is not None:
        try:
            storage.open()
        except OSError as error:
            raise Failure(
                f"Session logs cannot be kept in {storage.directory} until they are delivered",
                error.strerror or str(error),
                "Make the directory writable for the server, or set a different outputs.directory",
            ) from error
    return storage


def recording_bucket(loaded: LoadedConfiguration, bucket: RecordingBucket) -> "S3Storage":
    """Return the storage of recordings in S3; close it at the end."""
    from ferryman.recording.storage.s3 import S3Storage

    return S3Storage(_access(loaded, bucket), bucket.bucket, f"{bucket.prefix}/" if bucket.prefix else "")


def kms_elsewhere(loaded: LoadedConfiguration) -> "KmsElsewhere | None":
    """Return the KMS elsewhere whose key the data keys of recordings are under; close it at the end."""
    from ferryman.recording.aws_clients import AwsAccess
    from ferryman.recording.keys.foreign_kms import KmsElsewhere

    kms = loaded.configuration.recordings.kms
    if kms is None or kms.region is None:
        return None
    ca_file = None if kms.ca_file is None else str(loaded.path(kms.ca_file))
    return KmsElsewhere(AwsAccess(kms.region, kms.endpoint_url, kms.profile, ca_file))


def _access(loaded: LoadedConfiguration, service: AwsService) -> "AwsAccess":
    from ferryman.recording.aws_clients import AwsAccess

    ca_file = None if service.ca_file is None else str(loaded.path(service.ca_file))
    allowed: tuple[str, ...] = ()
    if isinstance(service, BucketService):
        allowed = service.buckets
    elif isinstance(service, LogGroupService):
        allowed = service.log_groups
    return AwsAccess(service.region, service.endpoint_url, service.profile, ca_file, allowed)
