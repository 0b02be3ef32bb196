"""`ferryman server`: what it says when it has started, and what `--check` finds without changing anything."""

import os
import pwd
import socket
from pathlib import Path
from unittest import mock

import pytest
from typer.testing import CliRunner

from ferryman.bootstrap.configuration import load
from ferryman.cli.app import app
from ferryman.cli.operate.init import ServerPlan, initialise
from ferryman.cli.operate.server import _greeting
from ferryman.client.login.contexts import Context, Contexts, contexts_file, write_contexts
from ferryman.store.database import sole_server
from ferryman.store.schema import newest_schema
from tests.ports import free_port


@pytest.fixture
def directory(tmp_path: Path) -> Path:
    initialise(ServerPlan(tmp_path / "server", listen=f"127.0.0.1:{free_port()}", tls=True))
    return tmp_path / "server"


def check(directory: Path) -> tuple[int, dict[str, str]]:
    done = CliRunner().invoke(app, ["server", "--check", "--config", str(directory / "ferryman.toml")])
    lines = [line.partition("] ")[::2] for line in done.stdout.splitlines()]
    return done.exit_code, {text.partition(":")[0]: f"{sign}]{text.partition(':')[2]}" for sign, text in lines}


def test_a_server_that_would_start(directory: Path) -> None:
    before = {path: path.stat().st_mtime_ns for path in directory.rglob("*") if path.is_file()}
    status, found = check(directory)
    assert status == 0
    assert {each[:4] for each in found.values()} == {"[ok]"}
    assert found.keys() >= {"Server's files", "Certificate's names", "Store", "Audit trail", "Port"}
    assert newest_schema() in found["Store"]
    after = {path: path.stat().st_mtime_ns for path in directory.rglob("*") if path.is_file()}
    assert {path: time for path, time in after.items() if not path.name.endswith(("-wal", "-shm"))} == before


@pytest.mark.parametrize(
    ("section", "subject"),
    [
        ('[recordings]\nmode = "required"\ndirectory = "file/below"\n', "Recordings"),
        ('[outputs]\ndirectory = "file/below"\n[outputs.s3]\nregion = "us-east-1"\n', "Waiting session logs"),
    ],
)
def test_a_directory_that_cannot_be_written(directory: Path, section: str, subject: str) -> None:
    (directory / "file").touch()
    with (directory / "ferryman.toml").open("a") as file:
        file.write(f"\n{section}")
    status, found = check(directory)
    assert (status, found[subject][:4]) == (1, "[NO]")
    assert f"{directory}/file is not a directory" in found[subject]


def test_root_asks_whether_the_servers_user_can_write(directory: Path) -> None:
    if os.geteuid() != 0:
        pytest.skip("needs root")
    with (directory / "ferryman.toml").open("a") as file:
        file.write('\n[recordings]\nmode = "required"\n')
    assert check(directory)[1]["Recordings"].startswith("[ok]")
    nobody = pwd.getpwnam("nobody")
    (directory / "audit").mkdir(exist_ok=True)
    os.chown(directory / "audit", nobody.pw_uid, nobody.pw_gid)
    assert f"nobody cannot write to {directory}" in check(directory)[1]["Recordings"]
    os.chown(directory, nobody.pw_uid, -1)
    assert "does not exist yet: the server creates it" in check(directory)[1]["Recordings"]


def test_a_port_in_use(directory: Path) -> None:
    address = (directory / "ferryman.toml").read_text().partition('listen = "')[2].partition('"')[0]
    with socket.create_server(("127.0.0.1", int(address.partition(":")[2]))):
        status, found = check(directory)
    assert status == 1
    assert found["Port"].startswith("[NO] The server cannot listen on 127.0.0.1:")


def test_the_port_of_the_server_itself_is_not_tried(directory: Path) -> None:
    with sole_server(f"sqlite:///{directory}/ferryman.db"):
        assert "this server is running" in check(directory)[1]["Port"]


def test_a_store_that_is_not_one(directory: Path) -> None:
    (directory / "ferryman.db").write_bytes(b"not a database, whatever it is called")
    status, found = check(directory)
    assert status == 1
    assert "file is not a database" in found["Store"]


def test_a_store_that_does_not_exist_is_not_created(directory: Path) -> None:
    (directory / "ferryman.db").unlink()
    assert "does not exist yet" in check(directory)[1]["Store"]
    assert not (directory / "ferryman.db").exists()


def test_a_trail_that_ends_in_a_foreign_record(directory: Path) -> None:
    (directory / "audit").mkdir(exist_ok=True)
    (directory / "audit" / "audit-000000000001.jsonl").write_text('{"forged":true}\n')
    status, found = check(directory)
    assert status == 1
    assert "it is not a record" in found["Audit trail"]


def greeting(directory: Path) -> str:
    path = directory / "ferryman.toml"
    return next(line for line in _greeting(load(path), path) if line.startswith("  ")).strip()


def test_the_next_command_calls_the_server_that_was_started(directory: Path, tmp_path: Path) -> None:
    with mock.patch.dict(os.environ, {"XDG_CONFIG_HOME": str(tmp_path / "config")}):
        files = directory / "aws"
        variables = f"AWS_CONFIG_FILE={files}/config AWS_SHARED_CREDENTIALS_FILE={files}/credentials"
        assert greeting(directory) == f"{variables} ferryman activation create"
        mine = Context("http://127.0.0.1:7330", "default", str(files / "config"), str(files / "credentials"))
        write_contexts(Contexts({"mine": mine}, "mine"))
        assert greeting(directory) == "ferryman activation create"
        write_contexts(Contexts({"mine": mine, "lab": Context("https://lab.example.com", "lab")}, "lab"))
        assert greeting(directory) == "FERRYMAN_CONTEXT=mine ferryman activation create"
        contexts_file().write_text("{")
        assert greeting(directory) == "ferryman activation create"


def test_a_configuration_that_is_wrong_is_the_only_finding(directory: Path) -> None:
    (directory / "ferryman.toml").write_text("[log]\nlevel = 'loud'\n")
    status, found = check(directory)
    assert (status, list(found)) == (1, ["Server's files"])
