"""A console at an address of its own: nothing else is there, and it is nowhere else."""

from aiohttp import web
from aiohttp.typedefs import Handler, Middleware

from ferryman.server.http.app_keys import GATEWAY

CHANNELS = ("/v1/data-channel/", "/v1/watch/")
"""What the console's pages open, at the address that they come from."""


def separate_console(port: int) -> Middleware:
    """Return the middleware that keeps the console on `port`, and the API off it."""

    @web.middleware
    async def separated(request: web.Request, handler: Handler) -> web.StreamResponse:
        path, own = request.path, request.app[GATEWAY].service.settings.console.path
        is_console = path == own or path.startswith(f"{own}/")
        address = None if request.transport is None else request.transport.get_extra_info("sockname")
        if address is None or address[1] != port:
            if is_console:
                raise web.HTTPNotFound
            return await handler(request)
        if path == "/" and request.method == "GET":
            return web.Response(status=302, headers={"Location": f"{own}/"})
        if not is_console and not (request.method == "GET" and path.startswith(CHANNELS)):
            raise web.HTTPNotFound
        return await handler(request)

    return separated
