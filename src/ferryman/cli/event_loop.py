"""Runs a command's asynchronous part so that signals end it in order: sessions end before the process does."""

import asyncio
import signal
from collections.abc import Coroutine
from typing import Any, TypeVar

import typer

from ferryman.system.event_loop import run_loop
from ferryman.system.signals import handle, known

_Result = TypeVar("_Result")
SIGNAL_BASE = 128
ENDING = known("SIGTERM", "SIGHUP")


def run_to_end(work: Coroutine[Any, Any, _Result]) -> _Result:
    """Run `work` and return its result. Ctrl-C, SIGTERM and SIGHUP cancel it, unless ignored at the start.

    Raises KeyboardInterrupt after Ctrl-C, `typer.Exit` with 128 + n after signal n, and whatever `work` raises.
    """
    return run_loop(_until_signalled(work))


async def _until_signalled(work: Coroutine[Any, Any, _Result]) -> _Result:
    loop = asyncio.get_running_loop()
    task = asyncio.ensure_future(work)
    received: list[int] = []

    def end(number: int) -> None:
        received.append(number)
        task.cancel()

    handled = [number for number in ENDING if signal.getsignal(number) is not signal.SIG_IGN]
    undo = [handle(loop, number, end) for number in handled]
    try:
        return await task
    except asyncio.CancelledError:
        if received:
            raise typer.Exit(SIGNAL_BASE + received[0]) from None
        raise
    finally:
        for each in undo:
            each()
