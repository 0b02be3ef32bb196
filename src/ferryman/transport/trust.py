"""The certificate authorities that TLS servers are verified against, and connection errors in words."""

import hashlib
import re
import ssl
from pathlib import Path

import aiohttp

from ferryman.model.failures import said_by
from ferryman.transport.errors import CertificateRefused, Unreachable

_CERTIFICATES = re.compile(r"-----BEGIN CERTIFICATE-----[A-Za-z0-9+/=\s]+-----END CERTIFICATE-----")


def trust(ca_file: Path | None = None) -> ssl.SSLContext:
    """Return the TLS context for clients: it trusts the system's roots (or `SSL_CERT_FILE`) and `ca_file`.

    Takes some 20 ms; make it once. Raises OSError when the file cannot be read, `ssl.SSLError` when it holds no
    certificate.
    """
    context = ssl.create_default_context()
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    if ca_file is not None:
        context.load_verify_locations(ca_file)
    return context


def unverified() -> ssl.SSLContext:
    """Return a context that accepts any certificate, for nothing but learning which authority to ask a person about."""
    context = ssl.create_default_context()
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    return context


class Trust:
    """As `trust`, but read again when the file changes: a process may outlive an authority. Raises as `trust`."""

    def __init__(self, ca_file: Path | None = None) -> None:
        self._ca_file = ca_file
        self._seen = self._look()
        self._context = trust(ca_file)

    @property
    def context(self) -> ssl.SSLContext:
        """The context for the next connection. A changed file that cannot be read is ignored."""
        seen = self._look()
        if seen != self._seen:
            try:
                self._context = trust(self._ca_file)
            except OSError:  # being written, perhaps: ask again
                return self._context
            self._seen = seen
        return self._context

    def _look(self) -> object:
        if self._ca_file is None:
            return None
        try:
            status = self._ca_file.stat()
        except OSError:
            return None
        return status.st_ino, status.st_size, status.st_mtime_ns


def one_certificate(text: str) -> str:
    """Return the only certificate in `text` as PEM, without any text around it. Raises ValueError."""
    found = _CERTIFICATES.findall(text)
    if len(found) != 1:
        raise ValueError(f"it holds {len(found)} certificates instead of one")
    return ssl.DER_cert_to_PEM_cert(ssl.PEM_cert_to_DER_cert(found[0]))


def certificate_fingerprint(pem: str) -> str:
    """Return the SHA-256 of a certificate's DER as lower-case hex. Raises ValueError."""
    return hashlib.sha256(ssl.PEM_cert_to_DER_cert(one_certificate(pem))).hexdigest()


def spaced(fingerprint: str) -> str:
    """Return a fingerprint as OpenSSL prints it: `AB:CD:…`."""
    return ":".join(re.findall("..", fingerprint.upper()))


def parse_fingerprint(text: str) -> str:
    """Return a SHA-256 fingerprint as lower-case hex, from any usual spelling of one. Raises ValueError."""
    bare = re.sub(r"^sha256[:=]|[:\s]", "", text.strip().lower())
    if not re.fullmatch(r"[0-9a-f]{64}", bare):
        raise ValueError("a SHA-256 fingerprint has 64 hexadecimal digits")
    return bare


def unreachable(what: str, error: Exception) -> Unreachable:
    """Return `error` in words; `what` is the address that was tried."""
    if isinstance(error, aiohttp.ClientConnectorCertificateError):
        refused = error.certificate_error
        said = refused.verify_message if isinstance(refused, ssl.SSLCertVerificationError) else str(refused)
        return CertificateRefused(f"the certificate of {what} is not trusted: {said}")
    if isinstance(error, aiohttp.ClientConnectorSSLError) and "WRONG_VERSION_NUMBER" in str(error):
        return Unreachable(f"{what} does not speak TLS")
    if isinstance(error, aiohttp.ClientHttpProxyError):
        return Unreachable(f"the proxy refused the way to {what}: it answered {error.status} {error.message}")
    if isinstance(error, UnicodeError | aiohttp.InvalidURL):  # a label of a name that is empty or too long
        return Unreachable(f"cannot connect to {what}: its host is not a valid name")
    if isinstance(error, aiohttp.ClientProxyConnectionError):
        what = f"the proxy {error.host}:{error.port} on the way to {what}"
    if isinstance(error, aiohttp.ClientConnectorError):  # its own text contains object addresses
        error = error.os_error
    if isinstance(error, TimeoutError):
        return Unreachable(f"{what} does not answer in time")
    if isinstance(error, aiohttp.ServerDisconnectedError):
        return Unreachable(f"{what} closed the connection without an answer")
    said = said_by(error)
    return Unreachable(f"cannot connect to {what}: {said}")
