"""The certificate of a running server: new connections get a new one, and unusable ones are ignored."""

import asyncio
import os
import socket
import ssl
import warnings
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import serialization
from structlog.testing import capture_logs

from ferryman.server.listener.certificate import EXPIRING, ServerCertificate
from tests.server.running import Server, make_certificate, nothing, until
from tests.waiting import PATIENCE

Files = tuple[Path, Path]


@pytest.fixture
def tls(tmp_path: Path) -> Files:
    return make_certificate(tmp_path)


@pytest.fixture
def other(tmp_path: Path) -> Files:
    """Another pair, not in use yet."""
    (tmp_path / "other").mkdir()
    return make_certificate(tmp_path / "other")


def put(new: Path, place: Path) -> None:
    """As what renews certificates does: a new file, moved into the old one's place."""
    partial = place.with_name("partial")
    partial.write_bytes(new.read_bytes())
    partial.rename(place)


def events(lines: Sequence[Mapping[str, object]]) -> list[object]:
    return [line["event"] for line in lines if str(line["event"]).startswith("certificate")]


def serial(pem: bytes) -> int:
    return x509.load_pem_x509_certificate(pem).serial_number


class TestFiles:
    async def test_an_unchanged_certificate_is_not_loaded_again(self, tls: Files) -> None:
        certificate = ServerCertificate(*tls)
        context = certificate.context
        with capture_logs() as lines:
            await certificate.look()
        assert certificate.context is context
        assert lines == []

    async def test_new_certificate_is_loaded(self, tls: Files, other: Files) -> None:
        certificate = ServerCertificate(*tls)
        context = certificate.context
        for new, place in zip(other, tls, strict=True):
            put(new, place)
        with capture_logs() as lines:
            await certificate.look()
        assert certificate.context is not context
        assert events(lines) == ["certificate loaded"]

    async def test_replaced_symlinks_are_followed(self, tmp_path: Path, tls: Files, other: Files) -> None:
        links = tmp_path / "live.pem", tmp_path / "live.key"
        for link, target in zip(links, tls, strict=True):
            link.symlink_to(target)
        certificate = ServerCertificate(*links)
        context = certificate.context
        for link, target in zip(links, other, strict=True):
            link.unlink()
            link.symlink_to(target)
        await certificate.look()
        assert certificate.context is not context

    async def test_half_written_pair_is_loaded_once_complete(self, tls: Files, other: Files) -> None:
        certificate = ServerCertificate(*tls)
        context = certificate.context
        put(other[0], tls[0])
        with capture_logs() as lines:
            await certificate.look()
            await certificate.look()
        assert certificate.context is context
        assert events(lines) == ["certificate not loaded"]
        put(other[1], tls[1])
        await certificate.look()
        assert certificate.context is not context

    @pytest.mark.parametrize("broken", [b"", b"no PEM", None])
    async def test_unusable_certificate_file_is_ignored(self, tls: Files, broken: bytes | None) -> None:
        certificate = ServerCertificate(*tls)
        context = certificate.context
        content = tls[0].read_bytes()
        for place in tls:
            whole = place.read_bytes()
            if broken is None:
                place.unlink()
            else:
                place.write_bytes(broken)
            with capture_logs() as lines:
                await certificate.look()
            assert events(lines) == ["certificate not loaded"]
            assert certificate.context is context
            place.write_bytes(whole)
            await certificate.look()
            context = certificate.context
        tls[0].write_bytes(content[: len(content) // 2])
        await certificate.look()
        assert certificate.context is context

    async def test_refused_pair_is_retried_even_if_it_looks_unchanged(self, tls: Files) -> None:
        certificate = ServerCertificate(*tls)
        whole = tls[1].read_bytes()
        tls[1].write_bytes(b"x" * len(whole))
        await certificate.look()
        moment = tls[1].stat().st_mtime_ns
        tls[1].write_bytes(whole)
        os.utime(tls[1], ns=(moment, moment))
        with capture_logs() as lines:
            await certificate.look()
        assert events(lines) == ["certificate loaded"]

    async def test_expired_certificate_is_not_loaded(self, tls: Files, other: Files) -> None:
        now = datetime.now(UTC)
        certificate = ServerCertificate(*tls, now=lambda: now)
        context = certificate.context
        for new, place in zip(other, tls, strict=True):
            put(new, place)
        now += timedelta(days=101)
        with capture_logs() as lines:
            await certificate.look()
        assert certificate.context is context
        assert "it expired on" in next(line["reason"] for line in lines if line["event"] == "certificate not loaded")

    async def test_a_key_with_a_passphrase_does_not_ask_the_terminal(self, tls: Files) -> None:
        key = serialization.load_pem_private_key(tls[1].read_bytes(), None)
        tls[1].write_bytes(
            key.private_bytes(
                serialization.Encoding.PEM,
                serialization.PrivateFormat.PKCS8,
                serialization.BestAvailableEncryption(b"secret"),
            )
        )
        with pytest.raises(ValueError, match="passphrase"):
            ServerCertificate(*tls)


class TestTime:
    async def test_expiry_is_logged_once_a_day(self, tls: Files) -> None:
        now = datetime.now(UTC)
        certificate = ServerCertificate(*tls, now=lambda: now)
        now = certificate.expires - EXPIRING
        with capture_logs() as lines:
            await certificate.look()
            now += timedelta(minutes=1)
            await certificate.look()
            await certificate.look()
            now += timedelta(days=1)
            await certificate.look()
        assert events(lines) == ["certificate expires", "certificate expires"]

    async def test_certificate_is_renewed_before_it_expires(self, tls: Files, other: Files) -> None:
        now = datetime.now(UTC)
        asked = []

        def renew() -> None:
            asked.append(now)
            if len(asked) == 1:
                raise OSError("no space left")
            for new, place in zip(other, tls, strict=True):
                put(new, place)

        certificate = ServerCertificate(*tls, renew, now=lambda: now)
        context = certificate.context
        await certificate.look()
        assert asked == []
        now = certificate.expires - EXPIRING + timedelta(minutes=1)
        with capture_logs() as lines:
            await certificate.look()
            await certificate.look()
        assert events(lines) == ["certificate not renewed", "certificate expires"]
        assert len(asked) == 1
        now += timedelta(hours=1)
        await certificate.look()
        assert len(asked) == 2
        assert certificate.context is not context


@pytest.fixture
def presented(server: Server) -> Callable[[], int]:
    """The serial number of the certificate that a new connection gets."""

    def look() -> int:
        return serial(ssl.get_server_certificate(("127.0.0.1", server.port), timeout=PATIENCE).encode())

    return look


class TestServer:
    async def test_new_connections_get_the_new_certificate_and_old_ones_stay_open(
        self, server: Server, tls: Files, other: Files, presented: Callable[[], int]
    ) -> None:
        assert server.certificate is not None
        old = [path.read_bytes() for path in tls]
        new = [path.read_bytes() for path in other]
        paired = await server.paired()
        assert await asyncio.to_thread(presented) == serial(old[0])
        for pair in (new, old):  # and back again, for those who trust the old one only
            for content, place in zip(pair, tls, strict=True):
                place.write_bytes(content)
            server.certificate.reload()
            wanted = serial(pair[0])
            await until(lambda: asyncio.to_thread(presented), wanted.__eq__)
            await paired.client.answered()
            await paired.agent.answered()

    @pytest.mark.parametrize("version", [ssl.TLSVersion.TLSv1, ssl.TLSVersion.TLSv1_1])
    async def test_old_tls_is_refused(self, server: Server, tls: Files, version: ssl.TLSVersion) -> None:
        with capture_logs() as lines:
            with pytest.raises(ssl.SSLError):
                await asyncio.to_thread(shake_hands, server.port, tls[0], version)
            await until(nothing, lambda _: lines)
        assert (lines[0]["event"], lines[0]["reason"]) == ("tls handshake failed", "unsupported protocol")

    @pytest.mark.parametrize("version", [ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3])
    async def test_newer_tls_is_not(self, server: Server, tls: Files, version: ssl.TLSVersion) -> None:
        spoken = await asyncio.to_thread(shake_hands, server.port, tls[0], version)
        assert spoken == version.name.replace("_", ".")


def shake_hands(port: int, authority: Path, version: ssl.TLSVersion) -> str | None:
    """Connect with one version of TLS only; which it was."""
    context = ssl.create_default_context(cafile=authority)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)  # that old versions should not be used is the point
        context.minimum_version = context.maximum_version = version
    context.set_ciphers("DEFAULT:@SECLEVEL=0")
    with (
        socket.create_connection(("127.0.0.1", port), PATIENCE) as raw,
        context.wrap_socket(raw, server_hostname="127.0.0.1") as tls,
    ):
        return tls.version()
