import socket
import ssl
import threading
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.serialization import load_pem_private_key

from ferryman.bootstrap.keys import certificates as local_authority
from ferryman.bootstrap.keys.certificates import AUTHORITY_DAYS, SERVER_DAYS, Issued, Issuer, issue, renew

NOW = datetime.now(UTC).replace(microsecond=0)


@pytest.fixture(scope="module")
def issued() -> Issued:
    return issue("sessions.example.com", NOW)


@pytest.mark.parametrize("name", ["sessions.example.com", "localhost", "127.0.0.1", "::1"])
def test_a_client_that_trusts_the_authority_trusts_the_server(tmp_path: Path, issued: Issued, name: str) -> None:
    assert handshake(tmp_path, issued, issued, name) is None


def test_another_name_or_authority_is_not_trusted(tmp_path: Path, issued: Issued) -> None:
    refused = handshake(tmp_path, issued, issued, "other.example.com")
    assert isinstance(refused, ssl.SSLCertVerificationError)
    other = issue("sessions.example.com", NOW)
    assert isinstance(handshake(tmp_path, issued, other, "localhost"), ssl.SSLCertVerificationError)


@pytest.mark.parametrize("host", ["203.0.113.7", "2001:db8::7"])
def test_a_server_known_by_its_address(tmp_path: Path, host: str) -> None:
    issued = issue(host, NOW)
    assert handshake(tmp_path, issued, issued, host) is None


@pytest.mark.parametrize("name", ["bank.example", "203.0.113.9"])
def test_the_authority_vouches_for_nobody_else(tmp_path: Path, issued: Issued, name: str) -> None:
    """Who stole its key can make such a certificate; who trusts the authority does not believe it."""
    authority = x509.load_pem_x509_certificate(issued.issuer.certificate)
    key = load_pem_private_key(issued.issuer.key, None)
    names = x509.SubjectAlternativeName(local_authority._names(name))
    forged = local_authority._sign(authority, key, authority.subject, names, server_key(issued), NOW)  # type: ignore[arg-type]
    refused = handshake(tmp_path, Issued(issued.issuer, forged, issued.key), issued, name)
    assert isinstance(refused, ssl.SSLCertVerificationError)
    assert "permitted subtree violation" in str(refused)


def test_a_renewed_certificate_is_trusted_by_who_trusts_the_authority(tmp_path: Path, issued: Issued) -> None:
    later = NOW - timedelta(hours=1)
    certificate = renew(issued.issuer, issued.certificate, later)
    assert handshake(tmp_path, Issued(issued.issuer, certificate, issued.key), issued, "sessions.example.com") is None
    before, after = (x509.load_pem_x509_certificate(pem) for pem in (issued.certificate, certificate))
    assert after.not_valid_after_utc == later + timedelta(days=SERVER_DAYS)
    assert after.serial_number != before.serial_number


def test_a_certificate_does_not_outlive_its_authority(issued: Issued) -> None:
    authority_ends = NOW + timedelta(days=AUTHORITY_DAYS)
    certificate = renew(issued.issuer, issued.certificate, authority_ends - timedelta(days=10))
    assert x509.load_pem_x509_certificate(certificate).not_valid_after_utc == authority_ends
    with pytest.raises(ValueError, match="the authority itself expired"):
        renew(issued.issuer, issued.certificate, authority_ends)


def test_what_cannot_be_renewed(issued: Issued) -> None:
    other = issue("sessions.example.com", NOW)
    with pytest.raises(ValueError, match="another authority issued"):
        renew(other.issuer, issued.certificate, NOW)
    with pytest.raises(ValueError, match="does not belong to its certificate"):
        renew(Issuer(issued.issuer.certificate, other.issuer.key), issued.certificate, NOW)


def server_key(issued: Issued) -> object:
    return x509.load_pem_x509_certificate(issued.certificate).public_key()


def handshake(directory: Path, server: Issued, trusted: Issued, name: str) -> ssl.SSLError | None:
    """TLS between two ends of a socket pair; what the client says against it, if anything."""
    (directory / "server.pem").write_bytes(server.certificate)
    (directory / "server.key").write_bytes(server.key)
    server_context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    server_context.load_cert_chain(directory / "server.pem", directory / "server.key")
    client_context = ssl.create_default_context(cadata=trusted.issuer.certificate.decode())
    # What Python 3.13 checks by default: the authority's certificate must stand up to it, too.
    client_context.verify_flags |= ssl.VERIFY_X509_STRICT
    near, far = socket.socketpair()

    def serve() -> None:
        try:
            server_context.wrap_socket(far, server_side=True).close()
        except OSError:
            far.close()

    thread = threading.Thread(target=serve)
    thread.start()
    try:
        client_context.wrap_socket(near, server_hostname=name).close()
    except ssl.SSLError as error:
        return error
    finally:
        near.close()
        thread.join()
    return None
