"""Starts a program in two steps: fork early, exec once the client is connected.

`on_terminal` and `on_pipes` must run while this process has one thread: between fork and exec the child runs Python.
The child then waits, already leader of its own session, and becomes the program on `start`; if the parent dies or
abandons it first, it exits.
"""

import contextlib
import fcntl
import os
import pty
import signal
import termios
from collections.abc import Mapping
from dataclasses import dataclass
from typing import NoReturn

from ferryman.agent.process.accounts import Account
from ferryman.agent.process.resource_limits import DEFAULT_LIMITS, ResourceLimits, apply_limits
from ferryman.agent.session.terminal_types import is_known_terminal
from ferryman.channel.negotiation import TERMINAL_TYPE_LIMIT

DEFAULT_ROWS = 24
DEFAULT_COLUMNS = 80
NOT_FOUND = 127
NOT_EXECUTABLE = 126
PIPE_BYTES = 256 * 1024
_GO_FD = 3
_FAULT_FD = 4
_FAULT_BYTES = 4096


@dataclass(frozen=True, slots=True)
class Program:
    """The program to execute, and the account to run it as.

    `path` without a slash is looked for in the environment's PATH, by the account. `arguments` includes argument zero.
    """

    path: str
    arguments: tuple[str, ...]
    environment: Mapping[str, str]
    account: Account
    limits: ResourceLimits = DEFAULT_LIMITS


def login_shell(account: Account, environment: Mapping[str, str], limits: ResourceLimits) -> Program:
    """Return the account's shell as a login shell; on a terminal it is interactive by itself."""
    name = "-" + os.path.basename(account.shell)  # noqa: PTH119 - text
    return Program(account.shell, (name,), environment, account, limits)


class Child:
    """A forked child that waits to become the program. Close it in every case."""

    def __init__(self, pid: int, standard: tuple[int, tuple[int, ...]], go: int, fault: int, *, terminal: bool) -> None:
        self.pid = pid
        self.pidfd = os.pidfd_open(pid)
        """Readable when the process has ended."""
        self.input, self.outputs = standard
        """Non-blocking ends of the program's input and outputs, standard output first. A terminal is both."""
        self._terminal = terminal
        self._go = go
        self._fault = fault
        self._input_open = True
        self._exit_code: int | None = None

    def resize(self, columns: int, rows: int) -> None:
        """Set the window size; a running foreground process gets SIGWINCH if it changed. Nothing without a terminal."""
        if self._terminal:
            with contextlib.suppress(OSError, termios.error):
                termios.tcsetwinsize(self.input, (rows, columns))

    def start(self, terminal_type: str = "") -> None:
        """Let the child become the program, with this TERM if this machine knows such a terminal."""
        with contextlib.suppress(BrokenPipeError):
            os.write(self._go, b"1" + terminal_type.encode())

    def fault(self) -> str:
        """Return why the program could not be executed, once the process has ended; empty if it ran."""
        try:
            return os.read(self._fault, _FAULT_BYTES).decode(errors="replace")
        except BlockingIOError:
            return ""

    def poll(self) -> int | None:
        """Return the exit code of the process, negative for a signal, None while it runs. Never waits; reaps it."""
        if self._exit_code is None:
            ended = os.waitid(os.P_PIDFD, self.pidfd, os.WEXITED | os.WNOHANG)
            if ended is not None:
                self._exit_code = ended.si_status if ended.si_code == os.CLD_EXITED else -ended.si_status
        return self._exit_code

    def close_input(self) -> None:
        """Let the program see the end of its input; idempotent. A terminal has none."""
        if self._input_open and not self._terminal:
            self._input_open = False
            os.close(self.input)

    def close(self) -> None:
        """Close all descriptors; a child that still waits exits, one that runs gets SIGHUP from its terminal."""
        self.close_input()
        for descriptor in (self._go, self._fault, *self.outputs, self.pidfd):
            os.close(descriptor)


def on_terminal(program: Program) -> Child:
    """Fork the child that will become `program`, with an 80x24 terminal of its own."""
    master, slave = pty.openpty()
    termios.tcsetwinsize(slave, (DEFAULT_ROWS, DEFAULT_COLUMNS))
    _erase_utf8_whole(slave)
    return _fork(program, (slave, slave, slave), (master, (master,)), terminal=True)


def on_pipes(program: Program, *, separate: bool) -> Child:
    """Fork the child that will become `program`, with pipes; `separate`: standard error has one of its own."""
    input_read, input_write = _pipe()
    output_read, output_write = _pipe()
    if not separate:
        standard = (input_read, output_write, output_write)
        return _fork(program, standard, (input_write, (output_read,)), terminal=False)
    error_read, error_write = _pipe()
    standard = (input_read, output_write, error_write)
    return _fork(program, standard, (input_write, (output_read, error_read)), terminal=False)


