"""`GET /metrics` on an address of its own, and the event loop's lag."""

import asyncio
from collections.abc import AsyncIterator, Iterable
from contextlib import asynccontextmanager

import structlog
from aiohttp import web
from prometheus_client import CONTENT_TYPE_LATEST, CollectorRegistry, generate_latest
from prometheus_client.core import Metric

from ferryman.server.background import running_beside, supervised
from ferryman.server.channels.gateway import Gateway
from ferryman.server.listener.connection_limits import ConnectionLimits
from ferryman.server.listener.listener import Listener, listen
from ferryman.server.listener.request_memory import RequestMemories
from ferryman.server.listener.unauthenticated import UnauthenticatedLimits
from ferryman.server.metrics.counters import Counters
from ferryman.server.metrics.gauges import Gauges
from ferryman.server.metrics.prometheus import PrometheusCounters
from ferryman.server.timeouts import DEFAULT_TIMEOUTS

LAG_EVERY_SECONDS = 0.5
FRESH_SECONDS = 1.0
"""How long a text is served again: writing one takes some 25 ms of CPU, and anybody who reaches the address may ask."""
CONNECTIONS = 32
MEMORY_BYTES = 1024 * 1024
"""What all requests together may use."""
_log = structlog.get_logger("ferryman.server.metrics")


@asynccontextmanager
async def serving_metrics(counters: PrometheusCounters, gateway: Gateway, host: str, port: int) -> AsyncIterator[int]:
    """Serve what is counted until the end of the context; yields the port. Raises OSError if it cannot be bound."""
    exposition = _Exposition(counters.registry, Gauges(gateway))

    async def metrics(_: web.Request) -> web.Response:
        return web.Response(body=await exposition.text(), headers={"Content-Type": CONTENT_TYPE_LATEST})

    app = web.Application(client_max_size=1)
    app.router.add_get("/metrics", metrics)
    runner = web.AppRunner(app, handle_signals=False, access_log=None, shutdown_timeout=1.0)
    listening = listen(host, port)
    listener: Listener | None = None
    try:
        await runner.setup()
        assert runner.server is not None  # noqa: S101 setup made it
        limits = ConnectionLimits(UnauthenticatedLimits(), CONNECTIONS, CONNECTIONS, CONNECTIONS)
        listener = Listener([listening], runner.server, limits, RequestMemories(MEMORY_BYTES), DEFAULT_TIMEOUTS)
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


class _Collected(CollectorRegistry):
    """What was collected before."""

    def __init__(self, metrics: list[Metric]) -> None:
        super().__init__()
        self._metrics = metrics

    def collect(self) -> Iterable[Metric]:
        return self._metrics


class _Exposition:
    """The text of all metrics. The gauges are read on the event loop, and the text is written beside it."""

    def __init__(self, registry: CollectorRegistry, gauges: Gauges) -> None:
        self._registry = registry
        self._gauges = gauges
        self._turn = asyncio.Lock()
        self._text = b""
        self._fresh_until = 0.0

    async def text(self) -> bytes:
        """Return the text, `FRESH_SECONDS` old at most."""
        async with self._turn:
            now = asyncio.get_running_loop().time()
            if now >= self._fresh_until:
                gauges = _Collected(list(self._gauges.collect()))
                counted, read = await asyncio.to_thread(
                    lambda: [generate_latest(each) for each in (self._registry, gauges)]
                )
                self._text, self._fresh_until = counted + read, now + FRESH_SECONDS
            return self._text


async def _measure_lag(counters: Counters) -> None:
    loop = asyncio.get_running_loop()
    while True:
        due = loop.time() + LAG_EVERY_SECONDS
        await asyncio.sleep(LAG_EVERY_SECONDS)
        counters.lagged(max(0.0, loop.time() - due))
