"""A whole Ferryman whose server's clock a test moves: real processes, whose limits come when the test says so.

Clients and agents keep the real time, which signatures must not be further from than a few minutes.
"""

import contextlib
import os
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from ferryman.bootstrap.service import monotonic_clock
from ferryman.cli.operate.init import ServerPlan, initialise
from tests.e2e.agents import agent_of_its_own
from tests.e2e.clocks.server_with_moved_clock import MovedClock
from tests.e2e.demo import Ferryman
from tests.ports import free_port
from tests.waiting import PATIENCE, wait_until

SERVER = Path(__file__).with_name("server_with_moved_clock.py")


@dataclass
class MovedFerryman(Ferryman):
    """A running server and its node; `clock` is the file by which the clock is moved."""

    clock: Path

    def advance(self, seconds: float) -> None:
        """Have time pass for the server."""
        moved = self._moved()
        self._move(replace(moved, ahead=moved.ahead + int(seconds * 1000)))

    def set_clock(self, seconds: float) -> None:
        """Set the server machine's clock ahead, or back; no time passes."""
        moved = self._moved()
        self._move(replace(moved, set=moved.set + int(seconds * 1000)))

    @contextlib.contextmanager
    def time_stands_still(self) -> Iterator[None]:
        """Have no time pass for the server but by `advance`, however long the clients take to start."""
        assert self._moved().stopped_at is None
        self._move(replace(self._moved(), stopped_at=monotonic_clock()))
        try:
            yield
        finally:
            moved = self._moved()
            self._move(replace(moved, ahead=moved.ahead - moved.stood_still(), stopped_at=None))

    def _moved(self) -> MovedClock:
        return MovedClock.read(self.clock)

    def _move(self, moved: MovedClock) -> None:
        moved.write(self.clock)


@contextlib.contextmanager
def moved_ferryman(directory: Path, log_file: Path | None = None) -> Iterator[MovedFerryman]:
    """Run a server and an agent in a directory; afterwards nothing of them runs. The server logs to `log_file`."""
    port = free_port()
    made = initialise(ServerPlan(directory / "server", listen=f"127.0.0.1:{port}"))
    clock = directory / "clock"
    MovedClock().write(clock)
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
            [sys.executable, "-P", str(SERVER), str(clock), "server", "--config", str(made.configuration)],
            env={"PATH": os.environ["PATH"]},
            stdin=subprocess.DEVNULL,
            stderr=log,
            text=True,
        )
    try:
        running = MovedFerryman(facts, server, clock)
        wait_until(running.answers)
        with agent_of_its_own(running, directory / "agent", made.public_url) as node_id:
            facts["node_id"] = node_id
            wait_until(running.is_connected)
            yield running
    finally:
        server.terminate()
        server.wait(PATIENCE)