def _pipe() -> tuple[int, int]:
    ends = os.pipe()
    with contextlib.suppress(PermissionError):  # beyond the user's pipe memory limit: keep the default size
        fcntl.fcntl(ends[1], fcntl.F_SETPIPE_SZ, PIPE_BYTES)
    return ends


def _fork(
    program: Program, standard: tuple[int, int, int], ours: tuple[int, tuple[int, ...]], *, terminal: bool
) -> Child:
    go_read, go_write = os.pipe()
    fault_read, fault_write = os.pipe()
    pid = os.fork()
    if pid == 0:
        _become(program, standard, go_read, fault_write, terminal=terminal)
    for descriptor in {*standard, go_read, fault_write}:
        os.close(descriptor)
    for descriptor in (ours[0], *ours[1], fault_read):
        os.set_blocking(descriptor, False)
    return Child(pid, ours, go_write, fault_read, terminal=terminal)


def _become(program: Program, standard: tuple[int, int, int], go: int, fault: int, *, terminal: bool) -> NoReturn:
    """Run in the child: set up descriptors, wait for the go-ahead, drop privileges, execute."""
    status = NOT_EXECUTABLE
    fault_fd = fault
    try:
        fault_fd = _install_descriptors(standard, go, fault, terminal=terminal)
        _reset_signals()
        os.umask(0o022)
        if word := os.read(_GO_FD, 1 + TERMINAL_TYPE_LIMIT):
            apply_limits(program.limits)
            _drop_privileges(program.account)
            _enter(program.account.home)
            environment = dict(program.environment)
            terminal_type = word[1:].decode()
            if terminal_type and is_known_terminal(terminal_type, program.account.home):
                environment["TERM"] = terminal_type
            os.execvpe(program.path, program.arguments, environment)  # noqa: S606 - what the session is
        status = 0
    except BaseException as error:  # noqa: BLE001 - a forked child must never return into its parent's code
        status = NOT_FOUND if isinstance(error, FileNotFoundError) else NOT_EXECUTABLE
        os.write(fault_fd, f"cannot execute {program.path}: {_cause(error)}".encode()[:_FAULT_BYTES])
    finally:
        os._exit(status)


def _cause(error: BaseException) -> str:
    return os.strerror(error.errno) if isinstance(error, OSError) and error.errno else str(error)


def _install_descriptors(standard: tuple[int, int, int], go: int, fault: int, *, terminal: bool) -> int:
    """Leave the parent's session, make the descriptors stdio and a pty the controlling terminal; close all others."""
    os.setsid()
    if terminal:
        fcntl.ioctl(standard[0], termios.TIOCSCTTY, 0)
    high_go, high_fault, *high = (
        fcntl.fcntl(descriptor, fcntl.F_DUPFD, _FAULT_FD + 1) for descriptor in (go, fault, *standard)
    )
    for number, descriptor in enumerate(high):
        os.dup2(descriptor, number)
    os.dup2(high_go, _GO_FD, inheritable=False)
    os.dup2(high_fault, _FAULT_FD, inheritable=False)
    os.closerange(_FAULT_FD + 1, os.sysconf("SC_OPEN_MAX"))
    return _FAULT_FD


def _reset_signals() -> None:
    for number in signal.valid_signals() - {signal.SIGKILL, signal.SIGSTOP}:
        with contextlib.suppress(OSError, ValueError):
            signal.signal(number, signal.SIG_DFL)
    signal.pthread_sigmask(signal.SIG_SETMASK, ())


def _drop_privileges(account: Account) -> None:
    """Become the account when root. No `no_new_privs`: sudo must keep working in the shell."""
    if os.geteuid() != 0:
        return
    for descriptor in range(3):
        os.fchown(descriptor, account.uid, -1)  # the group stays devpts' own, tty
    os.initgroups(account.name, account.gid)
    os.setgid(account.gid)
    os.setuid(account.uid)


def _enter(home: str) -> None:
    try:
        os.chdir(home)
    except OSError:
        os.chdir("/")


def _erase_utf8_whole(terminal: int) -> None:
    """Set IUTF8, so that backspace in canonical mode erases a whole character."""
    attributes = termios.tcgetattr(terminal)
    attributes[0] |= 0o040000  # IUTF8: the termios module does not name it before 3.13
    termios.tcsetattr(terminal, termios.TCSANOW, attributes)
