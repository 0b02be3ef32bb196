"""`ferryman login`: signing in to an OpenID Connect provider for a profile of AWS's files."""

import asyncio
import os
import shlex
import shutil
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import typer

from ferryman.cli.client.sign_in.invited import accept_invitation
from ferryman.cli.client.sign_in.login_options import (
    CaFileOption,
    CaFingerprintOption,
    ClientIdOption,
    ClientSecretOption,
    DeviceOption,
    DurationOption,
    IssuerOption,
    NewProfileOption,
    RedirectPortOption,
    RoleArnOption,
    RoleOption,
    ScopesOption,
    ServerArgument,
    SessionClaimOption,
    profile_settings,
)
from ferryman.cli.client.sign_in.provider import sign_in
from ferryman.cli.client.sign_in.server_offer import (
    ca_path,
    confirm_provider,
    find_server,
    free_name,
    offered_settings,
    refuse_without_server,
)
from ferryman.cli.contexts import announced, context_of, stage_context, use_context
from ferryman.cli.options import EndpointOption, RegionOption
from ferryman.cli.output.printing import print_lines
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
from ferryman.client.login.cache import Kept, LoginCache
from ferryman.client.login.invitations import is_invitation
from ferryman.client.login.login_settings import PROCESS, check_free, login_settings
from ferryman.client.login.service_endpoints import read_endpoint, with_endpoint
from ferryman.model.failures import Failure
from ferryman.system.staged_files import StagedFiles

if TYPE_CHECKING:
    from ferryman.client.login.discovery import Discovered


def login(
    context: typer.Context,
    server: ServerArgument = None,
    *,
    profile: NewProfileOption = None,
    device: DeviceOption = False,
    duration: DurationOption = None,
    redirect_port: RedirectPortOption = None,
    region: RegionOption = None,
    endpoint_url: EndpointOption = None,
    role: RoleOption = None,
    ca_fingerprint: CaFingerprintOption = None,
    ca_file: CaFileOption = None,
    issuer: IssuerOption = None,
    client_id: ClientIdOption = None,
    client_secret_file: ClientSecretOption = None,
    role_arn: RoleArnOption = None,
    session_claim: SessionClaimOption = None,
    scopes: ScopesOption = None,
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
    settings = profile_settings(
        issuer=issuer,
        client_id=client_id,
        client_secret_file=client_secret_file,
        role_arn=role_arn,
        session_claim=session_claim,
        scopes=scopes,
        duration=duration,
        redirect_port=redirect_port,
    )
    if server is not None:
        wanted = _offered_profile(find_server(server, ca_fingerprint, ca_file), profile, role, region, settings)
    else:
        refuse_without_server({"--role": role, "--ca-fingerprint": ca_fingerprint, "--ca-file": ca_file})
        use_context(context, profile)
        profile = profile or os.environ.get("AWS_PROFILE") or "default"
        wanted = Wanted(profile, settings | ({} if region is None else {"region": region}), endpoint_url)
    kept = _log_in(wanted, device=device)
    local = kept.expires_at.astimezone().strftime("%Y-%m-%d %H:%M")
    print_lines(f"Signed in as {kept.arn} until {local}.", *announced(wanted.profile, own_variables))


@dataclass(frozen=True, slots=True)
class Wanted:
    """A profile to set up: its settings, the server's address if it is to be changed, and the PEM of the authority to
    trust, "" for those that this machine or the profile trusts."""

    profile: str
    settings: Mapping[str, str]
    endpoint_url: str | None
    authority: str = ""

    def changed(self, text: str, ca_file: Path | None) -> str:
        """Return the configuration file's text with this profile."""
        settings = {**self.settings, PROCESS: f"{shlex.quote(_program())} credentials --profile {self.profile}"}
        if ca_file is not None:
            settings["ca_bundle"] = str(ca_file)
        text = with_settings(text, self.profile, settings)
        return with_endpoint(text, self.profile, self.endpoint_url) if self.endpoint_url else text


def _offered_profile(
    found: "Discovered", profile: str | None, role: str | None, region: str | None, given: Mapping[str, str]
) -> Wanted:
    """Return the profile for a server's offer, which options may override. Asks before a risky sign-in."""
    settings = offered_settings(found, role, given)
    settings["region"] = region or found.description.region
    profile = profile or free_name(found.url)
    confirm_provider(found.url, settings, given)
    return Wanted(profile, settings, found.url, found.ca_certificate)


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
        kept = asyncio.run(sign_in(Files(trial, authority), connection, login, device=device))
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
