"""The server on its port: one socket for everything, the sweep beside it, an orderly end."""

import asyncio
import socket
import ssl
from collections.abc import Callable

import structlog
from aiohttp import web

from ferryman.core.service import Service
from ferryman.core.session_deadlines import recover, sweep
from ferryman.server.application import build
from ferryman.server.timing import DEFAULT_TIMING, Timing
from ferryman.transport.memory import keep_freed_memory

SOCKET_BUFFER = 128 * 1024
"""Bytes of kernel buffer a connection and direction: a saturated session delays others' keystrokes by 2 ms, not by the
8 ms of the defaults, and a stalled one hides little."""
BACKLOG = 1024
SWEEP_SECONDS = 1.0
KEEP_ALIVE = 75.0
LINGERING = 2.0
"""Seconds in which a refused body is read and thrown away, so that the refusal reaches its sender."""

_log = structlog.get_logger("ferryman.server")


async def serve(
    service: Service,
    host: str,
    port: int,
    *,
    ssl_context: ssl.SSLContext | None = None,
    ready: Callable[[int], None],
    stop: asyncio.Event,
    timing: Timing = DEFAULT_TIMING,
) -> None:
    """Serve until `stop` is set, then tell every channel (1001), finish what is being answered, and return.

    `port` 0 takes a free one; `ready` is called with the real one when connections are accepted. Raises OSError when
    the address cannot be bound.
    """
    keep_freed_memory()
    recovered = await recover(service)
    listener = _listen(host, port)
    runner = web.AppRunner(
        build(service, timing),
        access_log=None,
        handle_signals=False,
        keepalive_timeout=KEEP_ALIVE,
        lingering_time=LINGERING,
        shutdown_timeout=timing.shutdown,
    )
    try:
        await runner.setup()
        await web.SockSite(runner, listener, ssl_context=ssl_context, backlog=BACKLOG).start()
        bound = listener.getsockname()[1]
        _log.info("listening", host=host, port=bound, tls=ssl_context is not None, sessions_recovered=recovered)
        sweeping = asyncio.create_task(_sweep(service))
        try:
            ready(bound)
            await stop.wait()
        finally:
            sweeping.cancel()
            await asyncio.wait({sweeping})
    finally:
        _log.info("stopping")
        await runner.cleanup()
        listener.close()


def _listen(host: str, port: int) -> socket.socket:
    family, kind, protocol, _, address = socket.getaddrinfo(
        host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE
    )[0]
    listener = socket.socket(family, kind, protocol)
    try:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        # Accepted sockets inherit both.
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, SOCKET_BUFFER)
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, SOCKET_BUFFER)
        listener.bind(address)
        listener.setblocking(False)
    except OSError:
        listener.close()
        raise
    return listener


async def _sweep(service: Service) -> None:
    while True:
        await asyncio.sleep(SWEEP_SECONDS)
        try:
            await sweep(service)
        except Exception:  # noqa: BLE001 boundary: a store that fails now may work in a second; deadlines must not stop for ever
            _log.exception("sweep failed")
