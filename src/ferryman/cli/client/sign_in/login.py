"""`ferryman login | logout | credentials`: signing in to an OpenID Connect provider for a profile of AWS's files."""

import asyncio
import os
import shlex
import shutil
import sys
import webbrowser
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import msgspec
import typer

from ferryman.cli.client.sign_in.invited import accept_invitation
from ferryman.cli.client.sign_in.server_offer import (
    ca_path,
    confirm_provider,
    find_server,
    free_name,
    offered_settings,
    refuse_without_server,
)
from ferryman.cli.contexts import announced, context_of, stage_context, use_context
from ferryman.cli.options import EndpointOption, ProfileOption, RegionOption
from ferryman.cli.output.printing import print_document, print_error, print_lines
from ferryman.client.calls.api import Connection
from ferryman.client.calls.web_identity import Files
from ferryman.client.login.aws_config import (
    check_name,
    config_file,
    read_config,
    read_profile,
    stage_config,
    with_settings,
)
from ferryman.client.login.cache import EARLY, Kept, LoginCache
from ferryman.client.login.invitations import is_invitation
from ferryman.client.login.login_settings import DEFAULT_SCOPES, PROCESS, Login, check_free, login_settings
from ferryman.client.login.service_endpoints import read_endpoint, with_endpoint
from ferryman.model.failures import Failure
from ferryman.model.identity.session_names import NAMING_CLAIMS, session_name
from ferryman.system.staged_files import StagedFiles

if TYPE_CHECKING:
    from ferryman.client.login.oidc import Tokens
    from ferryman.transport.fetch import Documents


