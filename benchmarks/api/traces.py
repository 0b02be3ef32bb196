"""Processor time of an API call with OpenTelemetry traces, and without: the export's thread is included.

Both servers run side by side and are called in turns. Memory is what an idle server holds privately.
"""

import subprocess
import tempfile
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import psutil

from benchmarks.measurement import Bar, Measurement
from benchmarks.peers.raw_peers import SignedCall
from benchmarks.peers.tcp_splice import processor_seconds
from ferryman.model.identity.credentials import Credentials
from ferryman.model.values.secret import Secret
from tests.e2e.lone_server import LoneServer, lone_server
from tests.otlp_receiver import running_receiver
from tests.waiting import wait_until

TURNS, CALLS = 8, 100
CALLED: dict[str, dict[str, Any]] = {
    "DescribeSessions": {"State": "History"},
    "GetConnectionStatus": {"Target": "mi-0123456789abcdef0"},
}
"""Calls without and with a request between servers; both read the store."""


def run() -> list[Measurement]:
    """Return the processor time of each call with all calls traced, without traces, and the memory of both servers."""
    with tempfile.TemporaryDirectory(prefix="ferryman-bench-") as directory, ExitStack() as stack:
        receiver = stack.enter_context(running_receiver())
        servers = {
            "off": _server(stack, Path(directory) / "off", ""),
            "on": _server(stack, Path(directory) / "on", f'\n[traces]\nurl = "{receiver.url}"\n'),
        }
        memory = {
            name: psutil.Process(each.process.pid).memory_full_info().uss / 2**20 for name, each in servers.items()
        }
        found = [_measure(name, members, servers) for name, members in CALLED.items()]
        assert receiver.spans
    return [*found, Measurement("idle server with traces", memory["on"], "MiB", "without", memory["off"])]


def _server(stack: ExitStack, directory: Path, settings: str) -> LoneServer:
    server = lone_server(directory)
    with server.configuration.open("a") as file:
        file.write(settings)
    server.process = stack.enter_context(server.started(subprocess.DEVNULL))
    wait_until(server.answers)
    return server


def _measure(name: str, members: dict[str, Any], servers: dict[str, LoneServer]) -> Measurement:
    used: dict[str, list[float]] = {each: [] for each in servers}
    calls = {each: _call(server, name, members) for each, server in servers.items()}
    for turn in range(TURNS + 1):
        for each, call in calls.items():
            process = psutil.Process(servers[each].process.pid)
            before = processor_seconds(process)
            for _ in range(CALLS):
                assert call.send()[0] == 200
            if turn:  # the first warms up
                used[each].append((processor_seconds(process) - before) / CALLS * 1000)
    on, off = (sum(used[each]) / TURNS for each in ("on", "off"))
    return Measurement(f"server's CPU a call, {name}, traced", on, "ms", "not traced", off, Bar("ratio", at_most=1.5))


def _call(server: LoneServer, name: str, members: dict[str, Any]) -> SignedCall:
    facts = server.facts
    credentials = Credentials(facts["access_key_id"], Secret(facts["secret_access_key"]))
    return SignedCall(int(facts["endpoint_url"].rpartition(":")[2]), credentials, name, members, facts["region"])
