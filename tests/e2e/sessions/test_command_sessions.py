"""Commands without a terminal through the stock AWS CLI: exit codes, both outputs, input."""

import hashlib
import subprocess
from typing import Any

import pytest

from tests.e2e.demo import Ferryman
from tests.e2e.processes.programs import AWS, FERRYMAN, PROGRAMS
from tests.e2e.processes.warm_programs import warm_programs
from tests.waiting import PATIENCE, wait_until


def run_command(
    ferryman: Ferryman, command: str, typed: bytes = b"", **variables: str
) -> subprocess.CompletedProcess[bytes]:
    arguments = ["ssm", "start-session", "--target", ferryman.node_id]
    arguments += ["--document-name", "AWS-StartNonInteractiveCommand"]
    arguments += ["--parameters", f'{{"command":["{command}"],"separateOutputStream":["true"]}}']
    return warm_programs.run_in_pipes(AWS, *arguments, environment=ferryman.environment | variables, typed=typed)


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
def test_exit_codes_of_commands(ferryman: Ferryman, command: str, code: int) -> None:
    done = run_command(ferryman, command)
    assert f"EXIT_CODE: {code}".encode() in done.stdout
    assert done.returncode == (255 if code else 0)
    assert not code or f"returned non-zero exit status {code}".encode() in done.stderr


def test_outputs_are_apart_and_input_is_the_commands_if_asked_for(ferryman: Ferryman) -> None:
    data = bytes(range(256)) * 4000
    done = run_command(ferryman, "sh -c 'sha256sum; echo words >&2'", data, FERRYMAN_COMMAND_STDIN="1")
    assert hashlib.sha256(data).hexdigest().encode() in done.stdout
    assert done.stderr == b"words\n"


def test_a_loop_over_lines_keeps_its_lines(ferryman: Ferryman) -> None:
    aws = f"{PROGRAMS / 'aws'} ssm start-session --document-name AWS-StartNonInteractiveCommand"
    loop = f"while read node; do {aws} --target $node --parameters command='echo on the node'; done"
    done = subprocess.run(
        ["/bin/sh", "-c", loop],
        env=ferryman.environment,
        input=f"{ferryman.node_id}\n" * 2,
        capture_output=True,
        text=True,
        timeout=PATIENCE,
        check=False,
    )
    assert (done.stderr, done.stdout.count("on the node\n")) == ("", 2)


def test_the_exit_code_of_a_command_in_a_terminal(ferryman: Ferryman) -> None:
    shell = [FERRYMAN, "shell", ferryman.node_id, "--", "sh", "-c", "exit 3"]
    settings: dict[str, Any] = {"env": ferryman.environment, "stdin": subprocess.DEVNULL, "timeout": PATIENCE}
    assert subprocess.run(shell, capture_output=True, check=False, **settings).returncode == 3
    aws = [AWS, "ssm", "start-session", "--target", ferryman.node_id]
    aws += ["--document-name", "AWS-StartInteractiveCommand", "--parameters", "command=false"]
    done = subprocess.run(aws, capture_output=True, check=False, **settings)
    assert done.returncode == 255
    assert b"returned non-zero exit status 1" in done.stderr


@pytest.mark.usefixtures("no_sessions")
def test_a_command_that_is_ended_is_not_a_success(ferryman: Ferryman) -> None:
    aws = [AWS, "ssm", "start-session", "--target", ferryman.node_id]
    aws += ["--document-name", "AWS-StartNonInteractiveCommand", "--parameters", "command=sleep 1000"]
    running = subprocess.Popen(aws, env=ferryman.environment, stdin=subprocess.DEVNULL, stderr=subprocess.PIPE)
    ssm = ferryman.client("ssm")
    connected = {"State": "Active", "Filters": [{"key": "Status", "value": "Connected"}]}
    [session] = wait_until(lambda: ssm.describe_sessions(**connected)["Sessions"])
    ssm.terminate_session(SessionId=session["SessionId"])
    complaint = running.communicate(timeout=PATIENCE)[1]
    assert running.returncode == 255
    assert b"returned non-zero exit status 1" in complaint