def login(
    context: typer.Context,
    server: Annotated[
        str | None,
        typer.Argument(metavar="URL", help="The server's address, or an invitation.", show_default=False),
    ] = None,
    *,
    profile: Annotated[
        str | None,
        typer.Option(
            "--profile",
            help="The profile to set up; by default named after the server, or AWS_PROFILE.",
            show_default=False,
        ),
    ] = None,
    role: Annotated[
        str | None,
        typer.Option("--role", help="The role to assume, of those that the server offers.", show_default=False),
    ] = None,
    ca_fingerprint: Annotated[
        str | None,
        typer.Option(
            "--ca-fingerprint",
            help="The SHA-256 fingerprint of the server's authority, which is then trusted without a question.",
            show_default=False,
        ),
    ] = None,
    ca_file: Annotated[
        Path | None,
        typer.Option("--ca-file", help="The certificate of the server's authority, PEM.", show_default=False),
    ] = None,
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
    """Sign in at a server, in your browser, and set up a profile and a context for it.

    The server's address is enough the first time; its administrator sets [login] for that. For a server without it,
    specify --issuer, --client-id, --role-arn, --region and --endpoint-url. Later, `ferryman login` alone renews the
    sign-in of the current context.

    An invitation is such an address, too: it is exchanged for an access key. Write it in quotes, or as `-` to read it
    from standard input.
    """
    if server == "-":
        server = sys.stdin.readline().strip()
    if server is not None and is_invitation(server):
        accept_invitation(server, profile, ca_fingerprint, ca_file)
        return
    own_variables = dict(os.environ)  # before a context changes them
    given = {
        "ferryman_issuer": issuer,
        "ferryman_client_id": client_id,
        "ferryman_client_secret": None if client_secret_file is None else client_secret_file.read_text().strip(),
        "ferryman_role_arn": role_arn,
        "ferryman_scopes": scopes,
        "ferryman_session_claim": session_claim,
        "ferryman_duration_seconds": None if duration is None else str(duration),
        "ferryman_redirect_port": None if redirect_port is None else str(redirect_port),
    }
    given_settings = {name: value for name, value in given.items() if value is not None}
    settings = dict(given_settings)
    authority = ""
    if server is not None:
        found = find_server(server, ca_fingerprint, ca_file)
        settings = offered_settings(found, role, settings)
        endpoint_url, region = found.url, region or found.description.region
        profile, authority = profile or free_name(found.url), found.ca_certificate
        confirm_provider(found.url, settings, given_settings)
    else:
        refuse_without_server({"--role": role, "--ca-fingerprint": ca_fingerprint, "--ca-file": ca_file})
        use_context(context, profile)
    if region is not None:
        settings["region"] = region
    profile = profile or os.environ.get("AWS_PROFILE") or "default"
    kept = _log_in(Wanted(profile, settings, endpoint_url, authority), device=device)
    local = kept.expires_at.astimezone().strftime("%Y-%m-%d %H:%M")
    print_lines(f"Signed in as {kept.arn} until {local}.", *announced(profile, own_variables))


@dataclass(frozen=True, slots=True)
class Wanted:
    """A profile to set up: its settings, the server's address if it is to be changed, and the PEM of the authority to
    trust, "" for those that this machine or the profile trusts."""

    profile: str
    settings: Mapping[str, str]
    endpoint_url: str | None
    authority: str

    def changed(self, text: str, ca_file: Path | None) -> str:
        """Return the configuration file's text with this profile."""
        settings = {**self.settings, PROCESS: f"{shlex.quote(_program())} credentials --profile {self.profile}"}
        if ca_file is not None:
            settings["ca_bundle"] = str(ca_file)
        text = with_settings(text, self.profile, settings)
        return with_endpoint(text, self.profile, self.endpoint_url) if self.endpoint_url else text


def _log_in(wanted: Wanted, *, device: bool) -> Kept:
    """Sign in, and only then write the profile, the authority and the context: all of them or none."""
    profile = wanted.profile
    check_name(profile)
    path = config_file()
    text = read_config(path)
    present = read_profile(text, profile)
    check_free(profile, present)
    login = login_settings(profile, {**present, **wanted.settings})
    ca_file = ca_path(profile) if wanted.authority else None
    with StagedFiles() as staged:
        # Before the sign-in: find out that a file cannot be written before anybody types a password.
        authority = staged.stage(ca_file, wanted.authority.encode()) if ca_file else None
        trial = staged.stage(path, wanted.changed(text, authority).encode())
        region = read_profile(trial.read_text(), profile).get("region")
        connection = Connection(profile, region, read_endpoint(trial.read_text(), profile))
        _check_complete(connection)
        cache = LoginCache(path, profile)
        staged.stage(cache.path, b"")
        context = context_of(connection.endpoint_url or "", profile, ca_file)
        stage_context(staged, profile, context)
        kept = asyncio.run(_sign_in(Files(trial, authority), connection, login, device=device))
        # Again, because others may have changed the files since.
        stage_config(staged, path, wanted.changed(read_config(path), ca_file))
        stage_context(staged, profile, context)
        staged.stage(cache.path, kept.encoded())
        with cache.alone():
            staged.commit()
    return kept


def _check_complete(connection: Connection) -> None:
    for what, option, value in (
        ("region", "--region", connection.region),
        ("endpoint_url for sts", "--endpoint-url", connection.endpoint_url),
    ):
        if not value:
            raise Failure(
                f"The profile {connection.profile} has no {what}",
                "programs use it to find the server",
                f"Specify {option}",
            )


def logout(*, profile: ProfileOption = None) -> None:
    """Delete the profile's local credentials and refresh token. The credentials stay valid until they expire."""
    profile = profile or os.environ.get("AWS_PROFILE") or "default"
    check_name(profile)
    if LoginCache(config_file(), profile).forget():
        print_lines(f"Signed out of the profile {profile}.")
    else:
        print_lines(f"The profile {profile} was not signed in.")


def credentials(*, profile: ProfileOption = None) -> None:
    """Print the profile's credentials, renewed if necessary. AWS's programs run this as its credential_process."""
    profile = profile or os.environ.get("AWS_PROFILE") or "default"
    check_name(profile)
    path = config_file()
    text = read_config(path)
    merged, endpoint_url = read_profile(text, profile), read_endpoint(text, profile)
    wanted = login_settings(profile, merged)
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
    print_document(msgspec.json.decode(kept.for_process()))


def _is_to_be_renewed(kept: Kept | None, now: datetime) -> bool:
    return kept is not None and kept.refresh_token is not None and not kept.is_good(now, EARLY)


async def _sign_in(files: Files, connection: Connection, wanted: Login, *, device: bool) -> Kept:
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
        return await _exchange(files, connection, wanted, tokens)


async def _renew(path: Path, profile: str, connection: Connection, wanted: Login, kept: Kept) -> Kept:
    from ferryman.client.login.oidc import discover, refresh
    from ferryman.model.values.secret import Secret

    async with _documents() as documents:
        provider = await discover(documents, wanted.issuer)
        client = wanted.client()
        tokens = await refresh(documents, provider, client, Secret(kept.refresh_token or ""))
        renewed = await _exchange(Files(path), connection, wanted, tokens)
    LoginCache(path, profile).write(renewed)
    return renewed


async def _exchange(files: Files, connection: Connection, wanted: Login, tokens: "Tokens") -> Kept:
    from ferryman.client.calls.web_identity import assume_role

    name = named_session(tokens.claims, wanted.session_claim)
    signed_in = await asyncio.to_thread(
        assume_role, connection, wanted.role_arn, name, tokens.id_token, wanted.duration_seconds, files
    )
    return Kept.of(wanted.binding(connection.endpoint_url or ""), signed_in, tokens.refresh_token)


def named_session(claims: Mapping[str, Any], claim: str) -> str:
    """Return the session's name from the ID token; raises Failure if it has none."""
    name = session_name(claims, claim)
    if name is not None:
        return name
    asked = claim or ", ".join(NAMING_CLAIMS)
    raise Failure(
        "The session has no name", f"the ID token has no string in {asked}", "Choose one with --session-claim"
    )


def _documents() -> "Documents":
    from ferryman.client.login.discovery import USER_AGENT
    from ferryman.transport.fetch import Documents

    bundle = os.environ.get("AWS_CA_BUNDLE")
    return Documents(user_agent=USER_AGENT, ca_file=None if not bundle else Path(bundle))


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
    print_error(said, "", f"  {url}", "", "To sign in on another device, press Ctrl-C and use --device.")


def _show_code(url: str, code: str) -> None:
    print_error(f"Open this on any device. If it asks for a code, type {code}:", "", f"  {url}", "")
