"""Which signals a session handles, and their delivery on the event loop."""

import asyncio
import signal
from collections.abc import Callable

FATAL = frozenset({signal.SIGTERM, signal.SIGHUP})
ENDING = FATAL | {signal.SIGINT, signal.SIGQUIT}
HANDLED = (*sorted(ENDING), signal.SIGTSTP, signal.SIGWINCH, signal.SIGCONT)


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
        self._handled = [number for number in HANDLED if not (number in FATAL and ignored(number))]

    def __enter__(self) -> None:
        for number in self._handled:
            self._loop.add_signal_handler(number, self._on_signal, number)

    def __exit__(self, *_: object) -> None:
        for number in self._handled:
            self._loop.remove_signal_handler(number)
