"""Floods from one address or many: what they may take, with and without TLS."""

import ssl
from collections.abc import Awaitable, Callable
from pathlib import Path

import pytest

from ferryman.server import serving
from ferryman.server.listener.unauthenticated import UnauthenticatedLimits
from tests.server.callers.signed_calls import CALL
from tests.server.peers import typed
from tests.server.raw_connections import HEALTH, UPGRADE, Raw
from tests.server.running import Server, make_certificate


class TestFloods:
    """A server of twenty connections, and strangers who come from many addresses and finish nothing."""

    @pytest.fixture
    def unauthenticated(self) -> UnauthenticatedLimits:
        return UnauthenticatedLimits(limit=8, exempt=())

    @pytest.fixture(autouse=True)
    def _few(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(serving, "_most_connections", lambda: 20)

    @pytest.mark.parametrize("said", [b"", HEALTH[:-2], UPGRADE, CALL + b"Content-Length: 100\r\n\r\nx"])
    async def test_they_keep_nobody_out(
        self, server: Server, connect: Callable[..., Awaitable[Raw]], said: bytes
    ) -> None:
        paired = await server.paired()
        for number in range(60):
            raw = await connect(local_addr=(f"127.0.1.{number % 5}", 0))
            raw.writer.write(said)
        for _ in range(5):
            other = await connect(local_addr=("127.0.2.1", 0))
            other.writer.write(HEALTH)
            assert (await other.status()).startswith(b"HTTP/1.1 ")  # whatever it says of a store that is slow, too
            other.writer.close()
        await paired.client.send(typed(0, b"key"))
        assert (await paired.agent.message()).payload == b"key"
        await paired.control.answered()


class TestFloodsOverTls(TestFloods):
    @pytest.fixture
    def tls(self, tmp_path: Path) -> tuple[Path, Path]:
        return make_certificate(tmp_path)

    @pytest.mark.parametrize("said", [b"", bytes.fromhex("16030100c8010000c40303")])
    async def test_they_keep_nobody_out(
        self, server: Server, connect: Callable[..., Awaitable[Raw]], said: bytes
    ) -> None:
        for number in range(60):
            raw = await connect(local_addr=(f"127.0.1.{number % 5}", 0))
            raw.writer.write(said)
        context = ssl.create_default_context(cafile=server.authority)
        for _ in range(5):
            other = await connect(local_addr=("127.0.2.1", 0), ssl=context)
            other.writer.write(HEALTH)
            assert (await other.status()).startswith(b"HTTP/1.1 ")  # whatever it says of a store that is slow, too
            other.writer.close()
