"""The checks of `ferryman doctor --config`: the files of a server on this machine."""

from collections.abc import Callable
from datetime import datetime
from functools import partial
from ipaddress import ip_address
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from ferryman.bootstrap.bus.opening import check_bus
from ferryman.bootstrap.configuration import LoadedConfiguration, Tls, load
from ferryman.bootstrap.keys.certificate_files import read_authority_key
from ferryman.bootstrap.keys.server_keys import read_server_keys
from ferryman.bootstrap.readiness import check_directory, check_port, check_store, check_trail
from ferryman.bootstrap.server import server_certificate
from ferryman.bootstrap.traces.opening import check_tracing
from ferryman.cli.doctor.client import CheckResult, Finding, bad, lifetime
from ferryman.cli.doctor.destinations import examine_destinations, examine_recording_bucket, examine_recording_key
from ferryman.model.failures import Failure, said_by

if TYPE_CHECKING:
    from cryptography import x509


def examine_server_files(config: Path, now: datetime) -> list[Finding]:
    """Check a server's configuration, key, certificate, store and audit trail; `now` is an aware datetime."""
    try:
        loaded = load(config)
        read_server_keys(loaded)
        server_certificate(loaded)
    except Failure as failure:
        return [bad("Server's files", failure)]
    server = loaded.configuration.server
    valid = Finding(CheckResult.GOOD, "Server's files", f"{config} is valid; the server listens on {server.listen}")
    findings = [valid] if server.tls is None else [valid, *_certificates(loaded, server.tls, now)]
    findings += [_finding("Store", check_store, loaded), _finding("Audit trail", check_trail, loaded)]
    if loaded.configuration.bus.servers:
        findings.append(_finding("Bus", check_bus, loaded))
    if loaded.configuration.traces.url is not None:
        findings.append(_finding("Traces", check_tracing, loaded))
    findings += _sinks(loaded)
    findings += _directories(loaded)
    return [
        *findings,
        *examine_recording_bucket(loaded),
        *examine_recording_key(loaded),
        *examine_destinations(loaded, now),
    ]


def examine_port(config: Path) -> Finding:
    """Check whether a server with this configuration, which is valid, could listen."""
    return _finding("Port", check_port, load(config))


def _finding(subject: str, check: Callable[[LoadedConfiguration], str], loaded: LoadedConfiguration) -> Finding:
    try:
        return Finding(CheckResult.GOOD, subject, check(loaded))
    except Failure as failure:
        return bad(subject, failure)


def _directories(loaded: LoadedConfiguration) -> list[Finding]:
    """Check the directories that the server writes recordings and waiting session logs to, if it does."""
    recordings, outputs = loaded.configuration.recordings, loaded.configuration.outputs
    used = []
    if recordings.mode != "off" and recordings.s3 is None:
        used.append(("Recordings", "recordings.directory", recordings.directory))
    if outputs.s3 is not None or outputs.cloudwatch is not None:
        used.append(("Waiting session logs", "outputs.directory", outputs.directory))
    return [
        _finding(subject, partial(check_directory, setting=setting, directory=loaded.path(directory)), loaded)
        for subject, setting, directory in used
    ]


def _sinks(loaded: LoadedConfiguration) -> list[Finding]:
    from ferryman.audit.sinks.position import position_path, read_position
    from ferryman.bootstrap.audit.sinks import sink_names, webhook_secret

    audit, findings = loaded.configuration.audit, []
    if audit.webhook is not None:
        try:
            webhook_secret(loaded, audit.webhook.secret_file)
        except Failure as failure:
            return [bad("Audit sinks", failure)]
    for name in sink_names(loaded):
        subject = f"Audit sink {name}"
        position = read_position(position_path(loaded.path(audit.directory), name))
        if position.failure is None:
            findings.append(Finding(CheckResult.GOOD, subject, f"delivered up to record {position.sequence}"))
        else:
            said = f"records after {position.sequence} are not delivered: {position.failure}"
            advice = "They wait in the trail's files; fix the receiving end before the disk fills up"
            findings.append(Finding(CheckResult.BAD, subject, said, advice))
    return findings


def _certificates(loaded: LoadedConfiguration, tls: Tls, now: datetime) -> list[Finding]:
    from cryptography import x509

    certificate = x509.load_pem_x509_certificate(loaded.path(tls.certificate).read_bytes())
    advice = "Renew it with whoever issued it; the server picks the new one up by itself"
    if tls.authority_key is not None:
        advice = "Run `ferryman certificate renew`, or check the server's log for why it was not renewed"
    subject = "Certificate's lifetime"
    findings = [lifetime(subject, certificate.not_valid_after_utc, now, advice), _names(loaded, certificate)]
    if tls.authority is None:
        return findings
    try:
        read_authority_key(loaded)
        authority = x509.load_pem_x509_certificate(loaded.path(tls.authority).read_bytes())
    except Failure as failure:
        return [*findings, bad("Authority", failure)]
    except (OSError, ValueError) as error:
        said = f"{loaded.path(tls.authority)} cannot be used: {said_by(error)}"
        return [*findings, Finding(CheckResult.BAD, "Authority", said, "Copy it back from a machine that trusts it")]
    advice = "Create another with `ferryman certificate new`, and make clients and nodes trust it in time"
    return [*findings, lifetime("Authority", authority.not_valid_after_utc, now, advice)]


def _names(loaded: LoadedConfiguration, certificate: "x509.Certificate") -> Finding:
    from cryptography import x509

    subject = "Certificate's names"
    host = urlsplit(loaded.configuration.server.public_url).hostname or ""
    try:
        names = certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    except x509.ExtensionNotFound:
        return Finding(
            CheckResult.BAD, subject, "it has no names", "Get a certificate for the host in server.public_url"
        )
    dns = [name.lower() for name in names.get_values_for_type(x509.DNSName)]
    addresses = names.get_values_for_type(x509.IPAddress)
    try:
        named = ip_address(host) in addresses
    except ValueError:
        named = host in dns or f"*.{host.partition('.')[2]}" in dns
    if named:
        return Finding(CheckResult.GOOD, subject, f"it names {host}")
    listed = ", ".join([*dns, *map(str, addresses)]) or "nobody"
    return Finding(
        CheckResult.BAD,
        subject,
        f"it names {listed}, and clients are sent to {host}",
        "Correct server.public_url, or get a certificate for that host",
    )
