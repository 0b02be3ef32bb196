"""Keys for sshd: what the program prints, for how long, and what is not accepted."""

import asyncio
import getpass
import os
import subprocess
from collections.abc import Callable
from pathlib import Path

import msgspec
import pytest

from ferryman.agent.identity.faults import StateUnusable
from ferryman.agent.identity.node_key import new_key
from ferryman.agent.identity.state import Registration, StateDirectory, read_struct
from ferryman.agent.ssh_keys import installation as ssh_key_installation
from ferryman.agent.ssh_keys import keys as ssh_keys
from ferryman.agent.ssh_keys.installation import NotInstallable, install
from ferryman.agent.ssh_keys.keys import KEYS_A_USER, SETTINGS, KeyRefused, SshKeys, SshKeySettings, program
from ferryman.wire.ssh_keys import KEY_SECONDS, SshPublicKey
from tests.unit.wire.ssh_key_samples import KEY, blob
from tests.waiting import PATIENCE

ME = getpass.getuser()


class Node:
    """A node on which keys are installed, with a program for sshd and a clock of its own."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.directory = path / "keys"
        self.uptime, self.boot = path / "uptime", path / "boot_id"
        self.keys = SshKeys(path)
        self.started("first")
        self.runs_for(1000)

    def installed(self, users: tuple[str, ...] | None = (ME,)) -> None:
        settings = SshKeySettings(str(self.directory), users)
        (self.path / SETTINGS).write_bytes(msgspec.json.encode(settings))

    def runs_for(self, seconds: float) -> None:
        self.uptime.write_text(f"{seconds:.2f} 5000.00\n")

    def started(self, boot: str) -> None:
        self.boot.write_text(f"{boot}\n")

    async def refuses(self, user: str = ME, key: str = KEY) -> str:
        with pytest.raises(KeyRefused) as refused:
            await self.keys.offer(SshPublicKey("id", user, key))
        return str(refused.value)

    def printed(self, user: str = ME) -> list[str]:
        done = subprocess.run(
            ["sh", "-c", program(self.directory), "ferryman-ssh-keys", user], capture_output=True, text=True, check=True
        )
        assert done.stderr == ""
        return done.stdout.splitlines()


@pytest.fixture
def node(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Node:
    monkeypatch.setattr(ssh_keys, "_UPTIME", tmp_path / "uptime")
    monkeypatch.setattr(ssh_keys, "_BOOT", tmp_path / "boot_id")
    return Node(tmp_path)


async def test_a_key_is_printed_for_a_minute(node: Node) -> None:
    node.installed()
    assert node.printed() == []
    await node.keys.offer(SshPublicKey("id", ME, KEY))
    assert node.printed() == [KEY]
    node.runs_for(1000 + KEY_SECONDS - 0.01)
    assert node.printed() == [KEY]
    node.runs_for(1000 + KEY_SECONDS)
    assert node.printed() == []


async def test_a_key_does_not_outlive_a_restart_of_the_machine(node: Node) -> None:
    node.installed()
    await node.keys.offer(SshPublicKey("id", ME, KEY))
    node.started("second")
    node.runs_for(5)
    assert node.printed() == []


async def test_several_keys_are_valid_together_up_to_a_limit(node: Node) -> None:
    node.installed()
    keys = [f"ssh-ed25519 {blob('ssh-ed25519', bytes([place]) * 36)}" for place in range(KEYS_A_USER + 3)]
    for key in keys:
        await node.keys.offer(SshPublicKey("id", ME, key))
    assert node.printed() == keys[3:]


async def test_a_file_whose_keys_are_over_is_deleted(node: Node, monkeypatch: pytest.MonkeyPatch) -> None:
    node.installed()
    monkeypatch.setattr(ssh_keys, "KEY_SECONDS", 0)
    await node.keys.offer(SshPublicKey("id", ME, KEY))
    async with asyncio.timeout(PATIENCE):
        while (node.directory / ME).exists():
            await asyncio.sleep(0.01)


async def test_what_a_node_refuses(node: Node) -> None:
    assert "run 'ferryman agent install-ssh-keys'" in await node.refuses()
    node.installed(None)
    assert await node.refuses("root") == "the node does not accept SSH keys for the user root"
    assert await node.refuses("no-such-user") == "the node has no user no-such-user"
    node.installed(("alice",))
    assert await node.refuses() == f"the node does not accept SSH keys for the user {ME}"
    node.installed()
    assert "does not accept this user name" in await node.refuses("../x")
    assert "one line" in await node.refuses(key=f'command="id" {KEY}')
    assert "one line" in await node.refuses(key=f"{KEY}\nssh-rsa x")
    node.directory.write_text("")
    assert await node.refuses() == "the node cannot keep the key: File exists"


@pytest.mark.parametrize("user", ["", "../keys/x", "..", "a/b", "x;id", "$(id)", "-n", "*"])
def test_the_program_looks_at_no_other_file(node: Node, user: str) -> None:
    node.directory.mkdir()
    for path in (node.directory / "x", node.path / "x"):
        path.write_text(f"first 2000 {KEY}\n")
    assert node.printed("x") == [KEY]
    assert node.printed(user) == []


@pytest.fixture
def registered(tmp_path: Path) -> StateDirectory:
    state = StateDirectory(tmp_path / "state")
    state.create()
    state.save_registration(Registration("http://x", "r", "mi-1", "f", ""), new_key())
    return state


@pytest.fixture
def sshd(tmp_path: Path, program: Callable[[str], str]) -> str:
    """The real sshd on a configuration of its own."""
    etc = tmp_path / "etc/ssh"
    (etc / "sshd_config.d").mkdir(parents=True)
    subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", str(etc / "host_key")], check=True)
    (etc / "sshd_config").write_text(f"Include {etc}/sshd_config.d/*.conf\nHostKey {etc}/host_key\n")
    wrapper = tmp_path / "sshd"
    inside = ""
    if os.geteuid() == 0 and not Path("/run/sshd").exists():
        # As root sshd wants that directory; it gets one of its own, in a namespace that nobody else sees.
        inside = "unshare --mount sh -c 'mount -t tmpfs tmpfs /run && mkdir -m 0755 /run/sshd && exec \"$@\"' sh "
    wrapper.write_text(f'#!/bin/sh\nexec {inside}{program("sshd")} "$@" -f {etc}/sshd_config\n')
    wrapper.chmod(0o755)
    return str(wrapper)


def test_sshd_asks_the_program_once_it_is_installed(registered: StateDirectory, sshd: str, tmp_path: Path) -> None:
    install(registered, ("alice", "bob"), tmp_path, sshd)
    install(registered, ("alice",), tmp_path, sshd)
    installed = tmp_path / "usr/local/libexec/ferryman-ssh-keys"
    assert installed.read_text() == program(ssh_keys.DIRECTORY)
    assert installed.stat().st_mode & 0o777 == 0o755
    assert read_struct(registered.path / SETTINGS, SshKeySettings) == SshKeySettings(users=("alice",))
    shown = subprocess.run([sshd, "-T"], capture_output=True, text=True, check=True).stdout.splitlines()
    assert "authorizedkeyscommand /usr/local/libexec/ferryman-ssh-keys %u" in shown
    assert "authorizedkeyscommanduser root" in shown


def test_nothing_is_installed_where_sshd_cannot_use_it(registered: StateDirectory, sshd: str, tmp_path: Path) -> None:
    etc = tmp_path / "etc/ssh"
    own = tmp_path / ssh_key_installation.CONFIGURATION.relative_to("/")
    other = etc / "sshd_config.d/10-other.conf"
    other.write_text("AuthorizedKeysCommand /usr/bin/sss_ssh_authorizedkeys\nAuthorizedKeysCommandUser nobody\n")
    with pytest.raises(NotInstallable, match="already sets AuthorizedKeysCommand /usr/bin/sss_ssh_authorizedkeys"):
        install(registered, (), tmp_path, sshd)
    other.write_text("AuthorizedKeysCommand none\n")
    with pytest.raises(NotInstallable, match="sshd does not read"):
        install(registered, (), tmp_path, sshd)  # sshd takes the first value
    other.write_text("NoSuchOption yes\n")
    with pytest.raises(NotInstallable, match=r"sshd refuses its configuration: .*NoSuchOption"):
        install(registered, (), tmp_path, sshd)
    other.unlink()
    with pytest.raises(NotInstallable, match="is not a valid user name"):
        install(registered, ("../x",), tmp_path, sshd)
    assert not own.exists()
    assert not (registered.path / SETTINGS).exists()


def test_an_unregistered_machine_is_refused(tmp_path: Path) -> None:
    with pytest.raises(StateUnusable, match="holds no registration"):
        install(StateDirectory(tmp_path / "none"), (), tmp_path)
