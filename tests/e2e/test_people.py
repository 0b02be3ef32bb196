"""The commands that people use every day: real processes, against a running demo."""

import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

pytestmark = pytest.mark.timeout(180)
FERRYMAN = str(Path(sys.executable).parent / "ferryman")


def run(ferryman: Any, *arguments: str, typed: bytes | None = None, limit: float = 60) -> Any:
    """Run `ferryman` to its end, with pipes."""
    given: dict[str, Any] = {"stdin": subprocess.DEVNULL} if typed is None else {"input": typed}
    return subprocess.run(
        [FERRYMAN, *arguments], env=ferryman.environment, capture_output=True, timeout=limit, check=False, **given
    )


def name_of(ferryman: Any) -> str:
    (row,) = ferryman.client("ssm").describe_instance_information()["InstanceInformationList"]
    return str(row.get("Name") or row["ComputerName"])


def test_a_shell_by_name(ferryman: Any, open_shell: Callable[..., Any]) -> None:
    shell = open_shell(ferryman, FERRYMAN, "shell", name_of(ferryman), "--reason", "looking")
    session_id = shell.session_id()
    shell.prompt()
    assert ferryman.session_row(session_id)["Reason"] == "looking"
    shell.child.sendline("exit 0")
    assert shell.end() == 0


def test_a_command_in_a_terminal(ferryman: Any, open_shell: Callable[..., Any]) -> None:
    shell = open_shell(ferryman, FERRYMAN, "shell", ferryman.node_id, "--", "sh", "-c", 'tty; echo "<$1>"', "sh", "a b")
    shell.expect(r"/dev/pts/\d+")
    shell.expect("<a b>")
    assert shell.end() == 0


@pytest.mark.parametrize(
    ("target", "said"),
    [
        ("no-such-node", b"No node is called no-such-node"),
        ("tag:role=none", b"No node has the tag role=none"),
        ("tag:role", b"tag:KEY=VALUE"),
        ("mi-00000000000000000", b"TargetNotConnected"),
    ],
)
def test_a_target_that_is_no_node(ferryman: Any, target: str, said: bytes) -> None:
    done = run(ferryman, "shell", target)
    assert done.returncode == 1
    assert said in done.stderr
    assert done.stderr.count(b"\n") == 1
