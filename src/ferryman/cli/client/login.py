"""`ferryman login | logout | credentials`: signing in to an OpenID Connect provider for a profile of AWS's files."""

import asyncio
import os
import re
import shlex
import shutil
import sys
import webbrowser
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import msgspec
import typer

from ferryman.cli.options import EndpointOption, RegionOption
from ferryman.cli.printing import complain, say, say_json
from ferryman.client.calls.api import Connection
from ferryman.client.login.aws_config import (
    check_name,
    config_file,
    read_config,
    read_profile,
    with_settings,
    write_config,
)
from ferryman.client.login.cache import EARLY, Kept, LoginCache
from ferryman.client.login.service_endpoints import read_endpoint, with_endpoint
from ferryman.model.failures import Failure

if TYPE_CHECKING:
    from ferryman.client.login.oidc import Client, Tokens
    from ferryman.transport.fetch import Documents

DEFAULT_SCOPES = "openid email profile offline_access"
NAMING_CLAIMS = ("email", "preferred_username", "sub")
"""Claims that may name the session; the first one present is used."""
_PROCESS = "credential_process"
_OURS = re.compile(r"(^|.*[/\s'\"])ferryman'? credentials --profile .*")
_FOREIGN = ("aws_access_key_id", "role_arn", "sso_session", "sso_account_id", "web_identity_token_file")
"""Settings that AWS's programs prefer to our credential_process."""
_UNSAFE_IN_NAME = re.compile(r"[^\w+=,.@-]", re.ASCII)
_USER_AGENT = "ferryman-login"


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

    def client(self) -> "Client":
        """How we identify ourselves to the provider."""
        from ferryman.client.login.oidc import Client
        from ferryman.model.secret import Secret

        secret = None if self.client_secret is None else Secret(self.client_secret)
        return Client(self.client_id, self.scopes, secret)

    def binding(self, endpoint_url: str) -> str:
        """What a sign-in is valid for."""
        return f"{self.issuer}\n{self.client_id}\n{self.role_arn}\n{endpoint_url}"


ProfileOption = Annotated[
    str, typer.Option("--profile", help="The profile in the AWS configuration file.", envvar="AWS_PROFILE")
]


def login(
    *,
    profile: ProfileOption = "default",
    issuer: Annotated[str | None, typer.Option("--issuer", help="The provider's URL.", show_default=False)] = None,
    client_id: Annotated[
        str | None,
        typer.Option("--client-id", help="This command's client id at the provider.", show_default=False),
    ] = None,
    client_secret_file: Annotated[
        Path | None,
        typer.Option(
            "--client-secret-file",
            help="A file with the client secret, if the provider requires one.",
            show_default=False,
        ),
    ] = None,
    role_arn: Annotated[str | None, typer.Option("--role-arn", help="The role to assume.", show_default=False)] = None,
    session_claim: Annotated[
        str | None,
        typer.Option(
            "--session-claim",
            help="The ID token's claim to use as the session name; by default email, preferred_username or sub.",
            show_default=False,
        ),
    ] = None,
    scopes: Annotated[
        str | None,
        typer.Option("--scopes", help=f"Scopes to request, instead of {DEFAULT_SCOPES}.", show_default=False),
    ] = None,
    duration: Annotated[
        int | None,
        typer.Option(
            "--duration",
            help="How long credentials last, in seconds; 3600 by default.",
            min=900,
            max=43200,
            show_default=False,
        ),
    ] = None,
    redirect_port: Annotated[
        int | None,
        typer.Option(
            "--redirect-port",
            help="The port of 127.0.0.1 that the browser returns to; any free one by default.",
            min=0,
            max=65535,
            show_default=False,
        ),
    ] = None,
    device: Annotated[bool, typer.Option("--device", help="Sign in on another device, with a code.")] = False,
    region: RegionOption = None,
    endpoint_url: EndpointOption = None,
) -> None:
    """Sign in to an OpenID Connect provider, and set up the profile to get its credentials from there.

    The first time, specify --issuer, --client-id and --role-arn; the profile stores them.
    """
    check_name(profile)
    path = config_file()
    text = read_config(path)
    present = read_profile(text, profile)
    _check_free(profile, present)
    given = {
        "region": region,
        "ferryman_issuer": issuer,
        "ferryman_client_id": client_id,
        "ferryman_client_secret": None if client_secret_file is None else client_secret_file.read_text().strip(),
        "ferryman_role_arn": role_arn,
        "ferryman_scopes": scopes,
        "ferryman_session_claim": session_claim,
        "ferryman_duration_seconds": None if duration is None else str(duration),
        "ferryman_redirect_port": None if redirect_port is None else str(redirect_port),
    }
    settings = {name: value for name, value in given.items() if value is not None}
    merged = {**present, **settings}
    wanted = _login_of(profile, merged)
    connection = Connection(profile, merged.get("region"), endpoint_url or read_endpoint(text, profile))
    for what, option, value in (
        ("region", "--region", connection.region),
        ("endpoint_url for sts", "--endpoint-url", connection.endpoint_url),
    ):
        if not value:
            raise Failure(
                f"The profile {profile} has no {what}", "programs use it to find the server", f"Specify {option}"
            )
    settings[_PROCESS] = f"{shlex.quote(_program())} credentials --profile {profile}"
    changed = with_settings(text, profile, settings)
    # Before the sign-in: find out that a file cannot be written before anybody types a password.
    write_config(path, with_endpoint(changed, profile, endpoint_url) if endpoint_url else changed)
    kept = asyncio.run(_sign_in(path, profile, connection, wanted, device=device))
    local = kept.expires_at.astimezone().strftime("%Y-%m-%d %H:%M")
    say(f"Signed in as {kept.arn} until {local}. Use it with --profile {profile}.")


