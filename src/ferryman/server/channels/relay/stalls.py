"""Receivers of a session that fall behind: waited for, and counted as away while they read nothing."""

import asyncio
from collections.abc import Callable

import structlog

from ferryman.server.channels.relay.ends import RelayEnd


class StallRecovery:
    """Waits for one session's ends.

    `patience` is how many seconds an end may read nothing. `is_joined` says whether an end is still the session's;
    `changed` is called when an end has stalled or reads again.
    """

    def __init__(
        self,
        patience: float,
        is_joined: Callable[[RelayEnd], bool],
        changed: Callable[[], None],
        log: structlog.stdlib.BoundLogger,
    ) -> None:
        self._patience = patience
        self._is_joined = is_joined
        self._changed = changed
        self._log = log

    async def catch_up(self, receiver: RelayEnd) -> None:
        """Wait until `receiver` has caught up; if it reads nothing for too long, count it as away."""
        waiting = receiver.socket.waiting_bytes
        while True:
            try:
                async with asyncio.timeout(self._patience):
                    await receiver.socket.drain()
                return
            except TimeoutError:
                if (left := receiver.socket.waiting_bytes) >= waiting:
                    break
                waiting = left
        if receiver.stalled or not self._is_joined(receiver):
            return
        receiver.stalled = True
        self._log.warning("peer stalled", peer=receiver.name, waiting_bytes=waiting)
        self._changed()
        receiver.recovery = asyncio.create_task(self._recover(receiver))

    async def _recover(self, receiver: RelayEnd) -> None:
        await receiver.socket.drain()
        if not self._is_joined(receiver):
            return
        receiver.stalled = False
        self._log.info("peer reads again", peer=receiver.name)
        self._changed()
