"""Runs of `ferryman`, its plugin and the stock `aws`: processes forked from one that has imported them.

Importing takes most of a short run's time, and the tests need hundreds of runs. Each is a process with arguments,
variables and standard streams of its own, and ends as an interpreter does. Where it matters how a program is started,
tests start it themselves.
"""

import atexit
import gc
import importlib
import json
import os
import select
import signal
import socket
import subprocess
import sys
import tempfile
import threading
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, suppress
from dataclasses import dataclass
from io import FileIO
from pathlib import Path
from typing import Any

from tests.e2e.processes.programs import AWS, FERRYMAN, PLUGIN
from tests.waiting import PATIENCE

Main = Callable[[], int | None]
MODULES = {FERRYMAN: "ferryman.cli.main", AWS: "awscli.clidriver", PLUGIN: "ferryman.client.plugin.main"}
"""The modules whose `main` the programs call."""
IMPORTED = (
    *("awscli.handlers", "ferryman.cli.manage.nodes", "ferryman.client.calls.aws_session", "aiohttp"),
    *("ferryman.bootstrap.service", "ferryman.store.database"),
    *("ferryman.cli.client.run", "ferryman.cli.client.shell", "ferryman.cli.client.forward", "ferryman.cli.client.cp"),
    *("ferryman.cli.doctor.command", "ferryman.cli.manage.sessions", "ferryman.cli.operate.users"),
    *("ferryman.client.plugin.session", "ferryman.client.plugin.ports.multiplexed", "ferryman.client.plugin.stdio"),
    *("ferryman.client.plugin.tty.posix_terminal", "ferryman.client.plugin.command", "ferryman.channel.encryption"),
    *("ferryman.cli.operate.agent", "ferryman.agent.identity.registration", "ferryman.cli.manage.recordings"),
    *("ferryman.cli.demo.command", "ferryman.cli.demo.parts", "ferryman.cli.demo.starting"),
)
"""What they import on their way."""
SERVER = (
    *("ferryman.cli.operate.server", "ferryman.cli.logs", "ferryman.bootstrap.garbage_collection"),
    *(
        "ferryman.server.serving",
        "ferryman.transport.fetch",
        "ferryman.bootstrap.audit.sinks",
        "ferryman.audit.follower",
    ),
    *("ferryman.bootstrap.bus.opening", "ferryman.recording.recorder", "ferryman.recording.outputs.delivery"),
    *("ferryman.recording.search.indexer", "ferryman.store.line_index", "ferryman.audit.follower"),
    *("ferryman.store.postgresql.serving_locks", "ferryman.bus.nats.bus", "ferryman.audit.writer"),
    *("ferryman.audit.notices", "ferryman.audit.sinks.webhook", "ferryman.recording.keys.rewrapping"),
    *("ferryman.recording.storage.s3", "ferryman.sandbox.worker", "typer._adapters", "uvloop"),
)
"""What a server imports; it takes a second, so it is left until the first one starts."""
LONGEST_REQUEST = 1 << 18
STREAMS = 3
KEYBOARD_SIGNALS = (signal.SIGINT, signal.SIGQUIT, signal.SIGTSTP)
"""What the AWS CLI has the plugin ignore."""


@dataclass
class ForkedProgram:
    """A program that was started."""

    command: list[str]
    pid: int
    report: FileIO
    """Its exit status comes here."""
    status: int | None = None
    """The exit status once `wait` knows it, negative if a signal ended the program."""

    def has_ended(self) -> bool:
        """Whether `wait` would return now."""
        return bool(select.select([self.report], [], [], 0)[0])

    def wait(self, seconds: float | None = PATIENCE) -> int:
        """Return the exit status once the program has ended; TimeoutExpired if it takes longer."""
        if self.status is None:
            if not select.select([self.report], [], [], seconds)[0]:
                raise subprocess.TimeoutExpired(self.command, seconds or 0)
            with self.report:
                self.status = int(self.report.readline())
        return self.status

    def send_signal(self, number: int) -> None:
        """Send a signal, unless the program has ended."""
        with suppress(subprocess.TimeoutExpired):
            self.wait(0)
        if self.status is None:
            os.kill(self.pid, number)


