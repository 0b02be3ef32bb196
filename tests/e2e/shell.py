"""`aws ssm start-session`, or another client, on a pseudo-terminal."""

import shlex
from pathlib import Path
from typing import Protocol

import pexpect

from tests.e2e.processes.programs import AWS
from tests.e2e.processes.terminal_program import MOST_READ, TerminalProgram
from tests.e2e.processes.warm_programs import MODULES
from tests.waiting import PATIENCE, wait_until


class Reachable(Protocol):
    """A node, and how its clients find the server."""

    @property
    def node_id(self) -> str:
        """The node's id."""

    @property
    def environment(self) -> dict[str, str]:
        """The client's variables."""


class Shell:
    """`aws ssm start-session` on a pseudo-terminal, as a person has it; what it complains of goes to a file."""

    def __init__(self, ferryman: Reachable, complaints: Path, *command: str) -> None:
        self.seen = b""
        self.complaints = complaints
        started = command or (AWS, "ssm", "start-session", "--target", ferryman.node_id)
        environment = ferryman.environment | {"TERM": "xterm"}
        self.child: pexpect.spawn[bytes] | TerminalProgram
        if started[0] in MODULES:
            self.child = TerminalProgram(list(started), environment, complaints)
        else:
            self.child = pexpect.spawn(
                "/bin/sh",
                ["-c", f"exec {shlex.join(started)} 2>{shlex.quote(str(complaints))}"],
                env=environment,
                dimensions=(24, 80),
                timeout=PATIENCE,
                maxread=MOST_READ,
            )

    def expect(self, pattern: str, timeout: float = PATIENCE) -> bytes:
        """Wait for `pattern`; everything up to and with it."""
        self.child.expect(pattern.encode(), timeout=timeout)
        part = bytes(self.child.before) + bytes(self.child.after)
        self.seen += part
        return part

    def next(self, pattern: str) -> bytes:
        """Look for `pattern` for a moment; what `expect` returns, or nothing if it has not come yet."""
        try:
            return self.expect(pattern, timeout=0.1)
        except pexpect.TIMEOUT:
            return b""

    def session_id(self) -> str:
        """The id that the client announces at its start."""
        part = self.expect(r"SessionId: (\S+)\r\n")
        return part.decode().rsplit("SessionId: ", 1)[1].strip()

    def prompt(self) -> None:
        """Wait until the shell answers: its own arithmetic, which no echo of the typing can forge."""
        self.run("unset HISTFILE; stty -echo; PS1=; echo ready-$((40+2))", "ready-42\r\n")

    def run(self, line: str, awaited: str, timeout: float = PATIENCE) -> bytes:
        """Type a line, wait for a pattern."""
        self.child.send((line + "\n").encode())
        return self.expect(awaited, timeout)

    def end(self) -> int | None:
        """Wait for the client's own end; its exit status."""
        self.child.expect(pexpect.EOF, timeout=PATIENCE)
        self.seen += bytes(self.child.before)
        # To close a program's terminal too early would end it by a signal.
        if isinstance(self.child, TerminalProgram):
            self.child.wait()
        else:
            wait_until(lambda: not self.child.isalive())
        self.child.close()
        status = self.child.exitstatus
        return None if status is None else int(status)


class OpenShell(Protocol):
    """Opens a shell on a node, or runs another client on a terminal; it is closed with the test."""

    def __call__(self, ferryman: Reachable, *command: str) -> Shell:
        """Open it."""
