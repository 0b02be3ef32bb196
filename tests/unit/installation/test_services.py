"""What `server install` and `agent install` make below another root, and systemd's own opinion of the units."""

import os
import re
import shutil
import stat
import subprocess
from pathlib import Path

import pytest
from typer.testing import CliRunner

from ferryman.cli.app import app
from ferryman.cli.operate import services
from ferryman.installation import machine, steps
from ferryman.installation.services import AGENT_UNIT, SERVER_UNIT, SystemdService, agent_service, server_service

PROGRAM = Path("/opt/ferryman/bin/ferryman")
needs_root = pytest.mark.skipif(os.geteuid() != 0, reason="needs root: accounts and owners are created")
needs_systemd = pytest.mark.skipif(
    shutil.which("systemd-analyze") is None or shutil.which("systemd-sysusers") is None,
    reason="needs systemd-analyze, systemd-sysusers and systemctl (Debian: systemd)",
)


@pytest.fixture
def image(tmp_path: Path) -> Path:
    """A root file system with as much of systemd as is looked for."""
    root = tmp_path / "image"
    for place in ("etc", "usr/lib/systemd/system", "opt/ferryman/bin"):
        (root / place).mkdir(parents=True)
    for name in ("usr/lib/systemd/systemd", "opt/ferryman/bin/ferryman"):
        (root / name).write_text("#!/bin/sh\n")
        (root / name).chmod(0o755)
    (root / "etc/passwd").write_text("root:x:0:0::/root:/bin/sh\n")
    (root / "etc/group").write_text("root:x:0:\n")
    return root


def run(*arguments: str) -> tuple[int, list[str]]:
    done = CliRunner().invoke(app, arguments)
    return done.exit_code, done.stdout.splitlines() if done.exception is None else [str(done.exception)]


def below(image: Path) -> list[str]:
    return ["--root", str(image), "--program", str(PROGRAM)]


def facts(path: Path) -> tuple[str, int]:
    return f"{path.stat().st_uid}:{path.stat().st_gid}", stat.S_IMODE(path.stat().st_mode)


@needs_root
@needs_systemd
def test_a_server_is_installed_once_and_uninstalled_in_two_steps(image: Path) -> None:
    assert run("server", "install", *below(image))[0] == 0
    account = next(line for line in (image / "etc/passwd").read_text().splitlines() if line.startswith("ferryman:"))
    owner = ":".join(account.split(":")[2:4])
    assert account.endswith("/nologin")
    assert facts(image / "etc/ferryman") == ("0:0", 0o755)
    assert facts(image / "var/lib/ferryman") == (owner, 0o750)
    assert facts(image / "var/log/ferryman") == (owner, 0o750)
    unit = image / "etc/systemd/system" / SERVER_UNIT
    assert f"ExecStart={PROGRAM} server" in unit.read_text()
    assert run("server", "install", *below(image))[1][0].endswith("nothing was changed.")
    (image / "var/lib/ferryman/ferryman.db").write_text("a database")
    assert run("server", "uninstall", "--root", str(image))[0] == 0
    assert not unit.exists()
    assert (image / "var/lib/ferryman/ferryman.db").exists()
    assert run("server", "uninstall", "--purge", "--root", str(image))[0] == 0
    assert not (image / "var/lib/ferryman").exists()
    assert "ferryman" not in (image / "etc/passwd").read_text()
    assert "nothing was changed" in run("server", "uninstall", "--purge", "--root", str(image))[1][0]


@needs_root
@needs_systemd
def test_an_agent_of_an_account_owns_all_of_its_state(image: Path) -> None:
    with (image / "etc/passwd").open("a") as passwd:
        passwd.write("opal:x:1234:1234::/home/opal:/bin/sh\n")
    assert run("agent", "install", *below(image))[0] == 0
    state = image / "var/lib/ferryman-agent"
    assert "ssm_user = true" in (state / "agent.toml").read_text()
    (state / "key.pem").touch(0o600)  # as `agent register` does, run by root
    assert run("agent", "install", "--user", "opal", *below(image))[0] == 0
    assert "ssm_user" not in (state / "agent.toml").read_text()
    assert run("agent", "install", *below(image))[0] == 0
    assert "ssm_user = true" in (state / "agent.toml").read_text()
    (state / "agent.toml").write_text("max_sessions = 5\n")
    assert run("agent", "install", "--user", "opal", *below(image))[0] == 0
    assert {facts(path)[0] for path in (state, *state.iterdir())} == {"1234:1234"}
    assert (state / "agent.toml").read_text() == "max_sessions = 5\n"
    assert "User=opal" in (image / "etc/systemd/system" / AGENT_UNIT).read_text()


