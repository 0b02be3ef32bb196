"""Calls of the API with the AWS CLI's own rules for profile, region, endpoint and credentials (botocore)."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from ferryman.client.calls.answers import UNREADABLE, checked, unreadable
from ferryman.client.calls.api_proxies import through_proxies
from ferryman.client.calls.aws_session import open_session
from ferryman.client.calls.endpoints import (
    Absent,
    check_endpoint,
    is_default_endpoint,
    log_in,
    not_an_address,
    unreachable,
)
from ferryman.model.failures import Failure
from ferryman.transport.errors import Unreachable

if TYPE_CHECKING:
    from botocore.session import Session

_NEXT_STEPS = {
    "UnrecognizedClientException": "Use an access key of this server: `ferryman user key add` creates one",
    "InvalidSignatureException": "Check the secret access key, and this machine's clock",
    # The same two, as sts names them.
    "InvalidClientTokenId": "Use an access key of this server: `ferryman user key add` creates one",
    "SignatureDoesNotMatch": "Check the secret access key, and this machine's clock",
    "MissingAuthenticationTokenException": "Set credentials in a profile or in AWS_ACCESS_KEY_ID",
    "ExpiredTokenException": "Get new ones, for example with `ferryman login`",
    "AccessDeniedException": "Ask an administrator, or use an administrator's key",
    "ThrottlingException": "Wait a moment and try again",
    "TargetNotConnected": "See with `ferryman nodes` whether its agent is online",
}
_SET_REGION = (
    "Use the server's region: correct --region, AWS_REGION or the profile, or run `ferryman login https://SERVER`"
)
_SIGN_IN_AGAIN = "Sign in again: `ferryman login`, or `aws sso login` for AWS IAM Identity Center"


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
            raise _refused(operation, error.response.get("Error", {})) from error
        except exceptions.ParamValidationError as error:
            raise Failure(f"{operation} was not sent", str(error)) from error
        except (exceptions.CredentialRetrievalError, exceptions.SSOError, exceptions.TokenRetrievalError) as error:
            raise Failure("There are no credentials to sign with", str(error), _SIGN_IN_AGAIN) from error
        except (exceptions.BotoCoreError, exceptions.HTTPClientError) as error:
            raise unreachable(error, self.endpoint_url) from error
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
    if connection.endpoint_url is not None:
        check_endpoint(connection.endpoint_url)
    try:
        client = through_proxies(
            lambda proxies: session.create_client(
                service,
                region_name=connection.region,
                endpoint_url=connection.endpoint_url,
                config=Config(connect_timeout=5, read_timeout=30, retries={"total_max_attempts": 3}, proxies=proxies),
            )
        )
        endpoint = check_endpoint(str(client.meta.endpoint_url))
        credentials = session.get_credentials()
    except exceptions.NoRegionError as error:
        raise _no_region(session, connection) from error
    except exceptions.BotoCoreError as error:
        raise _unusable(error) from error
    except Unreachable as error:
        raise Failure("The server cannot be reached", str(error)) from error
    except ValueError as error:
        raise not_an_address(str(error).removeprefix("Invalid endpoint: ")) from error
    if is_default_endpoint(endpoint):
        raise Failure("No Ferryman server is configured", "without an endpoint the call would go to AWS", log_in())
    if credentials is None:
        cause = "neither a context, the environment nor the profile has an access key"
        raise Failure("There are no credentials to sign with", cause, log_in())
    ca_file = session.get_config_variable("ca_bundle")
    return Api(client, endpoint, ca_file, connection.profile or "", str(client.meta.region_name))


class Refused(Failure):
    """The server refused a call; `code` is AWS's for the reason."""

    def __init__(self, what: str, cause: str, next_step: str, code: str) -> None:
        self.code = code
        super().__init__(what, cause, next_step)


def _refused(operation: str, detail: Mapping[str, Any]) -> Failure:
    code, message = str(detail.get("Code", "")), str(detail.get("Message", "")).rstrip(".")
    what, cause = f"{operation} was refused", f"{code}, {message}"
    if code == "TargetNotConnected":
        return Absent(what, cause, _NEXT_STEPS[code])
    wrong_region = "scoped to a valid region" in message
    return Refused(what, cause, _SET_REGION if wrong_region else _NEXT_STEPS.get(code, ""), code)


def _method(operation: str) -> str:
    from botocore import xform_name

    return str(xform_name(operation))


def _no_region(session: "Session", connection: Connection) -> Failure:
    """Return the Failure for a call without a region: usually nothing at all is configured yet."""
    if connection.endpoint_url is None and session.get_credentials() is None:
        return Failure(
            "No Ferryman server is configured", "this machine has no context and no profile for one", log_in()
        )
    return Failure("No region is set", "calls are signed for the server's region", "Pass --region or set AWS_REGION")


def _unusable(error: Exception) -> Failure:
    from botocore import exceptions

    if isinstance(error, exceptions.ProfileNotFound):
        return Failure(
            str(error),
            "the configuration files have no such section",
            f"Check --profile and AWS_CONFIG_FILE. {log_in()}",
        )
    return Failure("The AWS configuration cannot be used", str(error), "Check the profile")
