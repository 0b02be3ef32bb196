import base64
import os
import sqlite3
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from ferryman.awsapi import OWN_MODELS
from ferryman.bootstrap.bus.opening import check_bus
from ferryman.bootstrap.configuration import load
from ferryman.bootstrap.keys.server_keys import read_server_keys
from ferryman.bootstrap.server import server_certificate
from ferryman.cli.operate.init import ServerPlan, ServiceAccount, initialise
from ferryman.client.login.service_endpoints import SERVED, read_endpoint
from ferryman.model.failures import Failure
from tests.nats import NatsServer, running_nats


def test_everything_is_there_and_private(tmp_path: Path) -> None:
    made = initialise(ServerPlan(tmp_path / "new" / "place", listen="127.0.0.1:7331", region="eu-west-1"))
    loaded = load(made.configuration)
    assert len(read_server_keys(loaded).keys[0]) == 32
    assert loaded.configuration.server.account_id == made.account_id
    assert len(made.account_id) == 12
    assert server_certificate(loaded) is None
    config = (made.profile_directory / "config").read_text()
    models = f"data_path = {OWN_MODELS}\n"
    assert config.startswith(f"[default]\nregion = eu-west-1\n{models}services = ferryman-default\n")
    assert {read_endpoint(config, "default", service) for service in SERVED} == {"http://127.0.0.1:7331"}
    assert read_endpoint(config, "default", "s3") is None
    secret = made.credentials.secret_access_key.reveal()
    assert secret in (made.profile_directory / "credentials").read_text()
    assert secret not in repr(made)
    written = [path for path in made.configuration.parent.rglob("*") if path.is_file()]
    assert not [path for path in written if "db" not in path.suffix and path.stat().st_mode & 0o077]
    assert made.configuration.parent.stat().st_mode & 0o077 == 0
    with sqlite3.connect(made.configuration.parent / "ferryman.db") as database:
        assert secret.encode() not in b"".join(row.encode() for row in database.iterdump())
    database.close()


def test_a_services_data_is_apart_from_its_configuration(tmp_path: Path) -> None:
    data, logs = tmp_path / "data", tmp_path / "logs"
    data.mkdir()
    logs.mkdir()
    account = ServiceAccount(os.geteuid(), os.getegid(), data, logs)
    made = initialise(ServerPlan(tmp_path / "etc", tls=True, service=account))
    loaded = load(made.configuration)
    assert loaded.database_url == f"sqlite:///{data}/ferryman.db"
    assert loaded.path(loaded.configuration.audit.directory) == logs / "audit"
    assert loaded.path(loaded.configuration.recordings.directory) == data / "recordings"
    assert loaded.path(loaded.configuration.outputs.directory) == data / "outputs"
    assert server_certificate(loaded) is not None
    assert {path.name for path in made.configuration.parent.iterdir()} == {
        "aws",
        "ca.pem",
        "ferryman.toml",
        "server.key",
    }
    assert made.configuration.stat().st_mode & 0o777 == 0o640
    assert made.ca_file == tmp_path / "etc" / "ca.pem"
    assert (tmp_path / "etc" / "server.key").stat().st_mode & 0o777 == 0o600


def test_with_tls_the_profile_trusts_the_authority(tmp_path: Path) -> None:
    made = initialise(ServerPlan(tmp_path, listen="0.0.0.0:7331", public_host="sessions.example.com", tls=True))
    assert made.public_url == "https://sessions.example.com:7331"
    assert server_certificate(load(made.configuration)) is not None
    assert {path.name: path.stat().st_mode & 0o777 for path in (tmp_path / "tls").iterdir()} == dict.fromkeys(
        ("ca.pem", "ca.key", "server.pem", "server.key"), 0o600
    )
    assert f"ca_bundle = {tmp_path}/tls/ca.pem" in (made.profile_directory / "config").read_text()
    (tmp_path / "tls" / "server.key").write_text("")
    with pytest.raises(Failure, match="cannot be used"):
        server_certificate(load(made.configuration))


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"listen": "0.0.0.0:7331"}, "--public-host"),
        ({"listen": "0.0.0.0:7331", "public_host": "h"}, "--tls"),
        ({"listen": "127.0.0.1:0"}, "port 0"),
        ({"listen": "7331"}, "HOST:PORT"),
        ({"account_id": "12"}, "account_id"),
        ({"region": "Mars"}, "region"),
    ],
)
def test_a_plan_that_cannot_work(tmp_path: Path, changes: dict[str, str], said: str) -> None:
    with pytest.raises(Failure, match=said):
        initialise(ServerPlan(tmp_path, **changes))  # type: ignore[arg-type]
    # It can be tried again.
    assert initialise(ServerPlan(tmp_path))


