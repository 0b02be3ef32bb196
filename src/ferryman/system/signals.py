"""Signals on the event loop, also where the system has few of them or its loop handles none (Windows)."""

import asyncio
import signal
from collections.abc import Callable
from typing import Any

_KNOWN = {each.name: each for each in signal.Signals if hasattr(signal, each.name)}


def known(*names: str) -> tuple[signal.Signals, ...]:
    """Return the signals of these names that the system has."""
    return tuple(_KNOWN[name] for name in names if name in _KNOWN)


def handle(
    loop: asyncio.AbstractEventLoop, number: signal.Signals, act: Callable[[signal.Signals], object]
) -> Callable[[], None]:
    """Call `act` on the loop for a signal; return a function that undoes this. Needs the main thread."""
    try:
        loop.add_signal_handler(number, act, number)
    except NotImplementedError:  # Windows
        before: Any = signal.signal(number, lambda *_: loop.call_soon_threadsafe(act, number))

        def restore() -> None:
            signal.signal(number, before)

        return restore

    def remove() -> None:
        loop.remove_signal_handler(number)

    return remove
