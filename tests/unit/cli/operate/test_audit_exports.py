"""`ferryman audit public-key`, `export` and `verify --public-key`, on a trail that a server's own parts wrote."""

import asyncio
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from ferryman.bootstrap.audit.trail import open_trail
from ferryman.bootstrap.configuration import load
from ferryman.bootstrap.keys.server_keys import read_server_keys
from ferryman.bootstrap.service import open_service
from ferryman.cli.app import app
from ferryman.cli.operate.init import Initialised
from ferryman.model.failures import Failure
from tests.unit.cli.installations import OF_SERVER
from tests.unit.cli.installations import run as installation
from tests.waiting import PATIENCE

Run = Callable[..., Any]


@pytest.fixture
def run(made: Initialised) -> Run:
    """Return what runs `ferryman …` with the server's configuration."""

    def invoke(*arguments: str, code: int = 0) -> str:
        done = CliRunner().invoke(app, [*arguments, "--config", str(made.configuration)])
        if code == 0 and done.exception is not None:
            raise done.exception
        assert done.exit_code == code, done.output
        return done.stdout

    return invoke


def serve(made: Initialised) -> None:
    """Open the server's trail and close it, as a start and a stop do."""

    async def run() -> None:
        loaded = load(made.configuration)
        async with asyncio.timeout(PATIENCE), open_service(loaded) as service, open_trail(loaded, service):
            pass

    asyncio.run(run())


def verified(public_keys: Path, copy: Path) -> str:
    """Verify a copy where there is no configuration."""
    arguments = ["audit", "verify", "--public-key", str(public_keys), str(copy), "--config", "/nowhere/ferryman.toml"]
    done = CliRunner().invoke(app, arguments)
    if done.exception is not None and not isinstance(done.exception, SystemExit):
        raise done.exception
    return done.stdout


def test_a_copy_verifies_without_the_servers_key_and_configuration(made: Initialised, run: Run, tmp_path: Path) -> None:
    serve(made)
    public, copy = tmp_path / "server.pub", tmp_path / "copy.jsonl"
    public.write_text(run("audit", "public-key"))
    assert "Checkpoints cover them up to 2" in run("audit", "export", str(copy))
    assert copy.stat().st_mode & 0o777 == 0o600
    shown = verified(public, copy)
    assert "Records 1 to 2 are as the server wrote them" in shown
    assert "1 record after that is not yet covered by a checkpoint" in shown
    public.write_text(run("audit", "public-key", "--pem"))
    assert verified(public, copy) == shown


def test_a_client_without_the_servers_parts_verifies(made: Initialised, run: Run, tmp_path: Path) -> None:
    serve(made)
    run("audit", "export", f"{tmp_path}/copy/")
    arguments = ["audit", "verify", "--public-key", f"{tmp_path}/copy/public-keys", f"{tmp_path}/copy"]
    done = installation(OF_SERVER, *arguments, directory=tmp_path)
    assert "Records 1 to 2 are as the server wrote them" in done.stdout, done.stderr


def test_a_directory_gets_the_public_keys_too(made: Initialised, run: Run, tmp_path: Path) -> None:
    serve(made)
    copy = tmp_path / "copy"
    run("audit", "export", f"{copy}/")
    assert (copy / "public-keys").read_text() == run("audit", "public-key")
    assert "Records 1 to 2" in verified(copy / "public-keys", copy)


def test_an_altered_copy_is_refused(made: Initialised, run: Run, tmp_path: Path) -> None:
    serve(made)
    public, copy = tmp_path / "server.pub", tmp_path / "copy.jsonl"
    public.write_text(run("audit", "public-key"))
    run("audit", "export", str(copy))
    copy.write_bytes(copy.read_bytes().replace(b"AuditTrailClosed", b"AuditTrailClosez"))
    with pytest.raises(Failure, match="not a complete copy of the server's trail"):
        verified(public, copy)


def test_old_checkpoints_verify_after_their_key_was_retired(made: Initialised, run: Run, tmp_path: Path) -> None:
    serve(made)
    old = tmp_path / "old.jsonl"
    run("audit", "export", str(old))
    (before,) = run("audit", "public-key").splitlines()
    run("key", "rotate")
    serve(made)
    run("key", "reseal")
    run("key", "retire", "--now")
    serve(made)
    public, both = tmp_path / "server.pub", tmp_path / "both.jsonl"
    public.write_text(run("audit", "public-key"))
    current, replaced = public.read_text().splitlines()
    assert replaced.startswith(f"{before} until=")
    assert " since=" in current
    run("audit", "export", str(both))
    for copy in (old, both):
        assert "as the server wrote them" in verified(public, copy)
    assert "are intact" in run("audit", "verify")
    keys = read_server_keys(load(made.configuration))
    assert len(keys.keys) == 1, "of a retired key only what verifies is left"


def test_a_staged_key_does_not_sign_yet(run: Run) -> None:
    before = run("audit", "public-key")
    run("key", "rotate", "--stage")
    assert run("audit", "public-key") == before


def test_bad_input_is_explained(made: Initialised, run: Run, tmp_path: Path) -> None:
    serve(made)
    copy, public = tmp_path / "copy.jsonl", tmp_path / "server.pub"
    with pytest.raises(Failure, match="no records in this time span"):
        run("audit", "export", str(copy), "--until", "2020-01-01")
    run("audit", "export", str(copy))
    with pytest.raises(Failure, match="was not written: File exists"):
        run("audit", "export", str(copy))
    for content in ("", "ssh-ed25519 AAAA\n"):
        public.write_text(content)
        with pytest.raises(Failure, match="contains no public key of an audit trail"):
            verified(public, copy)
    public.write_text(run("audit", "public-key"))
    with pytest.raises(Failure, match=r"nowhere.* cannot be read"):
        verified(public, tmp_path / "nowhere")
    run("audit", "verify", str(copy), code=2)
