"""The plugin forked from a warm program: what tests use of `subprocess.Popen`, without the import of its modules."""

import os
import signal
import subprocess
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, suppress
from typing import IO

from tests.e2e.processes.programs import PLUGIN
from tests.e2e.processes.warm_programs import KEYBOARD_SIGNALS, warm_programs


class ForkedPlugin:
    """A running plugin; each stream is PIPE, DEVNULL, a descriptor or, for `stderr`, STDOUT.

    On a terminal, it is started as the AWS CLI does.
    """

    def __init__(
        self,
        arguments: list[str],
        env: Mapping[str, str],
        *,
        stdin: "int | IO[bytes]" = subprocess.PIPE,
        stdout: int = subprocess.PIPE,
        stderr: int = subprocess.PIPE,
        on_terminal: bool = False,
    ) -> None:
        with ExitStack() as stack:
            theirs, self.stdin = _input(stdin, stack)
            shown, self.stdout = _output(stdout, stack)
            told, self.stderr = (shown, None) if stderr == subprocess.STDOUT else _output(stderr, stack)
            streams = [theirs, shown, told]
            ignored = KEYBOARD_SIGNALS if on_terminal else ()
            command = [PLUGIN, *arguments]
            self._program = warm_programs.start(command, env, streams, on_terminal=on_terminal, ignored=ignored)
        self.pid = self._program.pid

    @property
    def returncode(self) -> int | None:
        """The exit status, None until it was waited for."""
        return self._program.status

    def poll(self) -> int | None:
        """Return the exit status, None while it runs."""
        try:
            return self.wait(0)
        except subprocess.TimeoutExpired:
            return None

    def wait(self, timeout: float | None = None) -> int:
        """Return the exit status once it has ended, negative if a signal ended it."""
        return self._program.wait(timeout)

    def send_signal(self, number: int) -> None:
        """Send a signal, unless it has ended."""
        self._program.send_signal(number)

    def kill(self) -> None:
        """Kill it."""
        self.send_signal(signal.SIGKILL)

    def terminate(self) -> None:
        """Ask it to end."""
        self.send_signal(signal.SIGTERM)

    def communicate(self, typed: bytes = b"", *, timeout: float) -> tuple[bytes | None, bytes | None]:
        """Write its whole input, a pipe's worth at most, and return what it wrote to pipes, up to its end."""
        if self.stdin is not None:
            with suppress(BrokenPipeError), self.stdin:
                self.stdin.write(typed)
        with ThreadPoolExecutor(2) as threads:
            stdout, stderr = (threads.submit(_rest, each) for each in (self.stdout, self.stderr))
            try:
                self.wait(timeout)
            except subprocess.TimeoutExpired:
                self.kill()
                raise
            return stdout.result(), stderr.result()


def _rest(stream: IO[bytes] | None) -> bytes | None:
    return stream.read() if stream is not None else None


def _input(given: "int | IO[bytes]", stack: ExitStack) -> tuple[int, IO[bytes] | None]:
    """The descriptor to read from, and the end to write to if it is a pipe."""
    if given == subprocess.PIPE:
        reading, writing = os.pipe()
        stack.callback(os.close, reading)
        return reading, os.fdopen(writing, "wb")
    if given == subprocess.DEVNULL:
        nothing = os.open(os.devnull, os.O_RDWR)
        stack.callback(os.close, nothing)
        return nothing, None
    return given if isinstance(given, int) else given.fileno(), None


def _output(given: int, stack: ExitStack) -> tuple[int, IO[bytes] | None]:
    """The descriptor to write to, and the end to read from if it is a pipe."""
    if given == subprocess.PIPE:
        reading, writing = os.pipe()
        stack.callback(os.close, writing)
        return writing, os.fdopen(reading, "rb")
    return given, None
