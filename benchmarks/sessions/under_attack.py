"""Another person's keystroke echo while someone attacks the server: a stranger, a caller without permissions, a node.

The person's shell is real: server, agent, session worker and client are processes, and the terminal is a pty. Each
attack is measured against the idle time before the first one; between attacks the server is left alone for a moment.
"""

import os
import re
import signal
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from urllib.parse import urlsplit

import botocore.exceptions
import botocore.session

from benchmarks.measurement import Bar, Measurement
from benchmarks.sessions.attackers import Facts
from benchmarks.sessions.echo import QUIET, Ferryman, Terminal, demo, opened, quantile

IDLE_SECONDS = 10.0
ATTACK_SECONDS = 30.0
REST_SECONDS = 20.0
"""After an attack: the server gives up on unfinished requests after 15 s."""
PAUSE = 0.02
"""Seconds between keystrokes."""
WARM_UP = 2.0
ATTACKS = {
    "stranger": "an unauthenticated flood",
    "caller": "a caller without permissions",
    "node": "a hostile node",
    "crowd": "a caller on 240 connections",
}
CONNECTIONS = '\n[connections]\nuncounted_networks = ["192.0.2.0/24"]  # so that loopback is counted like any other\n'


def run() -> list[Measurement]:
    with tempfile.TemporaryDirectory(prefix="ferryman-bench-") as directory, demo(Path(directory)) as ferryman:
        count_loopback(ferryman)
        key = key_without_policies(ferryman)
        facts = {
            "stranger": Facts(port_of(ferryman), ferryman.facts["region"], ATTACK_SECONDS),
            "caller": Facts(port_of(ferryman), ferryman.facts["region"], ATTACK_SECONDS, *key),
            "crowd": Facts(port_of(ferryman), ferryman.facts["region"], ATTACK_SECONDS, *key),
            "node": Facts(
                port_of(ferryman),
                ferryman.facts["region"],
                ATTACK_SECONDS,
                ferryman.facts["access_key_id"],
                ferryman.facts["secret_access_key"],
            ),
        }
        with opened(ferryman.command(), ferryman.environment) as terminal:
            terminal.prompt()
            os.write(terminal.fd, QUIET)
            terminal.read_until(lambda seen: b"ready-42\r\n" in seen)
            typed(terminal, WARM_UP)
            idle = typed(terminal, IDLE_SECONDS)
            return [measure(terminal, kind, facts[kind], idle) for kind in ATTACKS]


def measure(terminal: Terminal, kind: str, facts: Facts, idle: list[float]) -> Measurement:
    with attacking(kind, facts) as process:
        time.sleep(WARM_UP)
        attacked = typed(terminal, ATTACK_SECONDS - 2 * WARM_UP)
    time.sleep(REST_SECONDS)
    counts = process.stdout.read().strip() if process.stdout else ""
    return Measurement(
        f"Keystroke echo during {ATTACKS[kind]}, p99",
        quantile(attacked, 0.99),
        "ms",
        "idle",
        quantile(idle, 0.99),
        Bar("ratio", at_most=5),
        f"p50 {statistics.median(attacked):.2f}, idle {statistics.median(idle):.2f}, max {max(attacked):.0f}; {counts}",
    )


def typed(terminal: Terminal, seconds: float) -> list[float]:
    """Type for some seconds; milliseconds of each key's echo."""
    took = []
    until = time.monotonic() + seconds
    while time.monotonic() < until:
        time.sleep(PAUSE)
        took.append(terminal.key() * 1000)
    return took


@contextmanager
def attacking(kind: str, facts: Facts) -> Iterator[subprocess.Popen[str]]:
    process = subprocess.Popen(
        [sys.executable, "-m", "benchmarks.sessions.attackers", kind],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    assert process.stdin is not None
    process.stdin.write(facts.as_json() + "\n")
    process.stdin.flush()
    try:
        yield process
    finally:
        process.stdin.close()
        process.wait(facts.seconds + 60)


def count_loopback(ferryman: Ferryman) -> None:
    """Have the demo's server count connections from loopback: it is restarted with another configuration."""
    configuration = Path(ferryman.facts["profile_dir"]).parent / "ferryman.toml"
    text = re.sub(r"(?m)^\[connections\]\n", CONNECTIONS.lstrip(), configuration.read_text())
    configuration.write_text(text if "[connections]" in text else text + CONNECTIONS)
    os.kill(ferryman.facts["pids"]["server"], signal.SIGKILL)
    until_connected(ferryman)


def until_connected(ferryman: Ferryman) -> None:
    """Wait until the server has been started again and the node is back."""
    deadline = time.monotonic() + 60
    connected = False
    while not connected:
        if time.monotonic() > deadline:
            raise TimeoutError("the server did not come back within 60 s")
        time.sleep(0.2)
        with suppress(botocore.exceptions.BotoCoreError):  # it is still starting
            answer = ferryman.ssm.get_connection_status(Target=ferryman.facts["node_id"])
            connected = answer["Status"] == "connected"


def key_without_policies(ferryman: Ferryman) -> tuple[str, str]:
    iam = botocore.session.Session().create_client(
        "iam",
        endpoint_url=ferryman.facts["endpoint_url"],
        region_name=ferryman.facts["region"],
        aws_access_key_id=ferryman.facts["access_key_id"],
        aws_secret_access_key=ferryman.facts["secret_access_key"],
    )
    iam.create_user(UserName="mallory")
    key = iam.create_access_key(UserName="mallory")["AccessKey"]
    return key["AccessKeyId"], key["SecretAccessKey"]


def port_of(ferryman: Ferryman) -> int:
    return urlsplit(str(ferryman.facts["endpoint_url"])).port or 0
