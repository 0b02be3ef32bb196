"""`ferryman.toml`: the server's configuration, checked while it is read.

Relative paths are relative to the file's directory. Every setting is described in `docs/reference/configuration.md`;
a test compares that page with this module.
"""

import ipaddress
import os
import re
import socket
from pathlib import Path
from typing import Annotated, Literal
from urllib.parse import SplitResult, urlsplit

import msgspec
from msgspec import Meta

from ferryman.bootstrap import configuration_file
from ferryman.bootstrap.access.settings import Access, check_access
from ferryman.bootstrap.bus.settings import Bus, check_bus_settings
from ferryman.bootstrap.configuration_file import FILE_NAME, VARIABLE
from ferryman.bootstrap.console.settings import Console, RoleName, check_console
from ferryman.bootstrap.recordings.storage_settings import ObjectStorage, Outputs, Recordings, check_recordings
from ferryman.bootstrap.recordings.watching_settings import Watching
from ferryman.bootstrap.traces.settings import Traces, check_traces
from ferryman.model.failures import Failure
from ferryman.model.values.hosts import is_loopback
from ferryman.system.settings_file import InvalidSetting, decode_settings

KEY_BYTES = 32

AccountId = Annotated[str, Meta(pattern=r"^[0-9]{12}$", description="12 digits")]
Region = Annotated[str, Meta(pattern=r"^[a-z]{2}(-[a-z]+)+-[0-9]+$")]


