"""Keystroke echo, and time to the first prompt, beside OpenSSH through a jump host: the same topology on loopback.

Both sides are measured in turns, so that what else the machine does hits both alike.
"""

import json
import os
import pty
import re
import select
import signal
import statistics
import subprocess
import sys
import tempfile
import termios
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

import botocore.session

from benchmarks.measurement import Bar, Measurement
from benchmarks.peers import openssh
from benchmarks.peers.openssh import NotHere, OpenSsh
from benchmarks.peers.raw_peers import TLS

ROUNDS = 20
KEYS = 100
"""Keystrokes a round."""
PAUSE = 0.002
"""Seconds between keystrokes; faster than anybody types, slow enough that none waits for another."""
PROMPTS = 12
LIMIT = 20.0
PROGRAMS = Path(sys.executable).parent
PROMPT = re.compile(rb"[$#%>] \Z")
CONTROL = re.compile(rb"\x1b\[[0-9;?]*[A-Za-z]|\x1b\][^\x07]*\x07")
# The far terminal's own echo is what comes back; nothing reads a line, so no line grows too long.
QUIET = b"stty -icanon; echo ready-$((40+2)); exec cat > /dev/null\n"


class Terminal:
    """A program on a pseudo-terminal of ours."""

    def __init__(self, command: list[str], environment: dict[str, str]) -> None:
        self.pid, self.fd = pty.fork()
        if self.pid == 0:
            os.execvpe(command[0], command, environment)  # noqa: S606 - the programs compared
        termios.tcsetwinsize(self.fd, (24, 80))

    def read_until(self, found: Callable[[bytes], object]) -> bytes:
        seen = b""
        deadline = time.monotonic() + LIMIT
        while not found(seen):
            if not select.select([self.fd], [], [], max(0.0, deadline - time.monotonic()))[0]:
                raise TimeoutError(f"not within {LIMIT} s; seen: {seen[-300:]!r}")
            seen += os.read(self.fd, 65536)
        return seen

    def prompt(self) -> None:
        self.read_until(lambda seen: PROMPT.search(CONTROL.sub(b"", seen)))

    def key(self) -> float:
        """Type one character; seconds until it is back."""
        started = time.perf_counter()
        os.write(self.fd, b"x")
        seen = os.read(self.fd, 4096)
        took = time.perf_counter() - started
        if seen != b"x":
            raise AssertionError(f"typed x, got {seen!r}")
        return took

    def close(self) -> None:
        os.kill(self.pid, signal.SIGHUP)
        os.close(self.fd)
        os.waitpid(self.pid, 0)


@contextmanager
def opened(command: list[str], environment: dict[str, str]) -> Iterator[Terminal]:
    terminal = Terminal(command, environment)
    try:
        yield terminal
    finally:
        terminal.close()


class Ferryman:
    """A running demo, and what a client of it needs."""

    def __init__(self, facts: dict[str, Any]) -> None:
        self.facts = facts
        session = botocore.session.Session()
        self.ssm = session.create_client(
            "ssm",
            endpoint_url=facts["endpoint_url"],
            region_name=facts["region"],
            aws_access_key_id=facts["access_key_id"],
            aws_secret_access_key=facts["secret_access_key"],
            verify=facts["ca_file"],
        )
        self.environment = {
            **{name: value for name, value in os.environ.items() if not name.startswith("AWS_")},
            "TERM": "xterm-256color",
            "AWS_ACCESS_KEY_ID": facts["access_key_id"],
            "AWS_SECRET_ACCESS_KEY": facts["secret_access_key"],
            **({"AWS_CA_BUNDLE": facts["ca_file"]} if facts["ca_file"] else {}),
        }

    def command(self, **request: Any) -> list[str]:
        """StartSession, and the plugin's command line for its answer; a shell, unless the request says otherwise."""
        request = {"Target": self.facts["node_id"], **request}
        answer = self.ssm.start_session(**request)
        ticket = {name: answer[name] for name in ("SessionId", "TokenValue", "StreamUrl")}
        plugin = str(PROGRAMS / "session-manager-plugin")
        region, endpoint = self.facts["region"], self.facts["endpoint_url"]
        return [plugin, json.dumps(ticket), region, "StartSession", "", json.dumps(request), endpoint]


