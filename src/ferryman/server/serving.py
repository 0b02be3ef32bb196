"""The server on its port: it listens, runs its background tasks, and shuts down in order."""

import asyncio
import resource
import socket
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import structlog
from aiohttp import web

from ferryman.awsapi.models import load_models
from ferryman.core.access_requests.expiry import sweep_access_requests
from ferryman.core.kms.keys.sweep import sweep_keys
from ferryman.core.service import Limits, Service
from ferryman.core.sessions.sweep import recover, sweep
from ferryman.model.failures import Failure
from ferryman.server.application import build
from ferryman.server.background import running_beside, supervised
from ferryman.server.channels.deregistered_nodes import watch_deregistered
from ferryman.server.channels.gateway import Gateway
from ferryman.server.http.app_keys import GATEWAY
from ferryman.server.http.discovery import Discovery
from ferryman.server.http.forwarded import TrustedProxies
from ferryman.server.listener.certificate import ServerCertificate
from ferryman.server.listener.connection_limits import ConnectionLimits
from ferryman.server.listener.listener import Listener, listen
from ferryman.server.listener.request_memory import RequestMemories
from ferryman.server.listener.unauthenticated import UnauthenticatedLimits
from ferryman.server.operations.registry import BY_ANYONE, BY_CALLER, BY_NODE_KEY
from ferryman.server.timeouts import DEFAULT_TIMEOUTS, Timeouts
from ferryman.system.malloc import keep_freed_memory

if TYPE_CHECKING:
    from ferryman.server.metrics.prometheus import PrometheusCounters

SWEEP_SECONDS = 1.0
RESERVED_FILES = 24
"""File descriptors reserved for everything but connections: the store, the trail, the sandbox, libraries."""
FEW_CONNECTIONS = 256
"""With fewer, the log warns: each node needs one connection, and each session two."""
LEAST_CONNECTIONS = 8

_log = structlog.get_logger("ferryman.server")


async def serve(
    service: Service,
    host: str,
    port: int,
    *,
    certificate: ServerCertificate | None = None,
    unauthenticated: UnauthenticatedLimits | None = None,
    proxies: TrustedProxies | None = None,
    discovery: Discovery | None = None,
    ready: Callable[[int], None],
    stop: asyncio.Event,
    drain_seconds: float = 0.0,
    hurry: asyncio.Event | None = None,
    metrics: tuple[str, int] | None = None,
    console: tuple[str, int] | None = None,
    timeouts: Timeouts = DEFAULT_TIMEOUTS,
) -> None:
    """Serve until `stop` is set, then close every channel (1001), finish open requests, and return.

    With `drain_seconds` it first stops being ready and has its peers move to other servers, within that time or until
    `hurry` is set.

    `metrics` is the address where they are served to anybody, `console` that of the web console if it has its own.
    `port` 0 picks a free one; `ready` is called with the real one when connections are accepted. Without a
    `certificate` the server speaks plain HTTP. `unauthenticated` limits connections whose peers are not authenticated,
    `proxies` are those trusted to name their clients, `discovery` is what anyone may know. Raises OSError if the
    addresses cannot be bound.
    """
    keep_freed_memory()
    await asyncio.to_thread(load_models)
    recovered = await recover(service)
    sockets = [listen(*address) for address in ((host, port), console) if address is not None]
    counted = UnauthenticatedLimits() if unauthenticated is None else unauthenticated
    counters = _counters() if metrics is not None else None
    console_port = None if console is None else int(sockets[-1].getsockname()[1])
    application = build(service, timeouts, counted, proxies, discovery, counters, console_port=console_port)
    runner = web.AppRunner(application, handle_signals=False, shutdown_timeout=timeouts.shutdown)
    listener: Listener | None = None
    try:
        await runner.setup()
        listener = _open_listener(sockets, runner, counted, service.settings.limits, timeouts, certificate)
        bound = sockets[0].getsockname()[1]
        _log.info(
            "listening",
            host=host,
            port=bound,
            public_url=service.settings.public_url,
            console_port=console_port,
            tls=certificate is not None,
            sessions_recovered=recovered,
        )
        gateway = application[GATEWAY]
        async with running_beside(*_background(gateway, certificate)), _metrics(counters, gateway, metrics):
            ready(bound)
            await stop.wait()
            if drain_seconds:
                _log.info("draining", seconds=drain_seconds)
                await _drain(gateway, listener, drain_seconds, hurry or asyncio.Event())
    finally:
        _log.info("stopping")
        if listener is not None:
            await listener.close()
        await runner.cleanup()
        for each in sockets:
            each.close()


def _open_listener(
    sockets: list[socket.socket],
    runner: web.AppRunner,
    unauthenticated: UnauthenticatedLimits,
    limits: Limits,
    timeouts: Timeouts,
    certificate: ServerCertificate | None,
) -> Listener:
    """Accept connections for a runner that is set up; raises Failure if too few can be open."""
    assert runner.server is not None  # noqa: S101 setup made it
    connections = ConnectionLimits(
        unauthenticated, _most_connections(), limits.connections_per_caller, limits.connections_per_address
    )
    memories = RequestMemories(limits.request_memory)
    listener = Listener(sockets, runner.server, connections, memories, timeouts, certificate)
    listener.open()
    return listener


def _background(gateway: Gateway, certificate: ServerCertificate | None) -> list[asyncio.Task[None]]:
    """Start the tasks that run as long as the server."""
    tasks = [
        supervised("sweep", lambda: _sweep(gateway.service)),
        supervised("deregistered nodes", lambda: watch_deregistered(gateway)),
    ]
    if certificate is not None:
        tasks.append(supervised("certificate", certificate.watch))
    return tasks


async def _drain(gateway: Gateway, listener: Listener, seconds: float, hurry: asyncio.Event) -> None:
    """In the first half, load balancers notice that this server is no longer ready; in the second, everybody moves.

    Meanwhile nothing listens, so that nobody comes back here, whether a load balancer has noticed or only notices now.
    """

    async def drain() -> None:
        gateway.draining = True
        await asyncio.sleep(seconds / 2)
        await listener.close()
        await gateway.move_away(seconds / 2)

    async def until_hurried() -> None:
        await hurry.wait()

    draining = [asyncio.create_task(each) for each in (drain(), until_hurried())]
    async with running_beside(*draining):
        await asyncio.wait(draining, return_when=asyncio.FIRST_COMPLETED)


def _counters() -> "PrometheusCounters":
    from ferryman.server.metrics.prometheus import PrometheusCounters

    return PrometheusCounters(frozenset({*BY_CALLER, *BY_NODE_KEY, *BY_ANYONE}))


@asynccontextmanager
async def _metrics(
    counters: "PrometheusCounters | None", gateway: Gateway, address: tuple[str, int] | None
) -> AsyncIterator[None]:
    if counters is None or address is None:
        yield
        return
    from ferryman.server.metrics.endpoint import serving_metrics

    async with serving_metrics(counters, gateway, *address):
        yield


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
        _log.warning("open file limit is low", limit=soft, connections=most, advice=advice)
    return most


async def _sweep(service: Service) -> None:
    while True:
        await asyncio.sleep(SWEEP_SECONDS)
        for sweeping in (sweep, sweep_access_requests, sweep_keys):
            try:
                await sweeping(service)
            except Exception:  # noqa: BLE001 boundary: the store may work again in a second
                _log.exception("sweep failed")
