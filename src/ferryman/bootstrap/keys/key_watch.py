"""Reloads a running server's keys: within a second if they are in a file, and on SIGHUP wherever they are from.

With `server.key_lease_seconds`, a server ends once `server.key_command` has printed no keys for that long.
"""

import asyncio
import contextlib
import time
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

from ferryman.bootstrap.configuration import LoadedConfiguration
from ferryman.bootstrap.keys.server_keys import read_server_keys
from ferryman.model.failures import Failure

if TYPE_CHECKING:
    from ferryman.audit.writer import TrailWriter
    from ferryman.core.vault import Vault

LOOK_SECONDS = 1.0
RENEWALS = 3
"""How often within a lease the keys are read again, so that one failure ends nothing."""


class _Lease:
    """How long the keys in memory may still be used. `seconds`: after each success; None for ever."""

    def __init__(self, seconds: float | None) -> None:
        self._seconds = seconds
        self.renewed()

    def renewed(self) -> None:
        """Note that the keys were read."""
        self._renewed_at = self._tried_at = time.monotonic()

    def tried(self) -> None:
        """Note that the keys could not be read."""
        self._tried_at = time.monotonic()

    @property
    def is_due(self) -> bool:
        return self._seconds is not None and time.monotonic() - self._tried_at >= self._seconds / RENEWALS

    @property
    def is_over(self) -> bool:
        return self._seconds is not None and time.monotonic() - self._renewed_at >= self._seconds


async def watch_keys(
    loaded: LoadedConfiguration,
    vault: "Vault",
    trail: "TrailWriter",
    asked: asyncio.Event,
    on_lost: Callable[[Failure], None],
) -> None:
    """Watch the key file forever; whenever `asked` is set, read the keys again, wherever they come from.

    `on_lost` is called, with the reason, when the lease of the keys is over.
    """
    server = loaded.configuration.server
    path, lease = loaded.path(server.key_file), _Lease(server.key_lease_seconds)
    seen = await asyncio.to_thread(_look, path)
    while True:
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(LOOK_SECONDS):
                await asked.wait()
        now = await asyncio.to_thread(_look, path)
        if now == seen and not asked.is_set() and not lease.is_due:
            continue
        asked.clear()
        seen = now
        failure = await reload_keys(loaded, vault, trail)
        if failure is None:
            lease.renewed()
            continue
        lease.tried()
        if lease.is_over:
            cause, advice = f"{failure.what}: {failure.cause}", "Enable the key, or correct server.key_command"
            on_lost(Failure("The server has ended, because it can no longer read its keys", cause, advice))


async def reload_keys(loaded: LoadedConfiguration, vault: "Vault", trail: "TrailWriter") -> Failure | None:
    """Read the keys and use them; if they cannot be read, nothing changes, and the reason is returned."""
    import structlog

    from ferryman.core.audit.chain import chain_key

    log = structlog.get_logger("ferryman.server")
    try:
        keys = await asyncio.to_thread(read_server_keys, loaded)
    except Failure as failure:
        log.error("keys not read", reason=failure.line)
        return failure
    before = vault.key_ids
    vault.use(keys.keys[0], keys.keys[1:])
    if vault.key_ids == before:
        return None
    log.info("keys changed", seals=vault.key_ids[0], opens=vault.key_ids[1:])
    if vault.key_ids[0] != before[0]:
        trail.use_key(chain_key(vault))
    return None


def _look(path: Path) -> object:
    try:
        status = path.stat()
    except OSError:
        return None
    return status.st_ino, status.st_size, status.st_mtime_ns