class Tls(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The server's own certificate; without it the server speaks plain HTTP."""

    certificate: str
    key: str
    authority: str | None = None
    authority_key: str | None = None


class Server(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The server's identity, and where it listens."""

    account_id: AccountId
    region: Region
    public_url: str
    name: Annotated[str, Meta(pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]{0,63}\Z")] | None = None
    drain_seconds: Annotated[float, Meta(ge=0, le=3600)] = 0
    listen: str = "127.0.0.1:7330"
    key_file: str = "server.key"
    key_command: tuple[str, ...] = ()
    key_lease_seconds: Annotated[float, Meta(ge=10, le=86_400)] | None = None
    database: str = "sqlite:///ferryman.db"
    allow_plain_http: bool = False
    tls: Tls | None = None


class Connections(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Limits on connections, per address and caller, and on memory for their requests."""

    newcomers_per_address: Annotated[int, Meta(ge=1, le=1_000_000)] = 256
    per_caller: Annotated[int, Meta(ge=8, le=1_000_000)] = 256
    callers_per_address: Annotated[int, Meta(ge=8, le=1_000_000)] = 1024
    request_memory_mib: Annotated[int, Meta(ge=2, le=65_536)] = 32
    uncounted_networks: tuple[str, ...] = ("127.0.0.0/8", "::1/128")
    trusted_proxies: tuple[str, ...] = ()
    proxy_header: Literal["X-Forwarded-For", "Forwarded"] = "X-Forwarded-For"

    def networks(self) -> list[ipaddress.IPv4Network | ipaddress.IPv6Network]:
        """The networks whose unauthenticated connections are not counted; raises ValueError if one is invalid."""
        return [ipaddress.ip_network(network) for network in self.uncounted_networks]

    def proxies(self) -> list[ipaddress.IPv4Network | ipaddress.IPv6Network]:
        """The networks of trusted proxies, which may name callers; raises ValueError if one is invalid or is all."""
        found = [ipaddress.ip_network(network) for network in self.trusted_proxies]
        if any(not network.prefixlen for network in found):
            raise ValueError("every address would be trusted, so any caller could claim any address")
        return found


class Sessions(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Lifetimes of sessions, and how many one person may have."""

    idle_timeout_minutes: Annotated[int, Meta(ge=1, le=60)] = 20
    max_duration_minutes: Annotated[int, Meta(ge=1, le=1440)] | None = None
    history_days: Annotated[int, Meta(ge=1, le=3650)] = 30
    waiting_per_person: Annotated[int, Meta(ge=1, le=1_000_000)] = 100
    waiting_kib_per_person: Annotated[int, Meta(ge=512, le=1_048_576)] = 2048
    per_person_and_node: Annotated[int, Meta(ge=1, le=1_000_000)] = 200


class Nodes(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Managed nodes."""

    inactive_days: Annotated[int, Meta(ge=1, le=3650)] = 30
    key_max_age_days: Annotated[int, Meta(ge=1, le=3650)] | None = None


class Throttling(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """How often one caller may call one operation."""

    calls_per_second: Annotated[float, Meta(gt=0)] = 500
    burst: Annotated[float, Meta(ge=1)] = 1000


class Log(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What the server logs, to standard error."""

    level: Literal["debug", "info", "warning", "error"] = "info"
    format: Literal["json", "text"] | None = None


class Metrics(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Where Prometheus finds the server's metrics."""

    listen: str | None = None


class Webhook(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The receiver of signed posts."""

    url: str
    secret_file: str
    ca_file: str | None = None


class AuditWebhook(Webhook, frozen=True, forbid_unknown_fields=True):
    """A collector that the audit trail's records are posted to."""

    interval_seconds: Annotated[float, Meta(ge=0, le=3600)] = 1
    batch_records: Annotated[int, Meta(ge=1, le=10_000)] = 500


class Audit(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The record of calls, sessions and nodes."""

    directory: str = "audit"
    required: bool = True
    agent_calls: bool = False
    commands: bool = False
    file_mib: Annotated[int, Meta(ge=1, le=4096)] = 64
    files_kept: Annotated[int, Meta(ge=2, le=100_000)] = 1000
    retention_days: Annotated[int, Meta(ge=0, le=36_500)] = 0
    min_free_mib: Annotated[int, Meta(ge=0, le=1024 * 1024)] = 1024
    fsync: Literal["second", "always"] = "second"
    checkpoint_seconds: Annotated[int, Meta(ge=0, le=86_400)] = 300
    checkpoint_records: Annotated[int, Meta(ge=1, le=1_000_000)] = 10_000
    stdout: bool = False
    webhook: AuditWebhook | None = None
    s3: ObjectStorage | None = None


class Oidc(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """OpenID Connect providers, whose keys the server fetches."""

    ca_file: str | None = None
    allow_http_on_loopback: bool = False


class Login(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The settings that `ferryman login URL` gets from the server."""

    discovery: bool = True
    issuer: str | None = None
    client_id: Annotated[str, Meta(min_length=1, max_length=1024)] | None = None
    roles: Annotated[tuple[RoleName, ...], Meta(max_length=20)] = ()
    scopes: Annotated[str, Meta(max_length=1024)] | None = None
    session_claim: Annotated[str, Meta(pattern=r"^[\w:./-]{1,128}\Z")] | None = None
    ca_file: str | None = None


class Configuration(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A whole `ferryman.toml`."""

    server: Server
    bus: Bus = Bus()
    connections: Connections = Connections()
    sessions: Sessions = Sessions()
    nodes: Nodes = Nodes()
    throttling: Throttling = Throttling()
    watching: Watching = Watching()
    console: Console = Console()
    log: Log = Log()
    metrics: Metrics = Metrics()
    traces: Traces = Traces()
    audit: Audit = Audit()
    recordings: Recordings = Recordings()
    outputs: Outputs = Outputs()
    oidc: Oidc = Oidc()
    access: Access = Access()
    login: Login = Login()


class LoadedConfiguration(msgspec.Struct, frozen=True):
    """A configuration and the directory its paths are relative to."""

    configuration: Configuration
    directory: Path

    @property
    def is_one_of_several(self) -> bool:
        """Whether other servers may share the store."""
        return bool(self.configuration.bus.servers)

    @property
    def server_name(self) -> str:
        """This server's name among others on its store: `server.name`, or the host's; empty for a server alone."""
        if not self.is_one_of_several:
            return ""
        return self.configuration.server.name or socket.gethostname()[:64]

    @property
    def listen_address(self) -> tuple[str, int]:
        """Host and port to listen on."""
        return split_address(self.configuration.server.listen)

    @property
    def metrics_address(self) -> tuple[str, int] | None:
        """Host and port of the metrics; None if there are none."""
        listen = self.configuration.metrics.listen
        return None if listen is None else split_address(listen)

    @property
    def console_address(self) -> tuple[str, int] | None:
        """Host and port of the console's own; None if it is at the server's address."""
        listen = self.configuration.console.listen if self.configuration.console.enabled else None
        return None if listen is None else split_address(listen)

    @property
    def database_url(self) -> str:
        """The database's URL, a SQLite file's path made absolute."""
        url = self.configuration.server.database
        scheme, separator, path = url.partition(":///")
        if not separator or not scheme.startswith("sqlite") or path in {"", ":memory:"}:
            return url
        return f"{scheme}:///{(self.directory / path).resolve()}"

    def path(self, relative: str) -> Path:
        """A file that the configuration names."""
        return (self.directory / relative).resolve()


def load(path: Path) -> LoadedConfiguration:
    """Read and check a configuration file; raises Failure that names the setting at fault."""
    try:
        text = path.read_bytes()
    except OSError as error:
        raise _unreadable(path, error) from error
    try:
        configuration = decode_settings(text, Configuration)
    except InvalidSetting as error:
        advice = error.advice or "docs/reference/configuration.md lists every setting"
        raise Failure(f"{path} is not a valid configuration", str(error), advice) from error
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        again = "twice" in str(error)
        advice = "Move the settings below its second heading under the first" if again else "Correct the line it names"
        raise Failure(f"{path} is not TOML", str(error), advice) from error
    _check(configuration, path)
    return LoadedConfiguration(configuration, path.parent.resolve())


def _unreadable(path: Path, error: OSError) -> Failure:
    cause = error.strerror or str(error)
    if isinstance(error, PermissionError):
        advice = "Run this as root or as the server's user, for example with sudo"
        return Failure(f"The configuration {path} cannot be read", cause, advice)
    if path == Path(FILE_NAME):
        where = f"neither ./{FILE_NAME} nor {configuration_file.SYSTEM_FILE} exists"
        return Failure(
            "There is no server configuration", where, f"Name yours with --config or {VARIABLE}, or run `ferryman init`"
        )
    if os.environ.get(VARIABLE) == str(path):
        return Failure(f"The configuration {path} cannot be read", cause, f"{VARIABLE} names it: correct or unset it")
    return Failure(
        f"The configuration {path} cannot be read", cause, "Create one with `ferryman init`, or correct --config"
    )


def split_address(address: str) -> tuple[str, int]:
    """Split `host:port` or `[v6]:port`; raises Failure."""
    match = re.fullmatch(r"(?:\[([0-9A-Fa-f:.]+)\]|([^:\[\]\s]+)):([0-9]{1,5})", address)
    if not match or int(match[3]) > 65535:
        raise Failure(f"{address!r} is not a valid listen address", "it must be HOST:PORT", "Try 127.0.0.1:7330")
    return match[1] or match[2], int(match[3])


def _check(configuration: Configuration, path: Path) -> None:
    server = configuration.server
    split_address(server.listen)
    if configuration.metrics.listen is not None:
        split_address(configuration.metrics.listen)
    _check_networks(configuration.connections, path)
    url = _split(server.public_url)
    if url.scheme not in {"http", "https"} or not url.hostname or url.path not in {"", "/"} or url.query:
        raise Failure(
            f"{path}: server.public_url {server.public_url!r} is not a server address",
            "it must be http[s]://HOST[:PORT] with no path",
            "Set it to the address that clients and nodes use",
        )
    _check_addresses(configuration, path)
    check_recordings(configuration.recordings, path)
    check_access(configuration.access, path)
    check_console(configuration.console, path)
    check_bus_settings(configuration.bus, path)
    check_traces(configuration.traces, path)
    _check_login(configuration.login, path)
    if server.key_lease_seconds is not None and not server.key_command:
        raise Failure(
            f"{path}: server.key_lease_seconds has no use",
            "only keys that server.key_command prints can be asked for again",
            "Set server.key_command, or leave out key_lease_seconds",
        )
    if server.tls is not None and (server.tls.authority is None) != (server.tls.authority_key is None):
        raise Failure(
            f"{path}: server.tls sets only one of authority and authority_key",
            "renewing the certificate needs both",
            "Name both, or neither",
        )
    _check_plain_http(configuration, path)


def _check_networks(connections: Connections, path: Path) -> None:
    for setting, networks, advice in (
        ("uncounted_networks", connections.networks, "Write networks such as 192.0.2.0/24 or 2001:db8::/64"),
        ("trusted_proxies", connections.proxies, "Write your proxies' addresses, such as 127.0.0.1/32 or 192.0.2.0/28"),
    ):
        try:
            networks()
        except ValueError as error:
            raise Failure(f"{path}: connections.{setting} cannot be used", str(error), advice) from error


def _check_plain_http(configuration: Configuration, path: Path) -> None:
    server = configuration.server
    if server.tls is not None:
        return
    for listen in (server.listen, configuration.console.listen or server.listen):
        if not is_loopback(split_address(listen)[0]) and not server.allow_plain_http:
            raise Failure(
                f"{path}: the server would speak plain HTTP on {listen}",
                "there is no [server.tls], and that address is reachable from other machines",
                "Add a certificate, terminate TLS in a proxy on this machine, or set server.allow_plain_http = true",
            )


def _check_addresses(configuration: Configuration, path: Path) -> None:
    audit, access = configuration.audit, configuration.access
    recordings, outputs = configuration.recordings, configuration.outputs
    places = {
        "audit.webhook.url": audit.webhook.url if audit.webhook is not None else None,
        "access.webhook.url": access.webhook.url if access.webhook is not None else None,
        "audit.s3.endpoint_url": audit.s3.endpoint_url if audit.s3 is not None else None,
        "recordings.s3.endpoint_url": recordings.s3.endpoint_url if recordings.s3 is not None else None,
        "recordings.kms.endpoint_url": recordings.kms.endpoint_url if recordings.kms is not None else None,
        "outputs.s3.endpoint_url": outputs.s3.endpoint_url if outputs.s3 is not None else None,
        "outputs.cloudwatch.endpoint_url": outputs.cloudwatch.endpoint_url if outputs.cloudwatch is not None else None,
    }
    for setting, address in places.items():
        if address is None:
            continue
        url = _split(address)
        plain = url.scheme == "http" and is_loopback(url.hostname or "")
        if not url.hostname or "@" in url.netloc or url.fragment or not (url.scheme == "https" or plain):
            raise Failure(
                f"{path}: {setting} cannot be used",  # not shown: it may hold a password
                "it must be an HTTPS URL without a password; plain HTTP is for this machine only",
                "Write https://HOST[:PORT]/…",
            )


def _check_login(login: Login, path: Path) -> None:
    if (login.issuer is None) != (login.client_id is None) or (login.roles and login.issuer is None):
        raise Failure(
            f"{path}: [login] is incomplete",
            "people log in with an issuer, a client_id and a role",
            "Set issuer, client_id and roles, or none of them",
        )
    if login.issuer is None:
        return
    url = _split(login.issuer)
    if not url.hostname or not (url.scheme == "https" or (url.scheme == "http" and is_loopback(url.hostname))):
        raise Failure(
            f"{path}: login.issuer {login.issuer!r} cannot be used",
            "it must be the provider's HTTPS URL",
            "Write https://HOST[/PATH], as the provider is registered",
        )


def _split(url: str) -> SplitResult:
    """Return the parts of a URL, all empty if it is invalid."""
    try:
        return urlsplit(url)
    except ValueError:
        return urlsplit("")
