"""Clients that others made, as their registries have them: npm's `ssm-session`, PyPI's `aws-ssm-tools`."""

import re
import shutil
import socket
import subprocess
from pathlib import Path

import pytest

from tests.e2e.demo import Ferryman
from tests.e2e.processes.programs import PROGRAMS
from tests.waiting import PATIENCE, wait_until

PACKAGE = Path(__file__).parents[1] / "ssm_session"
OLDEST_NODE = 20
"""The first release with a WebSocket of its own, behind an option until 22."""


@pytest.fixture
def ssm_session(tmp_path: Path) -> list[str]:
    """The command that runs `client.js` with the package, installed as the lock says."""
    npm, node = shutil.which("npm"), shutil.which("node")
    if npm is None or node is None:
        pytest.skip("Node.js and npm are not installed")
    version = subprocess.run([node, "--version"], capture_output=True, text=True, check=True).stdout
    if int(re.findall(r"\d+", version)[0]) < OLDEST_NODE:
        pytest.skip(f"Node.js {OLDEST_NODE} is needed, and this is {version.strip()}")
    directory = shutil.copytree(PACKAGE, tmp_path / "ssm_session")
    install = [npm, "ci", "--ignore-scripts", "--no-audit", "--no-fund"]
    installed = subprocess.run(install, cwd=directory, capture_output=True, text=True, check=False)
    if installed.returncode != 0:
        pytest.skip(f"npm could not fetch the package: {installed.stderr.strip()[-200:]}")
    return [node, "--experimental-websocket", str(directory / "client.js")]


def test_a_shell_of_npms_ssm_session(ferryman: Ferryman, ssm_session: list[str]) -> None:
    ticket = ferryman.client("ssm").start_session(Target=ferryman.node_id)
    typed = ["stty -echo; echo size-$(stty size)", "echo sum-$((40+2))", "exit"]
    shown = subprocess.run(
        [*ssm_session, ticket["StreamUrl"], ticket["TokenValue"], *typed],
        capture_output=True,
        text=True,
        timeout=PATIENCE,
        check=False,
    )
    assert shown.returncode == 0, shown
    assert "size-34 97" in shown.stdout
    assert "sum-42" in shown.stdout
    wait_until(lambda: ferryman.session_row(ticket["SessionId"])["Status"] == "Terminated")


def test_the_lists_of_aws_ssm_tools(ferryman: Ferryman) -> None:
    """It asks GetInventory and DescribeInstances, and finds the node by its host name."""
    listed = subprocess.run(
        [str(PROGRAMS / "ssm-session"), "--list"],
        env=ferryman.environment,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=PATIENCE,
        check=False,
    )
    assert listed.returncode == 0, listed
    (row,) = [line for line in listed.stdout.splitlines() if line.startswith(ferryman.node_id)]
    assert socket.gethostname() in row
    shown = subprocess.run(
        [str(PROGRAMS / "ssm-session"), socket.gethostname(), "--command", "echo from-$((40+2))"],
        env=ferryman.environment,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=PATIENCE,
        check=False,
    )
    assert shown.returncode == 0, shown
    assert "from-42" in shown.stdout


def test_a_shell_of_aws_ssm_tools(ferryman: Ferryman) -> None:
    shown = subprocess.run(
        [str(PROGRAMS / "ssm-session"), ferryman.node_id, "--command", "echo from-$((40+2))"],
        env=ferryman.environment,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=PATIENCE,
        check=False,
    )
    assert shown.returncode == 0, shown
    assert "from-42" in shown.stdout
