"""The state of the store for `/healthz`, determined in bounded time and at bounded cost."""

import asyncio

import structlog

from ferryman.core.service import Service
from ferryman.model.errors import StoreUnavailable

PATIENCE = 3.0
"""Seconds after which a store that has not answered counts as timed out."""
FRESH = 1.0
"""Seconds for which a result is reused: a check writes to the disk, and anybody may ask."""

OK, TIMED_OUT = "ok", "timed out"
_log = structlog.get_logger("ferryman.server.health")


class StoreHealth:
    """Checks the store on request, one check at a time."""

    def __init__(self, service: Service, patience: float = PATIENCE, fresh: float = FRESH) -> None:
        self._service = service
        self._patience = patience
        self._fresh = fresh
        self._check: asyncio.Task[str] | None = None
        self._began = 0.0
        self._state = OK

    async def state(self) -> str:
        """Return `ok`, `timed out`, or what `StoreUnavailable` calls it."""
        now = asyncio.get_running_loop().time()
        if self._check is None or (self._check.done() and now - self._began >= self._fresh):
            self._began = now
            self._check = asyncio.create_task(self._look())
        done, _ = await asyncio.wait({self._check}, timeout=max(0.0, self._began + self._patience - now))
        self._note(self._check.result() if done else TIMED_OUT)
        return self._state

    async def close(self) -> None:
        """Cancel a running check."""
        if self._check is not None:
            self._check.cancel()
            await asyncio.wait({self._check})

    async def _look(self) -> str:
        try:
            await self._service.store.check()
        except StoreUnavailable as error:
            if error.state != self._state:
                _log.error("store check failed", reason=str(error))
            return error.state
        except Exception:  # noqa: BLE001 boundary: `/healthz` answers whatever is wrong with the store
            if self._state == OK:
                _log.exception("store check failed")
            return "failed"
        return OK

    def _note(self, state: str) -> None:
        if state != self._state:
            (_log.info if state == OK else _log.error)("store health changed", before=self._state, now=state)
        self._state = state
