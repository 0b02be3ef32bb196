"""Every pair of {AWS's plugin, Ferryman's} × {AWS's agent, Ferryman's}, as far as AWS's programs are installed."""

import contextlib
import ctypes
import json
import os
import re
import shutil
import socket
from collections.abc import Callable, Generator, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pexpect
import psutil
import pytest

from tests.e2e.processes.programs import PROGRAMS
from tests.interop.lab import (
    AGENT_VARIABLE,
    PLUGIN_VARIABLE,
    PORT,
    REGION,
    URL,
    Lab,
    aws_plugin,
    heed_interrupts,
    ssm_agent,
)
from tests.openssh import UNKNOWN_HOSTS, make_keys, write_sshd_config
from tests.waiting import PATIENCE, wait_until

PAIRS = [(plugin, agent) for agent in ("aws", "ferryman") for plugin in ("aws", "ferryman")]
_PIDFD_OPEN, _PIDFD_GETFD = 434, 438


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item: pytest.Item) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """Show the ends of the lab's logs with a test that fails."""
    report = yield
    if report.failed and isinstance(item, pytest.Function) and isinstance(lab := item.funcargs.get("lab"), Lab):
        report.sections += lab.log_ends()
    return report


@dataclass
class Session:
    """`aws ssm start-session` on a pseudo-terminal."""

    pair: "Pair"
    child: Any
    session_id: str
    earlier: list[psutil.Process]
    """Processes of Ferryman's agent for other sessions."""

    def expect(self, pattern: str, timeout: float = PATIENCE) -> bytes:
        """Wait for `pattern`; everything up to and with it."""
        self.child.expect(pattern.encode(), timeout=timeout)
        return bytes(self.child.before) + bytes(self.child.after)

    def send(self, text: str) -> None:
        """Type."""
        self.child.send(text.encode())

    def prompt(self) -> None:
        """Wait until a shell answers: its own arithmetic, which no echo of the typing can forge."""
        self.send("stty -echo; PS1=; echo ready-$((40+2))\r")
        self.expect("ready-42\r+\n")

    def end(self, timeout: float = PATIENCE) -> bytes:
        """Wait for the client's own end; what it still said."""
        self.child.expect(pexpect.EOF, timeout=timeout)
        self.child.close()
        return bytes(self.child.before)

    def row(self) -> dict[str, Any]:
        """The session as DescribeSessions has it."""
        return self.pair.lab.session(self.session_id)

    def ended(self, *, details: str = "", status: str = "Terminated", seconds: float = PATIENCE) -> None:
        """Wait until its row says so."""
        row = wait_until(lambda: self._ended() or {}, seconds)
        assert row["Status"] == status, row
        assert details in row.get("Details", ""), row

    def _ended(self) -> dict[str, Any] | None:
        row = self.row()
        return row if row["Status"] in ("Terminated", "Failed") else None

    def workers(self) -> list[psutil.Process]:
        """The agent's processes that hold this session's data channel."""
        if self.pair.agent_is_aws:
            every = self.pair.lab.aws_agent("ssm-session-worker")
            return [each for each in every if self.session_id in each.cmdline()]
        return [each for each in self.pair.with_channels() if each not in self.earlier]

    def plugin(self) -> psutil.Process:
        """The process of the plugin."""
        for process in psutil.Process(self.child.pid).children(recursive=True):
            if "session-manager-plugin" in " ".join(process.cmdline()[:2]):
                return process
        raise LookupError("no plugin runs")


@dataclass
class Pair:
    """A plugin and an agent at one server."""

    lab: Lab
    plugin: Path
    node_id: str
    plugin_is_aws: bool
    agent_is_aws: bool

    @property
    def environment(self) -> dict[str, str]:
        """What the AWS CLI has."""
        return self.lab.environment(self.plugin)

    def command(self, document: str | None = None, **parameters: str) -> list[str]:
        """The command that starts a session, in the lab."""
        arguments = [str(PROGRAMS / "aws"), "ssm", "start-session", "--target", self.node_id]
        if document is not None:
            arguments += ["--document-name", document]
        if parameters:
            lists = {name: [value] for name, value in parameters.items()}
            arguments += ["--parameters", json.dumps(lists)]
        return self.lab.command(*arguments)

    def start(self, document: str | None = None, **parameters: str) -> Session:
        """Start a session on a terminal of 80 × 24."""
        return self._spawn(self.command(document, **parameters))

    def attach(self, ticket: dict[str, Any]) -> Session:
        """Run the plugin for a session that StartSession began, as the CLI does."""
        ticket = {name: ticket[name] for name in ("SessionId", "TokenValue", "StreamUrl")}
        target = json.dumps({"Target": self.node_id})
        return self._spawn(self.lab.command(self.plugin, json.dumps(ticket), REGION, "StartSession", "", target, URL))

    def _spawn(self, command: list[str]) -> Session:
        program, *rest = command
        earlier = [] if self.agent_is_aws else self.with_channels()
        child = pexpect.spawn(
            program,
            rest,
            env=self.environment,
            dimensions=(24, 80),
            timeout=PATIENCE,
            maxread=65536,
            preexec_fn=heed_interrupts,
        )
        child.expect(rb"SessionId: (\S+)\r+\n")
        found = re.match(rb"SessionId: (\S+)\r+\n", child.after)
        assert found is not None
        return Session(self, child, found[1].decode(), earlier)

    def with_channels(self) -> list[psutil.Process]:
        """The processes of Ferryman's agent that hold data channels."""
        children = psutil.Process(self.lab.ferryman_agent.pid).children(recursive=True)
        return [child for child in children if connections(child)]


