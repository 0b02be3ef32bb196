"""Around every handler: the request's id, its line in the log, and the answer to whatever went wrong."""

import asyncio
import uuid
from collections.abc import Awaitable, Callable

import structlog
from aiohttp import web

from ferryman.awsapi.dispatch import serialise_error
from ferryman.model.errors import ServiceError
from ferryman.server.api import web_response
from ferryman.server.keys import CALL, GATEWAY, REQUEST_ID

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]

_log = structlog.get_logger("ferryman.server")


@web.middleware
async def request_log(request: web.Request, handler: Handler) -> web.StreamResponse:
    """Give the request an id, for the answer and for every line logged on its behalf, and log how it went.

    The line has neither headers nor body nor query: they hold tokens and signatures.
    """
    request_id = request[REQUEST_ID] = str(uuid.UUID(bytes=request.app[GATEWAY].service.entropy(16), version=4))
    loop = asyncio.get_running_loop()
    began = loop.time()
    with structlog.contextvars.bound_contextvars(request_id=request_id):
        response = await handler(request)
        call = request.get(CALL)
        _log.info(
            "request",
            method=request.method,
            path=request.path[:200],
            service=call.service if call else None,
            operation=call.operation if call else None,
            status=response.status,
            milliseconds=round((loop.time() - began) * 1000, 1),
            peer=request.remote,
        )
    return response


@web.middleware
async def error_boundary(request: web.Request, handler: Handler) -> web.StreamResponse:
    """Answer every error in the protocol of the call it belongs to; of an unexpected one nothing but its id is told."""
    try:
        return await handler(request)
    except ServiceError as refused:
        error = refused
    except web.HTTPException as refused:
        error = ServiceError(
            "UnknownOperationException",
            f"{request.method} {request.path[:100]}: {refused.reason}",
            status=refused.status,
        )
    except Exception:  # noqa: BLE001 boundary: a fault of ours is one failed request, not a lost connection
        _log.exception("request failed")
        error = ServiceError(
            "InternalServerError", "The server failed; its log has more under this request's id.", status=500
        )
    if error.status < 500:
        _log.info("request refused", error=error.code)
    return web_response(serialise_error(request.get(CALL), error, request[REQUEST_ID]))
