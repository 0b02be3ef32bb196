"""A whole Ferryman as a newcomer starts it: `ferryman demo --hold --json`, real processes, the stock AWS CLI."""

import json
import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import boto3
import psutil
import pytest

PROGRAMS = Path(sys.executable).parent
START_LIMIT = 60.0


@dataclass
class Ferryman:
    """A running demo: what it printed, and its process."""

    facts: dict[str, Any]
    process: subprocess.Popen[str]

    @property
    def node_id(self) -> str:
        return str(self.facts["node_id"])

    @property
    def environment(self) -> dict[str, str]:
        """What the AWS CLI needs to find this server and our plugin, and nothing of the user's."""
        profile = Path(self.facts["profile_dir"])
        kept = {name: os.environ[name] for name in ("HOME", "LANG", "TERM") if name in os.environ}
        return kept | {
            "PATH": f"{PROGRAMS}:/usr/local/bin:/usr/bin:/bin",
            "AWS_CONFIG_FILE": str(profile / "config"),
            "AWS_SHARED_CREDENTIALS_FILE": str(profile / "credentials"),
            "AWS_ENDPOINT_URL": self.facts["endpoint_url"],
            "AWS_REGION": self.facts["region"],
            "AWS_ACCESS_KEY_ID": self.facts["access_key_id"],
            "AWS_SECRET_ACCESS_KEY": self.facts["secret_access_key"],
            "AWS_PAGER": "",
        }

    def aws(self, *arguments: str, check: bool = True) -> subprocess.CompletedProcess[str]:
        """Run the stock `aws` command."""
        return subprocess.run(
            [str(PROGRAMS / "aws"), *arguments],
            env=self.environment,
            capture_output=True,
            text=True,
            timeout=60,
            check=check,
            stdin=subprocess.DEVNULL,
        )

    def client(self, service: str, **changes: Any) -> Any:
        """A boto3 client of this server."""
        settings = {
            "endpoint_url": self.facts["endpoint_url"],
            "region_name": self.facts["region"],
            "aws_access_key_id": self.facts["access_key_id"],
            "aws_secret_access_key": self.facts["secret_access_key"],
        }
        return boto3.session.Session().client(service, **(settings | changes))

    def descendants(self) -> list[psutil.Process]:
        """Every process that the demo started, itself first."""
        root = psutil.Process(self.process.pid)
        return [root, *root.children(recursive=True)]

    def session_row(self, session_id: str) -> dict[str, Any]:
        """The session's row of DescribeSessions, wherever it is."""
        ssm = self.client("ssm")
        for state in ("Active", "History"):
            rows = ssm.describe_sessions(State=state, Filters=[{"key": "SessionId", "value": session_id}])["Sessions"]
            if rows:
                return dict(rows[0])
        raise LookupError(session_id)


def _start(directory: Path, *options: str) -> Ferryman:
    process = subprocess.Popen(
        [str(PROGRAMS / "ferryman"), "demo", "--hold", "--json", *options],
        cwd=directory,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=(directory / "demo.stderr").open("w"),
        text=True,
    )
    assert process.stdout is not None
    line = process.stdout.readline()
    assert line, (directory / "demo.stderr").read_text()
    return Ferryman(json.loads(line), process)


def _stop(ferryman: Ferryman) -> None:
    started = ferryman.descendants() if ferryman.process.poll() is None else []
    assert ferryman.process.stdin is not None
    assert ferryman.process.stdout is not None
    ferryman.process.stdin.close()
    try:
        ferryman.process.wait(30)
    finally:
        ferryman.process.stdout.close()
        _, alive = psutil.wait_procs(started, timeout=5)
        for process in alive:
            process.kill()
    assert not alive, f"left running: {[process.cmdline() for process in alive]}"


@pytest.fixture(scope="module")
def ferryman(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Ferryman]:
    """One demo for a module's tests; afterwards nothing of it runs."""
    running = _start(tmp_path_factory.mktemp("demo"))
    yield running
    _stop(running)


@pytest.fixture
def start_ferryman(tmp_path: Path) -> Iterator[Callable[..., Ferryman]]:
    """Start a demo of a test's own, to be killed at will."""
    running: list[Ferryman] = []

    def start(*options: str) -> Ferryman:
        running.append(_start(tmp_path, *options))
        return running[-1]

    yield start
    for each in running:
        _stop(each)
