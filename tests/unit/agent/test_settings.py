"""The agent's configuration file, and what it leads to."""

import re
import stat
from pathlib import Path

import pytest

from ferryman.agent.identity.faults import StateUnusable
from ferryman.agent.process.accounts import AccountRefused, own_account
from ferryman.agent.process.resource_limits import ResourceLimits
from ferryman.agent.process.ssm_user import ensure_ssm_user
from ferryman.agent.session.destinations import DENIED_BY_DEFAULT
from ferryman.agent.settings import AgentSettings, read_settings


def test_without_a_file_the_defaults_hold(tmp_path: Path) -> None:
    assert read_settings(tmp_path) == AgentSettings()
    assert AgentSettings().denied_hosts == DENIED_BY_DEFAULT
    assert not AgentSettings().ssm_user


def test_every_key(tmp_path: Path) -> None:
    (tmp_path / "agent.toml").write_text(
        """
        run_as = "deploy"
        max_sessions = 20
        denied_hosts = ["10.0.0.0/8", "::1"]
        [limits]
        open_files = 100
        processes = 50
        core_bytes = 1
        memory_bytes = 1000000
        cpu_seconds = 60
        file_bytes = 5
        """
    )
    assert read_settings(tmp_path) == AgentSettings(
        run_as="deploy",
        max_sessions=20,
        denied_hosts=("10.0.0.0/8", "::1"),
        limits=ResourceLimits(100, 50, 1, 1000000, 60, 5),
    )


@pytest.mark.parametrize(
    ("text", "named"),
    [
        ("max_session = 1", "max_session"),
        ("max_sessions = 0", "max_sessions is less than 1"),
        ("max_sessions = 'many'", "max_sessions"),
        ("denied_hosts = ['10.0.0.0/40']", "10.0.0.0/40"),
        ("denied_hosts = ['example.com']", "example.com"),
        ("[limits]\nopen_file = 1", "open_file"),
        ("[kms]\nendpoint = 'kms.example.com'", "kms.endpoint must be https://HOST"),
        ("[kms]\nca_file = '/ca.pem'", "need kms.endpoint"),
        ("ssm_user = true\nrun_as = 'deploy'", "cannot both be set"),
        ("= 1", "agent.toml"),
    ],
)
def test_mistakes_are_named(tmp_path: Path, text: str, named: str) -> None:
    (tmp_path / "agent.toml").write_text(text)
    with pytest.raises(StateUnusable, match=re.escape(named)):
        read_settings(tmp_path)


def useradd(directory: Path, status: int = 0) -> tuple[str, Path]:
    """A program in the place of useradd, and the file that it writes its arguments to."""
    program, log = directory / "useradd", directory / "log"
    program.write_text(f'#!/bin/sh\necho "$@" > {log}\necho scripted >&2\nexit {status}\n')
    program.chmod(0o755)
    return str(program), log


def test_ssm_user_is_made_when_it_is_missing(tmp_path: Path) -> None:
    program, log = useradd(tmp_path)
    ensure_ssm_user(sudo=False, name="no-such-user", useradd=program, sudoers=tmp_path / "sudoers")
    assert log.read_text() == "--create-home --shell /bin/sh no-such-user\n"
    assert not (tmp_path / "sudoers").exists()


def test_an_account_that_is_there_is_left_alone(tmp_path: Path) -> None:
    program, log = useradd(tmp_path)
    name = own_account().name
    ensure_ssm_user(sudo=True, name=name, useradd=program, sudoers=tmp_path / "sudoers")
    assert not log.exists()
    assert f"\n{name} ALL=(ALL) NOPASSWD:ALL\n" in (tmp_path / "sudoers").read_text()
    assert stat.S_IMODE((tmp_path / "sudoers").stat().st_mode) == 0o440
    assert [path.name for path in tmp_path.iterdir() if path.name.startswith(".")] == []


@pytest.mark.parametrize("missing", [True, False])
def test_an_account_that_cannot_be_created_is_reported(tmp_path: Path, missing: bool) -> None:
    program = str(tmp_path / "nothing") if missing else useradd(tmp_path, 9)[0]
    with pytest.raises(AccountRefused, match="cannot create the account no-such-user") as refused:
        ensure_ssm_user(sudo=False, name="no-such-user", useradd=program, sudoers=tmp_path / "sudoers")
    assert missing or "scripted" in str(refused.value)


def test_sudo_that_cannot_be_granted_is_reported(tmp_path: Path) -> None:
    with pytest.raises(AccountRefused, match=r"cannot allow .* to use sudo"):
        ensure_ssm_user(sudo=True, name=own_account().name, sudoers=tmp_path / "nowhere" / "sudoers")
