"""A backup is made while the server runs; the server is killed, restored elsewhere, and everything is there again."""

import json
import os
import re
import shutil
from pathlib import Path

import boto3
import pytest

from tests.e2e.lone_server import LoneServer, lone_server
from tests.e2e.processes.programs import FERRYMAN
from tests.e2e.processes.warm_programs import warm_programs
from tests.waiting import wait_until

PASSPHRASE = "correct horse battery staple"


def ferryman(*arguments: str | Path, status: int = 0, **variables: str) -> str:
    environment = {"PATH": os.environ["PATH"], "FERRYMAN_BACKUP_PASSPHRASE": PASSPHRASE} | variables
    done = warm_programs.run(FERRYMAN, *map(str, arguments), environment=environment)
    assert done.returncode == status, done.stderr
    return done.stdout + done.stderr


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> LoneServer:
    """A server that was backed up while it ran, and was then killed."""
    directory = tmp_path_factory.mktemp("backup")
    server = lone_server(directory / "server")
    config = server.configuration
    audit = f'[audit]\ndirectory = "{directory}/logs/audit"\n'  # elsewhere, as an installed service has it
    config.write_text(config.read_text().replace("[log]", audit + "[log]"))
    (directory / "logs").mkdir()
    made = json.loads(ferryman("user", "add", "alice", "--json", "--config", config))
    with (directory / "log").open("w") as log, server.running(log):
        server.client("ssm").create_activation(IamRole="r", Description="remember me")
        server.client("ssm").create_document(
            Name="Kept",
            DocumentType="Session",
            Content=json.dumps({"schemaVersion": "1.0", "sessionType": "Standard_Stream", "inputs": {}}),
        )
        kms = server.client("kms")
        key = kms.create_key()["KeyMetadata"]["KeyId"]
        kms.create_alias(AliasName="alias/kept", TargetKeyId=key)
        ciphertext = kms.encrypt(KeyId="alias/kept", Plaintext=b"from before")["CiphertextBlob"]
        said = ferryman("backup", directory / "backup", "--config", config)
    server.facts["ciphertext"] = ciphertext
    assert "Without its passphrase it cannot be restored" in said
    server.facts["alice"] = [made["access_key_id"], made["secret_access_key"]]
    return server


def backup_of(server: LoneServer) -> Path:
    return server.configuration.parent.parent / "backup"


def test_the_file_is_private_and_shows_nothing(server: LoneServer) -> None:
    backup = backup_of(server)
    assert backup.stat().st_mode & 0o777 == 0o600
    content = backup.read_bytes()
    assert content.startswith(b"ferryman backup 1 scrypt\n")
    for secret in ((server.configuration.parent / "server.key").read_bytes().strip(), b"remember me", b"alice"):
        assert secret not in content


def test_everything_is_there_again_elsewhere(server: LoneServer, tmp_path: Path) -> None:
    hidden = server.configuration.parent.with_name("gone")
    server.configuration.parent.rename(hidden)  # what is restored uses nothing of the old place
    try:
        said = ferryman("restore", backup_of(server), "--directory", tmp_path / "restored")
        assert f"to {tmp_path}/restored/ferryman.toml" in said
        assert said.endswith(f"\n  ferryman server --config {tmp_path}/restored/ferryman.toml\n")
        restored = LoneServer(server.facts, server.process, tmp_path / "restored" / "ferryman.toml")
        assert "[NO]" not in ferryman("server", "--check", "--config", restored.configuration)
        with (tmp_path / "log").open("w") as log, restored.running(log):
            ssm = restored.client("ssm")
            assert ssm.describe_activations()["ActivationList"][0]["Description"] == "remember me"
            assert ssm.get_document(Name="Kept")["Name"] == "Kept"
            kms = restored.client("kms")
            assert kms.decrypt(CiphertextBlob=server.facts["ciphertext"])["Plaintext"] == b"from before"
            assert kms.describe_key(KeyId="alias/kept")["KeyMetadata"]["Enabled"]
            key, secret = server.facts["alice"]
            sts = boto3.client(
                "sts",
                endpoint_url=server.facts["endpoint_url"],
                region_name=server.facts["region"],
                aws_access_key_id=key,
                aws_secret_access_key=secret,
            )
            assert sts.get_caller_identity()["Arn"].endswith("user/alice")
        verified = ferryman("audit", "verify", "--config", restored.configuration)
        assert re.search(r"records are intact", verified)
        assert "shortened" not in (tmp_path / "log").read_text()
    finally:
        hidden.rename(server.configuration.parent)


