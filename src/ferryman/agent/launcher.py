"""Forks a program onto a new terminal in two steps, so that the fork is early and the exec is when the client is there.

`prepare` must run while this process has one thread: between fork and exec the child runs Python. The child then waits,
already leader of its own session with the pty as its controlling terminal, and becomes the program on `start`; if the
parent dies or abandons it first, it exits.
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

from ferryman.agent.accounts import Account

DEFAULT_ROWS = 24
DEFAULT_COLUMNS = 80
_GO_FD = 3
_FAULT_FD = 4
_FAULT_BYTES = 4096
_CANNOT_EXECUTE = 127


@dataclass(frozen=True, slots=True)
class Program:
    """What to execute, and as whom. `arguments` includes argument zero."""

    path: str
    arguments: tuple[str, ...]
    environment: Mapping[str, str]
    account: Account


def login_shell(account: Account, environment: Mapping[str, str]) -> Program:
    """Return the account's shell as a login shell; on a terminal it is interactive by itself."""
    return Program(account.shell, ("-" + os.path.basename(account.shell),), environment, account)  # noqa: PTH119 - text


class Prepared:
    """A forked child that waits to become the program. Close it in every case."""

    def __init__(self, pid: int, master: int, go: int, fault: int) -> None:
        self.pid = pid
        self.pidfd = os.pidfd_open(pid)
        """Readable when the process has ended."""
        self.master = master
        """The terminal's master side, non-blocking."""
        self._go = go
        self._fault = fault

    def resize(self, columns: int, rows: int) -> None:
        """Set the window size; a running foreground process gets SIGWINCH if it changed."""
        with contextlib.suppress(OSError):
            termios.tcsetwinsize(self.master, (rows, columns))

    def start(self) -> None:
        """Let the child become the program."""
        with contextlib.suppress(BrokenPipeError):
            os.write(self._go, b"1")

    def fault(self) -> str:
        """Why the program could not be executed, once the process has ended; empty when it ran."""
        try:
            return os.read(self._fault, _FAULT_BYTES).decode(errors="replace")
        except BlockingIOError:
            return ""

    def is_running(self) -> bool:
        """Tell whether the process has not ended; it must not have been reaped."""
        return os.waitid(os.P_PIDFD, self.pidfd, os.WEXITED | os.WNOHANG | os.WNOWAIT) is None

    def reap(self) -> int:
        """Wait for the ended process and return its exit code, negative for a signal."""
        return os.waitstatus_to_exitcode(os.waitpid(self.pid, 0)[1])

    def close(self) -> None:
        """Close all descriptors; a child that still waits exits, one that runs gets SIGHUP from its terminal."""
        for descriptor in (self._go, self._fault, self.master, self.pidfd):
            os.close(descriptor)


def prepare(program: Program) -> Prepared:
    """Fork the child that will become `program`, with an 80x24 terminal of its own."""
    master, slave = pty.openpty()
    termios.tcsetwinsize(slave, (DEFAULT_ROWS, DEFAULT_COLUMNS))
    _erase_utf8_whole(slave)
    go_read, go_write = os.pipe()
    fault_read, fault_write = os.pipe()
    pid = os.fork()
    if pid == 0:
        _become(program, slave, go_read, fault_write)
    for descriptor in (slave, go_read, fault_write):
        os.close(descriptor)
    os.set_blocking(master, False)
    os.set_blocking(fault_read, False)
    return Prepared(pid, master, go_write, fault_read)


def _become(program: Program, slave: int, go: int, fault: int) -> NoReturn:
    """Run in the child: take the terminal, wait for the word, drop privileges, execute."""
    status = _CANNOT_EXECUTE
    fault_fd = fault
    try:
        fault_fd = _take_terminal(slave, go, fault)
        _reset_signals()
        os.umask(0o022)
        if os.read(_GO_FD, 1):
            _drop_privileges(program.account)
            _enter(program.account.home)
            os.execve(program.path, program.arguments, dict(program.environment))  # noqa: S606 - the account's shell
        status = 0
    except BaseException as error:  # noqa: BLE001 - a forked child must never return into its parent's code
        os.write(fault_fd, f"cannot execute {program.path}: {error}".encode())
    finally:
        os._exit(status)


def _take_terminal(slave: int, go: int, fault: int) -> int:
    """Leave the parent's session, make the pty the controlling terminal and stdio; close everything else."""
    os.setsid()
    fcntl.ioctl(slave, termios.TIOCSCTTY, 0)
    high_go, high_fault, high_slave = (
        fcntl.fcntl(descriptor, fcntl.F_DUPFD, _FAULT_FD + 1) for descriptor in (go, fault, slave)
    )
    for standard in range(3):
        os.dup2(high_slave, standard)
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
    os.fchown(0, account.uid, -1)  # the group stays devpts' own, tty
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
