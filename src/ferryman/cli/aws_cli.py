"""The AWS CLI on this machine: its path, and whether it is too old to read an endpoint from a profile."""

import re
import shutil
import subprocess
from dataclasses import dataclass

OLDEST = {1: (1, 29, 0), 2: (2, 13, 0)}
"""The first release of each major version that reads endpoints from profiles and AWS_ENDPOINT_URL; boto3 does from
1.28.0 and botocore from 1.31.0."""
TOO_OLD_TEXT = (
    "Releases before 1.29.0 and 2.13.0 ignore the endpoint in a profile and send calls signed with your key to AWS: "
    "upgrade the AWS CLI, or pass --endpoint-url to every command"
)
_VERSION = re.compile(r"aws-cli/(\d+)\.(\d+)\.(\d+)")
_SECONDS = 20.0
"""The CLI starts slowly, especially on a busy machine."""


@dataclass(frozen=True, slots=True)
class AwsCli:
    """The first `aws` on PATH. `version` is empty if it does not print one; `error` says why it cannot be run."""

    path: str
    version: str = ""
    error: str = ""

    @property
    def is_too_old(self) -> bool:
        """Whether it ignores the endpoint of a profile."""
        if not self.version:
            return False
        numbers = tuple(map(int, self.version.split(".")))
        return numbers < OLDEST.get(numbers[0], min(OLDEST.values()))


def find_aws_cli() -> AwsCli | None:
    """Find the AWS CLI and ask it for its version; None if there is none. Takes up to 20 s."""
    path = shutil.which("aws")
    if path is None:
        return None
    try:
        answer = subprocess.run(  # noqa: S603
            [path, "--version"], capture_output=True, text=True, errors="replace", timeout=_SECONDS, check=False
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        return AwsCli(path, error=str(error))
    found = _VERSION.search(answer.stdout + answer.stderr)  # old releases print it on standard error
    return AwsCli(path, ".".join(found.groups()) if found else "")
