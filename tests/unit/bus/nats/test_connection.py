"""Reaching NATS: logins, TLS, and what is said when it cannot be reached."""

import asyncio
import base64
import json
import secrets
from dataclasses import replace
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from structlog.testing import capture_logs

from ferryman.bootstrap.keys.certificate_files import write_certificates
from ferryman.bus.faults import BusUnusable
from ferryman.bus.nats.bus import open_nats
from ferryman.bus.nats.connection import NatsOptions, ReadSecret
from ferryman.bus.nats.user_credentials import MalformedCredentials, read_credentials
from ferryman.model.values.secret import Secret
from tests.nats import NatsServer, running_nats
from tests.ports import free_port
from tests.server.running import make_certificate
from tests.waiting import PATIENCE, program_start

OPERATOR, ACCOUNT, USER, SEED = 14 << 3, 0 << 3, 20 << 3, 18 << 3
"""The first bytes of NATS's keys, by whose they are: O, A and U in base32; and S, of a seed."""


def secret(text: str) -> ReadSecret:
    return lambda: Secret(text)


async def answers(options: NatsOptions) -> bool:
    """Whether a bus with these options reaches itself through NATS; raises BusUnusable."""
    bus = await open_nats(options, PATIENCE)
    try:
        return await bus.subscribed(["nobody"], timeout=PATIENCE) == frozenset()
    finally:
        await bus.close()


def some_attempts() -> float:
    """Seconds in which the first attempt certainly fails, as busy as this machine is right now."""
    return 8 * program_start()


class TestUnreachable:
    async def test_nothing_listens(self) -> None:
        with pytest.raises(BusUnusable) as caught:
            await open_nats(NatsOptions((f"nats://127.0.0.1:{free_port()}",)), some_attempts())
        assert caught.value.cause == "Connection refused"
        assert "Start NATS" in caught.value.next_step

    async def test_nats_that_does_not_answer(self, tmp_path: Path) -> None:
        with running_nats(tmp_path) as server:
            server.freeze()
            with pytest.raises(BusUnusable, match="does not answer"):
                await open_nats(server.options(), 0.3)
            server.freeze(frozen=False)

    async def test_messages_would_be_too_large(self, tmp_path: Path) -> None:
        with (
            running_nats(tmp_path, "max_payload: 65536") as server,
            pytest.raises(BusUnusable, match="up to 65536 bytes"),
        ):
            await open_nats(server.options(), PATIENCE)


class TestLogins:
    async def test_a_nats_that_asks_for_none_is_warned_of(self, nats_server: NatsServer) -> None:
        with capture_logs() as logs:
            assert await answers(nats_server.options())
        (warned,) = (each for each in logs if each["log_level"] == "warning")
        assert warned["event"] == "NATS asks for no login, so anybody who reaches it controls nodes"
        assert warned["servers"] == nats_server.url

    async def test_password(self, tmp_path: Path) -> None:
        word = secrets.token_hex(8)
        with running_nats(tmp_path, f'authorization {{ user: "ferry", password: "{word}" }}') as server:
            right = replace(server.options(), user="ferry", password=secret(word))
            assert await answers(right)
            for wrong in (server.options(), replace(right, password=secret("wrong")), replace(right, user="other")):
                with pytest.raises(BusUnusable, match="refuses the login") as caught:
                    await answers(wrong)
                assert word not in f"{caught.value} {caught.value.next_step} {wrong!r}"

    async def test_token(self, tmp_path: Path) -> None:
        word = secrets.token_hex(8)
        with running_nats(tmp_path, f'authorization {{ token: "{word}" }}') as server, capture_logs() as logs:
            assert await answers(replace(server.options(), token=secret(word)))
            assert not [each for each in logs if each["log_level"] == "warning"]
            with pytest.raises(BusUnusable, match="refuses the login"):
                await answers(replace(server.options(), token=secret("wrong")))

    async def test_credentials_file(self, tmp_path: Path) -> None:
        settings, content = operator_and_user()
        with running_nats(tmp_path, settings) as server:
            assert await answers(replace(server.options(), credentials=secret(content)))
            _, strangers = operator_and_user()
            with pytest.raises(BusUnusable, match="refuses the login"):
                await answers(replace(server.options(), credentials=secret(strangers)))

    async def test_secret_that_cannot_be_read(self, tmp_path: Path) -> None:
        """The attempts go on: it may be there later."""

        def unreadable() -> Secret:
            raise FileNotFoundError(2, "No such file or directory", "bus.password")

        with running_nats(tmp_path) as server, pytest.raises(BusUnusable, match=r"No such file.*bus\.password"):
            await open_nats(replace(server.options(), user="ferry", password=unreadable), some_attempts())

    @pytest.mark.parametrize("content", ["", "-----BEGIN NATS USER JWT-----\nx\n------END NATS USER JWT------"])
    def test_text_that_is_not_credentials(self, content: str) -> None:
        with pytest.raises(MalformedCredentials):
            read_credentials(content)


