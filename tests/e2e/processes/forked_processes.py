"""Servers and demos, forked from a program that has imported what they run: importing takes most of a start."""

import os
import signal
from pathlib import Path
from typing import IO, Any

from tests.e2e.processes.programs import FERRYMAN
from tests.e2e.processes.warm_programs import ForkedProgram, warm_programs
from tests.waiting import PATIENCE


class ForkedProcess:
    """A running program, with the methods of `subprocess.Popen` that tests need."""

    def __init__(self, program: ForkedProgram) -> None:
        self._program = program
        self.pid = program.pid
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
        self.send_signal(signal.SIGTERM)

    def kill(self) -> None:
        """End it without a word to anybody."""
        self.send_signal(signal.SIGKILL)

    def send_signal(self, number: int) -> None:
        """Send a signal, unless it has ended."""
        if self.poll() is None:
            os.kill(self.pid, number)


class ForkedServer(ForkedProcess):
    """A running `ferryman server`; it logs to `log`."""

    def __init__(self, configuration: Path, log: int | IO[Any]) -> None:
        command = [FERRYMAN, "server", "--config", str(configuration)]
        nothing = os.open(os.devnull, os.O_RDWR)
        try:
            streams = [nothing, nothing, log if isinstance(log, int) else log.fileno()]
            super().__init__(warm_programs.start(command, {"PATH": os.environ["PATH"]}, streams))
        finally:
            os.close(nothing)


class ForkedDemo(ForkedProcess):
    """A running `ferryman demo`, its standard input and output."""

    def __init__(self, *options: str, directory: Path, errors: IO[Any]) -> None:
        given, stdin = os.pipe()
        stdout, told = os.pipe()
        self.stdin, self.stdout = os.fdopen(stdin, "w"), os.fdopen(stdout)
        try:
            streams = [given, told, errors.fileno()]
            super().__init__(warm_programs.start([FERRYMAN, "demo", *options], os.environ, streams, directory))
        finally:
            os.close(given)
            os.close(told)
