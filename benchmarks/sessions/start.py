"""What starting costs: processor time of the client until it dials the server, and of two whole commands.

All of that is work and none is waiting, so processor time tells it on a busy machine, too. The client's peer is an
interpreter that imports what no client of this kind can do without.
"""

import json
import os
import socket
import statistics
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

from benchmarks.measurement import Bar, Measurement

ROUNDS = 15
PROGRAMS = Path(sys.executable).parent
LIMIT = 20.0
MINIMUM = "import asyncio, aiohttp, uvloop"


def run() -> list[Measurement]:
    """Measure in turns; takes some fifteen seconds."""
    ours, bare = [], []
    with socket.create_server(("127.0.0.1", 0)) as listener:
        listener.settimeout(LIMIT)
        url = f"ws://127.0.0.1:{listener.getsockname()[1]}/v1/data-channel/s-0123456789abcdef0"
        ticket = {"SessionId": "s-0123456789abcdef0", "TokenValue": "token", "StreamUrl": url}
        plugin = [str(PROGRAMS / "session-manager-plugin"), json.dumps(ticket), "us-east-1", "StartSession"]
        plugin += ["", json.dumps({"Target": "mi-0123456789abcdef0"}), "http://127.0.0.1:1"]
        for _ in range(ROUNDS + 1):
            ours.append(_until_dialled(plugin, listener))
            bare.append(_processor_seconds(subprocess.Popen([sys.executable, "-c", MINIMUM])))
    # The first round warms the disk's cache, and is not counted.
    value, peer = (statistics.median(seconds[1:]) for seconds in (ours, bare))
    return [
        Measurement(
            "Client, process start to dial-out, processor time",
            value,
            "s",
            f"python -c '{MINIMUM}'",
            peer,
            Bar("ratio", at_most=1.5),
        ),
        _command("ferryman --help, processor time", ["--help"], 0.150),
        *_nodes(),
    ]


def _nodes() -> list[Measurement]:
    with _answering_server() as url:
        arguments = ["nodes", "--endpoint-url", url, "--region", "us-east-1"]
        return [_command("ferryman nodes, two nodes, processor time", arguments, 0.350)]


def _command(name: str, arguments: list[str], limit: float) -> Measurement:
    """Measure a command from its start to its end; the first run warms the disk's cache, and is not counted."""
    environment = {"AWS_CONFIG_FILE": "/nowhere", "AWS_ACCESS_KEY_ID": "key", "AWS_SECRET_ACCESS_KEY": "secret"}
    seconds = []
    for _ in range(ROUNDS + 1):
        process = subprocess.Popen([PROGRAMS / "ferryman", *arguments], stdout=subprocess.DEVNULL, env=environment)
        seconds.append(_processor_seconds(process))
        assert process.returncode == 0
    return Measurement(name, statistics.median(seconds[1:]), "s", bar=Bar("value", at_most=limit))


class _Nodes(BaseHTTPRequestHandler):
    """Answers every call as DescribeInstanceInformation with two nodes."""

    def do_POST(self) -> None:
        nodes = [{"InstanceId": f"mi-0123456789abcdef{n}", "PingStatus": "Online", "Name": f"web-{n}"} for n in (1, 2)]
        body = json.dumps({"InstanceInformationList": nodes}).encode()
        self.rfile.read(int(self.headers["Content-Length"]))
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: object) -> None:
        """Say nothing."""


@contextmanager
def _answering_server() -> Iterator[str]:
    with ThreadingHTTPServer(("127.0.0.1", 0), _Nodes) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()


def _until_dialled(command: list[str], listener: socket.socket) -> float:
    process = subprocess.Popen(
        command, stdin=subprocess.PIPE, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, env=dict(os.environ)
    )
    accepted, _ = listener.accept()
    process.kill()
    accepted.close()
    return _processor_seconds(process)


def _processor_seconds(process: "subprocess.Popen[bytes]") -> float:
    _, status, usage = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    if process.stdin is not None:
        process.stdin.close()
    return usage.ru_utime + usage.ru_stime
