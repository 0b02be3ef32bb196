"""Background tasks go on whatever they meet."""

import asyncio

import structlog

from ferryman.server.background import running_beside, supervise
from tests.waiting import PATIENCE


async def test_task_that_raises_or_returns_is_logged_and_restarted() -> None:
    runs = 0
    third = asyncio.Event()

    async def work() -> None:
        nonlocal runs
        runs += 1
        if runs == 1:
            raise OSError("no space left")
        if runs == 3:
            third.set()
            await asyncio.Event().wait()

    with structlog.testing.capture_logs() as logs:
        task = asyncio.create_task(supervise("counting", work, again=0.0))
        async with asyncio.timeout(PATIENCE), running_beside(task):
            await third.wait()
    assert [(log["event"], log["task"]) for log in logs] == [
        ("background task failed", "counting"),
        ("background task ended", "counting"),
    ]
    assert task.cancelled()
