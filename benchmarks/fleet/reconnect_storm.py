"""A server is killed while thousands of agents are connected: when all are back, and what somebody who types feels.

The server, the person's session and its node are real processes; the agents are plain sockets in one process, with the
back-off of Ferryman's agent. All share this machine's processors. FERRYMAN_BENCHMARK_AGENTS sets how many there are.
"""

import json
import os
import re
import select
import signal
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from urllib.request import urlopen

from benchmarks.fleet.reconnects import port_of, registered, server_of
from benchmarks.fleet.returning_agents import Facts
from benchmarks.measurement import Bar, Measurement
from benchmarks.peers.tcp_splice import processor_seconds
from benchmarks.sessions.echo import CONTROL, QUIET, Ferryman, Terminal, demo, opened, quantile
from ferryman.cli.demo.starting import free_port
from ferryman.model.identity.credentials import Credentials

AGENTS = int(os.environ.get("FERRYMAN_BENCHMARK_AGENTS", "2000"))
IDLE_SECONDS = 10.0
PAUSE = 0.05
"""Seconds between keystrokes."""
PATIENCE = 600.0
SETTLED = 0.5
"""Seconds without output."""
_LAG = re.compile(r'ferryman_event_loop_lag_seconds_bucket\{le="([^"]+)"\} (\S+)')


class Agents:
    """The process with the agents; `counts` are (when, how many are connected, failed attempts so far)."""

    def __init__(self, process: "subprocess.Popen[str]") -> None:
        self._process = process
        self.counts: list[tuple[float, int, int]] = []
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()

    def _read(self) -> None:
        assert process_output(self._process)
        for line in process_output(self._process):
            self.counts.append(tuple(json.loads(line)))

    @property
    def connected(self) -> int:
        """How many are connected now."""
        return self.counts[-1][1] if self.counts else 0


def process_output(process: "subprocess.Popen[str]") -> Iterator[str]:
    assert process.stdout is not None
    return iter(process.stdout)


def run() -> list[Measurement]:
    """Measure; takes some minutes, mostly to register so many nodes."""
    with tempfile.TemporaryDirectory(prefix="ferryman-bench-") as directory, demo(Path(directory)) as ferryman:
        metrics = serve_metrics(ferryman)
        nodes = [(str(node_id), *_texts(credentials)) for node_id, credentials in registered(ferryman, AGENTS)]
        facts = Facts(port_of(ferryman), ferryman.facts["region"], nodes)
        with opened(ferryman.command(), ferryman.environment) as terminal, running_agents(facts) as agents:
            terminal.prompt()
            os.write(terminal.fd, QUIET)
            terminal.read_until(lambda seen: b"ready-42\r\n" in seen)
            until = time.monotonic() + PATIENCE
            while agents.connected < AGENTS and time.monotonic() < until:
                time.sleep(0.1)
            idle = typed(terminal, agents, IDLE_SECONDS, until_connected=False)
            return storm(ferryman, terminal, agents, idle, metrics)


def storm(ferryman: Ferryman, terminal: Terminal, agents: Agents, idle: list[float], metrics: int) -> list[Measurement]:
    """Kill the server and measure until all are back; it is started again immediately."""
    failed_before = agents.counts[-1][2]
    killed = time.monotonic()
    os.kill(server_of(ferryman).pid, signal.SIGKILL)
    outage = key_during_the_outage(terminal)
    back = typed(terminal, agents, PATIENCE, until_connected=True)
    seconds = time.monotonic() - killed
    count = agents.connected
    fewest = min(range(len(agents.counts)), key=lambda n: (agents.counts[n][0] < killed, agents.counts[n][1]))
    first = next((at for at, connected, _ in agents.counts[fewest:] if connected), killed)
    processor = processor_seconds(server_of(ferryman))
    return [
        Measurement(
            f"{AGENTS} agents: until all are back after the server was killed",
            seconds,
            "s",
            bar=Bar("value", at_most=60),
            note=f"{count} are back, the first after {first - killed:.1f} s; {agents.counts[-1][2] - failed_before} "
            f"failed attempts; {1000 * processor / max(1, count):.1f} ms of the server's CPU each, its start included",
        ),
        Measurement(
            "keystroke echo meanwhile, p99",
            1000 * quantile(back, 0.99),
            "ms",
            "idle",
            1000 * quantile(idle, 0.99),
            note=f"p50 {1000 * statistics.median(back):.1f}, longest {1000 * max(back):.0f} of {len(back)} keys; "
            f"idle p50 {1000 * statistics.median(idle):.1f}, longest {1000 * max(idle):.0f}; "
            f"the key during the outage {outage:.1f} s",
        ),
        Measurement("the event loop was late by at most", longest_lag(metrics), "s", note="looked twice a second"),
    ]


def key_during_the_outage(terminal: Terminal) -> float:
    """Type `x` and wait for it, whatever the client says about the connection; the seconds until then."""
    began = time.monotonic()
    os.write(terminal.fd, b"x")
    seen = b""
    while not CONTROL.sub(b"", seen).rstrip(b"\r\n").endswith(b"x") and time.monotonic() - began < PATIENCE:
        if select.select([terminal.fd], [], [], SETTLED)[0]:
            seen += os.read(terminal.fd, 65536)
    took = time.monotonic() - began
    while select.select([terminal.fd], [], [], SETTLED)[0]:
        os.read(terminal.fd, 65536)
    return took


def typed(terminal: Terminal, agents: Agents, seconds: float, *, until_connected: bool) -> list[float]:
    """Type for so many seconds, or until all agents are connected; the seconds of each key's echo."""
    took: list[float] = []
    until = time.monotonic() + seconds
    while time.monotonic() < until and not (until_connected and took and agents.connected >= AGENTS):
        time.sleep(PAUSE)
        took.append(terminal.key())
    return took


def longest_lag(port: int) -> float:
    """The upper bound of the highest bucket of the event loop's lag with anything in it, infinity above 2.5 s."""
    with urlopen(f"http://127.0.0.1:{port}/metrics", timeout=30) as answer:
        buckets = _LAG.findall(answer.read().decode())
    total = float(buckets[-1][1])
    return next(float(bound) for bound, count in buckets if float(count) == total)


def serve_metrics(ferryman: Ferryman) -> int:
    """Have the demo's server serve metrics after its next start; return where."""
    configuration, port = Path(ferryman.facts["profile_dir"]).parent / "ferryman.toml", free_port()
    configuration.write_text(f'{configuration.read_text()}\n[metrics]\nlisten = "127.0.0.1:{port}"\n')
    return port


@contextmanager
def running_agents(facts: Facts) -> Iterator[Agents]:
    process = subprocess.Popen(
        [sys.executable, "-m", "benchmarks.fleet.returning_agents"],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    assert process.stdin is not None
    process.stdin.write(facts.as_json() + "\n")
    process.stdin.close()
    try:
        yield Agents(process)
    finally:
        process.kill()
        process.wait(30)


def _texts(credentials: Credentials) -> tuple[str, str, str]:
    token = credentials.session_token
    assert token is not None
    return credentials.access_key_id, credentials.secret_access_key.reveal(), token.reveal()
