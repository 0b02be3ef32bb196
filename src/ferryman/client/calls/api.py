"""Calls of the API with the AWS CLI's own rules for profile, region, endpoint and credentials (botocore)."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

from ferryman.client.calls.answers import UNREADABLE, checked, unreadable
from ferryman.client.calls.api_proxies import through_proxies
from ferryman.client.calls.aws_session import open_session
from ferryman.model.failures import Failure, said_by
from ferryman.transport.errors import Unreachable

_NEXT_STEPS = {
    "UnrecognizedClientException": "Use an access key of this server: `ferryman user key add` creates one",
    "InvalidSignatureException": "Check the secret access key, and this machine's clock",
    # The same two, as sts names them.
    "InvalidClientTokenId": "Use an access key of this server: `ferryman user key add` creates one",
    "SignatureDoesNotMatch": "Check the secret access key, and this machine's clock",
    "MissingAuthenticationTokenException": "Set credentials in a profile or in AWS_ACCESS_KEY_ID",
    "ExpiredTokenException": "Get new credentials",
    "AccessDeniedException": "Ask an administrator, or use an administrator's key",
    "ThrottlingException": "Wait a moment and try again",
    "TargetNotConnected": "See with `ferryman nodes` whether its agent is online",
}


class Absent(Failure):
    """The server does not answer, or the node is not connected: another try may succeed."""


@dataclass(frozen=True, slots=True)
class Connection:
    """How to reach the server; None means the environment's or the profile's value, as for the AWS CLI."""

    profile: str | None = None
    region: str | None = None
    endpoint_url: str | None = None


@dataclass(frozen=True, slots=True)
class Api:
    """One service of the server, called as `call("DescribeSessions", State="Active")`."""

    client: Any
    endpoint_url: str
    ca_file: str | None = None
    profile: str = ""
    region: str = ""

    def call(self, operation: str, **members: object) -> Mapping[str, Any]:
        """Call an operation. Raises Failure with the error's code and message, `Absent` if another try may succeed."""
        from botocore import exceptions

        try:
            answer = getattr(self.client, _method(operation))(**members)
        except exceptions.ClientError as error:
            detail = error.response.get("Error", {})
            code, message = str(detail.get("Code", "")), str(detail.get("Message", ""))
            kind = Absent if code == "TargetNotConnected" else Failure
            raise kind(
                f"{operation} was refused", f"{code}, {message.rstrip('.')}", _NEXT_STEPS.get(code, "")
            ) from error
        except exceptions.ParamValidationError as error:
            raise Failure(f"{operation} was not sent", str(error)) from error
        except (exceptions.BotoCoreError, exceptions.HTTPClientError) as error:
            raise _unreachable(error, self.endpoint_url) from error
        except UNREADABLE as error:
            raise unreadable(operation, "it is not in the form of an AWS service") from error
        model = self.client.meta.service_model.operation_model(operation)
        return checked(operation, model.output_shape, answer)

    def pages(self, operation: str, member: str, **members: object) -> Iterator[Mapping[str, Any]]:
        """Yield every item of `member` over all pages of an operation that answers with NextToken."""
        token: str | None = None
        while True:
            more = {"NextToken": token} if token else {}
            answer = self.call(operation, **members, **more)
            yield from answer[member]
            token = answer.get("NextToken")
            if not token:
                return


def refused_as(failure: Failure) -> str:
    """Return the error code with which the server refused a call, "" if the failure is another."""
    from botocore.exceptions import ClientError

    cause = failure.__cause__
    return str(cause.response.get("Error", {}).get("Code", "")) if isinstance(cause, ClientError) else ""


def connect(connection: Connection, service: str = "ssm") -> Api:
    """Make a client of `ssm` or `sts`; raises Failure if profile, region, credentials or endpoint are missing."""
    from botocore import exceptions
    from botocore.config import Config

    session = open_session(connection.profile)
    try:
        client = through_proxies(
            lambda proxies: session.create_client(
                service,
                region_name=connection.region,
                endpoint_url=connection.endpoint_url,
                config=Config(connect_timeout=5, read_timeout=30, retries={"total_max_attempts": 3}, proxies=proxies),
            )
        )
        endpoint = _with_a_port(str(client.meta.endpoint_url))
        credentials = session.get_credentials()
    except exceptions.BotoCoreError as error:
        raise _unusable(error) from error
    except Unreachable as error:
        raise Failure("The server cannot be reached", str(error)) from error
    except ValueError as error:
        raise _not_an_address(error) from error
    if is_default_endpoint(endpoint):
        raise Failure(
            "No Ferryman server is configured",
            "without an endpoint the call would go to AWS",
            "Pass --endpoint-url, set AWS_ENDPOINT_URL, or set the profile's endpoint as `ferryman init` does",
        )
    if credentials is None:
        raise Failure(
            "There are no credentials to sign with",
            "neither the environment nor the profile has an access key",
            "Set AWS_CONFIG_FILE and AWS_SHARED_CREDENTIALS_FILE as `ferryman init` said, or pass --profile",
        )
    ca_file = session.get_config_variable("ca_bundle")
    return Api(client, endpoint, ca_file, connection.profile or "", str(client.meta.region_name))


def is_default_endpoint(endpoint_url: str) -> bool:
    """Whether this is the default address of ssm, sts or iam, which is AWS: nobody configured another.

    A Ferryman server may use the name of AWS's ssmmessages, which is not the default of any of those.
    """
    host = urlsplit(endpoint_url).hostname or ""
    return host.endswith((".amazonaws.com", ".amazonaws.com.cn")) and not host.startswith("ssmmessages.")


def _method(operation: str) -> str:
    from botocore import xform_name

    return str(xform_name(operation))


def _unusable(error: Exception) -> Failure:
    from botocore import exceptions

    if isinstance(error, exceptions.NoRegionError):
        return Failure("No region is set", "calls are signed for a region", "Pass --region or set AWS_REGION")
    if isinstance(error, exceptions.ProfileNotFound):
        return Failure(
            str(error), "the configuration files have no such section", "Check --profile and AWS_CONFIG_FILE"
        )
    return Failure("The AWS configuration cannot be used", str(error), "Check the profile")


def _with_a_port(endpoint: str) -> str:
    """Return `endpoint`. Raises ValueError, worded as botocore does, for an invalid port, which it lets pass."""
    try:
        _ = urlsplit(endpoint).port
    except ValueError as error:
        raise ValueError(f"Invalid endpoint: {endpoint}") from error
    return endpoint


def _not_an_address(error: ValueError) -> Failure:
    """Return the Failure for an endpoint with an invalid host or port, about which botocore raises ValueError."""
    return Failure(
        "The endpoint cannot be used",
        str(error).removeprefix("Invalid endpoint: ") + " is not the address of a server",
        "Correct --endpoint-url, AWS_ENDPOINT_URL or the profile: https://HOST[:PORT]",
    )


def _unreachable(error: Exception, endpoint: str) -> Failure:
    from botocore import exceptions

    if isinstance(error, exceptions.SSLError):
        return Failure(
            f"The certificate of {endpoint} is not trusted",
            said_by(error),
            "Set AWS_CA_BUNDLE to the server's CA certificate",
        )
    if isinstance(error, exceptions.NoCredentialsError):
        return Failure("There are no credentials to sign with", "", "Pass --profile or set AWS_ACCESS_KEY_ID")
    return Absent(
        f"The server at {endpoint} does not answer",
        f"it is not running, or something in between blocks the connection ({type(error).__name__})",
        "Run `ferryman doctor` with the same options",
    )
