"""`[bus]`: what is refused, and what is found out about NATS before a server starts and when it does."""

import re
import secrets
from datetime import UTC, datetime
from pathlib import Path

import pytest

from ferryman.bootstrap.bus import opening
from ferryman.bootstrap.bus.opening import check_bus, nats_options, open_bus
from ferryman.bootstrap.configuration import load
from ferryman.bootstrap.service import open_service
from ferryman.bus.memory import MemoryBus
from ferryman.cli.doctor.client import CheckResult
from ferryman.cli.doctor.server import examine_server_files
from ferryman.cli.operate.init import ServerPlan, initialise
from ferryman.model.failures import Failure
from tests.nats import NatsServer, running_nats
from tests.waiting import PATIENCE

LEAST = '[server]\naccount_id = "123456789012"\nregion = "us-east-1"\npublic_url = "http://127.0.0.1:7330"\n'


def configure(directory: Path, bus: str) -> Path:
    path = directory / "ferryman.toml"
    path.write_text(f"{LEAST}[bus]\n{bus}\n")
    return path


@pytest.mark.parametrize(
    ("bus", "said"),
    [
        ("url = 'nats://192.0.2.1:4222'", "plain nats:// is for this machine only"),
        ("url = 'tls://ferry:hunter2@nats.example.com'", "without a login"),
        ("url = 'tls://nats.example.com/path'", "bus.url cannot be used"),
        ("url = 'tls://nats.example.com:x'", "bus.url cannot be used"),
        ("url = 'tls://nats.example.com?tls=no'", "bus.url cannot be used"),
        ("url = 'tls://nats.example.com#x'", "bus.url cannot be used"),
        ("url = 'https://nats.example.com'", "bus.url cannot be used"),
        ("url = 'tls://a,'", "bus.url cannot be used"),
        ("url = ''", "bus.url cannot be used"),
        (f"url = '{','.join(['tls://a'] * 17)}'", "17 servers"),
        ("ca_file = 'ca.pem'", "it has no url"),
        ("url = 'tls://a'\nuser = 'ferry'", "how to log in"),
        ("url = 'tls://a'\npassword_file = 'x'", "how to log in"),
        ("url = 'tls://a'\ntoken_file = 'x'\ncredentials_file = 'y'", "how to log in"),
        ("url = 'tls://a'\ncertificate = 'x'", "only one of certificate and key"),
        ("url = 'tls://a'\nsubject_prefix = 'a.*'", "bus.subject_prefix"),
        ("url = 'tls://a'\nsubject_prefix = 'a.'", "bus.subject_prefix"),
        ("url = 'tls://a'\nsubject_prefix = 'a.b.c.d.e'", "bus.subject_prefix"),
    ],
)
def test_settings_that_cannot_work_are_refused(tmp_path: Path, bus: str, said: str) -> None:
    with pytest.raises(Failure) as caught:
        load(configure(tmp_path, bus))
    assert said in caught.value.line
    assert "hunter2" not in caught.value.line


def test_so_many_servers_and_parts_of_the_prefix_may_be_named(tmp_path: Path) -> None:
    bus = load(
        configure(tmp_path, f"url = '{','.join(['tls://a'] * 16)}'\nsubject_prefix = 'a.b.c.d'")
    ).configuration.bus
    assert (len(bus.servers), bus.subject_prefix) == (16, "a.b.c.d")


def test_what_is_configured_is_what_is_used(tmp_path: Path) -> None:
    word = secrets.token_hex(8)
    (tmp_path / "word").write_bytes(f"{word}\r\n".encode())
    (tmp_path / "word").chmod(0o600)
    settings = "url = 'tls://a:1, tls://[::1]'\nsubject_prefix = 'x.y'\nuser = 'ferry'\npassword_file = 'word'"
    loaded = load(configure(tmp_path, f"{settings}\nca_file = 'ca.pem'\ncertificate = 'c.pem'\nkey = 'k.pem'"))
    options = nats_options(loaded)
    assert (options.servers, options.prefix, options.user) == (("tls://a:1", "tls://[::1]"), "x.y", "ferry")
    assert options.password is not None
    assert options.password().reveal() == word
    assert word not in repr(options)
    assert (options.ca_file, options.certificate, options.key) == tuple(
        tmp_path / name for name in ("ca.pem", "c.pem", "k.pem")
    )


def test_secrets_that_cannot_be_read_are_refused_before_anything_is_opened(tmp_path: Path) -> None:
    with pytest.raises(Failure, match=r"bus\.credentials_file"):
        nats_options(load(configure(tmp_path, "url = 'tls://a'\ncredentials_file = 'missing'")))


def test_secrets_that_others_could_read_are_refused(tmp_path: Path) -> None:
    (tmp_path / "word").write_text("secret")
    (tmp_path / "word").chmod(0o644)
    with pytest.raises(Failure, match=r"bus\.token_file"):
        nats_options(load(configure(tmp_path, "url = 'tls://a'\ntoken_file = 'word'")))


async def test_without_nats_there_is_one_server(tmp_path: Path) -> None:
    assert isinstance(await open_bus(load(configure(tmp_path, ""))), MemoryBus)


class TestWithNats:
    @pytest.fixture
    def server(self, tmp_path: Path) -> Path:
        """The configuration of a server that was set up, without a bus."""
        return initialise(ServerPlan(tmp_path / "server")).configuration

    async def test_a_server_opens_it_and_its_commands_do_not(
        self, server: Path, nats_server: NatsServer, migrated_postgresql: str
    ) -> None:
        text = re.sub("(?m)^database = .*$", f'database = "{migrated_postgresql}"', server.read_text())
        server.write_text(f"{text}\n[bus]\nurl = '{nats_server.url}'\n")
        async with open_service(load(server), serving=True) as service:
            assert not isinstance(service.bus, MemoryBus)
            assert await service.bus.subscribed(["control.mi-1"], timeout=PATIENCE) == frozenset()
        async with open_service(load(server)) as service:
            assert isinstance(service.bus, MemoryBus)

    def test_doctor_says_whether_it_can_be_reached(
        self, server: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        token = server.parent / "token"
        token.write_text("wrong")
        token.chmod(0o600)
        with running_nats(tmp_path, 'authorization { token: "right" }') as nats:
            server.write_text(f"{server.read_text()}\n[bus]\nurl = '{nats.url}'\ntoken_file = 'token'\n")
            found = {each.subject: each for each in examine_server_files(server, datetime.now(UTC))}
            assert found["Bus"].verdict is CheckResult.BAD
            assert "it refuses the login" in found["Bus"].said
            token.write_text("right\n")
            found = {each.subject: each for each in examine_server_files(server, datetime.now(UTC))}
            assert found["Bus"].verdict is CheckResult.GOOD
            assert found["Bus"].said == f"NATS at {nats.url} can be reached"
        monkeypatch.setattr(opening, "CHECK_SECONDS", 0.1)
        with pytest.raises(Failure, match="cannot be used"):
            check_bus(load(server))
