"""Runs a coroutine that has nothing to wait for."""

from collections.abc import Coroutine
from typing import Any, TypeVar

Result = TypeVar("Result")


def finished(coroutine: Coroutine[Any, Any, Result]) -> Result:
    """Return what a coroutine returns that never waits; far cheaper than an event loop for each input."""
    try:
        coroutine.send(None)
    except StopIteration as stop:
        result: Result = stop.value
        return result
    coroutine.close()
    raise AssertionError("the coroutine waits for something")
