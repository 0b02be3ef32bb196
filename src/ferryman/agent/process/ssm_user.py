"""Creates the account `ssm-user`, if the agent's configuration asks for it (`protocol/agent.md` §5.2)."""

import contextlib
import pwd
import stat
import subprocess
from pathlib import Path

from ferryman.agent.process.accounts import AccountRefused
from ferryman.system.private_files import replace_private

SSM_USER = "ssm-user"
SUDOERS = Path("/etc/sudoers.d/ferryman-agent-users")
USERADD = "useradd"
_USERADD_SECONDS = 30.0
_MODE = 0o440


def ensure_ssm_user(*, sudo: bool, name: str = SSM_USER, useradd: str = USERADD, sudoers: Path = SUDOERS) -> None:
    """Create the account if it is missing, with a home and no password; `sudo`: it may become root without a password.

    Needs root. Raises `AccountRefused`.
    """
    try:
        pwd.getpwnam(name)
    except KeyError:
        _make(name, useradd)
    if sudo:
        try:
            _allow_sudo(name, sudoers)
        except OSError as error:
            raise AccountRefused(f"cannot allow {name} to use sudo: {sudoers}: {error.strerror}") from error


def _allow_sudo(name: str, sudoers: Path) -> None:
    """Replace the file in one step: sudo refuses everybody while one of its files is half written.

    A correct file is left alone, because the disk may be full or read-only.
    """
    rule = f"# Written by Ferryman's agent, for ssm_user_sudo of its agent.toml.\n{name} ALL=(ALL) NOPASSWD:ALL\n"
    with contextlib.suppress(OSError):
        if sudoers.read_bytes() == rule.encode() and stat.S_IMODE(sudoers.stat().st_mode) == _MODE:
            return
    # The temporary file's name has a dot, so sudo ignores it.
    replace_private(sudoers, rule.encode(), mode=_MODE, durable=False)


def _make(name: str, useradd: str) -> None:
    command = [useradd, "--create-home", "--shell", "/bin/sh", name]
    try:
        done = subprocess.run(  # noqa: S603 - the administrator asked for it
            command, capture_output=True, text=True, timeout=_USERADD_SECONDS, check=False
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        raise AccountRefused(f"cannot create the account {name}: {error}") from error
    if done.returncode:
        raise AccountRefused(f"cannot create the account {name}: {done.stderr.strip() or f'{useradd} failed'}")