class WarmPrograms:
    """The process that forks programs, from the first run until `close`."""

    def __init__(self) -> None:
        self._process: subprocess.Popen[bytes] | None = None
        self._requests: socket.socket | None = None
        self._starting = threading.Lock()

    def run(
        self, program: str, *arguments: str, environment: Mapping[str, str], directory: Path | None = None
    ) -> "subprocess.CompletedProcess[str]":
        """Run a program of `MODULES` without input, to its end."""
        command = [program, *arguments]
        with ExitStack() as stack:
            streams = [stack.enter_context(tempfile.TemporaryFile()) for _ in range(STREAMS)]
            status = self._status(command, environment, directory, [each.fileno() for each in streams])
            for each in streams:
                each.seek(0)
            _, stdout, stderr = (each.read().decode() for each in streams)
        return subprocess.CompletedProcess(command, status, stdout, stderr)

    def run_in_pipes(
        self, program: str, *arguments: str, environment: Mapping[str, str], typed: bytes = b""
    ) -> "subprocess.CompletedProcess[bytes]":
        """Run a program of `MODULES` to its end; its standard streams are pipes, and `typed` is its input."""
        command = [program, *arguments]
        pipes = [os.pipe() for _ in range(STREAMS)]
        (stdin, given), (shown, stdout), (told, stderr) = pipes
        with ThreadPoolExecutor(STREAMS) as threads:
            threads.submit(_write, given, typed)
            reads = [threads.submit(_read, each) for each in (shown, told)]
            try:
                status = self._status(command, environment, None, [stdin, stdout, stderr], close=True)
            finally:
                output, errors = (each.result() for each in reads)
        return subprocess.CompletedProcess(command, status, output, errors)

    def _status(
        self,
        command: list[str],
        environment: Mapping[str, str],
        directory: Path | None,
        streams: list[int],
        *,
        close: bool = False,
    ) -> int:
        """Run a program with these standard streams, closed here if `close`; return its status."""
        try:
            program = self.start(command, environment, streams, directory)
        finally:
            for each in streams if close else ():
                os.close(each)
        try:
            return program.wait()
        except subprocess.TimeoutExpired:
            program.send_signal(signal.SIGKILL)
            program.wait()
            raise

    def start(
        self,
        command: list[str],
        environment: Mapping[str, str],
        streams: list[int],
        directory: Path | None = None,
        *,
        on_terminal: bool = False,
        ignored: Sequence[int] = (),
    ) -> ForkedProgram:
        """Start a program of `MODULES` with these standard streams, which ignores some signals.

        If `on_terminal`, its input is a terminal, which becomes its own.
        """
        settings = [command, dict(environment), str(directory or Path.cwd()), on_terminal, list(ignored)]
        request = json.dumps(settings).encode()
        reading, writing = os.pipe()
        report = os.fdopen(reading, "rb", buffering=0)
        try:
            socket.send_fds(self._started(), [request], [*streams, writing])
        finally:
            os.close(writing)
        return ForkedProgram(command, int(report.readline()), report)

    def close(self) -> None:
        """Let the process end."""
        if self._requests is not None:
            self._requests.close()
        if self._process is not None:
            self._process.wait(PATIENCE)

    def _started(self) -> socket.socket:
        with self._starting:
            if self._requests is None:
                self._requests, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
                with theirs:
                    self._process = subprocess.Popen(
                        [sys.executable, "-m", "tests.e2e.processes.warm_programs", str(theirs.fileno())],
                        cwd=Path(__file__).parents[3],
                        stdin=subprocess.DEVNULL,
                        pass_fds=[theirs.fileno()],
                        process_group=0,
                    )
            return self._requests


warm_programs = WarmPrograms()
"""This test process's; the session's fixture closes it."""


def _write(descriptor: int, content: bytes) -> None:
    with suppress(BrokenPipeError), os.fdopen(descriptor, "wb", buffering=0) as pipe:
        rest = memoryview(content)
        while rest:
            rest = rest[pipe.write(rest) :]


def _read(descriptor: int) -> bytes:
    with os.fdopen(descriptor, "rb") as pipe:
        return pipe.read()


def _import() -> dict[str, str]:
    """Import the programs; return the variables that they set for themselves, such as the AWS CLI's data path."""
    before = dict(os.environ)
    for name in (*MODULES.values(), *IMPORTED):
        importlib.import_module(name)
    return {name: value for name, value in os.environ.items() if before.get(name) != value}


def _requested(requests: socket.socket, own: Mapping[str, str]) -> Main | None:
    """Fork for each request until there are no more; in the fork, return the `main` to run."""
    while True:
        message, descriptors, _, _ = socket.recv_fds(requests, LONGEST_REQUEST, STREAMS + 1)
        if not message:
            return None
        request = json.loads(message)
        if request[0][:2] == [FERRYMAN, "server"]:
            for name in SERVER:
                importlib.import_module(name)
            gc.freeze()
        if os.fork() == 0:
            requests.close()
            return _prepared(request, own, *descriptors)
        for each in descriptors:
            os.close(each)


def _prepared(request: Any, own: Mapping[str, str], stdin: int, stdout: int, stderr: int, report: int) -> Main:
    """Fork once more, to report the program's id and its status once it has ended; become the program."""
    signal.signal(signal.SIGCHLD, signal.SIG_DFL)
    if pid := os.fork():
        for each in (stdin, stdout, stderr):
            os.close(each)
        os.write(report, b"%d\n" % pid)
        os.write(report, b"%d\n" % os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]))
        os._exit(0)
    os.close(report)
    for target, source in enumerate((stdin, stdout, stderr)):
        os.dup2(source, target)
        os.close(source)
    sys.argv, environment, directory, on_terminal, ignored = request
    for number in ignored:
        signal.signal(number, signal.SIG_IGN)
    if on_terminal:
        os.setsid()
        os.close(os.open(os.ttyname(0), os.O_RDWR))  # becomes the controlling terminal
    os.environ.clear()
    os.environ.update(environment | own)
    os.chdir(directory)
    main: Main = sys.modules[MODULES[sys.argv[0]]].main
    return main


class _End:
    """How a program ends."""

    status: int | None = None
    """Its exit status; None where the interpreter has more to do, such as to show an exception."""

    @classmethod
    def leave(cls) -> None:
        """End without the modules' teardown, which takes longer than most runs. Comes after other exit handlers."""
        if cls.status is not None:
            with suppress(OSError, ValueError):
                sys.stdout.flush()
                sys.stderr.flush()
                os._exit(cls.status)

    @classmethod
    def run(cls, main: Main) -> None:
        """Run a program; raise SystemExit."""
        try:
            code: object = main()
        except SystemExit as end:
            code = end.code
        if code is None or isinstance(code, int):
            cls.status = code or 0
        raise SystemExit(code)


if __name__ == "__main__":
    atexit.register(_End.leave)
    variables = _import()
    gc.freeze()
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)
    if program := _requested(socket.socket(fileno=int(sys.argv[1])), variables):
        _End.run(program)
