"""What the client's start costs: processor time from its process's start until it dials the server.

All of that is work and none is waiting, so processor time tells it on a busy machine, too. The peer is an interpreter
that imports what no client of this kind can do without.
"""

import json
import os
import socket
import statistics
import subprocess
import sys
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
        )
    ]


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