@contextmanager
def demo(directory: Path, *, tls: bool = TLS is not None) -> Iterator[Ferryman]:
    command = [str(PROGRAMS / "ferryman"), "demo", "--hold", "--json", *(["--tls"] if tls else [])]
    with subprocess.Popen(command, cwd=directory, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdin is not None
        assert process.stdout is not None
        try:
            yield Ferryman(json.loads(process.stdout.readline()))
        finally:
            process.stdin.close()
            process.wait(30)


def echoes(contenders: dict[str, tuple[list[str], dict[str, str]]]) -> dict[str, list[float]]:
    """Seconds of every keystroke, by contender."""
    took: dict[str, list[float]] = {name: [] for name in contenders}
    with ExitStack() as stack:
        terminals = {name: stack.enter_context(opened(*contender)) for name, contender in contenders.items()}
        for terminal in terminals.values():
            terminal.prompt()
            os.write(terminal.fd, QUIET)
            terminal.read_until(lambda seen: b"ready-42\r\n" in seen)
        for number in range(ROUNDS + 1):
            for name, terminal in terminals.items():
                for _ in range(KEYS):
                    time.sleep(PAUSE)
                    seconds = terminal.key()
                    # The first round warms caches, and is not counted.
                    if number:
                        took[name].append(seconds)
    return took


def prompts(contenders: dict[str, Callable[[], tuple[list[str], dict[str, str]]]]) -> dict[str, list[float]]:
    """Seconds from the wish for a shell to its prompt, by contender."""
    took: dict[str, list[float]] = {name: [] for name in contenders}
    for number in range(PROMPTS + 1):
        for name, begin in contenders.items():
            started = time.perf_counter()
            with opened(*begin()) as terminal:
                terminal.prompt()
                if number:
                    took[name].append(time.perf_counter() - started)
    return took


def run() -> list[Measurement]:
    with ExitStack() as stack:
        directory = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="ferryman-bench-")))
        ferryman = stack.enter_context(demo(directory))
        ssh: OpenSsh | None = None
        note = ""
        try:
            ssh = stack.enter_context(openssh.running(directory))
        except NotHere as reason:
            note = str(reason)
        return [*_echo(ferryman, ssh, note), *_time_to_prompt(ferryman, ssh, note)]


def _echo(ferryman: Ferryman, ssh: OpenSsh | None, note: str) -> list[Measurement]:
    contenders = {"ferryman": (ferryman.command(), ferryman.environment)}
    if ssh:
        contenders["jumped"] = (ssh.command("jumped", "-tt"), ferryman.environment)
        contenders["direct"] = (ssh.command("direct", "-tt"), ferryman.environment)
    took = {name: [1e6 * each for each in seconds] for name, seconds in echoes(contenders).items()}

    def peer(name: str, part: float) -> float | None:
        return quantile(took[name], part) if name in took else None

    ours = quantile(took["ferryman"], 0.5), quantile(took["ferryman"], 0.99)
    jump, direct = "ssh through a jump host", "ssh direct"
    return [
        Measurement("Keystroke echo, p50", ours[0], "µs", jump, peer("jumped", 0.5), Bar("ratio", at_most=1), note),
        Measurement("Keystroke echo, p50", ours[0], "µs", direct, peer("direct", 0.5), note=note),
        Measurement("Keystroke echo, p99", ours[1], "µs", jump, peer("jumped", 0.99), Bar("value", at_most=2000), note),
    ]


def _time_to_prompt(ferryman: Ferryman, ssh: OpenSsh | None, note: str) -> list[Measurement]:
    contenders: dict[str, Callable[[], tuple[list[str], dict[str, str]]]] = {
        "ferryman": lambda: (ferryman.command(), ferryman.environment)
    }
    if ssh:
        contenders["jumped"] = lambda: (ssh.command("jumped", "-tt"), ferryman.environment)
    took = {name: statistics.median(seconds) for name, seconds in prompts(contenders).items()}
    return [
        Measurement(
            "StartSession to first prompt, median",
            took["ferryman"],
            "s",
            "ssh through a jump host",
            took.get("jumped"),
            Bar("ratio", at_most=1),
            note,
        )
    ]


def quantile(samples: list[float], part: float) -> float:
    return sorted(samples)[min(len(samples) - 1, int(len(samples) * part))]