def connections(process: psutil.Process) -> list[int]:
    """The descriptors of the process's connections to the server, in whichever network it is."""
    remote = f":{PORT:04X}"
    try:
        table = Path(f"/proc/{process.pid}/net/tcp").read_text()
        descriptors = list(Path(f"/proc/{process.pid}/fd").iterdir())
    except OSError:  # it has ended
        return []
    lines = [line.split() for line in table.splitlines()[1:]]
    inodes = {f"socket:[{fields[9]}]" for fields in lines if fields[2].endswith(remote)}
    found = []
    for entry in descriptors:
        with contextlib.suppress(OSError):
            if str(entry.readlink()) in inodes:
                found.append(int(entry.name))
    return found


def cut(process: psutil.Process) -> int:
    """Break the process's connections to the server; how many there were."""
    libc = ctypes.CDLL(None, use_errno=True)
    found = connections(process)
    pidfd = libc.syscall(_PIDFD_OPEN, process.pid, 0)
    assert pidfd >= 0, os.strerror(ctypes.get_errno())
    for descriptor in found:
        same = libc.syscall(_PIDFD_GETFD, pidfd, descriptor, 0)
        assert same >= 0, os.strerror(ctypes.get_errno())
        with socket.socket(fileno=same) as connection:
            connection.shutdown(socket.SHUT_RDWR)
    os.close(pidfd)
    return len(found)


@contextlib.contextmanager
def stopped(processes: list[psutil.Process]) -> Iterator[None]:
    """Stop AWS's programs for a while: they retry for five seconds, in which a busy machine starts no server."""
    for process in processes:
        process.suspend()
    try:
        yield
    finally:
        for process in processes:
            process.resume()


@pytest.fixture(scope="session")
def lab(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Lab]:
    """A server in a network of its own."""
    agent = ssm_agent()
    if agent is None and aws_plugin() is None:
        pytest.skip(
            f"neither amazon-ssm-agent nor AWS's session-manager-plugin is on PATH, {AGENT_VARIABLE} and"
            f" {PLUGIN_VARIABLE} name none"
        )
    if os.geteuid() != 0:
        pytest.skip("the network namespaces of these tests need root")
    for program in ("unshare", "nsenter", "ip"):
        if shutil.which(program) is None:
            pytest.skip(f"{program} is not installed")
    made = Lab(tmp_path_factory.mktemp("lab"), agent)
    try:
        made.serve()
        yield made
    finally:
        made.close()


@pytest.fixture(scope="session")
def node_of(lab: Lab) -> Callable[[str], str]:
    """The node of AWS's agent or of Ferryman's, started when first asked for."""
    started: dict[str, str] = {}

    def find(agent: str) -> str:
        if agent not in started:
            if agent == "aws" and lab.agent is None:
                pytest.skip(f"amazon-ssm-agent is not on PATH, and {AGENT_VARIABLE} names none")
            started[agent] = lab.run_ssm_agent() if agent == "aws" else lab.run_ferryman_agent()
        return started[agent]

    return find


@pytest.fixture(params=PAIRS, ids=lambda pair: f"{pair[0]}-plugin-{pair[1]}-agent")
def pair(request: pytest.FixtureRequest, lab: Lab, node_of: Callable[[str], str]) -> Iterator[Pair]:
    """One of the four pairs."""
    yield make_pair(lab, node_of, *request.param)
    lab.end_sessions()


def make_pair(lab: Lab, node_of: Callable[[str], str], plugin: str, agent: str) -> Pair:
    """Return a pair; skips if one of the two is not installed."""
    found = aws_plugin() if plugin == "aws" else PROGRAMS / "session-manager-plugin"
    if found is None:
        pytest.skip(f"AWS's session-manager-plugin is not on PATH, and {PLUGIN_VARIABLE} names none")
    return Pair(lab, found, node_of(agent), plugin == "aws", agent == "aws")


@pytest.fixture
def quiet(lab: Lab) -> Iterator[None]:
    """AWS's agent has nothing to complain of afterwards that it had not before."""
    before = lab.agent_errors()
    yield
    assert lab.agent_errors()[len(before) :] == ""


@dataclass
class Ssh:
    """A scratch sshd in the lab, and what reaches it through a session."""

    directory: Path

    def options(self, pair: Pair) -> list[str]:
        """Options of ssh and scp."""
        proxy = f"{PROGRAMS}/aws ssm start-session --target {pair.node_id} --document-name AWS-StartSSHSession"
        settings = {
            "ProxyCommand": f"{proxy} --parameters portNumber=2222",
            "IdentityFile": str(self.directory / "user_key"),
            "User": "root",
            **UNKNOWN_HOSTS,
        }
        return ["-F", "none", *(f"-o{name}={value}" for name, value in settings.items())]


@pytest.fixture(scope="session")
def ssh(lab: Lab, tmp_path_factory: pytest.TempPathFactory) -> Ssh:
    """OpenSSH in the lab."""
    sshd = shutil.which("sshd", path="/usr/sbin:/usr/local/sbin")
    if sshd is None or shutil.which("ssh") is None:
        pytest.skip("OpenSSH is not installed")
    directory = tmp_path_factory.mktemp("ssh")
    make_keys(directory, "host_key", "user_key")
    lab.start("sshd.log", sshd, "-D", "-e", "-f", write_sshd_config(directory, 2222))
    wait_until(lambda: "Server listening" in (lab.directory / "sshd.log").read_text())
    return Ssh(directory)
