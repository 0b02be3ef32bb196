"""The server on its port: one socket for everything, the sweep beside it, an orderly end."""

import asyncio
import resource
from collections.abc import Callable
from pathlib import Path

import structlog
from aiohttp import web

from ferryman.awsapi.models import load_models
from ferryman.core.access_requests.expiry import sweep_access_requests
from ferryman.core.service import Service
from ferryman.core.sessions.sweep import recover, sweep
from ferryman.model.failures import Failure
from ferryman.server.application import build
from ferryman.server.background import running_beside, supervised
from ferryman.server.http.forwarded import TrustedProxies
from ferryman.server.listener.certificate import ServerCertificate
from ferryman.server.listener.connection import Memory
from ferryman.server.listener.connection_limits import ConnectionLimits
from ferryman.server.listener.listener import FrontDoor, listen
from ferryman.server.listener.unauthenticated import Newcomers
from ferryman.server.timeouts import DEFAULT_TIMING, Timing
from ferryman.system.malloc import keep_freed_memory

SWEEP_SECONDS = 1.0
RESERVED_FILES = 24
"""File descriptors kept for what is opened later than connections: the store, the trail, the sandbox, libraries."""
FEW_CONNECTIONS = 256
"""Fewer than this are worth a warning: each node holds one connection, and each session two."""
LEAST_CONNECTIONS = 8

_log = structlog.get_logger("ferryman.server")


async def serve(
    service: Service,
    host: str,
    port: int,
    *,
    certificate: ServerCertificate | None = None,
    newcomers: Newcomers | None = None,
    proxies: TrustedProxies | None = None,
    ready: Callable[[int], None],
    stop: asyncio.Event,
    timing: Timing = DEFAULT_TIMING,
) -> None:
    """Serve until `stop` is set, then tell every channel (1001), finish what is being answered, and return.

    `port` 0 takes a free one; `ready` is called with the real one when connections are accepted. Without a
    `certificate` it is plain HTTP. `newcomers` counts who has not shown yet who they are, `proxies` says which proxies
    are believed. Raises OSError when the address cannot be bound.
    """
    keep_freed_memory()
    await asyncio.to_thread(load_models)
    recovered = await recover(service)
    listener = listen(host, port)
    counted = Newcomers() if newcomers is None else newcomers
    runner = web.AppRunner(
        build(service, timing, counted, proxies), handle_signals=False, shutdown_timeout=timing.shutdown
    )
    door: FrontDoor | None = None
    try:
        await runner.setup()
        assert runner.server is not None  # noqa: S101 setup made it
        bounds = service.settings.limits
        limits = ConnectionLimits(
            counted, _most_connections(), bounds.connections_per_caller, bounds.connections_per_address
        )
        door = FrontDoor(listener, runner.server, limits, Memory(bounds.request_memory), timing, certificate)
        door.open()
        bound = listener.getsockname()[1]
        _log.info(
            "listening",
            host=host,
            port=bound,
            public_url=service.settings.public_url,
            tls=certificate is not None,
            sessions_recovered=recovered,
        )
        beside = [supervised("sweep", lambda: _sweep(service))]
        if certificate is not None:
            beside.append(supervised("certificate", certificate.watch))
        async with running_beside(*beside):
            ready(bound)
            await stop.wait()
    finally:
        _log.info("stopping")
        if door is not None:
            await door.close()
        await runner.cleanup()
        listener.close()


def _most_connections() -> int:
    """Return how many connections may be open: as many as the soft limit of open files leaves. Raises Failure."""
    soft, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft == resource.RLIM_INFINITY:
        return 1_000_000
    most = soft - len(list(Path("/proc/self/fd").iterdir())) - RESERVED_FILES
    advice = "Raise the limit to 1024 or more: LimitNOFILE= of the systemd unit, or ulimit -n"
    if most < LEAST_CONNECTIONS:
        needed = soft - most + LEAST_CONNECTIONS
        raise Failure("The server cannot start", f"it may open {soft} files and needs at least {needed}", advice)
    if most < FEW_CONNECTIONS:
        _log.warning("few files may be open", limit=soft, connections=most, advice=advice)
    return most


async def _sweep(service: Service) -> None:
    while True:
        await asyncio.sleep(SWEEP_SECONDS)
        for sweeping in (sweep, sweep_access_requests):
            try:
                await sweeping(service)
            except Exception:  # noqa: BLE001 boundary: a store that fails now may work in a second
                _log.exception("sweep failed")
