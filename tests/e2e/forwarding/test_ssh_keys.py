"""A key that SendSSHPublicKey sent lets its owner in by ssh, through a session, for one user and not for another."""

import contextlib
import getpass
import os
import shlex
import socket
import subprocess
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NoReturn

import msgspec
import pytest

from ferryman.agent.ssh_keys.keys import SETTINGS, SshKeySettings
from ferryman.agent.ssh_keys.keys import program as ssh_key_program
from tests.e2e.demo import Ferryman
from tests.e2e.processes.programs import PROGRAMS
from tests.openssh import UNKNOWN_HOSTS, make_keys, sshd_command, write_sshd_config
from tests.ports import free_port
from tests.waiting import PATIENCE, wait_until

ME = getpass.getuser()


@dataclass(frozen=True)
class Machine:
    """The node with an sshd that asks the agent's program and has no other keys."""

    ferryman: Ferryman
    directory: Path
    port: int

    def send(self, user: str = ME, key: str = "user_key") -> dict[str, Any]:
        client = self.ferryman.client("ec2-instance-connect")
        public_key = (self.directory / f"{key}.pub").read_text()
        answer: dict[str, Any] = client.send_ssh_public_key(
            InstanceId=self.ferryman.node_id, InstanceOSUser=user, SSHPublicKey=public_key
        )
        return answer

    def ssh(self, command: str, user: str = ME, key: str = "user_key") -> subprocess.CompletedProcess[str]:
        proxy = f"{shlex.quote(str(PROGRAMS / 'aws'))} ssm start-session --target %h "
        proxy += "--document-name AWS-StartSSHSession --parameters portNumber=%p"
        options = {
            "Port": str(self.port),
            "IdentityFile": str(self.directory / key),
            "IdentitiesOnly": "yes",
            **UNKNOWN_HOSTS,
            "BatchMode": "yes",
            "ProxyCommand": proxy,
        }
        given = [part for name, value in options.items() for part in ("-o", f"{name}={value}")]
        return subprocess.run(
            ["ssh", "-F", "none", *given, f"{user}@{self.ferryman.node_id}", command],
            env=self.ferryman.environment,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=PATIENCE,
            check=False,
        )


def accepts(port: int) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0


@pytest.fixture
def machine(
    ferryman: Ferryman, program: Callable[[str], str], unavailable: Callable[[str], NoReturn], tmp_path: Path
) -> Iterator[Machine]:
    if os.geteuid() != 0:
        pytest.skip("sshd runs AuthorizedKeysCommand only for root")
    sshd = program("sshd")
    program("ssh")
    make_keys(tmp_path, "host_key", "user_key", "other_key")
    state = Path(ferryman.facts["profile_dir"]).parents[1] / "agent1"
    (state / SETTINGS).write_bytes(msgspec.json.encode(SshKeySettings(str(tmp_path / "keys"), (ME, "nobody"))))
    keys_program = tmp_path / "ferryman-ssh-keys"
    keys_program.write_text(ssh_key_program(tmp_path / "keys"))
    port = free_port()
    config = write_sshd_config(tmp_path, port, keys_program=f"/run/{keys_program.name}")
    command = sshd_command(sshd, config, install=keys_program)
    with (tmp_path / "sshd.log").open("wb") as log:
        server = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=log, stderr=log)
    try:

        def listens() -> bool:
            if server.poll() is not None:
                unavailable(f"sshd does not start: {(tmp_path / 'sshd.log').read_text()}")
            return accepts(port)

        wait_until(listens)
        yield Machine(ferryman, tmp_path, port)
    finally:
        server.terminate()
        server.wait()
        with contextlib.suppress(FileNotFoundError):
            (state / SETTINGS).unlink()


def test_a_key_lets_its_owner_in(machine: Machine) -> None:
    """And nobody before it was sent, with another key, or as another user."""
    refused = machine.ssh("true")
    assert refused.returncode == 255
    assert "Permission denied" in refused.stderr
    assert machine.send()["Success"] is True
    shown = machine.ssh("echo sum-$((40+2))")
    assert (shown.returncode, shown.stdout) == (0, "sum-42\n"), shown
    assert machine.ssh("true", key="other_key").returncode == 255
    assert machine.ssh("true", user="nobody").returncode == 255


def test_a_key_that_is_over_lets_nobody_in(machine: Machine) -> None:
    assert machine.send()["Success"] is True
    path = machine.directory / "keys" / ME
    boot, until, key = path.read_text().strip().split(" ", 2)
    path.write_text(f"{boot} {int(until) - 60} {key}\n")
    assert machine.ssh("true").returncode == 255


def test_a_node_without_the_program_is_reported_with_the_next_step(ferryman: Ferryman, tmp_path: Path) -> None:
    subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", str(tmp_path / "key")], check=True)
    options = ["--instance-os-user", "x", "--ssh-public-key", f"file://{tmp_path}/key.pub"]
    sent = ferryman.aws(
        "ec2-instance-connect", "send-ssh-public-key", "--instance-id", ferryman.node_id, *options, check=False
    )
    assert "run 'ferryman agent install-ssh-keys' on it as root" in sent.stderr, sent
