"""A profile's settings of how to sign in, and whether a profile is free for them."""

import re
from collections.abc import Mapping
from typing import TYPE_CHECKING

import msgspec

from ferryman.client.login.aws_config import credentials_file, read_config, read_profile
from ferryman.model.failures import Failure
from ferryman.model.values.secret import Secret

if TYPE_CHECKING:
    from ferryman.client.login.oidc import OidcClient

DEFAULT_SCOPES = "openid email profile offline_access"
PROCESS = "credential_process"
_OURS = re.compile(r"(^|.*[/\s'\"])ferryman'? credentials --profile .*")
_FOREIGN = ("aws_access_key_id", "role_arn", "sso_session", "sso_account_id", "web_identity_token_file")
"""Settings that AWS's programs prefer to our credential_process."""


class Login(msgspec.Struct, frozen=True, forbid_unknown_fields=True, rename=lambda name: f"ferryman_{name}"):
    """How to sign in to a profile: its `ferryman_…` settings."""

    issuer: str
    client_id: str
    role_arn: str
    scopes: str = DEFAULT_SCOPES
    session_claim: str = ""
    duration_seconds: int | None = None
    redirect_port: int = 0
    client_secret: str | None = None

    def client(self) -> "OidcClient":
        """This client, as the provider knows it."""
        from ferryman.client.login.oidc import OidcClient

        secret = None if self.client_secret is None else Secret(self.client_secret)
        return OidcClient(self.client_id, self.scopes, secret)

    def binding(self, endpoint_url: str) -> str:
        """Identifies the issuer, client, role and server that a sign-in is valid for."""
        return f"{self.issuer}\n{self.client_id}\n{self.role_arn}\n{endpoint_url}"


def login_settings(profile: str, settings: Mapping[str, str]) -> Login:
    """Return how to sign in to a profile of these settings. Raises Failure if they do not say."""
    ours = {name: value for name, value in settings.items() if name.startswith("ferryman_")}
    try:
        return msgspec.convert(ours, Login, strict=False)
    except msgspec.ValidationError as error:
        raise Failure(
            f"The profile {profile} does not say how to sign in",
            str(error),
            f"Run `ferryman login --profile {profile} --issuer URL --client-id ID --role-arn ARN`",
        ) from error


def check_free(profile: str, settings: Mapping[str, str]) -> None:
    """Raise Failure if the profile has credentials of another kind: they would be used, or lost."""
    foreign = [name for name in _FOREIGN if name in settings]
    if PROCESS in settings and not _OURS.fullmatch(settings[PROCESS]):
        foreign.append(PROCESS)
    if foreign or _has_keys(profile):
        cause = f"it has {foreign[0]}" if foreign else "AWS's credentials file has keys for it"
        raise Failure(f"The profile {profile} is used for something else", cause, "Choose another with --profile")


def _has_keys(profile: str) -> bool:
    return "aws_access_key_id" in read_profile(read_config(credentials_file()), profile, bare=True)
