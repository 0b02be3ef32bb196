"""`ferryman init`: configuration, keys, the first administrator, and an AWS profile."""

import base64
import os
import pwd
import secrets
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from ferryman.awsapi import OWN_MODELS
from ferryman.bootstrap.bus.opening import check_bus
from ferryman.bootstrap.configuration import KEY_BYTES, load, split_address
from ferryman.bootstrap.configuration_file import FILE_NAME
from ferryman.bootstrap.keys.certificate_files import write_certificates
from ferryman.bootstrap.operator import run_recorded
from ferryman.bootstrap.service import create_tables
from ferryman.cli.aws_cli import TOO_OLD_TEXT, find_aws_cli
from ferryman.cli.output.printing import print_error, print_lines
from ferryman.client.calls.aws_models import DATA_PATH
from ferryman.client.login.aws_config import with_settings
from ferryman.client.login.contexts import Context, preferred_variable, read_contexts, write_contexts
from ferryman.client.login.server_address import name_of
from ferryman.client.login.service_endpoints import with_endpoint
from ferryman.installation.services import ACCOUNT, CONFIGURATION, DATA, LOGS
from ferryman.model.failures import Failure, said_by
from ferryman.model.identity.callers import BuiltinRole
from ferryman.model.identity.credentials import Credentials
from ferryman.model.values.hosts import is_loopback
from ferryman.system.private_files import replace_private, write_private

if TYPE_CHECKING:
    from ferryman.core.service import Service

ADMINISTRATOR = "admin"
DEFAULT_LISTEN = "127.0.0.1:7330"
DEFAULT_REGION = "us-east-1"

_TEMPLATE = """\
# Ferryman's server. Every setting is described in docs/reference/configuration.md.

[server]
account_id = "{account_id}"
region = "{region}"
listen = "{listen}"
# The address that clients and nodes use.
public_url = "{public_url}"
key_file = "server.key"
database = "{database}"
{tls}{bus}
[sessions]
idle_timeout_minutes = 20
history_days = 30
{audit}
[log]
level = "info"
"""
_TLS = """
[server.tls]
certificate = "{tls}/server.pem"
key = "{tls}/server.key"
# With these the server renews its certificate by itself, 30 days before it expires.
authority = "{tls}/ca.pem"
authority_key = "{tls}/ca.key"
"""
_BUS = """
[bus]
url = "{url}"
"""
_CREDENTIALS = 'credentials_file = "{file}"\n'
_AUDIT = """
[audit]
directory = "{audit}"

[recordings]
directory = "{recordings}"

[outputs]
directory = "{outputs}"
"""


@dataclass(frozen=True, slots=True)
class ServiceAccount:
    """The account of the installed service, and the directories that are its own, outside the configuration's."""

    user_id: int
    group_id: int
    data: Path = DATA
    logs: Path = LOGS


@dataclass(frozen=True, slots=True)
class ServerPlan:
    """The server to set up. `listen` is HOST:PORT; `public_host` is the name that others use for this machine, None
    for the host of `listen`; `service` keeps the data apart from the configuration, which stays root's. `bus` is the
    URL of NATS for one of several servers, and `bus_credentials` a file that NATS made for it."""

    directory: Path
    listen: str = DEFAULT_LISTEN
    region: str = DEFAULT_REGION
    account_id: str | None = None
    public_host: str | None = None
    tls: bool = False
    service: "ServiceAccount | None" = None
    database: str | None = None
    bus: str | None = None
    bus_credentials: Path | None = None

    @property
    def public_url(self) -> str:
        """The server's address for clients and nodes."""
        host, port = split_address(self.listen)
        public = self.public_host or host
        bracketed = f"[{public}]" if ":" in public else public
        usual = (443 if self.tls else 80) == port
        return f"{'https' if self.tls else 'http'}://{bracketed}{'' if usual else f':{port}'}"


@dataclass(frozen=True, slots=True)
class Initialised:
    """The files that were created. `profile_directory` has `config` and `credentials` for the AWS CLI; `ca_file` is the
    server's authority, None without TLS."""

    configuration: Path
    profile_directory: Path
    account_id: str
    region: str
    public_url: str
    credentials: Credentials
    ca_file: Path | None


