"""Detects that the process that started this one has ended: a killed `aws` does not tell its plugin."""

import asyncio
import os
from collections.abc import Callable

POLL_SECONDS = 1.0
"""Used if the kernel has no pidfd."""


class ParentWatch:
    """Calls `on_gone` on the event loop, once, when the parent ends while the context lasts.

    PR_SET_PDEATHSIG will not do: it follows the thread that started us, which may end before its process.
    """

    def __init__(self, on_gone: Callable[[], None]) -> None:
        self._on_gone = on_gone
        self._loop = asyncio.get_running_loop()
        self._parent = os.getppid()
        self._descriptor: int | None = None
        self._timer: asyncio.Handle | None = None

    def __enter__(self) -> None:
        try:
            self._descriptor = os.pidfd_open(self._parent)
        except (
            OSError,
            AttributeError,
        ):  # another system, an old kernel, a sandbox, or a parent outside our PID namespace
            self._poll()
            return
        self._loop.add_reader(self._descriptor, self._gone)
        if os.getppid() != self._parent:  # it ended before, and its PID may have been reused
            self._gone()

    def __exit__(self, *_: object) -> None:
        self._stop()

    def _poll(self) -> None:
        if os.getppid() != self._parent:
            self._gone()
        else:
            self._timer = self._loop.call_later(POLL_SECONDS, self._poll)

    def _gone(self) -> None:
        self._stop()
        self._on_gone()

    def _stop(self) -> None:
        if self._descriptor is not None:
            self._loop.remove_reader(self._descriptor)
            os.close(self._descriptor)
            self._descriptor = None
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
