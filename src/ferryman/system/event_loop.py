"""The event loop of the agent's processes: uvloop where it is installed."""

import asyncio
from collections.abc import Callable, Coroutine
from typing import Any, TypeVar

try:
    import uvloop
except ImportError:  # not built for this platform
    _new_event_loop: Callable[[], asyncio.AbstractEventLoop] = asyncio.new_event_loop
else:
    _new_event_loop = uvloop.new_event_loop

_Result = TypeVar("_Result")


def run_loop(main: Coroutine[Any, Any, _Result]) -> _Result:
    """Run `main` to completion on a new loop and return its result."""
    with asyncio.Runner(loop_factory=_new_event_loop) as runner:
        return runner.run(main)
