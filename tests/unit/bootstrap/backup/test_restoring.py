"""Restoring to the original places: owners, and nothing left behind by an attempt that fails."""

import io
import os
import shutil
from datetime import UTC, datetime
from pathlib import Path

import pytest

from ferryman.bootstrap.backup import contents
from ferryman.bootstrap.backup.contents import Owned, owned
from ferryman.bootstrap.backup.making import make_backup
from ferryman.bootstrap.backup.restoring import Restored, restore_backup
from ferryman.bootstrap.backup.sealed_file import NotABackup, OpenedFile
from ferryman.bootstrap.configuration import load
from ferryman.cli.operate.init import ServerPlan, ServiceAccount, initialise
from ferryman.model.failures import Failure

NOW = datetime(2026, 1, 31, tzinfo=UTC)


@pytest.fixture
def machine(tmp_path: Path) -> Path:
    """A directory with a server as a service has it: its parts are in three places."""
    (tmp_path / "data").mkdir(mode=0o750)
    (tmp_path / "logs").mkdir(mode=0o750)
    account = ServiceAccount(os.geteuid(), os.getegid(), tmp_path / "data", tmp_path / "logs")
    initialise(ServerPlan(tmp_path / "etc", tls=True, service=account))
    return tmp_path


def back_up(machine: Path) -> bytes:
    configuration = machine / "etc" / "ferryman.toml"
    assert make_backup(load(configuration), configuration, machine / "backup", None, NOW)
    for part in ("etc", "data", "logs"):
        shutil.rmtree(machine / part)
    return (machine / "backup").read_bytes()


def restore(backup: bytes) -> Restored:
    return restore_backup(OpenedFile(io.BytesIO(backup)), None)


def facts(machine: Path) -> dict[str, tuple[int, int, int, bytes]]:
    found = {}
    for part in ("etc", "data", "logs"):
        for path in (machine / part, *(machine / part).rglob("*")):
            status = path.stat()
            content = path.read_bytes() if path.is_file() and path.suffix != ".db" else b""
            found[str(path)] = (status.st_mode, status.st_uid, status.st_gid, content)
    return found


def test_everything_is_where_it_was_with_its_mode_and_owner(machine: Path) -> None:
    before = facts(machine)
    assert restore(back_up(machine)).configuration == machine / "etc" / "ferryman.toml"
    assert facts(machine) == before


def test_into_one_directory_the_paths_in_the_configuration_follow(machine: Path) -> None:
    backup = back_up(machine)
    restore_backup(OpenedFile(io.BytesIO(backup)), machine / "one")
    loaded = load(machine / "one" / "ferryman.toml")
    tls = loaded.configuration.server.tls
    assert tls is not None
    named = [
        tls.certificate,
        tls.key,
        tls.authority or "",
        tls.authority_key or "",
        loaded.configuration.audit.directory,
    ]
    for path in (*(loaded.path(each) for each in named), Path(loaded.database_url.removeprefix("sqlite:///"))):
        assert path.is_relative_to(machine / "one"), path
        assert path.exists(), path


@pytest.mark.skipif(os.geteuid() != 0, reason="only root gives files to other accounts")
def test_without_the_account_nothing_is_restored(machine: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def of_somebody(path: Path) -> Owned:
        found = owned(path)
        return Owned(found.path, found.mode, "nobody-of-this-name", found.group)

    for module in ("making", "contents"):
        monkeypatch.setattr(f"ferryman.bootstrap.backup.{module}.owned", of_somebody)
    backup = back_up(machine)
    with pytest.raises(Failure, match="there is no account nobody-of-this-name"):
        restore(backup)
    assert facts_of_nothing(machine) == []


def test_a_backup_that_ends_early_leaves_no_directory_behind(machine: Path) -> None:
    backup = back_up(machine)
    with pytest.raises(NotABackup):
        restore(backup[:-20_000])
    assert facts_of_nothing(machine) == []


def facts_of_nothing(machine: Path) -> list[Path]:
    return [path for part in ("etc", "data", "logs") for path in (machine / part).rglob("*") if path.is_file()]


def test_keys_that_are_not_in_a_file_are_left_out(machine: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FERRYMAN_SERVER_KEY", (machine / "etc" / "server.key").read_text())
    configuration = machine / "etc" / "ferryman.toml"
    assert not make_backup(load(configuration), configuration, machine / "backup", None, NOW)
    assert contents.KEY not in {item.name for item in contents.items(load(configuration), configuration)}
