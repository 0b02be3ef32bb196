"""The options of `ferryman login`, in the groups of its help page, and the profile's settings that they stand for."""

from pathlib import Path
from typing import Annotated, Any

import typer

from ferryman.client.login.login_settings import DEFAULT_SCOPES

_SERVER = "Server and role"
_PROVIDER = "Identity provider, for a server that offers no login"


def _option(name: str, text: str, group: str | None = None, **limits: Any) -> Any:
    return typer.Option(name, help=text, rich_help_panel=group, show_default=False, **limits)


ServerArgument = Annotated[
    str | None, typer.Argument(metavar="URL", help="The server's address, or an invitation.", show_default=False)
]
NewProfileOption = Annotated[
    str | None, _option("--profile", "The profile to set up; by default named after the server, or AWS_PROFILE.")
]
DeviceOption = Annotated[bool, _option("--device", "Sign in on another device, with a code.")]
DurationOption = Annotated[
    int | None, _option("--duration", "How long credentials last, in seconds; 3600 by default.", min=900, max=43200)
]
RedirectPortOption = Annotated[
    int | None,
    _option(
        "--redirect-port",
        "The port of 127.0.0.1 that the browser returns to; any free one by default.",
        min=0,
        max=65535,
    ),
]

RoleOption = Annotated[
    str | None, _option("--role", "The role to assume, of those that the server offers.", group=_SERVER)
]
CaFingerprintOption = Annotated[
    str | None,
    _option(
        "--ca-fingerprint",
        "The SHA-256 fingerprint of the server's authority, which is then trusted without a question.",
        group=_SERVER,
    ),
]
CaFileOption = Annotated[
    Path | None, _option("--ca-file", "The certificate of the server's authority, PEM.", group=_SERVER)
]

IssuerOption = Annotated[str | None, _option("--issuer", "The provider's URL.", group=_PROVIDER)]
ClientIdOption = Annotated[
    str | None, _option("--client-id", "This command's client id at the provider.", group=_PROVIDER)
]
ClientSecretOption = Annotated[
    Path | None,
    _option("--client-secret-file", "A file with the client secret, if the provider requires one.", group=_PROVIDER),
]
RoleArnOption = Annotated[str | None, _option("--role-arn", "The role to assume.", group=_PROVIDER)]
SessionClaimOption = Annotated[
    str | None,
    _option(
        "--session-claim",
        "The ID token's claim to use as the session name; by default email, preferred_username or sub.",
        group=_PROVIDER,
    ),
]
ScopesOption = Annotated[
    str | None, _option("--scopes", f"Scopes to request, instead of {DEFAULT_SCOPES}.", group=_PROVIDER)
]


def profile_settings(
    *,
    issuer: str | None,
    client_id: str | None,
    client_secret_file: Path | None,
    role_arn: str | None,
    session_claim: str | None,
    scopes: str | None,
    duration: int | None,
    redirect_port: int | None,
) -> dict[str, str]:
    """Return the profile's settings for the options that were passed."""
    settings = {
        "ferryman_issuer": issuer,
        "ferryman_client_id": client_id,
        "ferryman_client_secret": None if client_secret_file is None else client_secret_file.read_text().strip(),
        "ferryman_role_arn": role_arn,
        "ferryman_scopes": scopes,
        "ferryman_session_claim": session_claim,
        "ferryman_duration_seconds": None if duration is None else str(duration),
        "ferryman_redirect_port": None if redirect_port is None else str(redirect_port),
    }
    return {name: value for name, value in settings.items() if value is not None}
