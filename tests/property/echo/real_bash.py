"""A real bash on a real pseudo-terminal, as a program of the simulated node."""

import os
import pty
import select
import signal
import termios
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

QUIET_SECONDS = 0.02
"""Output that takes longer counts as that of the next key, which changes nothing but how it is cut."""
PATIENCE = 60.0
READ_BYTES = 65_536


class RealBash:
    """Bash with its line editor, in a directory with a few files."""

    def __init__(self, descriptor: int) -> None:
        self._descriptor = descriptor

    def start(self) -> bytes:
        seen = b""
        while not seen.endswith(b"$ "):
            seen += self._read(PATIENCE)
        return seen

    def type(self, data: bytes) -> bytes:
        os.write(self._descriptor, data)
        return self._until_quiet()

    def resize(self, columns: int) -> bytes:
        rows, _ = termios.tcgetwinsize(self._descriptor)
        termios.tcsetwinsize(self._descriptor, (rows, columns))
        return self._until_quiet()

    def _until_quiet(self) -> bytes:
        output = b""
        while part := self._read(QUIET_SECONDS):
            output += part
        return output

    def _read(self, seconds: float) -> bytes:
        if not select.select([self._descriptor], [], [], seconds)[0]:
            return b""
        return os.read(self._descriptor, READ_BYTES)


@contextmanager
def real_bash(directory: Path, columns: int, rows: int) -> Iterator[RealBash]:
    """A running bash, in `directory`."""
    (directory / "some-file").touch()
    (directory / "some-other").touch()
    environment = {"PATH": os.environ["PATH"], "TERM": "xterm", "PS1": "\\[\\e[1;32m\\]ann\\[\\e[0m\\]$ ", "HOME": "/"}
    pid, descriptor = pty.fork()
    if pid == 0:
        termios.tcsetwinsize(0, (rows, columns))
        os.chdir(directory)
        os.execve("/bin/bash", ["bash", "--norc", "--noprofile", "-i"], environment)  # noqa: S606
    try:
        yield RealBash(descriptor)
    finally:
        os.kill(pid, signal.SIGKILL)
        os.close(descriptor)
        os.waitpid(pid, 0)
