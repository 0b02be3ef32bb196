"""The inputs of a session document that say where the session's log goes (`protocol/agent.md` §6)."""

import re
from collections.abc import Mapping
from typing import Any

from ferryman.model.session_outputs import CloudWatchOutput, S3Output, SessionOutputs

BUCKET = re.compile(r"[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]")
BUCKET_RULE = "must be the name of a bucket: 3 to 63 lower-case letters, digits, dots and hyphens."
KEY_PREFIX = re.compile(r"(?!(?:.*/)?\.{1,2}(?:/|\Z))[A-Za-z0-9/!_.*'()-]{1,500}")
KEY_PREFIX_RULE = "must be at most 500 letters, digits and /!_.*'()-, and must not have . or .. between slashes."
"""Makers of S3 that keep objects as files may resolve `..`, and write to another bucket."""
LOG_GROUP = re.compile(r"[.\-_/#A-Za-z0-9]{1,512}")
LOG_GROUP_RULE = "must be the name of a log group: at most 512 letters, digits and .-_/#."
DEFAULT_USER = "ssm-user"
"""AWS's account for sessions without Run As."""


def outputs_of(own: Mapping[str, Any], preferred: Mapping[str, Any], run_as_user: str) -> SessionOutputs | None:
    """Return where a session's log goes; None for nowhere.

    A bucket, with its prefix and encryption, comes as a whole from the document if that names one, else from the
    account's preferences; a log group likewise. Both are valid inputs.
    """
    s3 = next((inputs for inputs in (own, preferred) if inputs.get("s3BucketName")), None)
    cloud_watch = next((inputs for inputs in (own, preferred) if inputs.get("cloudWatchLogGroupName")), None)
    if s3 is None and cloud_watch is None:
        return None
    return SessionOutputs(
        s3=None
        if s3 is None
        else S3Output(s3["s3BucketName"], s3.get("s3KeyPrefix") or "", _is_set(s3, "s3EncryptionEnabled")),
        cloud_watch=None
        if cloud_watch is None
        else CloudWatchOutput(
            cloud_watch["cloudWatchLogGroupName"],
            _is_set(cloud_watch, "cloudWatchEncryptionEnabled"),
            _is_set(cloud_watch, "cloudWatchStreamingEnabled"),
        ),
        run_as_user=run_as_user or DEFAULT_USER,
    )


def _is_set(inputs: Mapping[str, Any], name: str) -> bool:
    return inputs.get(name) in (True, "true")
