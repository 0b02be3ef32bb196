"""Everything below the console's path."""

import asyncio
from collections.abc import Awaitable, Callable

from aiohttp import web

from ferryman.core.console.oidc import CALLBACK_PATH
from ferryman.server.console.calls import handle_call
from ferryman.server.console.events import STREAMS, ChangeStreams, end_streams, follow_changes, run_changes
from ferryman.server.console.files import BuiltFiles, send_file
from ferryman.server.console.headers import add_security_headers
from ferryman.server.console.links import link_page, link_script, sign_in_with_link
from ferryman.server.console.oidc import FLOWS, MOST_FLOWS, come_back, go_to_provider
from ferryman.server.console.pruning import prune_sessions
from ferryman.server.console.sign_in import describe_me, describe_sign_in, sign_in_with_access_key, sign_out
from ferryman.server.http.app_keys import GATEWAY

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]


def add_console(app: web.Application, root: Handler, files: BuiltFiles | None = None) -> Handler:
    """Add the console to the server's application; returns what answers GET `/`, for which `root` is without it."""
    settings = app[GATEWAY].service.settings.console
    if not settings.enabled:
        return root
    path = settings.path
    app[FLOWS] = asyncio.Semaphore(MOST_FLOWS)
    built = BuiltFiles(path=path) if files is None else files

    async def page(request: web.Request) -> web.StreamResponse:
        return await send_file(built, request)

    async def front(request: web.Request) -> web.StreamResponse:
        """Lead a person to the console; programs say what they want in a query, and do not ask for pages."""
        if request.query_string or "text/html" not in request.headers.get("Accept", ""):
            return await root(request)
        return web.Response(status=302, headers={"Location": f"{path}/"})

    async def enter(request: web.Request) -> web.StreamResponse:
        return web.Response(status=302, headers={"Location": f"{path}/"})

    async def nothing(request: web.Request) -> web.StreamResponse:
        raise web.HTTPNotFound

    router = app.router
    router.add_get(f"{path}/api/sign-in", describe_sign_in, allow_head=False)
    router.add_post(f"{path}/api/sign-in", sign_in_with_access_key)
    router.add_get(f"{path}/api/sign-in/link", link_page)
    router.add_get(f"{path}/api/sign-in/link.js", link_script, allow_head=False)
    router.add_post(f"{path}/api/sign-in/link", sign_in_with_link)
    router.add_get(f"{path}/api/sign-in/oidc/{{provider}}", go_to_provider, allow_head=False)
    router.add_get(f"{path}{CALLBACK_PATH}", come_back, allow_head=False)
    router.add_post(f"{path}/api/sign-out", sign_out)
    router.add_get(f"{path}/api/me", describe_me, allow_head=False)
    router.add_get(f"{path}/api/events", follow_changes, allow_head=False)
    router.add_post(f"{path}/api/{{service}}/{{operation}}", handle_call)
    router.add_get(f"{path}/api/{{rest:.*}}", nothing)
    router.add_get(path, enter)
    router.add_get(f"{path}/{{name:.*}}", page)
    app[STREAMS] = ChangeStreams(app[GATEWAY].service)
    app.cleanup_ctx.append(run_changes)
    app.cleanup_ctx.append(prune_sessions)
    app.on_shutdown.append(end_streams)
    app.on_response_prepare.append(add_security_headers)
    return front
