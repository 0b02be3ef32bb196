"""Plays a recording in the terminal, with keys to pause, step, seek, jump to markers, and change the speed."""

import os
import re
import select
import signal
import sys
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from types import FrameType
from typing import NoReturn

from ferryman.client.recordings.asciicast import SHOWN
from ferryman.client.recordings.events import RecordedEvent
from ferryman.client.recordings.terminal_filter import TerminalFilter

RESTORED = (
    b"\x1b[?2026l\x1b[?1049l\x1b[?5l\x1b[?6l\x1b[?45l\x1b[?69l\x1b[4l\x1b[?7h\x1b[?25h\x1b[r\x1b(B\x0f\x1b[0 q\x1b[0m"
)
"""Switches off everything that a recorded program may have switched on and the filter lets through: the other screen,
reversed colours, margins, the origin, insertion, the set of characters, the cursor's style; and switches wrapping and
the cursor on."""
_CLEARED = b"\x1b[H\x1b[2J"
_BELOW = b"\x1b[999;1H\r\n"
"""To the last row, and on: resetting the margins has moved the cursor to the first."""
_FASTEST, _SLOWEST = 64.0, 1 / 16
SEEK_SECONDS = 5.0
MARKER_SECONDS = 1.0
"""[ jumps to the marker before the one that was passed less than this ago."""
MARKS = frozenset("mcf")
"""Events that a key jumps to."""
_KEY = re.compile(rb"\x1b\[[A-Z]|.", re.DOTALL)
_QUIT = (b"q", b"\x03", b"\x04")
_FORWARD, _BACK, _NEXT_MARKER, _LAST_MARKER = b"\x1b[C", b"\x1b[D", b"]", b"["
Read = Callable[[], Iterable[RecordedEvent]]


def play(read: Read, *, speed: float, longest_pause: float | None, start_at: float) -> None:
    """Show a recording on standard output at its own pace; returns at its end or when q is typed.

    `read` returns its events from the beginning; it is called again to go back.
    """
    player = _Player(speed, longest_pause)
    with _ended_by_signals(), _keys(sys.stdin.fileno()) as keyboard:
        player.keyboard = keyboard
        try:
            begin: float | None = start_at
            while begin is not None:
                begin = player.run(read(), begin)
                if begin is not None:
                    player.write(RESTORED + _CLEARED)
        finally:
            player.write(RESTORED + _BELOW)


class _Quit(Exception):
    """The person has seen enough."""


class _Again(Exception):
    """The recording must be shown again from the beginning, without waiting until `to` seconds."""

    def __init__(self, to: float) -> None:
        self.to = to


class _Player:
    def __init__(self, speed: float, longest_pause: float | None) -> None:
        self.keyboard: int | None = None
        self._speed = speed
        self._longest_pause = longest_pause
        self._paused = False
        self._filter = TerminalFilter()
        self._position = 0.0
        """Seconds into the recording."""
        self._skip_to = 0.0
        """Everything before is shown without waiting, so that the screen is right from there on."""
        self._skips_to_marker = False
        self._markers: list[float] = []
        self._typed = b""

    def run(self, events: Iterable[RecordedEvent], begin: float) -> float | None:
        """Show events; return where to begin again, or None at the end."""
        self._filter = TerminalFilter()
        self._position, self._skip_to, self._markers = 0.0, begin, []
        try:
            for event in events:
                self._wait_for(event)
                self._position = max(self._position, event.at)
                self._show(event)
        except _Again as again:
            return again.to
        except _Quit:
            pass
        return None

    def write(self, data: bytes) -> None:
        sys.stdout.buffer.write(data)
        sys.stdout.buffer.flush()

    def _show(self, event: RecordedEvent) -> None:
        if event.kind in SHOWN:
            self.write(self._filter.filtered(event.data))
        elif event.kind in MARKS:
            self._markers.append(event.at)
            self._skips_to_marker = False

    def _wait_for(self, event: RecordedEvent) -> None:
        """Wait until an event is due, or a key asks for it."""
        if event.at < self._skip_to or self._skips_to_marker:
            return
        pause = event.at - max(self._position, self._skip_to)
        if self._longest_pause is not None:
            pause = min(pause, self._longest_pause)
        due = time.monotonic() + pause / self._speed
        while event.at >= self._skip_to and not self._skips_to_marker:
            left = None if self._paused else due - time.monotonic()
            if left is not None and left <= 0:
                return
            key = self._key(left)
            if key is None:
                continue
            if key == b"." and self._paused:
                return
            was_paused, speed = self._paused, self._speed
            self._press(key)
            if was_paused and not self._paused:
                due = time.monotonic()
            elif self._speed != speed:
                due = min(due, time.monotonic() + pause / self._speed)

    def _key(self, seconds: float | None) -> bytes | None:
        """Return the next key that is typed, None if none is typed within `seconds`."""
        if self.keyboard is None:
            time.sleep(seconds or 0)
            return None
        if not self._typed:
            readable, _, _ = select.select([self.keyboard], [], [], seconds)
            if not readable:
                return None
            self._typed = os.read(self.keyboard, 64)
        found = _KEY.match(self._typed)
        if found is None:
            raise _Quit  # the terminal is gone
        self._typed = self._typed[found.end() :]
        return found[0]

    def _press(self, key: bytes) -> None:
        if key in _QUIT:
            raise _Quit
        if key == b" ":
            self._paused = not self._paused
        elif key in (b"+", b"-"):
            self._speed = min(_FASTEST, max(_SLOWEST, self._speed * (2 if key == b"+" else 0.5)))
        elif key == _FORWARD:
            self._skip_to = max(self._position, self._skip_to) + SEEK_SECONDS
        elif key == _BACK:
            raise _Again(max(0.0, max(self._position, self._skip_to) - SEEK_SECONDS))
        elif key == _NEXT_MARKER:
            self._skips_to_marker = True
        elif key == _LAST_MARKER:
            now = max(self._position, self._skip_to)
            raise _Again(max((at for at in self._markers if at < now - MARKER_SECONDS), default=0.0))


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
