"""OpenSSH's programs, rsync and tar through AWS-StartSSHSession as a ProxyCommand of the stock AWS CLI."""

import contextlib
import getpass
import os
import shlex
import socket
import subprocess
import tarfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, NoReturn

import psutil
import pytest

from tests.e2e.demo import Ferryman
from tests.e2e.processes.programs import AWS
from tests.openssh import UNKNOWN_HOSTS, make_keys, sshd_command, write_sshd_config
from tests.ports import free_port
from tests.waiting import PATIENCE, seconds_of, wait_until

SSH_CONFIG = """\
Host mi-*
  User {user}
  Port {port}
  IdentityFile {directory}/user_key
  IdentitiesOnly yes
  {unknown_hosts}
  ProxyCommand {aws} ssm start-session --target %h --document-name AWS-StartSSHSession --parameters portNumber=%p
"""


class Ssh:
    """A scratch sshd on this machine, which is the node, and a configuration that reaches it through the session."""

    def __init__(self, directory: Path, ferryman: Ferryman) -> None:
        self.directory = directory
        self.node = ferryman.node_id
        self.environment = ferryman.environment
        self.config = directory / "ssh_config"

    def run(self, *command: str, **options: Any) -> subprocess.CompletedProcess[bytes]:
        """Run one of OpenSSH's programs with the configuration."""
        program, *rest = command
        settings: dict[str, Any] = {
            "capture_output": True,
            "timeout": PATIENCE,
            "check": False,
            "stdin": subprocess.DEVNULL,
        }
        if "input" in options:
            del settings["stdin"]
        full = [program, "-F", str(self.config), *rest]
        return subprocess.run(full, env=self.environment, **(settings | options))


def accepts(port: int) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0


def using(node: str) -> list[psutil.Process]:
    """Processes of clients of `node`."""
    found = []
    for process in psutil.process_iter():
        with contextlib.suppress(psutil.Error):
            if node in process.cmdline():
                found.append(process)
    return found


@pytest.fixture(scope="module")
def ssh(
    ferryman: Ferryman,
    program: Callable[[str], str],
    unavailable: Callable[[str], NoReturn],
    tmp_path_factory: pytest.TempPathFactory,
) -> Iterator[Ssh]:
    sshd = program("sshd")
    program("ssh")
    directory = tmp_path_factory.mktemp("ssh")
    make_keys(directory, "host_key", "user_key")
    port = free_port()
    names = {"port": port, "directory": directory, "user": getpass.getuser(), "aws": shlex.quote(AWS)}
    names["unknown_hosts"] = "\n  ".join(f"{name} {value}" for name, value in UNKNOWN_HOSTS.items())
    (directory / "ssh_config").write_text(SSH_CONFIG.format(**names))
    command = sshd_command(sshd, write_sshd_config(directory, port))
    with (directory / "sshd.log").open("wb") as log:
        server = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=log, stderr=log)
    try:

        def listens() -> bool:
            if server.poll() is not None:
                unavailable(f"sshd does not start: {(directory / 'sshd.log').read_text()}")
            return accepts(port)

        wait_until(listens)
        yield Ssh(directory, ferryman)
    finally:
        server.terminate()
        server.wait()


def test_ssh_runs_commands_and_keeps_every_byte(ssh: Ssh) -> None:
    data = os.urandom(3_000_000) + b"\n"
    done = ssh.run("ssh", ssh.node, "cat; echo words >&2; exit 7", input=data)
    assert (done.returncode, done.stdout, done.stderr) == (7, data, b"words\n")
    wait_until(lambda: not using(ssh.node))  # ssh leaves its ProxyCommand to end by itself


def test_a_lone_newline_stays_one(ssh: Ssh) -> None:
    done = ssh.run("ssh", ssh.node, "od -An -tx1", input=b"\n")
    assert done.stdout.split() == [b"0a"]


def test_scp_copies_both_ways(ssh: Ssh, tmp_path: Path) -> None:
    there, back = tmp_path / "there", tmp_path / "back"
    (tmp_path / "file").write_bytes(os.urandom(5_000_000))
    assert ssh.run("scp", str(tmp_path / "file"), f"{ssh.node}:{there}").stderr == b""
    assert ssh.run("scp", f"{ssh.node}:{there}", str(back)).stderr == b""
    assert back.read_bytes() == (tmp_path / "file").read_bytes()


def test_sftp_lists(ssh: Ssh, tmp_path: Path) -> None:
    (tmp_path / "a-file").touch()
    done = ssh.run("sftp", "-b", "-", ssh.node, input=f"ls {tmp_path}\n".encode())
    assert b"a-file" in done.stdout
    assert done.returncode == 0


def test_rsync_mirrors_a_folder(ssh: Ssh, program: Callable[[str], str], tmp_path: Path) -> None:
    source, target = tmp_path / "source", tmp_path / "target"
    source.mkdir()
    for number in range(50):
        (source / f"{number}").write_bytes(os.urandom(20_000))
    command = [program("rsync"), "-a", "-e", f"ssh -F {ssh.config}", f"{source}/", f"{ssh.node}:{target}/"]
    subprocess.run(command, env=ssh.environment, check=True, timeout=PATIENCE)
    assert {each.name: each.read_bytes() for each in target.iterdir()} == {
        each.name: each.read_bytes() for each in source.iterdir()
    }


def test_tar_through_a_pipe(ssh: Ssh, tmp_path: Path) -> None:
    (tmp_path / "out").mkdir()
    for number in range(20):
        (tmp_path / "out" / str(number)).write_bytes(os.urandom(100_000))
    done = ssh.run("ssh", ssh.node, f"tar -C {tmp_path} -cf - out")
    (tmp_path / "archive").write_bytes(done.stdout)
    with tarfile.open(tmp_path / "archive") as archive:
        assert len(archive.getmembers()) == 21


def test_an_unreachable_ssh_port_is_an_error_of_the_connection(ssh: Ssh) -> None:
    statuses: list[int] = []

    def reaches(*options: str) -> int:
        return ssh.run("ssh", *options, ssh.node, "true").returncode

    refused = seconds_of(lambda: statuses.append(reaches("-p", "1")))
    reached = seconds_of(lambda: statuses.append(reaches()))
    assert statuses == [255, 0]
    assert refused < 10 * reached
