"""Servers that are forked from a program that has imported what they run: importing takes most of a start's second."""

import os
import signal
from pathlib import Path
from typing import IO, Any

from tests.e2e.programs import FERRYMAN
from tests.e2e.warm_programs import warm_programs
from tests.waiting import PATIENCE


class ForkedServer:
    """A running `ferryman server`, with the methods of `subprocess.Popen` that tests need; it logs to `log`."""

    def __init__(self, configuration: Path, log: int | IO[Any]) -> None:
        command = [FERRYMAN, "server", "--config", str(configuration)]
        nothing = os.open(os.devnull, os.O_RDWR)
        try:
            streams = [nothing, nothing, log if isinstance(log, int) else log.fileno()]
            self._program = warm_programs.start(command, {"PATH": os.environ["PATH"]}, streams)
        finally:
            os.close(nothing)
        self.pid = self._program.pid
        self._status: int | None = None

    def poll(self) -> int | None:
        """Return the exit status, negative after a signal; None while it runs."""
        if self._status is None and self._program.has_ended():
            self._status = self._program.wait()
        return self._status

    def wait(self, seconds: float = PATIENCE) -> int:
        """Wait for the exit status."""
        if self._status is None:
            self._status = self._program.wait(seconds)
        return self._status

    def terminate(self) -> None:
        """Ask it to end."""
        self._send(signal.SIGTERM)

    def kill(self) -> None:
        """End it without a word to anybody."""
        self._send(signal.SIGKILL)

    def _send(self, number: int) -> None:
        if self.poll() is None:
            os.kill(self.pid, number)