def initialise(plan: ServerPlan) -> Initialised:
    """Set up a server in a directory; raises Failure if it already has one or the plan cannot work."""
    directory = plan.directory.resolve()
    path = directory / FILE_NAME
    if path.exists():
        raise Failure(f"{path} exists", "a server was set up here before", "Use it, or choose another --directory")
    host, port = split_address(plan.listen)
    if port == 0:
        raise Failure("The server cannot be set up on port 0", "clients must know the port", "Choose one with --listen")
    if host in {"0.0.0.0", "::"} and plan.public_host is None:  # noqa: S104 — compared, not bound
        raise Failure(
            f"Clients cannot connect to {host}", "it stands for every address of this machine", "Specify --public-host"
        )
    if not plan.tls and not is_loopback(host):
        raise Failure(
            f"The server would speak plain HTTP on {plan.listen}",
            "that address is reachable from other machines",
            "Add --tls, or listen on 127.0.0.1 behind a proxy that terminates TLS",
        )
    _check_bus_options(plan)
    account_id = plan.account_id or f"{secrets.randbelow(9 * 10**11) + 10**11}"
    directory.mkdir(mode=0o700, parents=True, exist_ok=True)
    partial = directory / f".{FILE_NAME}.partial"
    data = directory if plan.service is None else plan.service.data
    _clear(directory, data, partial)
    write_private(partial, _configuration(plan, account_id).encode())
    loaded = load(partial)
    if plan.bus is not None:
        check_bus(loaded)
    if plan.database is not None:
        create_tables(loaded.database_url)
    write_private(directory / "server.key", base64.b64encode(os.urandom(KEY_BYTES)) + b"\n")
    if plan.tls:
        write_certificates(data / "tls", plan.public_host or host)
    credentials = run_recorded(loaded, "init", {"userName": ADMINISTRATOR, "region": plan.region}, _first_administrator)
    ca_file = _ca_file(plan, directory, data)
    profile = directory / "aws"
    _write_profile(profile, plan, ca_file, credentials)
    if plan.service is not None:
        _give_away(plan.service, partial)
    # Last, so that an interrupted init can be repeated.
    partial.rename(path)
    return Initialised(path, profile, account_id, plan.region, plan.public_url, credentials, ca_file)


def _configuration(plan: ServerPlan, account_id: str) -> str:
    service = plan.service
    tls = "tls" if service is None else service.data / "tls"
    return _TEMPLATE.format(
        account_id=account_id,
        region=plan.region,
        listen=plan.listen,
        public_url=plan.public_url,
        database=plan.database or f"sqlite:///{'ferryman.db' if service is None else service.data / 'ferryman.db'}",
        tls=_TLS.format(tls=tls) if plan.tls else "",
        bus=_bus(plan),
        audit=""
        if service is None
        else _AUDIT.format(
            audit=service.logs / "audit", recordings=service.data / "recordings", outputs=service.data / "outputs"
        ),
    )


def _bus(plan: ServerPlan) -> str:
    if plan.bus is None:
        return ""
    credentials = plan.bus_credentials
    return _BUS.format(url=plan.bus) + (_CREDENTIALS.format(file=credentials.resolve()) if credentials else "")


def _check_bus_options(plan: ServerPlan) -> None:
    """Raise Failure for a bus without what several servers need."""
    if plan.bus_credentials is not None and plan.bus is None:
        raise Failure("--bus-credentials cannot be used alone", "it is a login of NATS", "Name NATS with --bus")
    if plan.bus is not None and not (plan.database or "").startswith("postgresql"):
        raise Failure(
            "--bus cannot be used with a SQLite file",
            "several servers share a PostgreSQL database",
            "Name one with --database",
        )


def _ca_file(plan: ServerPlan, directory: Path, data: Path) -> Path | None:
    """Return where clients of this machine find the authority: a copy, where a service keeps its data to itself."""
    if not plan.tls:
        return None
    made = data / "tls" / "ca.pem"
    if plan.service is None:
        return made
    replace_private(directory / "ca.pem", made.read_bytes(), mode=0o644)
    return directory / "ca.pem"


def _give_away(service: ServiceAccount, configuration: Path) -> None:
    """Let the service read its configuration, and own its data and audit trail."""
    os.chown(configuration, -1, service.group_id)
    configuration.chmod(0o640)
    for top in (service.data, service.logs):
        for path in (top, *top.rglob("*")):
            os.chown(path, service.user_id, service.group_id, follow_symlinks=False)


def command(
    *,
    directory: Annotated[
        Path | None,
        typer.Option("--directory", help="Where to create everything; here by default.", show_default=False),
    ] = None,
    system: Annotated[
        bool, typer.Option("--system", help="Set up the service that `ferryman server install` installed. Needs root.")
    ] = False,
    listen: Annotated[str, typer.Option("--listen", help="HOST:PORT to listen on.")] = DEFAULT_LISTEN,
    region: Annotated[str, typer.Option("--region", help="The region that calls are signed for.")] = DEFAULT_REGION,
    account_id: Annotated[
        str | None, typer.Option("--account-id", help="12 digits; random by default.", show_default=False)
    ] = None,
    public_host: Annotated[
        str | None,
        typer.Option("--public-host", help="The name or address that clients and nodes use.", show_default=False),
    ] = None,
    tls: Annotated[bool, typer.Option("--tls", help="Create a local CA and a certificate for the server.")] = False,
    database: Annotated[
        str | None,
        typer.Option(
            "--database",
            help="An empty PostgreSQL database, postgresql://USER@HOST/DATABASE; a SQLite file here by default.",
            show_default=False,
        ),
    ] = None,
    bus: Annotated[
        str | None,
        typer.Option(
            "--bus",
            help="NATS, tls://HOST[:PORT], for one of several servers; needs --database.",
            show_default=False,
        ),
    ] = None,
    bus_credentials: Annotated[
        Path | None,
        typer.Option(
            "--bus-credentials", help="The credentials file of the server's account in NATS.", show_default=False
        ),
    ] = None,
) -> None:
    """Set up a server: configuration, keys, an administrator with an access key, and an AWS profile."""
    if system and directory is not None:
        raise Failure("--directory cannot be combined with --system", f"a service's is {CONFIGURATION}", "Drop one")
    where = CONFIGURATION if system else directory or Path()
    service = _service_account() if system else None
    made = initialise(
        ServerPlan(where, listen, region, account_id, public_host, tls, service, database, bus, bus_credentials)
    )
    _print_next_steps(made, is_service=system, is_one_of_several=bus is not None)
    found = find_aws_cli()
    if found is not None and found.is_too_old:
        print_error("", f"Warning: {found.path} is version {found.version}. {TOO_OLD_TEXT}.")