def test_a_server_is_not_set_up_twice(tmp_path: Path) -> None:
    made = initialise(ServerPlan(tmp_path))
    [key] = read_server_keys(load(made.configuration)).keys
    with pytest.raises(Failure, match="exists"):
        initialise(ServerPlan(tmp_path))
    made.configuration.unlink()
    with pytest.raises(Failure, match="earlier server"):
        initialise(ServerPlan(tmp_path))
    assert load_key(tmp_path) == key


def test_an_interrupted_init_can_be_run_again(tmp_path: Path) -> None:
    made = initialise(ServerPlan(tmp_path))
    made.configuration.rename(tmp_path / ".ferryman.toml.partial")
    again = initialise(ServerPlan(tmp_path))
    assert again.credentials.access_key_id != made.credentials.access_key_id


def load_key(directory: Path) -> bytes:
    return base64.b64decode((directory / "server.key").read_text())


def test_ipv6(tmp_path: Path) -> None:
    assert initialise(ServerPlan(tmp_path, listen="[::1]:7331")).public_url == "http://[::1]:7331"


@pytest.mark.parametrize(
    ("port", "tls", "url"),
    [
        (443, True, "https://sessions.example.com"),
        (443, False, "http://sessions.example.com:443"),
        (80, False, "http://sessions.example.com"),
    ],
)
def test_a_port_that_goes_without_saying_is_left_out(port: int, tls: bool, url: str) -> None:
    plan = ServerPlan(Path(), listen=f"127.0.0.1:{port}", public_host="sessions.example.com", tls=tls)
    assert plan.public_url == url


def test_a_bus_is_checked_and_written(tmp_path: Path, nats_server: NatsServer, new_database: str) -> None:
    made = initialise(ServerPlan(tmp_path, database=new_database, bus=nats_server.url))
    loaded = load(made.configuration)
    assert loaded.configuration.bus.servers == (nats_server.url,)
    assert check_bus(loaded).startswith(f"NATS at {nats_server.url} can be reached without a login, by anybody")
    assert loaded.server_name


def test_a_bus_that_refuses_the_login_or_is_not_there_leaves_nothing(
    tmp_path: Path, unused_tcp_port: int, new_database: str
) -> None:
    plan = ServerPlan(tmp_path / "server", database=new_database, bus=f"nats://127.0.0.1:{unused_tcp_port}")
    with pytest.raises(Failure, match=r"The bus nats://127\.0\.0\.1.* cannot be used"):
        initialise(plan)
    with running_nats(tmp_path, 'authorization { token: "right" }') as nats, pytest.raises(Failure, match="login"):
        initialise(replace(plan, bus=nats.url))
    assert not [each for each in plan.directory.iterdir() if not each.name.startswith(".")]
    assert initialise(ServerPlan(plan.directory, database=new_database)), "the database is still empty"


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"bus": "nats://127.0.0.1"}, "--database"),
        ({"bus": "nats://127.0.0.1", "database": "sqlite:///x.db"}, "--database"),
        ({"bus_credentials": Path("nats.creds")}, "--bus"),
        ({"bus": "nats://nats.example.com", "database": "postgresql://h/d"}, r"tls://HOST"),
        (
            {"bus": "tls://a", "database": "postgresql://h/d", "bus_credentials": Path("missing")},
            r"bus\.credentials_file",
        ),
    ],
)
def test_a_bus_that_cannot_be_used(tmp_path: Path, changes: dict[str, Any], said: str) -> None:
    with pytest.raises(Failure, match=said):
        initialise(ServerPlan(tmp_path, **changes))
