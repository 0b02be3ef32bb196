"""Reloads a running server's keys: within a second if they are in a file, and on SIGHUP wherever they are from."""

import asyncio
import contextlib
from pathlib import Path
from typing import TYPE_CHECKING

from ferryman.bootstrap.configuration import LoadedConfiguration
from ferryman.bootstrap.keys.server_keys import read_server_keys
from ferryman.model.failures import Failure

if TYPE_CHECKING:
    from ferryman.audit.writer import TrailWriter
    from ferryman.core.vault import Vault

LOOK_SECONDS = 1.0


async def watch_keys(loaded: LoadedConfiguration, vault: "Vault", trail: "TrailWriter", asked: asyncio.Event) -> None:
    """Watch the key file forever; whenever `asked` is set, read the keys again, wherever they come from."""
    path = loaded.path(loaded.configuration.server.key_file)
    seen = await asyncio.to_thread(_look, path)
    while True:
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(LOOK_SECONDS):
                await asked.wait()
        now = await asyncio.to_thread(_look, path)
        if now == seen and not asked.is_set():
            continue
        asked.clear()
        seen = now
        await reload_keys(loaded, vault, trail)


async def reload_keys(loaded: LoadedConfiguration, vault: "Vault", trail: "TrailWriter") -> None:
    """Read the keys and use them; if they cannot be read, nothing changes."""
    import structlog

    from ferryman.core.audit.chain import chain_key

    log = structlog.get_logger("ferryman.server")
    try:
        keys = await asyncio.to_thread(read_server_keys, loaded)
    except Failure as failure:
        log.error("keys not read", reason=failure.line)
        return
    before = vault.key_ids
    vault.use(keys.keys[0], keys.keys[1:])
    if vault.key_ids == before:
        return
    log.info("keys changed", seals=vault.key_ids[0], opens=vault.key_ids[1:])
    if vault.key_ids[0] != before[0]:
        trail.use_key(chain_key(vault))


def _look(path: Path) -> object:
    try:
        status = path.stat()
    except OSError:
        return None
    return status.st_ino, status.st_size, status.st_mtime_ns
