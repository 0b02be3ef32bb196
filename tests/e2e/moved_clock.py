"""A whole Ferryman whose server's clock a test moves: real processes, whose limits come when the test says so.

Clients and agents keep the real time, which signatures must not be further from than a few minutes.
"""

import contextlib
import os
import socket
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ferryman.cli.operate.init import Plan, initialise
from tests.e2e.conftest import Ferryman, agent_of_its_own, wait_until

SERVER = Path(__file__).with_name("server_with_moved_clock.py")


@dataclass
class MovedFerryman(Ferryman):
    """A running server and its node; `ahead` is the file by which the clock is moved."""

    ahead: Path

    def advance(self, seconds: float) -> None:
        """Have time pass for the server."""
        _add(self.ahead, seconds)

    def set_clock(self, seconds: float) -> None:
        """Set the server machine's clock ahead, or back; no time passes."""
        _add(self.ahead.with_name("set"), seconds)


def _add(file: Path, seconds: float) -> None:
    moved = int(file.read_text()) + int(seconds * 1000)
    partial = file.with_suffix(".partial")
    partial.write_text(str(moved))
    partial.replace(file)


@contextlib.contextmanager
def moved_ferryman(directory: Path, log_file: Path | None = None) -> Iterator[MovedFerryman]:
    """Run a server and an agent in a directory; afterwards nothing of them runs. The server logs to `log_file`."""
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    made = initialise(Plan(directory / "server", listen=f"127.0.0.1:{port}"))
    ahead = directory / "ahead"
    ahead.write_text("0")
    ahead.with_name("set").write_text("0")
    facts: dict[str, Any] = {
        "profile_dir": str(made.profile_directory),
        "endpoint_url": made.public_url,
        "region": made.region,
        "access_key_id": made.credentials.access_key_id,
        "secret_access_key": made.credentials.secret_access_key.reveal(),
        "ca_file": None,
    }
    with (log_file or directory / "server.log").open("w") as log:
        server = subprocess.Popen(
            [sys.executable, "-P", str(SERVER), str(ahead), "server", "--config", str(made.configuration)],
            env={"PATH": os.environ["PATH"]},
            stdin=subprocess.DEVNULL,
            stderr=log,
            text=True,
        )
    try:
        running = MovedFerryman(facts, server, ahead)
        wait_until(running.answers)
        with agent_of_its_own(running, directory / "agent", made.public_url) as node_id:
            facts["node_id"] = node_id
            ssm = running.client("ssm")
            wait_until(lambda: ssm.get_connection_status(Target=node_id)["Status"] == "connected")
            yield running
    finally:
        server.terminate()
        server.wait(30)
