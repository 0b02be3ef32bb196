"""Deleting old rows, a few at a time, so that nobody's writes wait for long."""

import asyncio
from collections.abc import Awaitable, Callable

from ferryman.model.identifiers import Millis

BATCH = 100
"""Rows of one transaction: about 10 ms of the store's only writer."""
BATCHES = 10
BUDGET = 0.2
"""Seconds of the writer's time after which no further transaction begins: rows may be large, and disks slow."""
PAUSE = 0.03
"""Seconds between two transactions, for the writes that wait."""


async def prune(delete: Callable[[Millis, int], Awaitable[int]], ended_before: Millis) -> int:
    """Delete some rows that ended before a time, and return how many; call it about once a second.

    `delete` deletes up to the given number of rows and returns how many it deleted.
    """
    clock = asyncio.get_running_loop().time
    deleted, spent = 0, 0.0
    for number in range(BATCHES):
        if number:
            await asyncio.sleep(PAUSE)
        began = clock()
        count = await delete(ended_before, BATCH)
        deleted += count
        spent += clock() - began
        if count < BATCH or spent >= BUDGET:
            break
    return deleted
