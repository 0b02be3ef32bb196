"""How long tests wait for events: enough for a machine that is five times slower and busy.

A wait ends with its event, so its limit costs time only in a test that fails anyway.
"""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from typing import Literal, TypeVar

PATIENCE = 180.0
"""Seconds to wait for one event. An agent alone may pause for 45 of them before it dials again."""
AT_ONCE = 50
"""Something immediate takes less than this many times `program_start()`: five seconds on an idle machine."""
PROCESSES_TIMEOUT = 900
"""pytest-timeout's limit, in seconds, for a test of real processes, with the fixtures that it is first to set up."""
_POLL = 0.05

T = TypeVar("T")


def wait_until(condition: Callable[[], T | Literal[False] | None], seconds: float = PATIENCE) -> T:
    """Wait until `condition()` is true, asking again 20 times a second, and return what it returned."""
    deadline = time.monotonic() + seconds
    while True:
        if found := condition():
            return found
        assert time.monotonic() < deadline, f"not within {seconds:.0f} s: {condition}"
        time.sleep(_POLL)


def freeze(child: int) -> None:
    """Stop a child process, and return once it has: until then it may still answer, for longer on a busy machine."""
    os.kill(child, signal.SIGSTOP)
    os.waitid(os.P_PID, child, os.WSTOPPED)


def seconds_of(work: Callable[[], object]) -> float:
    """Return how long `work` takes by the clock on the wall: compare it only with other such times, never with a
    number."""
    began = time.monotonic()
    work()
    return time.monotonic() - began


def program_start() -> float:
    """Return how long this machine needs right now to start Python, the measure of "immediate"."""
    return seconds_of(lambda: subprocess.run([sys.executable, "-c", "import asyncio"], check=True))


def short_outage() -> int:
    """Return a number of seconds in which a program certainly tries twice, as busy as this machine is right now."""
    return min(12, max(4, round(20 * program_start())))
