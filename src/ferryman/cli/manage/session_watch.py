"""Shows a session that somebody else has, as it happens, in this terminal."""

import asyncio
import contextlib
import os
import sys
from collections.abc import AsyncIterator, Callable, Iterator, Mapping
from typing import Any

from ferryman.cli.manage.recording_player import RESTORED
from ferryman.client.calls.api import Api
from ferryman.client.plugin.tty.last_line import on_last_line
from ferryman.client.recordings.terminal_filter import TerminalFilter
from ferryman.client.watching.stream import Ended, Lost, WatchEvent, watched
from ferryman.model.values.text import one_line
from ferryman.wire import alis

KEYS = "q quits"
_OUTPUT_MODES = 1
"""The place of the output modes in what `tcgetattr` returns."""
_STOP = (b"q", b"\x03", b"\x04", b"")


async def show(api: Api, session_id: str, grant: Mapping[str, Any]) -> str | None:
    """Show a session until it ends or q is typed; return why it ended, None after q. The terminal is restored."""
    stop = asyncio.Event()
    view = _View(session_id, announced=bool(grant.get("Announced")))
    with _keys(stop.set):
        try:
            return await _until_stopped(_shown(watched(api, session_id, grant), view), stop)
        finally:
            view.restore()


async def _shown(events: AsyncIterator[WatchEvent], view: "_View") -> str:
    async for event in events:
        match event:
            case Ended(reason):
                return reason
            case Lost():
                view.notice("The connection is lost; reconnecting.")
            case alis.Reset():
                view.reset(event)
            case alis.Event():
                view.event(event)
    return ""


async def _until_stopped(showing: Any, stop: asyncio.Event) -> str | None:
    shown, stopped = asyncio.ensure_future(showing), asyncio.ensure_future(stop.wait())
    try:
        await asyncio.wait({shown, stopped}, return_when=asyncio.FIRST_COMPLETED)
        return shown.result() if shown.done() else None
    finally:
        for task in (shown, stopped):
            task.cancel()
        await asyncio.wait({shown, stopped})


class _View:
    """Writes the session to standard output: drawing sequences to a terminal, only text and colours to a file or
    pipe."""

    def __init__(self, session_id: str, *, announced: bool) -> None:
        self._first_notice = (
            f"Watching {session_id} · {KEYS} · the person is {'notified' if announced else 'not notified'}"
        )
        self._terminal = sys.stdout.isatty()
        self._filter = TerminalFilter()
        self._drawn = False

    def reset(self, reset: alis.Reset) -> None:
        """Draw the whole screen."""
        self._filter = TerminalFilter()
        if self._terminal:
            if not self._drawn:
                self._write(b"\n" * _window().lines)  # earlier content stays in the scrollback
            self._write(RESTORED + b"\x1b[H\x1b[2J")
        self._write(self._filter.filtered(reset.screen.encode()))
        if not self._drawn:
            self._drawn = True
            self.notice(self._first_notice)
        self._fit(reset.columns, reset.rows)

    def event(self, event: alis.Event) -> None:
        """Draw an event."""
        match event.kind:
            case "o":
                self._write(self._filter.filtered(event.text.encode()))
            case "r":
                columns, _, rows = event.text.partition("x")
                self._fit(int(columns), int(rows))
            case "m":
                self.notice(event.text)
            case _:
                pass  # the exit status follows as the session's end

    def notice(self, text: str) -> None:
        """Show a sentence on the last line."""
        if not self._terminal:
            sys.stderr.write(f"{one_line(text)}\n")
            return
        window = _window()
        self._write(on_last_line(one_line(text), window.columns, window.lines))

    def restore(self) -> None:
        """Leave the terminal as a shell expects it."""
        if self._terminal and self._drawn:
            self._write(RESTORED + f"\x1b[{_window().lines};1H\r\n".encode())

    def _fit(self, columns: int, rows: int) -> None:
        """Cut lines that are longer than this terminal's; wrapped ones would move everything below them."""
        if not self._terminal:
            return
        window = _window()
        narrow = window.columns < columns
        self._write(b"\x1b[?7l" if narrow else b"\x1b[?7h")
        if narrow or window.lines < rows:
            self.notice(f"The session has {columns}x{rows}, this terminal {window.columns}x{window.lines}: enlarge it.")

    def _write(self, data: bytes) -> None:
        sys.stdout.buffer.write(data)
        sys.stdout.buffer.flush()


def _window() -> os.terminal_size:
    try:
        return os.get_terminal_size(sys.stdout.fileno())
    except OSError:
        return os.terminal_size((80, 24))


@contextlib.contextmanager
def _keys(stop: Callable[[], None]) -> Iterator[None]:
    """Call `stop` when q, Ctrl-C or Ctrl-D is typed, if standard input is a terminal; nothing typed is shown."""
    descriptor = sys.stdin.fileno()
    if sys.platform == "win32" or not os.isatty(descriptor):
        yield
        return
    import termios
    import tty

    before = termios.tcgetattr(descriptor)
    loop = asyncio.get_running_loop()

    def typed() -> None:
        if os.read(descriptor, 1) in _STOP:
            stop()

    tty.setcbreak(descriptor)
    modes = termios.tcgetattr(descriptor)
    modes[_OUTPUT_MODES] &= ~termios.OPOST  # programs move the cursor down with a line feed, without going to column 1
    termios.tcsetattr(descriptor, termios.TCSANOW, modes)
    loop.add_reader(descriptor, typed)
    try:
        yield
    finally:
        loop.remove_reader(descriptor)
        termios.tcsetattr(descriptor, termios.TCSAFLUSH, before)
