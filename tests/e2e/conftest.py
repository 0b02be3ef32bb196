"""A whole Ferryman as a newcomer starts it: `ferryman demo --hold --json`, real processes, the stock AWS CLI.

Starting one takes seconds of both processors, so tests share it where they leave its server and its agent running.
"""

import contextlib
import json
import os
import re
import shlex
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import boto3
import pexpect
import psutil
import pytest
from botocore.exceptions import BotoCoreError

PROGRAMS = Path(sys.executable).parent
_boto = boto3.session.Session()
"""It keeps the services' models, which take a tenth of a second to read."""


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

    @contextlib.contextmanager
    def running(self, command: Sequence[str], told: str) -> Iterator[tuple[subprocess.Popen[str], str]]:
        """Run a client until it says what `told` matches: its process and the match's group; at the end, Ctrl-C."""
        process = subprocess.Popen(
            command,
            env=self.environment,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            start_new_session=True,
            preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),  # a suite in the background ignores it
        )
        try:
            assert process.stdout is not None
            text = ""
            while not (found := re.search(told, text)):
                line = process.stdout.readline()
                assert line, (text, process.communicate())
                text += line
            yield process, found[1]
        finally:
            if process.poll() is None:
                os.killpg(process.pid, signal.SIGINT)
            process.communicate(timeout=30)

    def client(self, service: str, **changes: Any) -> Any:
        """A boto3 client of this server."""
        settings = {
            "endpoint_url": self.facts["endpoint_url"],
            "region_name": self.facts["region"],
            "aws_access_key_id": self.facts["access_key_id"],
            "aws_secret_access_key": self.facts["secret_access_key"],
            "verify": self.facts["ca_file"],
        }
        return _boto.client(service, **(settings | changes))

    def answers(self) -> bool:
        """Whether the server takes calls."""
        try:
            self.client("sts").get_caller_identity()
        except BotoCoreError:
            return False
        return True

    def clear(self) -> None:
        """End all sessions; forget other nodes, the node's tags, and documents."""
        ssm = self.client("ssm")

        def active() -> list[dict[str, Any]]:
            return list(ssm.describe_sessions(State="Active")["Sessions"])

        for row in active():
            ssm.terminate_session(SessionId=row["SessionId"])
        for node in ssm.describe_instance_information()["InstanceInformationList"]:
            if node["InstanceId"] != self.node_id:
                ssm.deregister_managed_instance(InstanceId=node["InstanceId"])
        resource = {"ResourceType": "ManagedInstance", "ResourceId": self.node_id}
        tags = [tag["Key"] for tag in ssm.list_tags_for_resource(**resource)["TagList"]]
        if tags:
            ssm.remove_tags_from_resource(**resource, TagKeys=tags)
        for document in ssm.list_documents(Filters=[{"Key": "Owner", "Values": ["Self"]}])["DocumentIdentifiers"]:
            ssm.delete_document(Name=document["Name"])
        wait_until(lambda: not active())

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


def wait_until(condition: Callable[[], Any], seconds: float = 20.0) -> Any:
    """Wait until `condition()` is true, asking again ten times a second, and return it."""
    deadline = time.monotonic() + seconds
    while True:
        if found := condition():
            return found
        assert time.monotonic() < deadline, f"not within {seconds} s: {condition}"
        time.sleep(0.1)