def logout(*, profile: ProfileOption = "default") -> None:
    """Delete the profile's local credentials and refresh token. The credentials stay valid until they expire."""
    check_name(profile)
    if LoginCache(config_file(), profile).forget():
        say(f"Signed out of the profile {profile}.")
    else:
        say(f"The profile {profile} was not signed in.")


def credentials(*, profile: ProfileOption = "default") -> None:
    """Print the profile's credentials, renewed if necessary. AWS's programs run this as its credential_process."""
    check_name(profile)
    path = config_file()
    text = read_config(path)
    merged, endpoint_url = read_profile(text, profile), read_endpoint(text, profile)
    wanted = _login_of(profile, merged)
    now = datetime.now(UTC)
    cache, binding = LoginCache(path, profile), wanted.binding(endpoint_url or "")
    kept = cache.read(binding)
    if _is_to_be_renewed(kept, now):
        with cache.alone():
            kept = cache.read(binding)  # another process may have renewed it meanwhile
            if kept is not None and _is_to_be_renewed(kept, now):
                connection = Connection(profile, merged.get("region"), endpoint_url)
                try:
                    kept = asyncio.run(_renew(path, profile, connection, wanted, kept))
                except Failure:
                    if not kept.is_good(now):
                        raise
    if kept is None or not kept.is_good(now):
        raise Failure(
            f"The profile {profile} is not signed in",
            "you have not signed in, or the credentials have expired",
            f"Run `ferryman login --profile {profile}`",
        )
    say_json(msgspec.json.decode(kept.for_process()))


def _is_to_be_renewed(kept: Kept | None, now: datetime) -> bool:
    return kept is not None and kept.refresh_token is not None and not kept.is_good(now, EARLY)


async def _sign_in(path: Path, profile: str, connection: Connection, wanted: Login, *, device: bool) -> Kept:
    from ferryman.client.login.oidc import discover, sign_in_with_browser, sign_in_with_device
    from ferryman.client.login.redirect import Redirect

    async with _documents() as documents:
        provider = await discover(documents, wanted.issuer)
        client = wanted.client()
        if device:
            tokens = await sign_in_with_device(documents, provider, client, _show_code, asyncio.sleep)
        else:
            async with Redirect(wanted.redirect_port) as redirect:
                tokens = await sign_in_with_browser(documents, provider, client, redirect, _open_browser)
        return await _exchange(path, profile, connection, wanted, tokens)