@needs_root
@pytest.mark.parametrize(("content", "verb"), [("as it was", "start"), ("another program", "restart")])
def test_a_service_that_the_installation_changes_is_started_again(
    content: str, verb: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    ran: list[list[str]] = []
    monkeypatch.setattr(steps, "run_program", ran.append)
    monkeypatch.setattr(machine, "has_systemd", lambda _: True)
    unit = tmp_path / "a.service"
    unit.write_text("as it was")
    service = SystemdService("a.service", install=[steps.WriteFile(unit, content)], uninstall=[], purge=[])
    services._install(service, start=True, dry_run=False, root=Path("/"))
    assert ran == [["systemctl", "enable", "a.service"], ["systemctl", verb, "a.service"]]


def test_a_dry_run_changes_nothing(image: Path) -> None:
    before = sorted(image.rglob("*"))
    status, lines = run("server", "install", "--dry-run", *below(image))
    assert status == 0
    assert "Would create the system account ferryman" in lines
    assert all(line.startswith("Would ") for line in lines)
    assert sorted(image.rglob("*")) == before


@needs_root
def test_without_systemd_the_refusal_says_what_to_do_instead(image: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (image / "usr/lib/systemd/systemd").unlink()
    assert "has no systemd" in run("agent", "install", *below(image))[1][0]
    monkeypatch.setattr(machine, "BOOTED", image / "run/systemd/system")
    program = image / "opt/ferryman/bin/ferryman"
    monkeypatch.setattr(machine, "hidden_part", lambda *_, **__: None)
    said = run("server", "install", "--program", str(program))[1][0]
    assert "In a container" in said
    assert "OpenRC" in said


def test_without_root_sudo_and_a_dry_run_are_offered(image: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(machine, "is_root", lambda: False)
    said = run("server", "install", *below(image))[1][0]
    assert "sudo" in said
    assert "--dry-run" in said


@pytest.mark.parametrize(("place", "hidden"), [("home/opal", "home"), ("srv/closed", "srv/closed"), ("opt", None)])
def test_a_program_that_the_account_cannot_run_is_noticed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, place: str, hidden: str | None
) -> None:
    for part in (tmp_path, *list(tmp_path.parents)[:-2]):
        monkeypatch.setattr(machine, "_HOMES", (tmp_path / "home",))
        if not part.stat().st_mode & 0o001:
            part.chmod(part.stat().st_mode | 0o001)
    program = tmp_path / place / "ferryman"
    program.parent.mkdir(parents=True)
    program.write_text("#!/bin/sh\n")
    program.chmod(0o755)
    if "closed" in place:
        program.parent.chmod(0o750)
    found = machine.hidden_part(program, homes_hidden=True)
    assert found == (None if hidden is None else tmp_path / hidden)


def test_packages_that_roots_umask_has_closed_are_noticed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    module = tmp_path / "site-packages" / "machine.py"
    module.parent.mkdir()
    module.touch(0o644)
    for part in (tmp_path, *list(tmp_path.parents)[:-2]):
        part.chmod(part.stat().st_mode | 0o001)
    program = Path("/bin/true")
    monkeypatch.setattr(machine, "_HOMES", ())
    monkeypatch.setattr(machine, "this_program", lambda: program)
    monkeypatch.setattr(machine, "__file__", str(module))
    assert machine.hidden_part(program, homes_hidden=True) is None
    module.chmod(0o600)
    assert machine.hidden_part(program, homes_hidden=True) == module
    module.parent.chmod(0o700)
    assert machine.hidden_part(program, homes_hidden=True) == module.parent


@needs_systemd
@pytest.mark.parametrize(
    ("service", "most"),
    [
        (server_service(Path("/bin/true")), 4.0),
        (agent_service(Path("/bin/true"), "root"), 6.0),
        (agent_service(Path("/bin/true")), 10.0),
    ],
    ids=["server", "agent of an account", "agent of root"],
)
def test_systemd_verifies_the_units_and_how_exposed_they_are(
    service: SystemdService, most: float, tmp_path: Path
) -> None:
    text = next(step.content for step in service.install if getattr(step, "path", Path()).suffix == ".service")  # type: ignore[attr-defined] # it is a file
    unit = tmp_path / service.unit
    unit.write_text(text)
    verified = analyze("verify", "--man=no", str(unit))
    ours = [line for line in verified.stderr.splitlines() if "ferryman" in line]
    assert (verified.returncode, ours) == (0, [])
    rated = analyze("security", "--offline=yes", "--no-pager", str(unit))
    found = re.search(r"Overall exposure level for \S+: ([0-9.]+)", rated.stdout)
    assert found is not None, rated.stderr
    assert float(found[1]) <= most


def analyze(*arguments: str) -> "subprocess.CompletedProcess[str]":
    return subprocess.run(["systemd-analyze", *arguments], capture_output=True, text=True, timeout=300, check=False)
