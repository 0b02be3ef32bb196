"""The files of a local authority and its server certificate: `ca.pem`, `ca.key`, `server.pem`, `server.key`."""

from datetime import UTC, datetime
from pathlib import Path

from ferryman.bootstrap.configuration import LoadedConfiguration
from ferryman.bootstrap.keys.secret_files import read_secret
from ferryman.model.failures import Failure
from ferryman.system.private_files import replace_content, write_private


def write_certificates(directory: Path, host: str) -> None:
    """Create an authority and a certificate for `host` in a directory, replacing earlier ones there."""
    from ferryman.bootstrap.keys import certificates as local_authority

    directory.mkdir(mode=0o700, parents=True, exist_ok=True)
    issued = local_authority.issue(host, datetime.now(UTC))
    write_private(directory / "ca.pem", issued.issuer.certificate)
    write_private(directory / "ca.key", issued.issuer.key)
    write_private(directory / "server.pem", issued.certificate)
    write_private(directory / "server.key", issued.key)


def read_authority_key(loaded: LoadedConfiguration) -> bytes:
    """Return the authority's private key, PEM. Raises Failure if none is named, or it is missing or open to others."""
    tls = loaded.configuration.server.tls
    if tls is None or tls.authority_key is None:
        raise Failure(
            "The certificate cannot be renewed",
            "server.tls does not name an authority and authority_key",
            "Renew it with whoever issued it, and replace its file",
        )
    return read_secret(
        loaded.path(tls.authority_key),
        "The authority's key",
        "Restore it, or create another authority with `ferryman certificate new`",
    )


def renew_certificate(loaded: LoadedConfiguration, now: datetime) -> None:
    """Replace the server's certificate with a new one from its authority, for the same names and key.

    The key stays the same, so one rename is enough: certificate and key match at every moment. Raises Failure.
    """
    from ferryman.bootstrap.keys import certificates as local_authority

    key = read_authority_key(loaded)
    tls = loaded.configuration.server.tls
    assert tls is not None and tls.authority is not None  # noqa: S101, PT018 checked with the key
    authority, certificate = loaded.path(tls.authority), loaded.path(tls.certificate)
    try:
        issuer = local_authority.Issuer(authority.read_bytes(), key)
        replace_content(certificate, local_authority.renew(issuer, certificate.read_bytes(), now))
    except (OSError, ValueError) as error:
        raise Failure(
            f"The certificate {certificate} was not renewed",
            str(error),
            f"Check {authority}, its key, and that this user can write to {certificate.parent}",
        ) from error
