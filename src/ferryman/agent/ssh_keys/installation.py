"""Makes sshd ask for the keys that the agent holds, with a program and three lines of configuration. Needs root."""

import re
import subprocess
from pathlib import Path

import msgspec

from ferryman.agent.identity.faults import StateUnusable
from ferryman.agent.identity.state import StateDirectory
from ferryman.agent.ssh_keys.keys import DIRECTORY, SETTINGS, SshKeySettings, program
from ferryman.system.private_files import replace_private
from ferryman.wire.ssh_keys import is_user_name

PROGRAM = Path("/usr/local/libexec/ferryman-ssh-keys")
CONFIGURATION = Path("/etc/ssh/sshd_config.d/50-ferryman.conf")
MAIN_CONFIGURATION = Path("/etc/ssh/sshd_config")
SSHD = "/usr/sbin/sshd"
_SSHD_SECONDS = 30.0
_COMMAND = re.compile(r"^\s*AuthorizedKeysCommand[\s=]+(?!none\b)(\S+)", re.IGNORECASE | re.MULTILINE)


class NotInstallable(Exception):
    """sshd's configuration was left as it was; the text says why."""


def install(state: StateDirectory, users: tuple[str, ...], under: Path = Path("/"), sshd: str = SSHD) -> None:
    """Let sshd accept the keys that the agent of `state` holds, for `users`, or for anybody but root if there are none.

    sshd must then reload its configuration. `under` is the root of the file system. Raises `StateUnusable`
    if the node is not registered, `NotInstallable`.
    """
    if not state.registered:
        raise StateUnusable(f"{state.path} holds no registration: run 'ferryman agent register' first")
    for user in users:
        if not is_user_name(user):
            raise NotInstallable(f"{user!r} is not a valid user name")
    _check_configuration(under)
    try:
        replace_private(state.path / SETTINGS, msgspec.json.encode(SshKeySettings(users=users or None)))
        _write(_below(under, PROGRAM), program(DIRECTORY), 0o755)
        _write(_below(under, CONFIGURATION), _configuration(), 0o644)
    except OSError as error:
        raise NotInstallable(f"cannot write {error.filename}: {error.strerror}") from error
    fault = _fault(sshd)
    if fault:
        _below(under, CONFIGURATION).unlink()
        (state.path / SETTINGS).unlink()
        raise NotInstallable(f"{fault}; {CONFIGURATION} was removed again")


def _check_configuration(under: Path) -> None:
    """Raise `NotInstallable` if sshd already asks another program for keys: it supports only one."""
    own = _below(under, CONFIGURATION)
    for path in (_below(under, MAIN_CONFIGURATION), *sorted(own.parent.glob("*.conf"))):
        found = _COMMAND.search(path.read_text(errors="replace")) if path != own and path.exists() else None
        if found:
            raise NotInstallable(f"{path} already sets AuthorizedKeysCommand {found[1]}, and sshd supports only one")


def _configuration() -> str:
    # As root, though it only reads a file: whatever another user's process could do to it would let that user in.
    return f"""# Written by 'ferryman agent install-ssh-keys'.
AuthorizedKeysCommand {PROGRAM} %u
AuthorizedKeysCommandUser root
"""


def _fault(sshd: str) -> str:
    """Return what is wrong with sshd's configuration now, empty if it asks our program."""
    try:
        done = subprocess.run(  # noqa: S603 - sshd's own check, of the path that was given
            [sshd, "-T"], capture_output=True, text=True, timeout=_SSHD_SECONDS, check=False
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        return f"cannot check sshd's configuration with {sshd} -T: {error}"
    if done.returncode:
        return f"sshd refuses its configuration: {(done.stderr.strip() or 'it printed no reason').splitlines()[0]}"
    if f"authorizedkeyscommand {PROGRAM} %u" not in done.stdout.splitlines():
        return f"sshd does not read {CONFIGURATION}: {MAIN_CONFIGURATION} does not include its directory"
    return ""


def _write(path: Path, text: str, mode: int) -> None:
    path.parent.mkdir(mode=0o755, parents=True, exist_ok=True)
    replace_private(path, text.encode(), mode=mode, durable=False)


def _below(under: Path, path: Path) -> Path:
    return under / path.relative_to("/")
