"""Checks whether a log could be delivered, by writing something small. Everything blocks."""

from contextlib import suppress

from ferryman.model.identifiers import Millis, SessionId
from ferryman.model.session_outputs import CloudWatchOutput, S3Output
from ferryman.recording.aws_clients import CallFailed, calling
from ferryman.recording.outputs.cloud_watch import create_log_stream, log_group_key, put_events
from ferryman.recording.outputs.destinations import Destinations

PROBE = SessionId("ferryman-doctor")
"""The session id of the object and of the log stream that are written."""


def examine_bucket(destinations: Destinations, output: S3Output) -> str:
    """Return a list of what works; raises `CallFailed`, and `Unencrypted` if encryption is required but missing."""
    client, key, where = destinations.s3(output.bucket), output.key(PROBE), f"the bucket {output.bucket}"
    if output.encrypted:
        destinations.check_bucket(output.bucket)
    with calling("s3:PutObject", where):
        client.put_object(
            Bucket=output.bucket, Key=key, Body=b"", ACL="bucket-owner-full-control", ContentType="text/plain"
        )
    with suppress(CallFailed), calling("s3:DeleteObject", where):  # delivering needs no such permission
        client.delete_object(Bucket=output.bucket, Key=key)
    return f"{output.bucket} can be written{', and encrypts' if output.encrypted else ''}"


def examine_log_group(destinations: Destinations, output: CloudWatchOutput, now: Millis) -> str:
    """Return a list of what works; raises as `examine_bucket`. An event stays in the log stream of PROBE."""
    group = output.log_group
    client = destinations.logs(group)
    log_group_key(client, group)
    if output.encrypted:
        destinations.check_log_group(group)
    create_log_stream(client, group, PROBE)
    put_events(client, group, PROBE, ["ferryman doctor can write to this log group"], lambda: now)
    return f"{group} can be written{', and encrypts' if output.encrypted else ''}"
