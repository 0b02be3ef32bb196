import socket
import ssl
import threading
from datetime import UTC, datetime
from pathlib import Path

import pytest

from ferryman.cli.certificates import Certificates, issue


@pytest.fixture(scope="module")
def issued() -> Certificates:
    return issue("sessions.example.com", datetime.now(UTC))


@pytest.mark.parametrize("name", ["sessions.example.com", "localhost", "127.0.0.1", "::1"])
def test_a_client_that_trusts_the_authority_trusts_the_server(tmp_path: Path, issued: Certificates, name: str) -> None:
    assert handshake(tmp_path, issued, issued, name) is None


def test_another_name_or_authority_is_not_trusted(tmp_path: Path, issued: Certificates) -> None:
    refused = handshake(tmp_path, issued, issued, "other.example.com")
    assert isinstance(refused, ssl.SSLCertVerificationError)
    other = issue("sessions.example.com", datetime.now(UTC))
    assert isinstance(handshake(tmp_path, issued, other, "localhost"), ssl.SSLCertVerificationError)


def handshake(directory: Path, server: Certificates, trusted: Certificates, name: str) -> ssl.SSLError | None:
    """TLS between two ends of a socket pair; what the client says against it, if anything."""
    (directory / "server.pem").write_bytes(server.certificate)
    (directory / "server.key").write_bytes(server.key)
    server_context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    server_context.load_cert_chain(directory / "server.pem", directory / "server.key")
    client_context = ssl.create_default_context(cadata=trusted.authority.decode())
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
