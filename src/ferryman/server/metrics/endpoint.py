"""`GET /metrics` on an address of its own, and the event loop's lag."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import structlog
from aiohttp import web
from prometheus_client import CONTENT_TYPE_LATEST, generate_latest

from ferryman.server.background import running_beside, supervised
from ferryman.server.channels.gateway import Gateway
from ferryman.server.listener.connection import RequestMemories
from ferryman.server.listener.connection_limits import ConnectionLimits
from ferryman.server.listener.listener import Listener, listen
from ferryman.server.listener.unauthenticated import UnauthenticatedLimits
from ferryman.server.metrics.counters import Counters
from ferryman.server.metrics.gauges import Gauges
from ferryman.server.metrics.prometheus import PrometheusCounters
from ferryman.server.timeouts import DEFAULT_TIMEOUTS

LAG_EVERY_SECONDS = 0.5
CONNECTIONS = 32
MEMORY_BYTES = 1024 * 1024
"""What all requests together may use."""
_log = structlog.get_logger("ferryman.server.metrics")


@asynccontextmanager
async def serving_metrics(counters: PrometheusCounters, gateway: Gateway, host: str, port: int) -> AsyncIterator[int]:
    """Serve what is counted until the end of the context; yields the port. Raises OSError if it cannot be bound."""
    counters.registry.register(Gauges(gateway))

    async def metrics(_: web.Request) -> web.Response:
        body = generate_latest(counters.registry)
        return web.Response(body=body, headers={"Content-Type": CONTENT_TYPE_LATEST})

    app = web.Application(client_max_size=1)
    app.router.add_get("/metrics", metrics)
    runner = web.AppRunner(app, handle_signals=False, access_log=None, shutdown_timeout=1.0)
    listening = listen(host, port)
    listener: Listener | None = None
    try:
        await runner.setup()
        assert runner.server is not None  # noqa: S101 setup made it
        limits = ConnectionLimits(UnauthenticatedLimits(), CONNECTIONS, CONNECTIONS, CONNECTIONS)
        listener = Listener(listening, runner.server, limits, RequestMemories(MEMORY_BYTES), DEFAULT_TIMEOUTS)
        listener.open()
        bound = int(listening.getsockname()[1])
        _log.info("metrics served", host=host, port=bound)
        async with running_beside(supervised("event loop lag", lambda: _measure_lag(counters))):
            yield bound
    finally:
        if listener is not None:
            await listener.close()
        await runner.cleanup()
        listening.close()


async def _measure_lag(counters: Counters) -> None:
    loop = asyncio.get_running_loop()
    while True:
        due = loop.time() + LAG_EVERY_SECONDS
        await asyncio.sleep(LAG_EVERY_SECONDS)
        counters.lagged(max(0.0, loop.time() - due))