def test_a_place_that_is_not_empty_is_refused(server: LoneServer, tmp_path: Path) -> None:
    (tmp_path / "something").touch()
    assert "is only restored where no server is" in ferryman(
        "restore", backup_of(server), "--directory", tmp_path, status=1
    )
    assert "is only restored where no server is" in ferryman("restore", backup_of(server), status=1)
    assert [path.name for path in tmp_path.iterdir()] == ["something"]


def test_a_backup_that_was_cut_leaves_nothing_behind(server: LoneServer, tmp_path: Path) -> None:
    (tmp_path / "cut").write_bytes(backup_of(server).read_bytes()[:-1000])
    said = ferryman("restore", tmp_path / "cut", "--directory", tmp_path / "new", status=1)
    assert "it is incomplete, or was altered" in said
    assert not [path for path in (tmp_path / "new").rglob("*") if path.is_file()]


def test_a_wrong_passphrase_and_none(server: LoneServer, tmp_path: Path) -> None:
    wrong = {"FERRYMAN_BACKUP_PASSPHRASE": "another passphrase"}
    assert "the passphrase is wrong" in ferryman(
        "restore", backup_of(server), "--directory", tmp_path / "new", status=1, **wrong
    )
    none = {"FERRYMAN_BACKUP_PASSPHRASE": ""}
    assert "--passphrase-file" in ferryman(
        "backup", tmp_path / "new", "--config", server.configuration, status=1, **none
    )
    short = {"FERRYMAN_BACKUP_PASSPHRASE": "short"}
    assert "12 or more" in ferryman("backup", tmp_path / "new", "--config", server.configuration, status=1, **short)


def test_a_plain_backup_warns_and_nothing_is_overwritten(server: LoneServer, tmp_path: Path) -> None:
    said = ferryman("backup", tmp_path / "plain", "--plain", "--config", server.configuration)
    assert "Warning: whoever reads" in said
    assert "exists" in ferryman("backup", tmp_path / "plain", "--plain", "--config", server.configuration, status=1)
    nowhere = tmp_path / "nowhere" / "backup"
    assert f"there is no directory {nowhere.parent}. Create it first" in ferryman(
        "backup", nowhere, "--plain", "--config", server.configuration, status=1
    )
    ferryman("restore", tmp_path / "plain", "--directory", tmp_path / "restored")
    assert (tmp_path / "restored" / "ferryman.db").stat().st_mode & 0o777 == 0o600


def test_a_lost_trail_shows_when_the_server_starts_and_when_it_is_verified(server: LoneServer, tmp_path: Path) -> None:
    ferryman("restore", backup_of(server), "--directory", tmp_path / "restored")
    restored = LoneServer(server.facts, server.process, tmp_path / "restored" / "ferryman.toml")
    with (tmp_path / "first.log").open("w") as log, restored.running(log):
        pass
    ferryman("audit", "verify", "--config", restored.configuration)
    shutil.rmtree(tmp_path / "restored" / "audit")
    assert "was lost or shortened" in ferryman("server", "--check", "--config", restored.configuration, status=1)
    assert "it had reached" in ferryman("audit", "verify", "--config", restored.configuration, status=1)
    with (tmp_path / "log").open("w") as log, restored.running(log):
        wait_until(lambda: "trail was shortened or replaced" in (tmp_path / "log").read_text())
    assert "removed by someone else" in ferryman("audit", "verify", "--config", restored.configuration, status=1)
