"""A program forked from a warm one on a pseudo-terminal: what tests use of `pexpect.spawn`."""

import os
import pty
import signal
import subprocess
import termios
from collections.abc import Mapping
from pathlib import Path

from pexpect.fdpexpect import fdspawn

from tests.e2e.processes.warm_programs import warm_programs
from tests.waiting import PATIENCE

MOST_READ = 65536
"""Bytes of output that are examined at a time."""
HANGUP_SECONDS = 10.0
"""How long a program may take to end after its terminal was closed."""


class TerminalProgram(fdspawn):  # type: ignore[misc]  # pexpect has no types
    """A program of `MODULES` whose standard error goes to a file."""

    def __init__(self, command: list[str], environment: Mapping[str, str], errors: Path) -> None:
        master, terminal = pty.openpty()
        termios.tcsetwinsize(terminal, (24, 80))
        with errors.open("wb") as file:
            streams = [terminal, terminal, file.fileno()]
            self._program = warm_programs.start(command, environment, streams, on_terminal=True)
        os.close(terminal)
        super().__init__(master, timeout=PATIENCE, maxread=MOST_READ)
        self.pid = self._program.pid

    def sendcontrol(self, letter: str) -> None:
        """Type a letter with the control key."""
        self.send(bytes([ord(letter.upper()) - ord("@")]))

    def setwinsize(self, rows: int, columns: int) -> None:
        """Resize the window."""
        termios.tcsetwinsize(self.child_fd, (rows, columns))

    def kill(self, number: int) -> None:
        """Send a signal, unless the program has ended."""
        self._program.send_signal(number)

    def wait(self) -> int:
        """Wait for the program's end; its exit status."""
        return self._program.wait()

    def close(self, force: bool = True) -> None:
        """Close the terminal and wait for the program's end; if that takes long and `force`, kill it."""
        super().close()
        try:
            self.exitstatus = self._program.wait(HANGUP_SECONDS)
        except subprocess.TimeoutExpired:
            if not force:
                raise
            self.kill(signal.SIGKILL)
            self.exitstatus = self._program.wait()
