"""The AWS CLI v2, whose bundle brings a Python and a botocore of its own; the other tests run v1.

It is not on PyPI: `FERRYMAN_TEST_AWS_CLI_V2` names the program, for example from npm's `@aws-cdk/asset-awscli-v2`.
"""

import json
import os
import subprocess
from typing import Any

import pexpect
import pytest

from tests.e2e.demo import Ferryman
from tests.waiting import PATIENCE, wait_until

VARIABLE = "FERRYMAN_TEST_AWS_CLI_V2"


@pytest.fixture(scope="module")
def aws() -> str:
    """The program."""
    named = os.environ.get(VARIABLE)
    if not named:
        pytest.skip(f"{VARIABLE} does not name an AWS CLI v2, such as npm's @aws-cdk/asset-awscli-v2 has")
    version = subprocess.run([named, "--version"], capture_output=True, text=True, timeout=PATIENCE, check=True).stdout
    assert version.startswith("aws-cli/2."), version
    return named


@pytest.fixture(scope="module")
def ferryman(aws: str, module_ferryman: Ferryman) -> Ferryman:
    """One of its own: its list of sessions is exactly what these tests make of it."""
    return module_ferryman


def environment(ferryman: Ferryman) -> dict[str, str]:
    """Only what `ferryman init` wrote: the profile must be enough."""
    kept = ("HOME", "LANG", "TERM", "PATH", "AWS_CONFIG_FILE", "AWS_SHARED_CREDENTIALS_FILE", "AWS_PAGER")
    return {name: value for name, value in ferryman.environment.items() if name in kept}


def run(ferryman: Ferryman, *command: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        command,
        env=environment(ferryman),
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=PATIENCE,
        check=False,
    )


def test_shell(ferryman: Ferryman, aws: str) -> None:
    child = pexpect.spawn(
        aws,
        ["ssm", "start-session", "--target", ferryman.node_id],
        env=environment(ferryman),
        dimensions=(24, 80),
        timeout=PATIENCE,
    )
    child.expect(rb"Starting session with SessionId: \S+\r+\n")
    child.send("stty -echo; PS1=; echo ready-$((40+2)); stty size\r")
    child.expect(rb"ready-42\r+\n24 80\r+\n")
    child.send("exit\r")
    child.expect(rb"Exiting session with sessionId")
    child.expect(pexpect.EOF)
    wait_until(lambda: not child.isalive())
    child.close()
    assert child.exitstatus == 0


def test_command_with_separate_outputs_and_exit_code(ferryman: Ferryman, aws: str) -> None:
    parameters = {"command": ["sh -c 'echo out; echo err >&2; exit 3'"], "separateOutputStream": ["true"]}
    document = ("--document-name", "AWS-StartNonInteractiveCommand", "--parameters", json.dumps(parameters))
    done = run(ferryman, aws, "ssm", "start-session", "--target", ferryman.node_id, *document)
    assert "\nout\n" in done.stdout
    assert "EXIT_CODE: 3" in done.stdout
    assert "err\n" in done.stderr
    # The CLI has an exit code of its own for a plugin that reports a failure.
    assert "returned non-zero exit status 3" in done.stderr
    assert done.returncode == 255


def test_paging_continues_from_a_token_with_another_page_size(ferryman: Ferryman, aws: str) -> None:
    ssm = ferryman.client("ssm")
    wait_until(lambda: not ssm.describe_sessions(State="Active")["Sessions"])
    newest_first = [ssm.start_session(Target=ferryman.node_id)["SessionId"] for _ in range(5)][::-1]

    def listed(*options: str) -> Any:
        done = run(ferryman, aws, "ssm", "describe-sessions", "--state", "Active", "--output", "json", *options)
        assert done.returncode == 0, done.stderr
        return json.loads(done.stdout)

    first = listed("--page-size", "2", "--max-items", "2")
    for size in ([], ["--page-size", "1"], ["--page-size", "50"]):
        rest = listed("--starting-token", first["NextToken"], *size)
        assert [row["SessionId"] for row in first["Sessions"] + rest["Sessions"]] == newest_first
