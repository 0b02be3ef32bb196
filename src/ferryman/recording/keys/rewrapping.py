"""Wraps the data keys of recordings again after the named key has changed or was rotated, while the server runs."""

import asyncio

import structlog

from ferryman.core.kms.encryption.custody import current_wrapping
from ferryman.core.kms.encryption.rewrapping import rewrap_recordings
from ferryman.core.ports.kms import KeyUnusable
from ferryman.core.service import Service

LOOK_SECONDS = 30.0
AGAIN_SECONDS = 3600.0
"""How soon to try again after some data keys could not be wrapped."""
_log = structlog.get_logger("ferryman.recording")


class Rewrapping:
    """Remembers what all data keys are wrapped with; `run` keeps checking whether that is still current."""

    def __init__(self, service: Service) -> None:
        self._service = service
        self._done = ""

    async def run(self) -> None:
        """Call `look` every `LOOK_SECONDS`."""
        while True:
            pause = LOOK_SECONDS if await self.look() else AGAIN_SECONDS
            await asyncio.sleep(pause)

    async def look(self) -> bool:
        """Wrap the data keys that are not wrapped like new ones; False if some could not be."""
        try:
            current = await current_wrapping(self._service)
            if current == self._done:
                return True
            changed, failed = await rewrap_recordings(self._service)
        except KeyUnusable:
            return True  # the log says so whenever a session should be recorded
        if changed:
            _log.info("data keys wrapped again", recordings=changed)
        if not failed:
            self._done = current
        return not failed
