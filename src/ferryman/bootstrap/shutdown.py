"""What makes the server stop or reload: signals, and failures that it cannot survive."""

import asyncio
import os
import signal
from collections.abc import Callable

from ferryman.model.failures import Failure


class Shutdown:
    """Whether the server must stop, and why. Made on the event loop.

    `stop` is set first; `hurry` ends its draining, too. `failure` is None if it was asked to stop.
    """

    def __init__(self) -> None:
        self.stop = asyncio.Event()
        self.hurry = asyncio.Event()
        self.failure: Failure | None = None
        self._loop = asyncio.get_running_loop()

    def request(self) -> None:
        """Stop; the second request ends the draining."""
        (self.hurry if self.stop.is_set() else self.stop).set()

    def end_because(self, failure: Failure) -> None:
        """Stop without draining, because of the first such failure. Any thread may call this."""
        self.failure = self.failure or failure
        self._loop.call_soon_threadsafe(self.stop.set)
        self._loop.call_soon_threadsafe(self.hurry.set)


def handle_signals(shutdown: Shutdown, reload: Callable[[], None]) -> None:
    """Stop at SIGTERM and Ctrl-C. SIGHUP asks to reload, or means that our terminal has closed."""
    loop = asyncio.get_running_loop()
    on_terminal = _has_terminal()

    def hang_up() -> None:
        if not on_terminal or _has_terminal():
            reload()
            return
        nowhere = os.open(os.devnull, os.O_WRONLY)
        os.dup2(nowhere, 2)  # the log's last lines have nowhere to go, which must not prevent an orderly shutdown
        os.close(nowhere)
        shutdown.stop.set()

    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, shutdown.request)
    loop.add_signal_handler(signal.SIGHUP, hang_up)


def _has_terminal() -> bool:
    try:
        os.close(os.open(os.ctermid(), os.O_RDWR | os.O_NOCTTY))
    except OSError:
        return False
    return True
