"""S3 and CloudWatch Logs as this server reaches them, and their clients."""

import threading
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from ferryman.core.ports.recordings.outputs import NOT_CONFIGURED, Undeliverable, Unencrypted
from ferryman.model.session_outputs import SessionOutputs
from ferryman.recording.aws_clients import AwsAccess, CallFailed, aws_client
from ferryman.recording.outputs.checks import CHECK_SECONDS, CHECKERS, Checks
from ferryman.recording.outputs.cloud_watch import log_group_key
from ferryman.recording.outputs.s3 import bucket_encryption

THREADS = 4
"""How many threads deliver."""
UNENCRYPTED_BUCKET = (
    "We couldn't start the session because encryption is not set up on the selected Amazon S3 bucket. Either encrypt "
    "the bucket or choose an option to enable logging without encryption."
)
UNENCRYPTED_LOG_GROUP = (
    "We couldn't start the session because encryption is not set up on the selected CloudWatch Logs log group. Either "
    "encrypt the log group or choose an option to enable logging without encryption."
)
"""AWS's texts (`protocol/agent.md` §6)."""


@dataclass(frozen=True, slots=True)
class Reach:
    """The access that the configuration allows; None for no access."""

    s3: AwsAccess | None = None
    cloud_watch: AwsAccess | None = None
    s3_kms_key: str | None = None
    """Objects are encrypted under this key by S3, whatever the bucket's default is."""


class Destinations:
    """`core.ports.recordings.outputs.OutputDestinations`.

    Clients are created on first use. `close` it at the end.
    """

    def __init__(self, reach: Reach) -> None:
        self.reach = reach
        self._clients: dict[str, Any] = {}
        self._making = threading.Lock()
        self._checks = Checks()

    async def check(self, outputs: SessionOutputs, person: str) -> None:
        """See `OutputDestinations`; asks only about destinations that must be encrypted."""
        s3, cloud_watch = outputs.s3, outputs.cloud_watch
        if s3 is not None:
            self._access(self.reach.s3, "s3", s3.bucket)
            if s3.encrypted and self.reach.s3_kms_key is None:
                await self._ask(f"the bucket {s3.bucket}", person, lambda: self.check_bucket(s3.bucket))
        if cloud_watch is not None:
            self._access(self.reach.cloud_watch, "logs", cloud_watch.log_group)
            if cloud_watch.encrypted:
                group = cloud_watch.log_group
                await self._ask(f"the log group {group}", person, lambda: self.check_log_group(group))

    def check_bucket(self, bucket: str) -> None:
        """Raise `Unencrypted` if a bucket does not encrypt by default, `CallFailed` if it does not say. Blocks."""
        if not bucket_encryption(self.s3(bucket), bucket):
            raise Unencrypted(UNENCRYPTED_BUCKET)

    def check_log_group(self, group: str) -> None:
        """Raise `Unencrypted` if a log group has no key, `CallFailed` if it does not say. Blocks."""
        if log_group_key(self.logs(group), group) is None:
            raise Unencrypted(UNENCRYPTED_LOG_GROUP)

    def s3(self, bucket: str) -> Any:
        """Return the client of S3 for a bucket; raises `CallFailed` without access to it. Blocks."""
        return self._client("s3", self.reach.s3, bucket)

    def logs(self, group: str) -> Any:
        """Return the client of CloudWatch Logs for a log group; raises `CallFailed` without access to it. Blocks."""
        return self._client("logs", self.reach.cloud_watch, group)

    def close(self) -> None:
        """Stop; calls under way end by themselves."""
        self._checks.close()

    def _client(self, service: str, access: AwsAccess | None, name: str) -> Any:
        cause = _cause(access, service, name)
        if access is None or cause is not None:
            raise CallFailed(str(cause))
        with self._making:
            if service not in self._clients:
                self._clients[service] = aws_client(service, access, THREADS + CHECKERS)
            return self._clients[service]

    def _access(self, access: AwsAccess | None, service: str, name: str) -> None:
        cause = _cause(access, service, name)
        if cause is not None:
            raise Undeliverable(cause)

    async def _ask(self, what: str, person: str, question: Callable[[], None]) -> None:
        """Raise as `check`. The service's own message is not for people who may only start sessions."""
        text = (
            f"the server could not find out whether {what} is encrypted. "
            "An administrator finds the cause in the server's log and in the audit trail"
        )
        try:
            await self._checks.ask(what, person, question)
        except CallFailed as error:
            raise Undeliverable(text, str(error)) from error
        except TimeoutError as error:
            raise Undeliverable(text, f"{what} was not checked within {CHECK_SECONDS:g} s") from error


def _cause(access: AwsAccess | None, service: str, name: str) -> str | None:
    """Return why a bucket (`s3`) or log group (`logs`) cannot be written; None if the configuration allows it."""
    what = f"the {'bucket' if service == 's3' else 'log group'} {name}"
    if access is None:
        return NOT_CONFIGURED.format(what=what, table="outputs.s3" if service == "s3" else "outputs.cloudwatch")
    setting = "outputs.s3.buckets" if service == "s3" else "outputs.cloudwatch.log_groups"
    return None if access.allows(name) else f"{what} is not among {setting} in the server's configuration"
