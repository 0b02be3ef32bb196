"""What the server has loaded once it runs, kept out of garbage collections.

A full collection stops everything while it looks at each object there is. Nearly all of them were loaded at the start
and stay: code, AWS's models, statements. A peer that makes the server allocate much would have them looked at often.
"""

import asyncio
import gc

from ferryman.awsapi.models import SERVICES, service_model

MIDDLE_PER_FULL = 50
"""Middle collections before a full one, of 350,000 new objects at least: some 50 MB if all of them were garbage."""


async def spare_loaded_objects() -> None:
    """Load what would be loaded by the first calls, and leave all that is there out of later collections."""
    for service in SERVICES:
        await asyncio.to_thread(service_model, service)
    gc.collect()
    gc.freeze()
    young, middle, _ = gc.get_threshold()
    gc.set_threshold(young, middle, MIDDLE_PER_FULL)
