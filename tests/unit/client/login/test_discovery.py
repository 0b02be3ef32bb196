"""Whether a server's authority is trusted is a person's decision, and what is used came over a verified connection."""

import asyncio
import ssl
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from pathlib import Path

import pytest

from ferryman.bootstrap.keys.certificates import Issued, issue
from ferryman.client.login.discovery import Discovered, discover
from ferryman.client.login.server_address import name_of, server_url
from ferryman.model.failures import Failure
from ferryman.transport.trust import certificate_fingerprint, one_certificate, spaced
from ferryman.wire.discovery import ServerDescription, encode_description
from tests.ports import free_port


def described(issued: Issued | None, region: str = "us-east-1") -> bytes:
    pem = "" if issued is None else one_certificate(issued.issuer.certificate.decode())
    digest = certificate_fingerprint(pem) if pem else ""
    return encode_description(ServerDescription(1, "0.1.0", region, "123456789012", digest, pem))


@asynccontextmanager
async def serving(
    directory: Path, issued: Issued, answers: Callable[[], bytes], host: str = "127.0.0.1"
) -> AsyncIterator[str]:
    """A TLS server that answers every request with the next document; its URL."""
    certificate, key = directory / "server.pem", directory / "server.key"
    certificate.write_bytes(issued.certificate)
    key.write_bytes(issued.key)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate, key)

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            assert (await reader.readuntil(b"\r\n\r\n")).startswith(b"GET /.well-known/ferryman ")
            body = answers()
            writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\nConnection: close\r\n\r\n%s" % (len(body), body))
            await writer.drain()
        finally:
            writer.close()

    async with await asyncio.start_server(answer, host, 0, ssl=context) as server:
        yield f"https://{host}:{server.sockets[0].getsockname()[1]}"


async def found(
    directory: Path, issued: Issued, documents: list[bytes], *, confirmed: bool = True, ca_file: Path | None = None
) -> tuple[Discovered, list[str]]:
    asked: list[str] = []

    def confirm(url: str, fingerprint: str) -> bool:
        asked.append(fingerprint)
        return confirmed

    async with serving(directory, issued, lambda: documents.pop(0)) as url:
        return await discover(url, ca_file, confirm), asked


@pytest.fixture(scope="module")
def issued() -> Issued:
    return issue("127.0.0.1", datetime.now(UTC))


@pytest.fixture(scope="module")
def other() -> Issued:
    return issue("127.0.0.1", datetime.now(UTC))


async def test_what_is_used_comes_over_the_verified_connection(tmp_path: Path, issued: Issued) -> None:
    documents = [described(issued, "eu-evil-1"), described(issued)]
    discovered, asked = await found(tmp_path, issued, documents)
    pem = issued.issuer.certificate.decode()
    assert asked == [spaced(certificate_fingerprint(pem))]
    assert (discovered.description.region, discovered.ca_certificate) == ("us-east-1", pem)


async def test_an_authority_that_is_not_confirmed_is_not_asked_again(tmp_path: Path, issued: Issued) -> None:
    documents = [described(issued), described(issued)]
    with pytest.raises(Failure, match="not confirmed"):
        await found(tmp_path, issued, documents, confirmed=False)
    assert len(documents) == 1


async def test_someone_between_cannot_use_the_fingerprint_of_the_real_authority(
    tmp_path: Path, issued: Issued, other: Issued
) -> None:
    """They may name the real authority, which people confirm, but have no certificate of it."""
    with pytest.raises(Failure, match="did not issue its certificate"):
        await found(tmp_path, other, [described(issued), described(issued)])


async def test_a_certificate_for_another_name_is_refused(tmp_path: Path) -> None:
    elsewhere = issue("sessions.example.com", datetime.now(UTC))
    async with serving(tmp_path, elsewhere, lambda: described(elsewhere), "127.0.0.2") as url:
        with pytest.raises(Failure, match="not for this name"):
            await discover(url, None, lambda *_: True)


async def test_a_fingerprint_that_is_not_the_certificates_is_refused_unasked(
    tmp_path: Path, issued: Issued, other: Issued
) -> None:
    lie = described(issued).replace(
        certificate_fingerprint(issued.issuer.certificate.decode()).encode(),
        certificate_fingerprint(other.issuer.certificate.decode()).encode(),
    )
    with pytest.raises(Failure, match="--ca-file"):
        await found(tmp_path, issued, [lie])


async def test_a_server_that_names_no_authority_needs_a_file(tmp_path: Path, issued: Issued, other: Issued) -> None:
    with pytest.raises(Failure, match="--ca-file"):
        await found(tmp_path, issued, [described(None)])
    ca_file = tmp_path / "ca.pem"
    ca_file.write_bytes(issued.issuer.certificate)
    discovered, asked = await found(tmp_path, issued, [described(None)], ca_file=ca_file)
    assert (discovered.ca_certificate, asked) == (ca_file.read_text(), [])
    with pytest.raises(Failure, match="Check --ca-file"):
        await found(tmp_path, other, [described(other)], ca_file=ca_file)


async def test_a_server_that_does_not_answer_was_not_reached() -> None:
    url = f"https://127.0.0.1:{free_port()}"
    with pytest.raises(Failure, match="The server was not reached: cannot connect to https://127"):
        await discover(url, None, lambda _url, _fingerprint: False)


@pytest.mark.parametrize("answer", [b"", b"<html>", b'{"version":2}', b"[" * 300_000])
async def test_another_answer_is_not_a_description(tmp_path: Path, issued: Issued, answer: bytes) -> None:
    ca_file = tmp_path / "ca.pem"
    ca_file.write_bytes(issued.issuer.certificate)
    with pytest.raises(Failure, match="does not say how to log in"):
        await found(tmp_path, issued, [answer], ca_file=ca_file)


@pytest.mark.parametrize(
    ("typed", "url", "name"),
    [
        ("sessions.example.com", "https://sessions.example.com", "sessions.example.com"),
        ("https://Sessions.example.com:7330/", "https://sessions.example.com:7330", "sessions.example.com-7330"),
        ("http://localhost:7330", "http://localhost:7330", "localhost-7330"),
        ("https://[2001:db8::1]:7330", "https://[2001:db8::1]:7330", "2001-db8--1-7330"),
    ],
)
def test_addresses_as_people_type_them(typed: str, url: str, name: str) -> None:
    assert (server_url(typed), name_of(url)) == (url, name)


@pytest.mark.parametrize(
    ("typed", "said"),
    [
        ("http://sessions.example.com", "not encrypted"),
        ("https://host/path", "not the address"),
        ("https://user:password@host", "not the address"),
        ("ftp://host", "not the address"),
        ("https://host:port", "not the address"),
        ("https://", "not the address"),
        ("https://[::1", "not the address"),
        ("https://host\nregion", "not the address"),
    ],
)
def test_addresses_that_cannot_be(typed: str, said: str) -> None:
    with pytest.raises(Failure, match=said):
        server_url(typed)
