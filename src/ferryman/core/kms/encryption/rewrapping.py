"""Wrapping the data keys of all recordings under the named key's newest generation."""

import asyncio

import structlog

from ferryman.core.kms.encryption.custody import current_wrapping, rewrap
from ferryman.core.ports.kms import KeyUnusable
from ferryman.core.service import Service
from ferryman.core.vault import Unsealable

_PAGE = 100
_log = structlog.get_logger("ferryman.recording")


async def rewrap_recordings(service: Service) -> tuple[int, int]:
    """Wrap the data keys of all recordings like those of new ones; return how many were changed, and how many could not
    be.

    Servers may keep running, and several may do so at the same time. Raises KeyUnusable if the named key cannot be.
    """
    current = await current_wrapping(service)
    changed = failed = 0
    after = ""
    while current and (page := await service.store.recordings.keys_after(after, _PAGE)):
        for session_id, key in page:
            try:
                changed += await rewrap(service, session_id, key, current)
            except (KeyUnusable, Unsealable) as error:
                failed += 1
                _log.error("data key not wrapped again", session_id=session_id, reason=str(error))
        after = page[-1][0]
        await asyncio.sleep(0)  # let others run
    return changed, failed
