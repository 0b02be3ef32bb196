"""A scratch sshd for tests and benchmarks: its configuration, and how to start it."""

import os
import shlex
import subprocess
from pathlib import Path

_SSHD_CONFIG = """\
ListenAddress 127.0.0.1
Port {port}
HostKey {directory}/host_key
AuthorizedKeysFile {directory}/user_key.pub
PidFile none
UsePAM no
StrictModes no
PermitRootLogin yes
PasswordAuthentication no
KbdInteractiveAuthentication no
PrintMotd no
PrintLastLog no
Subsystem sftp internal-sftp
"""
UNKNOWN_HOSTS = {
    "StrictHostKeyChecking": "no",
    "UserKnownHostsFile": "/dev/null",
    "GlobalKnownHostsFile": "/dev/null",
    "LogLevel": "ERROR",
}
"""ssh options for hosts that exist only during a test."""


def make_keys(directory: Path, *names: str) -> None:
    """Create key pairs in `directory`; sshd's is `host_key`, and `user_key` may log in."""
    for name in names:
        subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", str(directory / name)], check=True)


def write_sshd_config(directory: Path, port: int, *, keys_program: str = "") -> Path:
    """Write a configuration for a port of this machine.

    With a `keys_program`, sshd asks it for a user's keys and accepts no others, and checks who owns the program.
    """
    text = _SSHD_CONFIG.format(port=port, directory=directory)
    if keys_program:
        text = text.replace(f"AuthorizedKeysFile {directory}/user_key.pub", "AuthorizedKeysFile none")
        text = text.replace("StrictModes no\n", "")
        text += f"AuthorizedKeysCommand {keys_program} %u\nAuthorizedKeysCommandUser root\n"
    config = directory / f"sshd_config_{port}"
    config.write_text(text)
    return config


def sshd_command(sshd: str, config: Path, *, install: Path | None = None) -> list[str]:
    """Return the command that runs sshd in the foreground and logs to standard error.

    As root sshd wants /run/sshd; where there is none, it gets one in a namespace that nobody else sees. `install` is a
    program that is then in /run too, owned by root and closed to others.
    """
    command = [sshd, "-D", "-e", "-f", str(config)]
    if install is None and (os.geteuid() != 0 or Path("/run/sshd").exists()):
        return command
    steps = ["mount -t tmpfs -o mode=0755 tmpfs /run", "mkdir -m 0755 /run/sshd"]
    if install is not None:
        steps.append(f"install -m 0755 {shlex.quote(str(install))} /run/{install.name}")
    return ["unshare", "--mount", "sh", "-c", " && ".join([*steps, 'exec "$@"']), "sh", *command]
