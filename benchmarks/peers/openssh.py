"""OpenSSH on loopback: a target and a jump host of our own, with keys and configuration in a scratch directory."""

import getpass
import os
import shutil
import socket
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from tests.openssh import UNKNOWN_HOSTS, make_keys, sshd_command, write_sshd_config

START_LIMIT = 10.0
_SSH_CONFIG = """\
Host *
  User {user}
  IdentityFile {directory}/user_key
  IdentitiesOnly yes
  {unknown_hosts}
Host jump
  HostName 127.0.0.1
  Port {jump}
Host direct
  HostName 127.0.0.1
  Port {target}
Host jumped
  HostName 127.0.0.1
  Port {target}
  ProxyJump jump
"""


class NotHere(Exception):
    """OpenSSH cannot be measured on this machine; the text says why."""


@dataclass(frozen=True, slots=True)
class OpenSsh:
    """Two running sshd. `command(host)` logs in to `jumped` (through the jump host) or `direct`."""

    directory: Path
    jump_port: int
    target_port: int

    def command(self, host: str, *arguments: str) -> list[str]:
        return ["ssh", "-F", str(self.directory / "ssh_config"), *arguments, host]


@contextmanager
def running(directory: Path) -> Iterator[OpenSsh]:
    """Start both servers; they are gone afterwards. Raises NotHere."""
    sshd = shutil.which("sshd", path=f"{os.environ.get('PATH', '')}:/usr/sbin:/sbin")
    if sshd is None or shutil.which("ssh") is None:
        raise NotHere("OpenSSH is not installed")
    make_keys(directory, "host_key", "user_key")
    jump, target = _free_ports()
    (directory / "ssh_config").write_text(
        _SSH_CONFIG.format(
            user=getpass.getuser(),
            directory=directory,
            jump=jump,
            target=target,
            unknown_hosts="\n  ".join(f"{name} {value}" for name, value in UNKNOWN_HOSTS.items()),
        )
    )
    servers = [_start(sshd, directory, port) for port in (jump, target)]
    ssh = OpenSsh(directory, jump, target)
    try:
        _until_usable(ssh, servers)
        yield ssh
    finally:
        for server in servers:
            server.terminate()
            server.wait()


def _start(sshd: str, directory: Path, port: int) -> "subprocess.Popen[bytes]":
    command = sshd_command(sshd, write_sshd_config(directory, port))
    if shutil.which(command[0]) is None:
        raise NotHere("sshd as root needs /run/sshd: install -d -m 0755 /run/sshd")
    with (directory / f"sshd_{port}.log").open("wb") as log:
        return subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=log, stderr=log)


def _until_usable(ssh: OpenSsh, servers: list["subprocess.Popen[bytes]"]) -> None:
    deadline = time.monotonic() + START_LIMIT
    for port in (ssh.jump_port, ssh.target_port):
        while not _accepts(port):
            if time.monotonic() > deadline or any(server.poll() is not None for server in servers):
                raise NotHere(f"sshd did not start: {_last_words(ssh)}")
            time.sleep(0.02)
    tried = subprocess.run(
        [*ssh.command("jumped"), "true"], capture_output=True, text=True, timeout=START_LIMIT, check=False
    )
    if tried.returncode:
        raise NotHere(f"ssh cannot log in: {tried.stderr.strip() or _last_words(ssh)}")


def _accepts(port: int) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0


def _last_words(ssh: OpenSsh) -> str:
    logs = [ssh.directory / f"sshd_{port}.log" for port in (ssh.jump_port, ssh.target_port)]
    return " ".join(line for log in logs for line in log.read_text().splitlines()[-1:])


def _free_ports() -> tuple[int, int]:
    with socket.socket() as first, socket.socket() as second:
        for each in (first, second):
            each.bind(("127.0.0.1", 0))
        return first.getsockname()[1], second.getsockname()[1]
