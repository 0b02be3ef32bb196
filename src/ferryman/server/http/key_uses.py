"""When access keys were last used: noted in memory and written in the background, so that no call waits for it."""

import asyncio

import structlog

from ferryman.core.iam.access_keys import KeyUses
from ferryman.core.service import Service
from ferryman.model.identity.callers import Caller, CallerKind

_log = structlog.get_logger("ferryman.server.http.key_uses")


class KeyUseWriter:
    """Writes when keys were used, at most once a minute per key: in the background by `run`, at the end by `write`."""

    def __init__(self, service: Service) -> None:
        self._service = service
        self._uses = KeyUses()
        self._work = asyncio.Event()

    def note(self, caller: Caller, service_name: str) -> None:
        """Note that a caller signed a call of a service, such as `ssm`; only users' long-lived keys are noted."""
        if caller.kind is not CallerKind.USER or caller.session is not None:
            return
        settings = self._service.settings
        if self._uses.note(caller.access_key_id, service_name, settings.region, self._service.clock()):
            self._work.set()

    async def run(self) -> None:
        """Write what was noted, forever."""
        while True:
            await self._work.wait()
            self._work.clear()
            await self.write()

    async def write(self) -> None:
        """Write what was noted. If that fails it is logged and dropped, because the calls were already answered."""
        try:
            await self._uses.write(self._service)
        except Exception:  # noqa: BLE001 boundary: a full disk must not end the task
            _log.exception("access key uses not written")
