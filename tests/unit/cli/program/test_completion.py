"""What the Tab key offers, by itself and in the shells that are installed."""

import os
import shutil
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest

from ferryman.cli.client.completion import SCRIPTS
from ferryman.cli.program import node_names
from ferryman.cli.program.catalogue import ENTRIES
from ferryman.cli.program.completion import complete
from ferryman.model.failures import Failure

NODES = [("web-1", "Online"), ("db-1", "ConnectionLost")]
PROGRAM = f"""#!/bin/sh
exec {sys.executable} -m ferryman.cli.main "$@"
"""


@pytest.fixture
def asked(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> list[dict[str, str]]:
    """The options with which the server was asked for nodes."""
    calls: list[dict[str, str]] = []

    def ask(chosen: dict[str, str]) -> node_names.Nodes:
        calls.append(chosen)
        return NODES

    monkeypatch.setattr(node_names, "_ask", ask)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    return calls


def words(*line: str) -> list[str]:
    return [word for word, _ in complete(line)]


def test_commands_and_their_commands() -> None:
    assert words("") == list(ENTRIES)
    assert words("sess") == ["sessions"]
    assert {"show", "tag", "rename"} <= set(words("nodes", ""))
    assert words("user", "key", "dis") == ["disable"]


def test_options_and_their_values() -> None:
    assert words("nodes", "--st") == ["--status"]
    assert words("nodes", "--status", "") == ["Online", "ConnectionLost", "Inactive"]
    assert words("nodes", "--status", "on") == ["Online"]
    assert words("user", "role", "alice", "adm") == ["administrator"]


@pytest.mark.usefixtures("asked")
def test_names_of_nodes() -> None:
    for line in (("shell", ""), ("run", "x", ""), ("nodes", "show", ""), ("sessions", "list", "--target", "")):
        assert words(*line) == ["web-1", "db-1"], line
    assert words("cp", "w") == ["web-1:"]
    assert complete(("ssh", "web")) == [("web-1", "Online")]
    assert words("run", "web-1", "--", "w") == []


def test_nodes_are_asked_for_once_a_minute_and_by_server(asked: list[dict[str, str]], tmp_path: Path) -> None:
    words("shell", "")
    words("shell", "w")
    assert asked == [{}]
    words("--context", "other", "shell", "")
    words("shell", "--profile", "p", "")
    assert asked[1:] == [{"--context": "other"}, {"--profile": "p"}]
    (kept, *_) = (tmp_path / "ferryman" / "nodes").iterdir()
    assert kept.stat().st_mode & 0o077 == 0
    for each in kept.parent.iterdir():
        os.utime(each, (0, time.time() - node_names.KEPT_SECONDS - 1))
    words("shell", "")
    assert asked[-1] == {}


def test_a_server_that_cannot_be_asked_is_no_error_and_not_asked_again(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    calls = []

    def ask(chosen: dict[str, str]) -> node_names.Nodes:
        calls.append(chosen)
        raise Failure("no")

    monkeypatch.setattr(node_names, "_ask", ask)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    assert words("shell", "") == []
    assert words("shell", "") == []
    assert len(calls) == 1


@pytest.mark.parametrize("name", ["$(reboot)", "a b", "`x`", "", "\x1b[2J"])
def test_a_name_that_a_shell_could_misread_is_not_offered(name: str) -> None:
    row: dict[str, Any] = {"InstanceId": "mi-00000000000000001", "ComputerName": name}
    assert node_names._name(row) == "mi-00000000000000001"


def test_a_person_sees_no_error(tmp_path: Path) -> None:
    """Not even when the configuration is broken."""
    (tmp_path / "config").write_text("[broken")
    done = subprocess.run(
        [sys.executable, "-m", "ferryman.cli.main", "__complete", "shell", ""],
        env={"HOME": str(tmp_path), "AWS_CONFIG_FILE": str(tmp_path / "config")},
        capture_output=True,
        check=True,
    )
    assert (done.stdout, done.stderr) == (b"", b"")


LOOKS = {
    "bash": ["-c", 'source "$1"; COMP_WORDS=(ferryman sess); COMP_CWORD=1; _ferryman; echo "${COMPREPLY[@]}"', "bash"],
    "fish": ["-c", 'source $argv[1]; complete -C "ferryman sess"; complete -C "ferryman nodes --status "'],
    "zsh": ["-f", "-n"],
}


@pytest.mark.parametrize("shell", SCRIPTS)
def test_the_script_works_in_the_shell(shell: str, tmp_path: Path) -> None:
    if shutil.which(shell) is None:
        pytest.skip(f"{shell} is not installed")
    program, script = tmp_path / "ferryman", tmp_path / "script"
    program.write_text(PROGRAM)
    program.chmod(0o755)
    script.write_text(SCRIPTS[shell].lstrip("\n"))
    done = subprocess.run(
        [shell, *LOOKS[shell], str(script)],
        env={"PATH": f"{tmp_path}:{os.environ['PATH']}", "HOME": str(tmp_path)},
        capture_output=True,
        text=True,
        check=True,
    )
    assert done.stderr == ""
    if shell != "zsh":  # zsh completes in its line editor only, so its script is only parsed here
        assert done.stdout.split()[0] == "sessions"
    if shell == "fish":
        assert done.stdout.split()[-3:] == ["ConnectionLost", "Inactive", "Online"]
