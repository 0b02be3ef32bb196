"""Calls AssumeRoleWithWebIdentity, which exchanges an ID token for temporary credentials."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

from ferryman.client.calls.answers import UNREADABLE, checked, unreadable
from ferryman.client.calls.api import Connection
from ferryman.client.calls.api_proxies import through_proxies
from ferryman.client.calls.aws_session import open_session
from ferryman.client.calls.endpoints import is_default_endpoint
from ferryman.model.failures import Failure, said_by
from ferryman.model.identity.credentials import Credentials
from ferryman.model.values.secret import Secret
from ferryman.transport.errors import Unreachable

_OPERATION = "AssumeRoleWithWebIdentity"


@dataclass(frozen=True, slots=True)
class SignedIn:
    """Credentials of a role session, and the ARN they act as."""

    credentials: Credentials
    expires_at: datetime
    arn: str


@dataclass(frozen=True, slots=True)
class Files:
    """Where the profile is read from, and the authorities to trust instead of the profile's and the environment's."""

    config: Path
    authorities: Path | None = None


def assume_role(
    connection: Connection, role_arn: str, session_name: str, id_token: Secret, duration: int | None, files: Files
) -> SignedIn:
    """Call the server, for at most about 35 s. Raises Failure."""
    from botocore import UNSIGNED, exceptions
    from botocore.config import Config

    given: dict[str, object] = {} if duration is None else {"DurationSeconds": duration}
    try:
        # Not real keys: the profile's own come from the command that is calling this.
        session = open_session(connection.profile)
        session.set_config_variable("config_file", str(files.config))
        client = through_proxies(
            lambda proxies: session.create_client(
                "sts",
                region_name=connection.region,
                endpoint_url=connection.endpoint_url,
                verify=None if files.authorities is None else str(files.authorities),
                aws_access_key_id="unsigned",
                aws_secret_access_key="unsigned",  # noqa: S106 - no secret
                config=Config(signature_version=UNSIGNED, connect_timeout=5, read_timeout=30, proxies=proxies),
            )
        )
        if is_default_endpoint(str(client.meta.endpoint_url)):
            raise Failure("No Ferryman server is configured", "the token would go to AWS", "Pass --endpoint-url")
        answered: Mapping[str, Any] = client.assume_role_with_web_identity(
            RoleArn=role_arn, RoleSessionName=session_name, WebIdentityToken=id_token.reveal(), **given
        )
    except exceptions.ClientError as error:
        detail = error.response.get("Error", {})
        raise Failure(
            "The server refused the sign-in",
            f"{detail.get('Code')}, {str(detail.get('Message', '')).rstrip('.')}",
            "Ask an administrator for the role's trust policy and the provider's client ids",
        ) from error
    except (exceptions.BotoCoreError, exceptions.HTTPClientError, ValueError, Unreachable) as error:
        raise Failure("The server cannot be reached", said_by(error), "Check --endpoint-url and the region") from error
    except UNREADABLE as error:
        raise unreadable(_OPERATION, "it is not in the form of an AWS service") from error
    answer = checked(_OPERATION, client.meta.service_model.operation_model(_OPERATION).output_shape, answered)
    found = answer["Credentials"]
    return SignedIn(
        Credentials(found["AccessKeyId"], Secret(found["SecretAccessKey"]), Secret(found["SessionToken"])),
        found["Expiration"],
        answer["AssumedRoleUser"]["Arn"],
    )
