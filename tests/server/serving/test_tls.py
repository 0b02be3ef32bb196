"""Connections over TLS."""

import asyncio
import socket
import ssl
from collections.abc import Awaitable, Callable
from pathlib import Path

import pytest
from structlog.testing import capture_logs

from ferryman.server.timeouts import Timeouts
from tests.server.raw_connections import HEALTH, Raw
from tests.server.running import Server, make_certificate, nothing, until
from tests.waiting import PATIENCE


class TestTls:
    @pytest.fixture
    def tls(self, tmp_path: Path) -> tuple[Path, Path]:
        return make_certificate(tmp_path)

    @pytest.fixture
    def timeouts(self) -> Timeouts:
        return Timeouts(request=1.0, close=0.2)

    @pytest.mark.parametrize("said", [b"", bytes.fromhex("16030100c8010000c40303")])
    async def test_a_stalled_handshake_ends(
        self, server: Server, connect: Callable[..., Awaitable[Raw]], said: bytes
    ) -> None:
        with capture_logs() as lines:
            raw = await connect()
            raw.writer.write(said)
            await raw.gone()
            await until(nothing, lambda _: [line for line in lines if line["event"] == "tls handshake failed"])
        assert lines[0]["peer"] == "127.0.0.1"

    async def test_connection_without_a_request_after_the_handshake_is_closed(
        self, server: Server, connect: Callable[..., Awaitable[Raw]], tls: tuple[Path, Path]
    ) -> None:
        raw = await connect(ssl=ssl.create_default_context(cafile=tls[0]))
        raw.writer.write(HEALTH[:-2])
        assert await raw.gone() == b""

    async def test_plain_http_to_a_tls_port_is_logged(
        self, server: Server, connect: Callable[..., Awaitable[Raw]]
    ) -> None:
        with capture_logs() as lines:
            raw = await connect()
            raw.writer.write(HEALTH)
            await raw.gone()
            await until(nothing, lambda _: lines)
        assert (lines[0]["event"], lines[0]["reason"]) == ("tls handshake failed", "http request")

    async def test_peer_that_does_not_trust_the_certificate_is_logged(self, server: Server) -> None:
        context = await asyncio.to_thread(ssl.create_default_context)  # takes a while, and the server is not patient

        def connect() -> None:
            with socket.create_connection(("127.0.0.1", server.port), PATIENCE) as raw:
                context.wrap_socket(raw, server_hostname="127.0.0.1")

        with capture_logs() as lines:
            with pytest.raises(ssl.SSLCertVerificationError):
                await asyncio.to_thread(connect)
            await until(nothing, lambda _: lines)
        assert "unknown ca" in lines[0]["reason"]
