"""Where the log of a session goes, as its document and the account's preferences say: AWS's outputs."""

from dataclasses import dataclass

from ferryman.model.identifiers import SessionId


@dataclass(frozen=True, slots=True)
class S3Output:
    """An object in a bucket, written when the session has ended. `encrypted`: the bucket must encrypt by default."""

    bucket: str
    key_prefix: str = ""
    encrypted: bool = False

    def key(self, session_id: SessionId) -> str:
        """Return the object's key, `[prefix/]<SessionId>.log`."""
        prefix = self.key_prefix.strip("/")
        return f"{prefix}/{session_id}.log" if prefix else f"{session_id}.log"


@dataclass(frozen=True, slots=True)
class CloudWatchOutput:
    """A log stream named after the session. `encrypted`: the log group must have a KMS key.

    `streaming`: lines are sent every second, as JSON, while the session runs; otherwise its text is sent at the end.
    """

    log_group: str
    encrypted: bool = False
    streaming: bool = False


@dataclass(frozen=True, slots=True)
class SessionOutputs:
    """The destinations of one session's log. `run_as_user` is who the session runs as, as far as the document says."""

    s3: S3Output | None = None
    cloud_watch: CloudWatchOutput | None = None
    run_as_user: str = ""