async def _renew(path: Path, profile: str, connection: Connection, wanted: Login, kept: Kept) -> Kept:
    from ferryman.client.login.oidc import discover, refresh
    from ferryman.model.secret import Secret

    async with _documents() as documents:
        provider = await discover(documents, wanted.issuer)
        client = wanted.client()
        tokens = await refresh(documents, provider, client, Secret(kept.refresh_token or ""))
        return await _exchange(path, profile, connection, wanted, tokens)


async def _exchange(path: Path, profile: str, connection: Connection, wanted: Login, tokens: "Tokens") -> Kept:
    from ferryman.client.calls.web_identity import assume_role

    name = session_name(tokens.claims, wanted.session_claim)
    signed_in = await asyncio.to_thread(
        assume_role, connection, wanted.role_arn, name, tokens.id_token, wanted.duration_seconds
    )
    binding = wanted.binding(connection.endpoint_url or "")
    return LoginCache(path, profile).write(binding, signed_in, tokens.refresh_token)


def session_name(claims: Mapping[str, Any], claim: str) -> str:
    """Return the session's name from a claim of the ID token; characters that STS does not allow become `_`."""
    for each in (claim,) if claim else NAMING_CLAIMS:
        value = claims.get(each)
        if isinstance(value, str) and len(value) > 1:
            return _UNSAFE_IN_NAME.sub("_", value)[:64]
    asked = claim or ", ".join(NAMING_CLAIMS)
    raise Failure(
        "The session has no name", f"the ID token has no string in {asked}", "Choose one with --session-claim"
    )


def _documents() -> "Documents":
    from ferryman.transport.fetch import Documents

    bundle = os.environ.get("AWS_CA_BUNDLE")
    return Documents(user_agent=_USER_AGENT, ca_file=None if not bundle else Path(bundle))


def _login_of(profile: str, settings: Mapping[str, str]) -> Login:
    ours = {name: value for name, value in settings.items() if name.startswith("ferryman_")}
    try:
        return msgspec.convert(ours, Login, strict=False)
    except msgspec.ValidationError as error:
        raise Failure(
            f"The profile {profile} does not say how to sign in",
            str(error),
            f"Run `ferryman login --profile {profile} --issuer URL --client-id ID --role-arn ARN`",
        ) from error


def _check_free(profile: str, settings: Mapping[str, str]) -> None:
    """Raise Failure if the profile has credentials of another kind: they would be used, or lost."""
    foreign = [name for name in _FOREIGN if name in settings]
    if _PROCESS in settings and not _OURS.fullmatch(settings[_PROCESS]):
        foreign.append(_PROCESS)
    if foreign or _has_keys(profile):
        cause = f"it has {foreign[0]}" if foreign else "AWS's credentials file has keys for it"
        raise Failure(f"The profile {profile} is used for something else", cause, "Choose another with --profile")


def _has_keys(profile: str) -> bool:
    path = Path(os.environ.get("AWS_SHARED_CREDENTIALS_FILE") or "~/.aws/credentials").expanduser()
    return "aws_access_key_id" in read_profile(read_config(path), profile, bare=True)


def _program() -> str:
    """Return this program's path, for a credential_process that works whatever PATH is then."""
    started = Path(sys.argv[0])
    found = str(started.absolute()) if started.name == "ferryman" and started.exists() else shutil.which("ferryman")
    if found is None:
        raise Failure(
            "The program `ferryman` is not on PATH",
            "AWS's programs need to run it",
            "Install Ferryman where its programs are on PATH",
        )
    return found


async def _open_browser(url: str) -> None:
    opened = await asyncio.to_thread(webbrowser.open, url)
    said = "Your browser was opened. If it shows nothing, open" if opened else "Open this in a browser on this machine:"
    complain(said, "", f"  {url}", "", "To sign in on another device, press Ctrl-C and use --device.")


def _show_code(url: str, code: str) -> None:
    complain(f"Open this on any device. If it asks for a code, type {code}:", "", f"  {url}", "")