def _start(directory: Path, *options: str) -> Ferryman:
    with (directory / "demo.stderr").open("w") as errors:
        process = subprocess.Popen(
            [str(PROGRAMS / "ferryman"), "demo", "--hold", "--json", *options],
            cwd=directory,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=errors,
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


@pytest.fixture(scope="session")
def shared_ferryman(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Ferryman]:
    """One demo for all modules that share; afterwards nothing of it runs."""
    running = _start(tmp_path_factory.mktemp("demo"))
    yield running
    _stop(running)


@pytest.fixture(scope="module")
def ferryman(shared_ferryman: Ferryman) -> Ferryman:
    """The shared demo without what other modules' tests left in it; its server and its agent are to be left running."""
    shared_ferryman.clear()
    return shared_ferryman


@pytest.fixture(scope="module")
def own_ferryman(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Ferryman]:
    """A demo for one module's tests; afterwards nothing of it runs."""
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


@contextlib.contextmanager
def agent_of_its_own(
    ferryman: Ferryman, state: Path, endpoint: str, environment: Mapping[str, str] | None = None
) -> Iterator[str]:
    """Run an agent that knows the server by `endpoint`, with variables of its own; its node's id."""
    activation = ferryman.client("ssm").create_activation(IamRole="FerrymanTests")
    options = ["--activation-id", activation["ActivationId"], "--activation-code", activation["ActivationCode"]]
    command = [
        str(PROGRAMS / "ferryman"),
        "agent",
        "register",
        "--endpoint-url",
        endpoint,
        "--state-dir",
        str(state),
        *options,
    ]
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=60)
    assert done.returncode == 0, done.stderr
    with (state / "agent.log").open("wb") as log:
        process = subprocess.Popen(
            [str(PROGRAMS / "ferryman"), "agent", "run", "--state-dir", str(state)],
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=subprocess.STDOUT,
            start_new_session=True,
            env=os.environ | dict(environment or {}),
        )
    try:
        yield done.stdout.strip()
    finally:
        started = [psutil.Process(process.pid), *psutil.Process(process.pid).children(recursive=True)]
        process.terminate()
        process.wait(30)
        _, alive = psutil.wait_procs(started, timeout=10)
        for each in alive:
            each.kill()
    assert not alive


class Shell:
    """`aws ssm start-session` on a pseudo-terminal, as a person has it; what it complains of goes to a file."""

    def __init__(self, ferryman: Ferryman, complaints: Path, *command: str) -> None:
        self.seen = b""
        self.complaints = complaints
        started = command or (str(PROGRAMS / "aws"), "ssm", "start-session", "--target", ferryman.node_id)
        self.child = pexpect.spawn(
            "/bin/sh",
            ["-c", f"exec {shlex.join(started)} 2>{shlex.quote(str(complaints))}"],
            env=ferryman.environment | {"TERM": "xterm"},
            dimensions=(24, 80),
            timeout=30,
            maxread=65536,
        )

    def expect(self, pattern: str, timeout: float = 30.0) -> bytes:
        """Wait for `pattern`; everything up to and with it."""
        self.child.expect(pattern.encode(), timeout=timeout)
        part = bytes(self.child.before) + bytes(self.child.after)
        self.seen += part
        return part

    def session_id(self) -> str:
        """The id that the client announces at its start."""
        part = self.expect(r"SessionId: (\S+)\r\n")
        return part.decode().rsplit("SessionId: ", 1)[1].strip()

    def prompt(self) -> None:
        """Wait until the shell answers: its own arithmetic, which no echo of the typing can forge."""
        self.run("unset HISTFILE; stty -echo; PS1=; echo ready-$((40+2))", "ready-42\r\n")

    def run(self, line: str, awaited: str, timeout: float = 30.0) -> bytes:
        """Type a line, wait for a pattern."""
        self.child.send((line + "\n").encode())
        return self.expect(awaited, timeout)

    def end(self) -> int | None:
        """Wait for the client's own end; its exit status."""
        self.child.expect(pexpect.EOF, timeout=30)
        self.seen += bytes(self.child.before)
        self.child.close()
        status = self.child.exitstatus
        return None if status is None else int(status)


@pytest.fixture
def open_shell(tmp_path: Path) -> Iterator[Callable[..., Shell]]:
    """Open shells that are closed with the test."""
    opened: list[Shell] = []

    def open_(ferryman: Ferryman, *command: str) -> Shell:
        opened.append(Shell(ferryman, tmp_path / f"complaints-{len(opened)}", *command))
        return opened[-1]

    yield open_
    for each in opened:
        each.child.close(force=True)


@pytest.fixture
def until() -> Callable[..., Any]:
    """Wait for a condition of other processes."""
    return wait_until
