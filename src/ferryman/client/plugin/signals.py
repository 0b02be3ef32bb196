"""Which signals a session handles, and their delivery on the event loop."""

import asyncio
import signal
from collections.abc import Callable

from ferryman.system.signals import handle, known

HANGUP = known("SIGHUP", "SIGTERM")[0]
"""The signal that ends a session whose terminal or parent is gone."""
FATAL = frozenset(known("SIGTERM", "SIGHUP"))
ENDING = FATAL | frozenset(known("SIGINT", "SIGQUIT"))
INTERRUPTIONS = frozenset(known("SIGINT", "SIGQUIT"))
KEYS_BY_NAME = {"SIGINT": b"\x03", "SIGQUIT": b"\x1c", "SIGTSTP": b"\x1a"}
"""Signals from outside stand for keys (`protocol/client.md` §10.1)."""
HANDLED = (*sorted(ENDING), *known("SIGTSTP", "SIGWINCH", "SIGCONT"))


def ignored(number: signal.Signals) -> bool:
    """Whether the process ignores a signal now; at its start that was set by its starter, such as nohup."""
    return signal.getsignal(number) is signal.SIG_IGN


class Signals:
    """Delivers signals to `on_signal` on the event loop while the context lasts. Needs the main thread.

    A fatal signal that was ignored before stays ignored. The others are handled even so: the AWS CLI starts the plugin
    with SIGINT, SIGQUIT and SIGTSTP ignored.
    """

    def __init__(self, on_signal: Callable[[signal.Signals], None]) -> None:
        self._on_signal = on_signal
        self._loop = asyncio.get_running_loop()
        self._undo: list[Callable[[], None]] = []
        self._handled = [number for number in HANDLED if not (number in FATAL and ignored(number))]

    def __enter__(self) -> None:
        self._undo = [handle(self._loop, number, self._on_signal) for number in self._handled]

    def __exit__(self, *_: object) -> None:
        for undo in self._undo:
            undo()
