"""Plays a recording in the terminal, with keys to pause, step, and change the speed."""

import os
import select
import signal
import sys
import time
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from types import FrameType
from typing import NoReturn

from ferryman.client.recordings.asciicast import SHOWN
from ferryman.client.recordings.events import RecordedEvent
from ferryman.client.recordings.playback import paced
from ferryman.client.recordings.terminal_filter import TerminalFilter

_RESTORED = (
    b"\x1b[?2026l\x1b[?1049l\x1b[?5l\x1b[?6l\x1b[?45l\x1b[?69l\x1b[4l\x1b[?7h\x1b[?25h\x1b[r\x1b(B\x0f\x1b[0 q\x1b[0m"
)
"""Leaves what a recorded program may have switched on and the filter lets through: the other screen, reversed colours,
margins, the origin, insertion, the set of characters, the cursor's style; and switches wrapping and the cursor on."""
_FASTEST, _SLOWEST = 64.0, 1 / 16


def play(events: Iterable[RecordedEvent], *, speed: float, longest_pause: float | None, start_at: float) -> None:
    """Show a recording on standard output at its own pace; returns at its end or when q is typed."""
    player = _Player(speed)
    with _ended_by_signals(), _keys(sys.stdin.fileno()) as keyboard:
        try:
            for pause, event in paced(events, longest_pause, start_at):
                if not player.wait(pause, keyboard):
                    return
                player.show(event)
        finally:
            player.write(_RESTORED + b"\r\n")


class _Player:
    def __init__(self, speed: float) -> None:
        self._speed = speed
        self._paused = False
        self._filter = TerminalFilter()

    def show(self, event: RecordedEvent) -> None:
        if event.kind in SHOWN:
            self.write(self._filter.filtered(event.data))

    def write(self, data: bytes) -> None:
        sys.stdout.buffer.write(data)
        sys.stdout.buffer.flush()

    def wait(self, pause: float, keyboard: int | None) -> bool:
        """Wait until the next event is due, or a key asks for it; False if q was typed."""
        due = time.monotonic() + pause / self._speed
        while True:
            left = None if self._paused else due - time.monotonic()
            if left is not None and left <= 0:
                return True
            if keyboard is None:
                time.sleep(left or 0)
                continue
            readable, _, _ = select.select([keyboard], [], [], left)
            key = os.read(keyboard, 1) if readable else b""
            if readable and key in (b"q", b"\x03", b"\x04", b""):
                return False
            if key == b" ":
                self._paused = not self._paused
                due = time.monotonic()
            elif key == b"." and self._paused:
                return True
            elif key in (b"+", b"-"):
                self._speed = min(_FASTEST, max(_SLOWEST, self._speed * (2 if key == b"+" else 0.5)))
                due = min(due, time.monotonic() + pause / self._speed)


@contextmanager
def _ended_by_signals() -> Iterator[None]:
    """End as after q if a signal ends the command: the terminal is restored then, too."""
    numbers = [getattr(signal, name) for name in ("SIGTERM", "SIGHUP") if hasattr(signal, name)]
    handlers = {number: signal.signal(number, _exit) for number in numbers}
    try:
        yield
    finally:
        for number, handler in handlers.items():
            signal.signal(number, handler)


def _exit(number: int, _: FrameType | None) -> NoReturn:
    sys.exit(128 + number)


@contextmanager
def _keys(descriptor: int) -> Iterator[int | None]:
    """Yield a descriptor to read single keys from, None if standard input is not a terminal; restore it afterwards."""
    if not os.isatty(descriptor) or sys.platform == "win32":
        yield None
        return
    import termios
    import tty

    before = termios.tcgetattr(descriptor)
    tty.setcbreak(descriptor)
    try:
        yield descriptor
    finally:
        termios.tcsetattr(descriptor, termios.TCSAFLUSH, before)
