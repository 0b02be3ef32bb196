"""The checks of `ferryman doctor` on clients and nodes. Each finding says what was checked and how to fix it."""

import re
import shutil
import socket
import ssl
import stat
import subprocess
import time
import urllib.error
import urllib.request
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime
from enum import StrEnum
from http.client import HTTPException
from importlib import import_module
from pathlib import Path
from urllib.parse import SplitResult, urlsplit

from ferryman.cli.aws_cli import TOO_OLD_TEXT, find_aws_cli
from ferryman.client.calls.api import Api, Connection, connect
from ferryman.client.calls.targets import find_node
from ferryman.model.failures import Failure, said_by
from ferryman.model.values.versions import CLIENT_VERSION
from ferryman.transport.errors import Unreachable
from ferryman.transport.proxies import proxies_for

SKEW_ALLOWED = 300
"""Seconds by which clocks may differ before signatures are refused."""
EXPIRING = timedelta(days=30)
"""A certificate that expires sooner gets a warning."""
_TIMEOUT = 5.0
_PLUGIN_TIMEOUT = 20.0
"""On a busy machine, starting a program may take several seconds."""
_FIRST_VERSION_WITH_HOST_CHECK = (1, 2, 889)
"""AWS's plugin refuses servers outside AWS from here on (`protocol/client.md` §1)."""


class CheckResult(StrEnum):
    """The result of a check."""

    GOOD = "good"
    DOUBTFUL = "doubtful"
    BAD = "bad"
    SKIPPED = "skipped"


@dataclass(frozen=True, slots=True)
class Finding:
    """`subject` was checked, `said` is what was found, `advice` is how to fix it, if necessary."""

    verdict: CheckResult
    subject: str
    said: str
    advice: str = ""

    def as_members(self) -> dict[str, str]:
        """For JSON."""
        return {"verdict": self.verdict, "subject": self.subject, "said": self.said, "advice": self.advice}


def examine_client(connection: Connection, target: str | None, *, is_server: bool = False) -> list[Finding]:
    """Check what `aws ssm start-session` needs on this machine and from the server.

    `is_server`: this is a server's machine, which may well do without it.
    """
    findings = [_aws_cli(), _plugin(needed=not is_server and shutil.which("aws") is not None)]
    try:
        api = connect(connection)
    except Failure as failure:
        return [*findings, bad("Configuration", failure)]
    findings.append(Finding(CheckResult.GOOD, "Configuration", f"the server is {api.endpoint_url}"))
    reached = examine_server(api.endpoint_url, api.ca_file)
    findings += reached
    if any(finding.verdict is CheckResult.BAD for finding in reached):
        skipped = Finding(CheckResult.SKIPPED, "Credentials", "not tried, since the server was not reached")
        return [*findings, skipped]
    try:
        arn = connect(connection, "sts").call("GetCallerIdentity")["Arn"]
    except Failure as failure:
        return [*findings, bad("Credentials", failure)]
    findings.append(Finding(CheckResult.GOOD, "Credentials", f"the server knows you as {arn}"))
    if target is not None:
        findings += _target(api, target)
    return findings


def examine_server(url: str, ca_file: str | None = None) -> list[Finding]:
    """Check whether the server at `url` answers, is healthy, and has the same time as this machine."""
    subject = "Server"
    scheme = urlsplit(url).scheme
    if scheme not in {"http", "https"}:
        return [Finding(CheckResult.BAD, subject, f"{url} is not an http(s) URL", "Correct the endpoint's URL")]
    try:
        context = ssl.create_default_context(cafile=ca_file) if scheme == "https" else None
    except OSError as error:
        said = f"the CA file {ca_file} cannot be used: {said_by(error)}"
        return [Finding(CheckResult.BAD, subject, said, "Copy the server's complete CA certificate to that file")]
    try:
        opened = _opener(url, context).open(f"{url.rstrip('/')}/healthz", timeout=_TIMEOUT)
        with opened as answer:
            date = answer.headers.get("Date")
    except urllib.error.HTTPError as error:
        with error:
            said = f"{url} answers with HTTP status {error.code}"
        advice = (
            "Check the server's log; its database may be unreachable"
            if error.code >= 500
            else "Check the port: something other than Ferryman may be listening there"
        )
        return [Finding(CheckResult.BAD, subject, said, advice)]
    except (OSError, UnicodeError, HTTPException, Unreachable) as error:
        return [_unreached(url, error)]
    findings = [Finding(CheckResult.GOOD, subject, f"{url} answers and is healthy"), _clock(date)]
    return findings if context is None else [*findings, _certificate(urlsplit(url), context)]