class TestTls:
    @pytest.fixture
    def tls(self, tmp_path: Path) -> Path:
        write_certificates(tmp_path / "tls", "localhost")
        return tmp_path / "tls"

    async def test_private_authority(self, tmp_path: Path, tls: Path) -> None:
        settings = f'tls {{ cert_file: "{tls}/server.pem", key_file: "{tls}/server.key" }}'
        with running_nats(tmp_path, settings) as server:
            right = NatsOptions((f"tls://localhost:{server.port}",), ca_file=tls / "ca.pem")
            assert await answers(right)
            with pytest.raises(BusUnusable, match="TLS failed") as caught:
                await answers(replace(right, ca_file=None))
            assert "bus.ca_file" in caught.value.next_step
            with pytest.raises(BusUnusable, match="a file for TLS cannot be used"):
                await answers(replace(right, ca_file=tmp_path / "missing.pem"))

    async def test_certificate_of_another_name(self, tmp_path: Path) -> None:
        certificate, key = make_certificate(tmp_path)
        with running_nats(tmp_path, f'tls {{ cert_file: "{certificate}", key_file: "{key}" }}') as server:
            right = NatsOptions((f"tls://127.0.0.1:{server.port}",), ca_file=certificate)
            assert await answers(right)
            with pytest.raises(BusUnusable, match="TLS failed"):
                await answers(replace(right, servers=(f"tls://localhost:{server.port}",)))

    async def test_nats_may_ask_for_a_certificate(self, tmp_path: Path, tls: Path) -> None:
        certificate, key = make_certificate(tmp_path)
        settings = f'tls {{ cert_file: "{tls}/server.pem", key_file: "{tls}/server.key", ca_file: "{certificate}" \n'
        with running_nats(tmp_path, settings + "verify: true }") as server:
            without = NatsOptions((f"tls://localhost:{server.port}",), ca_file=tls / "ca.pem")
            with pytest.raises(BusUnusable):
                await open_nats(without, some_attempts())
            with capture_logs() as logs:
                assert await answers(replace(without, certificate=certificate, key=key))
            assert not [each for each in logs if each["log_level"] == "warning"]  # that is a login, too

    async def test_login_is_not_sent_without_tls(self, tmp_path: Path) -> None:
        """The client would say it to any server that does not ask for TLS."""
        with running_nats(tmp_path) as server:
            for host in ("localhost", "127.0.0.1"):
                with pytest.raises(BusUnusable, match="does not offer TLS"):
                    await answers(NatsOptions((f"tls://{host}:{server.port}",), user="ferry", password=secret("x")))
            with pytest.raises(BusUnusable, match="does not offer TLS"):
                await answers(
                    NatsOptions((f"nats://0.0.0.0:{server.port}",))
                )  # no name of this machine, but leads here


