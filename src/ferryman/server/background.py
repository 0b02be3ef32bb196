"""Tasks that run as long as the server does; none of them may end unnoticed."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager

import structlog

RESTART_SECONDS = 1.0
"""How long a failed task waits before it is restarted."""

_log = structlog.get_logger("ferryman.server.background")


async def supervise(name: str, work: Callable[[], Awaitable[None]], again: float = RESTART_SECONDS) -> None:
    """Run `work`, which never returns, until cancelled. If it raises or returns, log that and run it again."""
    while True:
        try:
            await work()
            _log.error("background task ended", task=name)
        except Exception:  # noqa: BLE001 boundary: a fault costs a second of the task's work, never all of it
            _log.exception("background task failed", task=name)
        await asyncio.sleep(again)


@asynccontextmanager
async def running_beside(*tasks: "asyncio.Task[None]") -> AsyncIterator[None]:
    """On leaving, cancel the tasks and wait until they have ended."""
    try:
        yield
    finally:
        for task in tasks:
            task.cancel()
        if tasks:
            await asyncio.wait(tasks)


def supervised(name: str, work: Callable[[], Awaitable[None]]) -> "asyncio.Task[None]":
    """Start `work` under supervision."""
    return asyncio.create_task(supervise(name, work), name=name)
