"""Signing in at an OpenID Connect provider: the way there, and the way back."""

import asyncio
import re

from aiohttp import web

from ferryman.core.console.oidc import (
    ATTEMPT_SECONDS,
    CallbackAnswer,
    SignInRefused,
    begin_sign_in,
    finish_sign_in,
)
from ferryman.model.errors import ServiceError
from ferryman.model.identity.callers import Caller
from ferryman.server.console.cookie import (
    attempt_of,
    clear_attempt_cookie,
    require_safe_transport,
    set_attempt_cookie,
    set_cookie,
)
from ferryman.server.console.sign_in import begin_session
from ferryman.server.http.admission.authentication import origin_of
from ferryman.server.http.app_keys import GATEWAY
from ferryman.server.http.call_context import CONTEXT
from ferryman.server.http.call_records import record_refusal

FLOWS = web.AppKey("console_flows", asyncio.Semaphore)
"""How many browsers may wait for a provider at a time."""
MOST_FLOWS = 16
_RETURN = re.compile(r"/[!-\[\]-~]{0,511}")


async def go_to_provider(request: web.Request) -> web.Response:
    """Send the browser to a provider."""
    require_safe_transport(request)
    service = request.app[GATEWAY].service
    try:
        async with _flow(request):
            begun = await begin_sign_in(
                service,
                request.match_info["provider"],
                request.query.get("role", ""),
                _return_to(request, request.query.get("return", "")),
            )
    except SignInRefused as refused:
        return _explained(request, refused)
    response = web.Response(status=302, headers={"Location": begun.location})
    set_attempt_cookie(request, response, begun.cookie, ATTEMPT_SECONDS)
    return response


async def come_back(request: web.Request) -> web.Response:
    """Sign the browser in that a provider sent back."""
    service = request.app[GATEWAY].service
    query = request.query
    answer = CallbackAnswer(query.get("code", ""), query.get("state", ""), query.get("error", ""), query.get("iss", ""))
    return_to = ""

    async def check() -> Caller:
        nonlocal return_to
        async with _flow(request):
            caller, return_to = await finish_sign_in(service, origin_of(request), attempt_of(request), answer)
        return caller

    try:
        token = await begin_session(request, "", "OpenID Connect", check)
    except SignInRefused as refused:
        record_refusal(request, refused)
        request[CONTEXT].observed = None  # it is recorded already
        response = _explained(request, refused)
    else:
        response = web.Response(status=302, headers={"Location": return_to})
        set_cookie(request, response, token)
    clear_attempt_cookie(request, response)
    return response


def _flow(request: web.Request) -> asyncio.Semaphore:
    """Return the semaphore that limits how many wait for a provider; raises SlowDown if too many do."""
    flows = request.app[FLOWS]
    if flows.locked():
        raise ServiceError("SlowDown", "Too many people are signing in. Try again in a moment.", status=503)
    return flows


def _return_to(request: web.Request, wanted: str) -> str:
    """Return where in the console to go afterwards: nowhere else, whatever a link says."""
    path = request.app[GATEWAY].service.settings.console.path
    is_own = _RETURN.fullmatch(wanted) is not None and wanted.startswith(f"{path}/")
    return wanted if is_own and not wanted.startswith(f"{path}/api/") else f"{path}/"


def _explained(request: web.Request, refused: SignInRefused) -> web.Response:
    """Send the browser to the console, which says what went wrong."""
    path = request.app[GATEWAY].service.settings.console.path
    return web.Response(status=302, headers={"Location": f"{path}/?signInError={refused.reason}"})
