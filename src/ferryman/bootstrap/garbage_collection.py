"""Keeps objects that the running server has loaded out of garbage collections.

A full collection stops everything while it looks at each object there is. Nearly all of them were loaded at the start
and stay: code, AWS's models, statements. A peer that makes the server allocate much would have them looked at often.
"""

import asyncio
import gc

from ferryman.awsapi.models import SERVICES, service_model

MIDDLE_PER_FULL = 1000
"""Middle collections before a full one: 7 million new objects, which only a leak would make between two of ours."""
FULL_SECONDS = 300.0
"""Between full collections. Each stops everything for 20 to 80 ms; a flood would bring one about every few seconds."""


async def spare_loaded_objects() -> None:
    """Load everything that the first calls would load, and exclude all existing objects from later collections."""
    for service in SERVICES:
        await asyncio.to_thread(service_model, service)
    gc.collect()
    gc.freeze()
    young, middle, _ = gc.get_threshold()
    gc.set_threshold(young, middle, MIDDLE_PER_FULL)


async def collect_garbage() -> None:
    """Exclude all loaded objects, then run a full collection from time to time, until cancelled."""
    await spare_loaded_objects()
    while True:
        await asyncio.sleep(FULL_SECONDS)
        gc.collect()
