"""botocore's clients of S3 and CloudWatch Logs, and the meaning of their errors. Every call blocks."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

CONNECT_SECONDS = 5
READ_SECONDS = 20
"""How long a call may take. botocore does not repeat it: that is for the caller to decide."""


@dataclass(frozen=True, slots=True)
class AwsAccess:
    """How a service is reached: as every AWS program finds it, unless `endpoint_url` or `profile` say otherwise.

    `ca_file` is a PEM file with an authority to trust instead of the system's. `allowed` are the names of buckets or
    log groups that may be written, or prefixes of names followed by `*`; empty for all.
    """

    region: str
    endpoint_url: str | None = None
    profile: str | None = None
    ca_file: str | None = None
    allowed: tuple[str, ...] = ()

    def allows(self, name: str) -> bool:
        """Return whether a bucket or log group may be written, however its name came into a document."""
        return not self.allowed or any(
            name.startswith(each[:-1]) if each.endswith("*") else name == each for each in self.allowed
        )


class CallFailed(Exception):
    """A call was refused or not answered; the text says which and why. `code` is the service's, empty without answer.

    `status` is that of HTTP, 0 without answer.
    """

    def __init__(self, text: str, code: str = "", status: int = 0) -> None:
        super().__init__(text)
        self.code = code
        self.status = status


def aws_client(service: str, access: AwsAccess, connections: int) -> Any:
    """Return a client of `s3` or `logs` for as many threads as `connections`; takes some 0.2 s.

    Raises `CallFailed` if the profile does not exist.
    """
    from botocore.config import Config
    from botocore.exceptions import BotoCoreError
    from botocore.session import Session

    config = Config(
        connect_timeout=CONNECT_SECONDS,
        read_timeout=READ_SECONDS,
        retries={"total_max_attempts": 1, "mode": "standard"},
        max_pool_connections=connections,
        # Other makers' S3 does not support it.
        request_checksum_calculation="when_required",
        response_checksum_validation="when_required",
        s3={"addressing_style": "path" if access.endpoint_url else "auto"},
        user_agent_extra="Ferryman",
    )
    try:
        return Session(profile=access.profile).create_client(
            service,
            region_name=access.region,
            endpoint_url=access.endpoint_url,
            verify=access.ca_file,
            config=config,
        )
    except (BotoCoreError, ValueError) as error:
        raise CallFailed(f"there is no access to {service}: {error}") from error


@contextmanager
def calling(action: str, where: str) -> Iterator[None]:
    """Raise `CallFailed` that names the action, such as `s3:PutObject`, and where it was to happen, if it fails."""
    from botocore.exceptions import BotoCoreError, ClientError

    try:
        yield
    except ClientError as error:
        answer = error.response
        code = str(answer.get("Error", {}).get("Code", ""))
        said = str(answer.get("Error", {}).get("Message", "")).rstrip(".")
        status = int(answer.get("ResponseMetadata", {}).get("HTTPStatusCode", 0))
        cause = ": ".join(part for part in (code, said) if part)
        raise CallFailed(f"{action} on {where} was refused ({cause})", code, status) from error
    except (BotoCoreError, OSError) as error:
        raise CallFailed(f"{action} on {where} was not answered ({error})") from error
