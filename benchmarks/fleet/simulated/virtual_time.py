"""An event loop whose time passes only when nothing is left to do, and then jumps.

What runs in it takes no time by its clock, however long it takes by the wall's; what is meant for a thread, such as a
statement of a store, runs at once. So a simulation of minutes with a hundred thousand nodes has the same course on
every machine.
"""

import asyncio
import selectors
import time
from collections.abc import Callable, Iterator
from concurrent.futures import Executor
from contextlib import contextmanager
from typing import TypeVar, TypeVarTuple
from unittest.mock import patch

_Arguments = TypeVarTuple("_Arguments")
_Result = TypeVar("_Result")


class _Selector(selectors.DefaultSelector):
    """Has nothing to wait for, and lets time pass."""

    now = 0.0

    def select(self, timeout: float | None = None) -> list[tuple[selectors.SelectorKey, int]]:
        if timeout is None:
            raise RuntimeError("nothing is left that could happen")
        self.now += max(timeout, 0.0)
        return []


class VirtualLoop(asyncio.SelectorEventLoop):
    """The event loop; its time begins at 0."""

    def __init__(self) -> None:
        self._waiting = _Selector()
        super().__init__(self._waiting)

    def time(self) -> float:
        """Return the virtual seconds since the loop was made."""
        return self._waiting.now

    def run_in_executor(
        self, executor: Executor | None, func: Callable[[*_Arguments], _Result], *args: *_Arguments
    ) -> "asyncio.Future[_Result]":
        """Run it now, in this thread."""
        future: asyncio.Future[_Result] = self.create_future()
        try:
            future.set_result(func(*args))
        except Exception as error:  # noqa: BLE001 boundary: whoever awaits it gets it, as from a thread
            future.set_exception(error)
        return future

    async def shutdown_default_executor(self, timeout: float | None = None) -> None:
        """Do nothing: there are no threads."""

    @contextmanager
    def as_the_clock(self) -> Iterator[None]:
        """Have `time.monotonic` return the loop's time: the agent's and the client's own code reads it."""
        with patch.object(time, "monotonic", self.time):
            yield
