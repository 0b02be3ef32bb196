"""The event loop of every program: uvloop where it is installed."""

import asyncio
from collections.abc import Callable, Coroutine
from functools import cache
from typing import Any, TypeVar

from ferryman.system.garbage import collect_as_usual

_Result = TypeVar("_Result")


def new_event_loop() -> asyncio.AbstractEventLoop:
    """Return a new uvloop, or asyncio's own loop: uvloop is not built for Windows, and the agent does not need it.

    The program has started then: garbage is collected as usual.
    """
    collect_as_usual()
    return _loop_factory()()


@cache
def _loop_factory() -> Callable[[], asyncio.AbstractEventLoop]:
    """Look for uvloop once: an agent without it would otherwise search all directories in every session worker."""
    try:
        from uvloop import new_event_loop
    except ImportError:
        return asyncio.new_event_loop
    return new_event_loop


def run_loop(main: Coroutine[Any, Any, _Result]) -> _Result:
    """Run `main` to completion on a new loop and return its result."""
    with asyncio.Runner(loop_factory=new_event_loop) as runner:
        return runner.run(main)
