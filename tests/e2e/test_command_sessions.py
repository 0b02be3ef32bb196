"""Commands without a terminal through the stock AWS CLI: exit codes, both outputs, input."""

import hashlib
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

pytestmark = pytest.mark.timeout(300)
PROGRAMS = Path(sys.executable).parent


def run_command(ferryman: Any, command: str, **options: Any) -> subprocess.CompletedProcess[bytes]:
    arguments = ["ssm", "start-session", "--target", ferryman.node_id]
    arguments += ["--document-name", "AWS-StartNonInteractiveCommand"]
    arguments += ["--parameters", f'{{"command":["{command}"],"separateOutputStream":["true"]}}']
    settings: dict[str, Any] = {"stdin": subprocess.DEVNULL} if "input" not in options else {}
    return subprocess.run(
        [str(PROGRAMS / "aws"), *arguments],
        env=ferryman.environment | options.pop("extra", {}),
        capture_output=True,
        timeout=60,
        check=False,
        **(settings | options),
    )


@pytest.mark.parametrize(
    ("command", "code"),
    [
        ("sh -c 'exit 0'", 0),
        ("sh -c 'exit 1'", 1),
        ("/etc", 126),
        ("no-such-program", 127),
        ("sh -c 'kill -9 $$'", 137),
    ],
)
def test_exit_codes_of_commands(ferryman: Any, command: str, code: int) -> None:
    done = run_command(ferryman, command)
    assert f"EXIT_CODE: {code}".encode() in done.stdout
    assert done.returncode == (255 if code else 0)
    assert not code or f"returned non-zero exit status {code}".encode() in done.stderr


def test_outputs_are_apart_and_input_is_the_commands_if_asked_for(ferryman: Any) -> None:
    data = bytes(range(256)) * 4000
    done = run_command(ferryman, "sh -c 'sha256sum; echo words >&2'", input=data, extra={"FERRYMAN_COMMAND_STDIN": "1"})
    assert hashlib.sha256(data).hexdigest().encode() in done.stdout
    assert done.stderr == b"words\n"


def test_a_loop_over_lines_keeps_its_lines(ferryman: Any) -> None:
    aws = f"{PROGRAMS / 'aws'} ssm start-session --document-name AWS-StartNonInteractiveCommand"
    loop = f"while read node; do {aws} --target $node --parameters command='echo on the node'; done"
    done = subprocess.run(
        ["/bin/sh", "-c", loop],
        env=ferryman.environment,
        input=f"{ferryman.node_id}\n" * 2,
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert done.stdout.count("on the node\n") == 2
    assert done.stderr == ""


def test_the_exit_code_of_a_command_in_a_terminal(ferryman: Any) -> None:
    shell = [str(PROGRAMS / "ferryman"), "shell", ferryman.node_id, "--", "sh", "-c", "exit 3"]
    settings: dict[str, Any] = {"env": ferryman.environment, "stdin": subprocess.DEVNULL, "timeout": 60}
    assert subprocess.run(shell, capture_output=True, check=False, **settings).returncode == 3
    aws = [str(PROGRAMS / "aws"), "ssm", "start-session", "--target", ferryman.node_id]
    aws += ["--document-name", "AWS-StartInteractiveCommand", "--parameters", "command=false"]
    done = subprocess.run(aws, capture_output=True, check=False, **settings)
    assert done.returncode == 255
    assert b"returned non-zero exit status 1" in done.stderr


def test_a_command_that_is_ended_is_no_success(ferryman: Any, until: Callable[..., Any]) -> None:
    aws = [str(PROGRAMS / "aws"), "ssm", "start-session", "--target", ferryman.node_id]
    aws += ["--document-name", "AWS-StartNonInteractiveCommand", "--parameters", "command=sleep 1000"]
    running = subprocess.Popen(aws, env=ferryman.environment, stdin=subprocess.DEVNULL, stderr=subprocess.PIPE)
    ssm = ferryman.client("ssm")
    connected = {"State": "Active", "Filters": [{"key": "Status", "value": "Connected"}]}
    [session] = until(lambda: ssm.describe_sessions(**connected)["Sessions"])
    ssm.terminate_session(SessionId=session["SessionId"])
    complaint = running.communicate(timeout=60)[1]
    assert running.returncode == 255
    assert b"returned non-zero exit status 1" in complaint