def examine_node(state_dir: Path) -> list[Finding]:
    """Check the agent's state on this machine, and its server from here.

    Skipped if this installation does not include the agent: the agent may have its own.
    """
    subject = "Agent"
    try:
        import_module("ferryman.agent.identity.node_key")  # what reading the state will need
        from ferryman.agent.identity.faults import StateUnusable
        from ferryman.agent.identity.state import StateDirectory
    except ModuleNotFoundError as error:
        said = f"{state_dir} was not checked: this installation of Ferryman does not include the agent ({error.name})"
        advice = "Run `ferryman doctor` from the installation that runs the agent, or install ferryman[agent] here"
        return [Finding(CheckResult.SKIPPED, subject, said, advice)]
    state = StateDirectory(state_dir)
    try:
        registration = state.registration()
        state.key()
    except (StateUnusable, OSError) as error:
        return [Finding(CheckResult.BAD, subject, str(error), "Run `ferryman agent register` as the agent's user")]
    findings = [Finding(CheckResult.GOOD, subject, f"{state_dir} holds node {registration.node_id}")]
    try:
        state.require_this_machine()
    except StateUnusable as error:
        findings.append(Finding(CheckResult.BAD, subject, str(error)))
    findings += _closed_to_others(state_dir)
    at_server = examine_server(registration.endpoint, registration.ca_file)
    return findings + [
        Finding(each.verdict, f"{subject}'s {each.subject.lower()}", each.said, each.advice) for each in at_server
    ]


def lifetime(subject: str, expires: datetime, now: datetime, advice: str) -> Finding:
    """Return the finding that a certificate is valid, soon will not be, or is not."""
    said = f"it is valid until {expires:%Y-%m-%d}"
    if expires <= now:
        return Finding(CheckResult.BAD, subject, f"it expired on {expires:%Y-%m-%d}", advice)
    if expires - now < EXPIRING:
        return Finding(CheckResult.DOUBTFUL, subject, f"{said}, which is in {(expires - now).days} days", advice)
    return Finding(CheckResult.GOOD, subject, said)


def _certificate(url: SplitResult, context: ssl.SSLContext) -> Finding:
    """Check the lifetime of the certificate that is served, connecting directly whatever proxy is set."""
    subject = "Server's certificate"
    try:
        with (
            socket.create_connection((url.hostname or "", url.port or 443), _TIMEOUT) as raw,
            context.wrap_socket(raw, server_hostname=url.hostname) as tls,
        ):
            presented = tls.getpeercert() or {}
        expires = datetime.fromtimestamp(ssl.cert_time_to_seconds(str(presented["notAfter"])), UTC)
    except (OSError, KeyError, ValueError) as error:
        return Finding(CheckResult.SKIPPED, subject, f"it could not be checked: {error or type(error).__name__}")
    return lifetime(subject, expires, datetime.now(UTC), "Ask the server's administrator to renew it")


def _aws_cli() -> Finding:
    subject = "AWS CLI"
    found = find_aws_cli()
    if found is None:
        return Finding(
            CheckResult.DOUBTFUL, subject, "there is no `aws` on PATH", "Install it to use `aws ssm start-session`"
        )
    if not found.version:
        said = (
            f"{found.path} cannot be run: {found.error}" if found.error else f"{found.path} does not print its version"
        )
        return Finding(CheckResult.DOUBTFUL, subject, said, "Reinstall it")
    said = f"{found.path}, version {found.version}"
    if found.is_too_old:
        return Finding(CheckResult.BAD, subject, said, TOO_OLD_TEXT)
    return Finding(CheckResult.GOOD, subject, said)


