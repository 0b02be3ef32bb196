"""Opens the audit trail that the server writes; chooses its files and copies from the configuration."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING

from ferryman.bootstrap.configuration import LoadedConfiguration
from ferryman.bootstrap.keys.key_watch import watch_keys
from ferryman.bootstrap.keys.server_keys import read_server_keys
from ferryman.model.errors import StoreUnavailable
from ferryman.model.failures import Failure
from ferryman.model.identifiers import Millis

if TYPE_CHECKING:
    from ferryman.audit.checkpoints import CheckpointWriter
    from ferryman.audit.files import TrailFiles
    from ferryman.audit.sinks.sink import Sink
    from ferryman.audit.sinks.stdout import StandardOutput
    from ferryman.audit.writer import TrailWriter
    from ferryman.core.ports.audit import TrailHead
    from ferryman.core.service import Service

    Remember = Callable[[TrailHead], Awaitable[None]]

HEAD_SECONDS = 5.0
"""How often the store records how far the trail has got."""


@asynccontextmanager
async def open_trail(
    loaded: LoadedConfiguration,
    service: "Service",
    reload_requested: asyncio.Event | None = None,
    on_keys_lost: Callable[[Failure], None] = lambda _: None,
) -> AsyncIterator["Service"]:
    """Open the trail that the configuration names and yield a service that writes it; the trail ends on leaving.

    Meanwhile the server's keys are watched, and read again when `reload_requested` is set; `on_keys_lost` is called
    when they could not be read for `server.key_lease_seconds`. Raises Failure if the files cannot be used, or do not
    end as this server left them.
    """
    from ferryman.audit import pending
    from ferryman.audit.lookup import TrailLookup
    from ferryman.audit.sinks.stdout import StandardOutput
    from ferryman.bootstrap.audit.sinks import open_sinks
    from ferryman.core.audit.chain import PURPOSE
    from ferryman.core.audit.records import trail_event
    from ferryman.server.background import running_beside, supervised

    audit_only = read_server_keys(loaded).audit_only
    asked = asyncio.Event() if reload_requested is None else reload_requested
    async with open_sinks(loaded, service) as sinks:
        files = _files(loaded)
        output = StandardOutput() if loaded.configuration.audit.stdout else None
        trail = await _open_writer(loaded, service, files, audit_only, sinks, output)
        for sink in sinks:
            sink.start(trail)
        describe = partial(trail_event, service)
        remember = partial(service.store.trail_heads.record, loaded.server_name)
        lookup = TrailLookup(files.directory, lambda: [*service.vault.derive_all(PURPOSE), *audit_only])
        pending_keys = partial(service.vault.derive_all, pending.PURPOSE)
        checkpoints = _checkpoints(loaded, service, trail)
        following = [
            supervised("trail head", lambda: _remember_head(remember, trail)),
            supervised("server keys", lambda: watch_keys(loaded, service.vault, trail, asked, on_keys_lost)),
            supervised("pending records", lambda: pending.follow(files.directory, pending_keys, trail, describe)),
        ]
        if checkpoints is not None:
            following.append(supervised("audit checkpoints", checkpoints.follow))
        try:
            recording = replace(service, trail=trail, recorded_events=lookup, server_name=loaded.server_name)
            async with running_beside(*following), _searched_by_others(recording):
                yield recording
        finally:
            await trail.close(None if checkpoints is None else checkpoints.conclude)
            await _remember(remember, trail.synced_head)
            if output is not None:
                output.close()


async def _open_writer(
    loaded: LoadedConfiguration,
    service: "Service",
    files: "TrailFiles",
    audit_only: Sequence[bytes],
    sinks: "Sequence[Sink]",
    output: "StandardOutput | None",
) -> "TrailWriter":
    """Return the writer of the trail; raises Failure, and closes the files, if their end is not authentic."""
    from ferryman.audit.retention import Retention
    from ferryman.audit.writer import TrailWriter
    from ferryman.core.audit.chain import PURPOSE, BrokenChain
    from ferryman.core.audit.records import trail_event

    audit = loaded.configuration.audit
    key, *older = (*service.vault.derive_all(PURPOSE), *audit_only)
    try:
        return TrailWriter(
            files,
            key,
            partial(trail_event, service),
            retention=Retention(audit.files_kept, audit.retention_days, audit.min_free_mib * 1024 * 1024, sinks),
            sync_always=audit.fsync == "always",
            older=older,
            known=await service.store.trail_heads.head(loaded.server_name),
            copies=[each.written for each in sinks] + ([output.write] if output is not None else []),
        )
    except BrokenChain as error:
        files.close()
        raise Failure(
            f"The audit trail in {files.directory} cannot be continued",
            f"its last record failed verification: {error}",
            "Move the directory elsewhere as evidence; the server then starts a new trail",
        ) from error


@asynccontextmanager
async def _searched_by_others(service: "Service") -> AsyncIterator[None]:
    """Let the other servers search this one's trail for LookupEvents."""
    from ferryman.core.audit.lookup import search_of
    from ferryman.core.audit.trails import answering, trail_subject

    if not service.server_name:
        yield
        return
    subscription = await service.bus.subscribe(trail_subject(service.server_name), answering(service, search_of))
    try:
        yield
    finally:
        await subscription.close()


def _checkpoints(loaded: LoadedConfiguration, service: "Service", trail: "TrailWriter") -> "CheckpointWriter | None":
    """Return the writer of signed checkpoints; None if the configuration turns them off."""
    from ferryman.audit.checkpoints import Bounds, CheckpointWriter
    from ferryman.core.audit import chain, checkpoints
    from ferryman.core.audit.records import trail_event

    audit = loaded.configuration.audit
    if not audit.checkpoint_seconds:
        return None
    audit_only, vault = read_server_keys(loaded).audit_only, service.vault
    return CheckpointWriter(
        loaded.path(audit.directory),
        trail,
        Bounds(audit.checkpoint_seconds, audit.checkpoint_records),
        keys=lambda: (*vault.derive_all(chain.PURPOSE), *audit_only),
        seed=lambda: vault.derive(checkpoints.PURPOSE),
        origin=lambda: trail_origin(loaded, service.clock()),
        describe=partial(trail_event, service),
    )


def trail_origin(loaded: LoadedConfiguration, now: Millis) -> dict[str, str]:
    """Return the members about the server, and the time, for signed statements about the trail."""
    from ferryman.core.audit.records import moment

    server = loaded.configuration.server
    origin = {
        "accountId": server.account_id,
        "region": server.region,
        "server": server.public_url.rstrip("/"),
        "time": moment(now),
    }
    return origin | ({"serverName": loaded.server_name} if loaded.server_name else {})


async def _remember_head(remember: "Remember", trail: "TrailWriter") -> None:
    """Let the store remember how far the trail has got, until cancelled."""
    remembered: TrailHead | None = None
    while True:
        head = trail.synced_head
        if head != remembered and await _remember(remember, head):
            remembered = head
        await asyncio.sleep(HEAD_SECONDS)


async def _remember(remember: "Remember", head: "TrailHead | None") -> bool:
    """Return whether the store remembers this head; while it cannot be written, it remembers an earlier one."""
    if head is None:
        return False
    try:
        await remember(head)
    except StoreUnavailable:
        return False
    return True


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