def _print_next_steps(made: Initialised, *, is_service: bool, is_one_of_several: bool) -> None:
    """Print what was created and how to start and reach the server; creates a context for it, too."""
    from ferryman.transport.trust import certificate_fingerprint, spaced

    profile = made.profile_directory
    print_lines(f"Created {made.configuration} for account {made.account_id}, region {made.region}.")
    print_lines(
        f"The access key of user '{ADMINISTRATOR}' is {made.credentials.access_key_id}, in {profile / 'credentials'}."
    )
    print_lines("", "Start the server:", "")
    print_lines(
        "  ferryman server install --start" if is_service else f"  ferryman server --config {made.configuration}"
    )
    if is_one_of_several:
        print_lines(
            "", "Give every other server a copy of the configuration and of the key, with settings of its own:", ""
        )
        print_lines("  server.name, server.listen, audit.directory, outputs.directory")
    if made.ca_file is not None:
        print_lines("", "People who log in are asked for the SHA-256 fingerprint of the server's authority:", "")
        print_lines(f"  {spaced(certificate_fingerprint(made.ca_file.read_text()))}")
    print_lines("", "Use it from another shell:", "")
    if not _create_context(made):
        print_lines(
            f"  export AWS_CONFIG_FILE={profile / 'config'} AWS_SHARED_CREDENTIALS_FILE={profile / 'credentials'}",
            f"  export {DATA_PATH}={OWN_MODELS}    # for `aws ferryman`",
        )
    print_lines("  ferryman activation create")


def _create_context(made: Initialised) -> bool:
    """Create a context for the server and make it the current one; return whether that worked."""
    name = name_of(made.public_url)
    files = made.profile_directory
    ca_file = "" if made.ca_file is None else str(made.ca_file)
    context = Context(made.public_url, "default", str(files / "config"), str(files / "credentials"), ca_file)
    try:
        write_contexts(read_contexts().with_context(name, context))
    except (OSError, Failure) as error:
        print_error(f"No context was created: {said_by(error)}")
        return False
    variable = preferred_variable(os.environ)
    if variable:
        print_lines(f"  unset {variable}    # it goes before the context {name}, which was created for the server")
    return True


def _service_account() -> ServiceAccount:
    """Return the installed service's account; raises Failure without root or without the service."""
    if os.geteuid() != 0:
        raise Failure("The service cannot be set up", "this needs root", "Run it with sudo")
    try:
        entry = pwd.getpwnam(ACCOUNT)
    except KeyError:
        entry = None
    if entry is None or not DATA.is_dir() or not LOGS.is_dir():
        raise Failure("The service cannot be set up", "it is not installed", "Run `ferryman server install` first")
    return ServiceAccount(entry.pw_uid, entry.pw_gid)


def _clear(directory: Path, data: Path, partial: Path) -> None:
    """Remove the files of an interrupted init; raises Failure if an earlier server's key or database is here."""
    databases = [data / f"ferryman.db{suffix}" for suffix in ("", "-wal", "-shm")]
    earlier = [directory / "server.key", *databases]
    found = [path for path in earlier if path.exists()]
    if found and not partial.exists():
        raise Failure(
            f"{found[0]} exists",
            "it belongs to an earlier server and would be overwritten",
            f"Restore its {FILE_NAME}, or choose another --directory",
        )
    for path in found:
        path.unlink()


async def _first_administrator(service: "Service") -> Credentials:
    from ferryman.core.iam import operator as identities

    await identities.create_user(service, ADMINISTRATOR, BuiltinRole.ADMINISTRATOR)
    return await identities.create_access_key(service, ADMINISTRATOR)


def _write_profile(profile: Path, plan: ServerPlan, ca_file: Path | None, credentials: Credentials) -> None:
    profile.mkdir(mode=0o700, exist_ok=True)
    settings = {"region": plan.region, "data_path": str(OWN_MODELS)}  # boto3 finds the service ferryman there
    if ca_file is not None:
        settings["ca_bundle"] = str(ca_file)
    config = with_endpoint(with_settings("", "default", settings), "default", plan.public_url)
    write_private(profile / "config", config.encode())
    write_private(
        profile / "credentials",
        f"[default]\naws_access_key_id = {credentials.access_key_id}\n"
        f"aws_secret_access_key = {credentials.secret_access_key.reveal()}\n".encode(),
    )
