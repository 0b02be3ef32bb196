"""SSH public keys as they may reach sshd: one key, no options, nothing else."""

import pytest

from ferryman.wire.ssh_keys import KEY_LIMIT, bare_key, fingerprint, is_user_name
from tests.unit.wire.ssh_key_samples import KEY, blob


@pytest.mark.parametrize("written", [KEY, KEY + "\n", KEY + " alice@laptop", KEY + " two words\r\n"])
def test_a_comment_and_the_end_of_the_line_are_dropped(written: str) -> None:
    assert bare_key(written) == KEY


@pytest.mark.parametrize(
    "written",
    [
        "",
        "ssh-ed25519",
        "ssh-ed25519 ",
        f'command="id" {KEY}',
        f"no-pty {KEY}",
        f"{KEY}\n{KEY}",
        f"{KEY} comment\ncert-authority {KEY}",
        f"{KEY}\0",
        f"ssh-rsa {blob('ssh-ed25519')}",
        f"ssh-ed25519 {blob('ssh-ed25519')[:-4]}!!!!",
        f"ssh-ed25519 {blob('ssh-ed25519', b'')}",
        f"ssh-dss {blob('ssh-dss')}",
        f"ssh-ed25519-cert-v01@openssh.com {blob('ssh-ed25519-cert-v01@openssh.com')}",
        "ssh-ed25519 é",
        f"{KEY} {'c' * KEY_LIMIT}",
    ],
)
def test_everything_else_is_refused(written: str) -> None:
    with pytest.raises(ValueError, match="key"):
        bare_key(written)


def test_fingerprints_are_those_of_ssh_keygen() -> None:
    key = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIOMqqnkVzrm0SdG6UOoqKLsabgH5C9okWi0dh2l9GKJl"
    assert fingerprint(key) == "SHA256:+DiY3wvvV6TuJJhbpZisF/zLDA0zPMSvHdkr4UvCOqU"


@pytest.mark.parametrize("name", ["", ".", "..", "../root", "a/b", "-x", ".ssh", "a b", "a\n", "é", "a" * 33])
def test_names_that_are_not_file_names_are_refused(name: str) -> None:
    assert not is_user_name(name)


@pytest.mark.parametrize("name", ["root", "alice", "_apt", "a.b-c@example", "1a"])
def test_names_of_users(name: str) -> None:
    assert is_user_name(name)
