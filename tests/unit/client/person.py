"""Somebody at a terminal in which the client runs."""

import fcntl
import os
import pty
import re
import signal
import subprocess
import sys
import termios
import time
from collections.abc import Callable
from typing import Any

import psutil

from tests.e2e.processes.warm_programs import KEYBOARD_SIGNALS
from tests.unit.client.forked_plugin import ForkedPlugin
from tests.waiting import PATIENCE

NOTICE = re.compile(rb"\r\nConnection (?:lost|restored)[^\n]*\n\x1b\[\d+C|Connection (?:lost|restored)[^\n]*\n")
"""What a session of Ferryman's client says of an outage, in the middle of a line or at its beginning."""

_MARK = b"\x1f"


class Person:
    """A person at a terminal in which the plugin runs in the foreground."""

    def __init__(self, command: list[str], arguments: list[str], environment: dict[str, str]) -> None:
        """Start the plugin by a command, or forked if it is empty."""
        self.master, self.slave = pty.openpty()
        termios.tcsetwinsize(self.slave, (24, 80))
        self.before = termios.tcgetattr(self.slave)
        self.seen = b""
        os.set_blocking(self.master, False)
        self.plugin: subprocess.Popen[bytes] | ForkedPlugin
        screen: dict[str, Any] = {"stdin": self.slave, "stdout": self.slave, "stderr": self.slave}
        if command:
            self.plugin = subprocess.Popen(
                [*command, *arguments],
                env=environment,
                start_new_session=True,
                preexec_fn=self._take_terminal,
                **screen,
            )
        else:
            self.plugin = ForkedPlugin(arguments, environment, **screen, on_terminal=True)

    def _take_terminal(self) -> None:
        for number in KEYBOARD_SIGNALS:
            signal.signal(number, signal.SIG_IGN)
        os.close(os.open(os.ttyname(0), os.O_RDWR))  # becomes the controlling terminal

    def type(self, keys: bytes) -> None:
        assert os.write(self.master, keys) == len(keys)

    def sees(self, text: bytes) -> None:
        """Wait until `text` is on the screen."""
        self.until(lambda: text in self.seen)

    def sees_despite_notices(self, text: bytes) -> None:
        """Wait likewise; on a busy machine an outage is long enough for notices, in the middle of the text."""
        self.until(lambda: text in NOTICE.sub(b"", self.seen))

    def until(self, condition: Callable[[], Any]) -> None:
        """Look at the screen until `condition` is true."""
        deadline = time.monotonic() + PATIENCE
        while not condition():
            assert time.monotonic() < deadline, self.seen[-2000:]
            self.look()

    def look(self) -> None:
        try:
            self.seen += os.read(self.master, 65_536)
        except BlockingIOError:
            time.sleep(0.005)  # paces the polling of `until`

    def is_stuck(self) -> None:
        """Wait, looking away, until the plugin waits for room on the screen."""
        plugin = psutil.Process(self.plugin.pid)
        deadline = time.monotonic() + PATIENCE
        while not (self._unread() and plugin.status() == psutil.STATUS_SLEEPING):
            assert time.monotonic() < deadline
            time.sleep(0.005)

    def _unread(self) -> int:
        return int.from_bytes(fcntl.ioctl(self.master, termios.FIONREAD, bytes(4)), sys.byteorder)

    def leaves(self) -> int:
        """Wait for the plugin's end; what it showed is in `seen`."""
        self.until(lambda: self.plugin.poll() is not None)
        if (
            self.slave >= 0
        ):  # what was shown last may still be on its way through the terminal: it comes before the mark
            os.write(self.slave, _MARK)
            self.until(lambda: self.seen.endswith(_MARK))
            self.seen = self.seen.removesuffix(_MARK)
        assert self.plugin.returncode is not None
        return self.plugin.returncode

    def is_restored(self) -> bool:
        return termios.tcgetattr(self.slave) == self.before

    def close(self) -> None:
        if self.plugin.poll() is None:
            self.plugin.kill()
        self.plugin.wait()
        for descriptor in (self.master, self.slave):
            if descriptor >= 0:
                os.close(descriptor)
