"""The server as one aiohttp application: its routes, and what handlers find in it."""

from collections.abc import AsyncIterator

from aiohttp import web
from aiohttp.typedefs import Middleware

from ferryman.core.ratelimits.failed_attempts import FailedAttempts
from ferryman.core.ratelimits.throttle import Throttle
from ferryman.core.service import Service
from ferryman.server.background import running_beside, supervised
from ferryman.server.channels.gateway import Gateway
from ferryman.server.console.files import BuiltFiles
from ferryman.server.console.own_address import separate_console
from ferryman.server.console.routes import add_console
from ferryman.server.http.admission.failed_attempts import record_failure_summaries
from ferryman.server.http.admission.throttling import agents_turns, authentication_turns
from ferryman.server.http.app_keys import (
    AGENTS_TURNS,
    AUTHENTICATION_TURNS,
    COUNTERS,
    FAILED_ATTEMPTS,
    GATEWAY,
    KEY_USES,
    PROXIES,
    STORE_HEALTH,
    THROTTLE,
    UNAUTHENTICATED_LIMITS,
)
from ferryman.server.http.discovery import Discovery
from ferryman.server.http.forwarded import TrustedProxies
from ferryman.server.http.key_uses import KeyUseWriter
from ferryman.server.http.middleware import respond
from ferryman.server.http.pipeline import handle
from ferryman.server.http.upgrades import control_channel, data_channel, watch_channel
from ferryman.server.listener.connection import SERVER_NAME
from ferryman.server.listener.unauthenticated import UnauthenticatedLimits
from ferryman.server.metrics.counters import Counters, NoCounters
from ferryman.server.store_health import OK, StoreHealth
from ferryman.server.timeouts import DEFAULT_TIMEOUTS, Timeouts
from ferryman.system.log_writer import dropped_log_lines
from ferryman.wire.discovery import PATH as DISCOVERY_PATH

INVITATION_PATH = "/invite"
INVITATION_TEXT = """This is an invitation to a Ferryman server. It works once, in a terminal on your own machine:

  1. Install Ferryman.
  2. Run: ferryman login 'THE WHOLE ADDRESS OF THIS PAGE'
"""


def build(
    service: Service,
    timeouts: Timeouts = DEFAULT_TIMEOUTS,
    unauthenticated: UnauthenticatedLimits | None = None,
    proxies: TrustedProxies | None = None,
    discovery: Discovery | None = None,
    counters: Counters | None = None,
    files: BuiltFiles | None = None,
    console_port: int | None = None,
) -> web.Application:
    """Return the application; it pings its channels while it runs and closes them when it shuts down.

    `unauthenticated` limits connections by address, `proxies` are trusted to name their clients, `discovery` is the
    public document about this server, `counters` receive what metrics count, and `files` are the console's.
    `console_port` is set if the console has an address of its own.
    """
    middlewares: list[Middleware] = [respond, *([] if console_port is None else [separate_console(console_port)])]
    app = web.Application(client_max_size=service.settings.limits.body_bytes, middlewares=middlewares)
    app[GATEWAY] = Gateway(service, timeouts)
    app[KEY_USES] = KeyUseWriter(service)
    app[STORE_HEALTH] = StoreHealth(service)
    limits = service.settings.limits
    app[THROTTLE] = Throttle(limits.calls_burst, limits.calls_per_second)
    app[AUTHENTICATION_TURNS], app[AGENTS_TURNS] = authentication_turns(), agents_turns()
    app[FAILED_ATTEMPTS] = FailedAttempts()
    app[UNAUTHENTICATED_LIMITS] = UnauthenticatedLimits() if unauthenticated is None else unauthenticated
    app[COUNTERS] = NoCounters() if counters is None else counters
    app[PROXIES] = TrustedProxies() if proxies is None else proxies
    app.router.add_get("/healthz", health)
    app.router.add_get("/readyz", readiness)
    if discovery is not None:
        app.router.add_get(DISCOVERY_PATH, discovery.answer)
    app.router.add_get(INVITATION_PATH, explain_invitation)
    app.router.add_post("/", handle)
    app.router.add_get("/", add_console(app, handle, files), allow_head=False)
    app.router.add_post("/v1/control-channel/{id}", handle)
    app.router.add_post("/v1/data-channel/{id}", handle)
    app.router.add_get("/v1/control-channel/{id}", control_channel, allow_head=False)
    app.router.add_get("/v1/data-channel/{id}", data_channel, allow_head=False)
    app.router.add_get("/v1/watch/{id}", watch_channel, allow_head=False)
    app.cleanup_ctx.append(_heartbeat)
    app.cleanup_ctx.append(record_failure_summaries)
    app.cleanup_ctx.append(_key_uses)
    app.on_cleanup.append(_leave_store_check)
    app.on_response_prepare.append(_name_server)
    app.on_shutdown.append(_close_channels)
    return app


async def explain_invitation(request: web.Request) -> web.Response:
    """Tell whoever opens an invitation in a browser what to do. The token follows the `#`, which browsers do not
    send."""
    headers = {"Cache-Control": "no-store", "Referrer-Policy": "no-referrer"}
    return web.Response(text=INVITATION_TEXT, headers=headers)


async def health(request: web.Request) -> web.Response:
    """Answer 200 while the store can be read and written, and the audit trail if it must be; 503 otherwise."""
    members = await _state(request)
    more = {"channels": request.app[GATEWAY].open_channels, "log_lines_dropped": dropped_log_lines()}
    return web.json_response(members | more, status=200 if members["status"] == "ok" else 503)


async def readiness(request: web.Request) -> web.Response:
    """Answer 200 while new connections should come here; 503 if the server is not healthy, cut off, or draining.

    For load balancers; open connections stay.
    """
    members = await _state(request)
    gateway = request.app[GATEWAY]
    if not gateway.service.bus.is_connected:
        members |= {"status": "unavailable", "bus": "disconnected"}
    if gateway.draining:
        members |= {"status": "draining"}
    return web.json_response(members, status=200 if members["status"] == "ok" else 503)


async def _state(request: web.Request) -> dict[str, object]:
    service = request.app[GATEWAY].service
    store = await request.app[STORE_HEALTH].state()
    members: dict[str, object] = {"status": "ok", "store": store}
    if service.settings.audit.required and service.trail.failure is not None:
        members["audit"] = "failed"
    if store != OK or "audit" in members:
        members["status"] = "unavailable"
    return members


async def _heartbeat(app: web.Application) -> AsyncIterator[None]:
    async with running_beside(supervised("heartbeat", app[GATEWAY].heartbeat.run)):
        yield


async def _key_uses(app: web.Application) -> AsyncIterator[None]:
    async with running_beside(supervised("uses of access keys", app[KEY_USES].run)):
        yield
    await app[KEY_USES].write()


async def _leave_store_check(app: web.Application) -> None:
    await app[STORE_HEALTH].close()


async def _close_channels(app: web.Application) -> None:
    app[AGENTS_TURNS].close()  # a node that connected now would lose its connection immediately
    await app[GATEWAY].close()


async def _name_server(request: web.Request, response: web.StreamResponse) -> None:
    response.headers["Server"] = SERVER_NAME
