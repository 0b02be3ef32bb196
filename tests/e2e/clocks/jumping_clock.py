"""An event loop whose time jumps to its next timer when nothing else is left to do, for a program of its own.

`python -m tests.e2e.clocks.jumping_clock MODULE ARGUMENT…` runs `MODULE.main(arguments)` in it. The `time` module's
clocks follow the loop's, so this comes before all that keeps one of them. Sockets of this machine and threads are as
always: time stands still for neither, it only never passes idly.
"""

import sys
import time
from collections.abc import Callable
from concurrent.futures import Executor
from typing import TypeVar, TypeVarTuple

_monotonic, _time = time.monotonic, time.time
_ahead = 0.0
_Arguments = TypeVarTuple("_Arguments")
_Result = TypeVar("_Result")
_GRACE = 0.0002
"""Seconds that a byte on its way through this machine's kernel may take."""
_THREADS = 0.01
"""Seconds between two looks at threads that work for the loop: what they do takes real time."""


def monotonic() -> float:
    """As `time.monotonic`, and ahead of it."""
    return _monotonic() + _ahead


def wall_time() -> float:
    """As `time.time`, and ahead of it by as much."""
    return _time() + _ahead


if __name__ == "__main__":
    time.monotonic, time.time = monotonic, wall_time
    time.time_ns = lambda: int(wall_time() * 1_000_000_000)

import asyncio  # noqa: E402 - after the clocks, which modules keep
import importlib  # noqa: E402
import selectors  # noqa: E402


class _Selector(selectors.DefaultSelector):
    """Waits for nothing but what is on its way: sockets that have something now, threads that are at work."""

    threads = 0

    def select(self, timeout: float | None = None) -> list[tuple[selectors.SelectorKey, int]]:
        global _ahead
        events = super().select(0)
        if events or timeout == 0:
            return events
        if self.threads or timeout is None:
            return super().select(_THREADS if timeout is None else min(timeout, _THREADS))
        events = super().select(min(timeout, _GRACE))
        if not events:
            _ahead += max(timeout - _GRACE, 0.0)
        return events


class JumpingLoop(asyncio.SelectorEventLoop):
    """The event loop."""

    def __init__(self) -> None:
        self._selector_ = _Selector()
        super().__init__(self._selector_)

    def time(self) -> float:
        return monotonic()

    def run_in_executor(
        self, executor: Executor | None, func: Callable[[*_Arguments], _Result], *args: *_Arguments
    ) -> "asyncio.Future[_Result]":
        self._selector_.threads += 1
        future = super().run_in_executor(executor, func, *args)
        future.add_done_callback(self._thread_done)
        return future

    def _thread_done(self, _: object) -> None:
        self._selector_.threads -= 1


def main() -> None:
    """Run the module that the command line names."""
    module = importlib.import_module(sys.argv[1])
    with asyncio.Runner(loop_factory=JumpingLoop) as runner:
        runner.run(module.main(sys.argv[2:]))


if __name__ == "__main__":
    main()