async def test_a_client_that_nats_closes_for_good_is_replaced(tmp_path: Path) -> None:
    """As when a login expires: the client library then gives up."""
    with running_nats(tmp_path) as server:
        bus = await open_nats(server.options(), PATIENCE)

        async def handle(payload: bytes) -> bytes:
            return payload

        await bus.subscribe("control.x", handle)
        other = await open_nats(server.options(), PATIENCE)
        given_up = bus._link.client
        await given_up._process_err("'Authorization Violation'")
        while bus._link.client is given_up or not bus.is_connected:
            await asyncio.sleep(0.01)
        while await other.subscribed(["control.x"], timeout=1) != {"control.x"}:
            await asyncio.sleep(0.01)
        assert await other.request("control.x", b"back", timeout=PATIENCE) == b"back"
        for each in (bus, other):
            await each.close()


async def test_closed_subscriptions_leave_nothing_with_nats(nats_server: NatsServer) -> None:
    bus = await open_nats(nats_server.options(secrets.token_hex(4)), PATIENCE)

    async def handle(payload: bytes) -> bytes:
        return payload

    before = len(bus._link.client._subs)
    for number in range(20):
        await (await bus.subscribe(f"session.{number}", handle)).close()
    assert len(bus._link.client._subs) == before
    assert bus._held == {}
    await bus.close()


def operator_and_user() -> tuple[str, str]:
    """Return the configuration of a NATS with an operator and one account, and a credentials file of a user of it."""
    operator, account, user = (Ed25519PrivateKey.generate() for _ in range(3))
    account_token = _jwt(
        operator, OPERATOR, _name(ACCOUNT, account), {"type": "account", "version": 2, "limits": _NONE}
    )
    system = _name(ACCOUNT, account)
    settings = f"""
        operator: {_jwt(operator, OPERATOR, _name(OPERATOR, operator), {"type": "operator", "version": 2})}
        resolver: MEMORY
        resolver_preload: {{ {system}: {account_token} }}
    """
    token = _jwt(
        account, ACCOUNT, _name(USER, user), {"type": "user", "version": 2, "subs": -1, "data": -1, "payload": -1}
    )
    seed = _encoded(bytes([SEED | USER >> 5, (USER & 0xF8) << 3 & 0xFF]) + user.private_bytes_raw())
    content = (
        f"-----BEGIN NATS USER JWT-----\n{token}\n------END NATS USER JWT------\n\n"
        f"-----BEGIN USER NKEY SEED-----\n{seed}\n------END USER NKEY SEED------\n"
    )
    return settings, content


_NONE = {"subs": -1, "data": -1, "payload": -1, "imports": -1, "exports": -1, "wildcards": True, "conn": -1, "leaf": -1}


def _jwt(issuer: Ed25519PrivateKey, kind: int, subject: str, claims: dict[str, object]) -> str:
    body = {
        "jti": secrets.token_hex(8),
        "iat": 1,
        "iss": _name(kind, issuer),
        "sub": subject,
        "name": "x",
        "nats": claims,
    }
    parts = [{"typ": "JWT", "alg": "ed25519-nkey"}, body]
    signed = ".".join(_url(json.dumps(part).encode()) for part in parts)
    return f"{signed}.{_url(issuer.sign(signed.encode()))}"


def _url(raw: bytes) -> str:
    return base64.urlsafe_b64encode(raw).decode().rstrip("=")


def _name(kind: int, key: Ed25519PrivateKey) -> str:
    return _encoded(bytes([kind]) + key.public_key().public_bytes_raw())


def _encoded(raw: bytes) -> str:
    crc = 0
    for byte in raw:
        crc ^= byte << 8
        for _ in range(8):
            crc = (crc << 1 ^ 0x1021 if crc & 0x8000 else crc << 1) & 0xFFFF
    return base64.b32encode(raw + crc.to_bytes(2, "little")).decode().rstrip("=")