def _plugin(*, needed: bool) -> Finding:
    subject = "session-manager-plugin"
    path = shutil.which(subject)
    if path is None:
        return Finding(
            CheckResult.BAD if needed else CheckResult.DOUBTFUL,
            subject,
            "it is not on PATH, where `aws ssm start-session` looks for it",
            "Install Ferryman where its programs are on PATH, or add its bin directory",
        )
    try:
        answer = subprocess.run(  # noqa: S603
            [path, "--version"], capture_output=True, text=True, timeout=_PLUGIN_TIMEOUT, check=False
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        return Finding(CheckResult.BAD, subject, f"{path} cannot be run: {said_by(error)}", "Reinstall it")
    version = answer.stdout.strip()
    if not re.fullmatch(r"\d+(\.\d+){0,3}", version):
        return Finding(CheckResult.BAD, subject, f"{path} does not print its version", "Reinstall it")
    if version == CLIENT_VERSION:
        return Finding(CheckResult.GOOD, subject, f"{path}, Ferryman's, version {version}")
    if tuple(map(int, version.split("."))) >= _FIRST_VERSION_WITH_HOST_CHECK:
        return Finding(
            CheckResult.DOUBTFUL,
            subject,
            f"{path} is AWS's, version {version}, which may refuse servers outside AWS",
            "Put Ferryman's directory first on PATH",
        )
    return Finding(CheckResult.GOOD, subject, f"{path}, AWS's, version {version}")


def _target(api: Api, target: str) -> list[Finding]:
    subject = f"Node {target}"
    try:
        target = find_node(api, target).node_id
        online = api.call("GetConnectionStatus", Target=target)["Status"] == "connected"
        rows = api.pages(
            "DescribeInstanceInformation",
            "InstanceInformationList",
            Filters=[{"Key": "InstanceIds", "Values": [target]}],
        )
        registered = next(iter(rows), None) is not None
    except Failure as failure:
        return [bad(subject, failure)]
    if online:
        return [Finding(CheckResult.GOOD, subject, "it is registered and its control channel is up")]
    if registered:
        return [
            Finding(
                CheckResult.BAD,
                subject,
                "it is registered, but its agent is not connected",
                "Check that `ferryman agent run` is running on that machine, and run `ferryman doctor` there",
            )
        ]
    return [
        Finding(
            CheckResult.BAD,
            subject,
            "no node with that id is registered here",
            "Check the id with `ferryman nodes`, or register the machine with `ferryman activation create`",
        )
    ]


def _clock(date: str | None) -> Finding:
    subject = "Clock"
    if date is None:
        return Finding(CheckResult.SKIPPED, subject, "the server did not send its time")
    try:
        ahead = time.time() - parsedate_to_datetime(date).timestamp()
    except (ValueError, OverflowError):
        return Finding(CheckResult.SKIPPED, subject, "the server's time cannot be read")
    text = f"this machine is {abs(ahead):.0f} s {'ahead of' if ahead > 0 else 'behind'} the server"
    if abs(ahead) > SKEW_ALLOWED:
        return Finding(
            CheckResult.BAD,
            subject,
            f"{text}; signatures are refused beyond {SKEW_ALLOWED} s",
            "Synchronise the clocks with NTP",
        )
    return Finding(CheckResult.GOOD, subject, text)


def _closed_to_others(directory: Path) -> list[Finding]:
    open_paths = [
        path
        for path in [directory, *sorted(directory.rglob("*"))]
        if not path.is_symlink() and stat.S_IMODE(path.stat().st_mode) & 0o077
    ]
    if not open_paths:
        return []
    return [
        Finding(
            CheckResult.BAD,
            "Agent's permissions",
            f"other users can read {', '.join(map(str, open_paths[:3]))}",
            f"Run chmod -R go= {directory}",
        )
    ]


def _opener(url: str, context: ssl.SSLContext | None) -> urllib.request.OpenerDirector:
    handlers: list[urllib.request.BaseHandler] = [urllib.request.ProxyHandler(proxies_for(url))]
    if context is not None:
        handlers.append(urllib.request.HTTPSHandler(context=context))
    return urllib.request.build_opener(*handlers)


def _unreached(url: str, error: Exception) -> Finding:
    reason = error.reason if isinstance(error, urllib.error.URLError) else error
    if isinstance(reason, ssl.SSLCertVerificationError):
        said = f"the certificate of {url} is not trusted: {reason.verify_message}"
        return Finding(
            CheckResult.BAD, "Server", said, "Set SSL_CERT_FILE and AWS_CA_BUNDLE to the server's CA certificate"
        )
    if isinstance(reason, ssl.SSLError):
        return Finding(CheckResult.BAD, "Server", f"{url} does not speak TLS", "Try http://, or check the port")
    if isinstance(reason, ConnectionRefusedError):
        advice = "Start `ferryman server`, or check the port"
        return Finding(CheckResult.BAD, "Server", f"nothing is listening at {url}", advice)
    if isinstance(reason, TimeoutError):
        advice = "Check the address, and any firewalls in between"
        return Finding(CheckResult.BAD, "Server", f"{url} did not answer within {_TIMEOUT:.0f} s", advice)
    if isinstance(reason, HTTPException):
        advice = "Check the port: something other than Ferryman may be listening there"
        return Finding(CheckResult.BAD, "Server", f"{url} does not speak HTTP", advice)
    said = said_by(reason) if isinstance(reason, BaseException) else reason
    return Finding(CheckResult.BAD, "Server", f"{url} cannot be reached: {said}", "Check the name and the network")


def bad(subject: str, failure: Failure) -> Finding:
    """Return the finding for a failure."""
    said = f"{failure.what}: {failure.cause}" if failure.cause else failure.what
    return Finding(CheckResult.BAD, subject, said, failure.next_step)
