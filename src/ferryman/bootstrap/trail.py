"""Opens the audit trail that the server writes; chooses its files and copies from the configuration."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING

from ferryman.bootstrap.configuration import LoadedConfiguration
from ferryman.bootstrap.key_watch import watch_keys
from ferryman.bootstrap.server_keys import read_server_keys
from ferryman.model.failures import Failure

if TYPE_CHECKING:
    from ferryman.audit.files import TrailFiles
    from ferryman.core.service import Service


@asynccontextmanager
async def open_trail(
    loaded: LoadedConfiguration, service: "Service", reload_requested: asyncio.Event | None = None
) -> AsyncIterator["Service"]:
    """Open the trail that the configuration names and yield a service that writes it; the trail ends on leaving.

    Meanwhile the server's keys are watched, and read again when `reload_requested` is set. Raises Failure if the files
    cannot be used, or do not end as this server left them.
    """
    from ferryman.audit import pending
    from ferryman.audit.retention import Retention
    from ferryman.audit.sinks.stdout import StandardOutput
    from ferryman.audit.writer import TrailWriter
    from ferryman.bootstrap.sinks import open_sinks
    from ferryman.core.audit.chain import PURPOSE, BrokenChain
    from ferryman.core.audit.records import trail_event
    from ferryman.server.background import running_beside, supervised

    audit = loaded.configuration.audit
    key, *older = (*service.vault.derive_all(PURPOSE), *read_server_keys(loaded).audit_only)
    asked = asyncio.Event() if reload_requested is None else reload_requested
    async with open_sinks(loaded, service) as sinks:
        files = _files(loaded)
        retention = Retention(audit.files_kept, audit.retention_days, audit.min_free_mib * 1024 * 1024, sinks)
        output = StandardOutput() if audit.stdout else None
        try:
            trail = TrailWriter(
                files,
                key,
                partial(trail_event, service),
                retention=retention,
                sync_always=audit.fsync == "always",
                older=older,
                copies=[each.written for each in sinks] + ([output.write] if output is not None else []),
            )
        except BrokenChain as error:
            files.close()
            raise Failure(
                f"The audit trail in {files.directory} cannot be continued",
                f"its last record failed verification: {error}",
                "Move the directory elsewhere as evidence; the server then starts a new trail",
            ) from error
        for sink in sinks:
            sink.start(trail)
        describe = partial(trail_event, service)
        pending_keys = partial(service.vault.derive_all, pending.PURPOSE)
        following = (
            supervised("server keys", lambda: watch_keys(loaded, service.vault, trail, asked)),
            supervised("pending records", lambda: pending.follow(files.directory, pending_keys, trail, describe)),
        )
        try:
            async with running_beside(*following):
                yield replace(service, trail=trail)
        finally:
            await trail.close()
            if output is not None:
                output.close()


def _files(loaded: LoadedConfiguration) -> "TrailFiles":
    from ferryman.audit.files import TrailFiles, TrailInUse

    audit = loaded.configuration.audit
    directory = loaded.path(audit.directory)
    try:
        return TrailFiles(directory, audit.file_mib * 1024 * 1024)
    except TrailInUse as error:
        raise Failure(
            f"The audit trail in {directory} is in use",
            "another server is writing it",
            "Stop that server, or set a different audit.directory for this one",
        ) from error
    except OSError as error:
        raise Failure(
            f"The audit trail in {directory} cannot be opened",
            error.strerror or str(error),
            "Make the directory writable for the server, or set a different audit.directory",
        ) from error
