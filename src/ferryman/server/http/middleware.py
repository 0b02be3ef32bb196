"""Around every handler: the request's context and id, its line in the log, and the answer to whatever went wrong."""

import asyncio
import uuid
from collections.abc import Awaitable, Callable

import structlog
from aiohttp import web
from aiohttp.web_protocol import RequestPayloadError

from ferryman.awsapi.dispatch import protocol_of, serialise_error
from ferryman.model.errors import ServiceError, StoreUnavailable
from ferryman.server.http.app_keys import COUNTERS, GATEWAY, PROXIES
from ferryman.server.http.call_context import CONTEXT, CallContext
from ferryman.server.http.call_records import record_refusal, record_success
from ferryman.server.http.steps import web_response
from ferryman.server.listener.connection import Connection, drop_frames

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]

RETRY_SECONDS = "1"
_UNAVAILABLE = 503
_PROBES = frozenset({"/healthz", "/readyz"})
_log = structlog.get_logger("ferryman.server")

_OF_STORE = {"full": "full", "locked": "locked by another program", "read-only": "read-only", "corrupted": "corrupted"}


@web.middleware
async def respond(request: web.Request, handler: Handler) -> web.StreamResponse:
    """Create the request's context, answer errors in the protocol of the call, record the call, and log one line.

    The request id is in the response and in every line logged on the request's behalf. An unexpected error tells the
    caller nothing but that id. This is one function because its frame stays for as long as a channel is open.
    """
    connection = request.protocol
    if isinstance(connection, Connection):
        connection.request_began()
    request_id = str(uuid.UUID(bytes=request.app[GATEWAY].service.entropy(16), version=4))
    began = asyncio.get_running_loop().time()
    context = request[CONTEXT] = CallContext(request_id, began_at=began)
    structlog.contextvars.clear_contextvars()
    structlog.contextvars.bind_contextvars(request_id=request_id)
    code = None
    try:
        request = request.app[PROXIES].resolve(request)
        response = await handler(request)
        await record_success(request)
    except Exception as fault:  # noqa: BLE001 boundary: a server error is one failed request, not a lost connection
        error = _refusal(request, fault)
        code = error.code
        if error.cause is not None:
            _log.warning("request refused", reason=error.cause)
        record_refusal(request, error)
        call = context.call or protocol_of(request.raw_path, request.headers.items())
        response = web_response(serialise_error(call, error, request_id))
        if error.status == _UNAVAILABLE:
            response.headers["Retry-After"] = RETRY_SECONDS
        drop_frames(fault)
    finally:
        if isinstance(connection, Connection):
            connection.request_ended()
    if isinstance(connection, Connection) and not response.prepared and _must_close(connection, context, code):
        response.force_close()
    seconds = asyncio.get_running_loop().time() - began
    if context.call is not None and not isinstance(response, web.WebSocketResponse):
        request.app[COUNTERS].answered(context.call.service, context.call.operation, code, seconds)
    _log_request(request, response.status, code, seconds)
    return response


def _must_close(connection: Connection, context: CallContext, error: str | None) -> bool:
    if connection.refused:
        return True
    return not context.has_caller and not connection.may_stay(refused=error is not None)


def _refusal(request: web.Request, fault: Exception) -> ServiceError:
    if isinstance(fault, ServiceError):
        return fault
    if isinstance(fault, web.HTTPException):
        message = f"{request.method} {request.path[:100]}: {fault.reason}"
        return ServiceError("UnknownOperationException", message, status=fault.status)
    if isinstance(fault, RequestPayloadError):
        return ServiceError("SerializationException", "The request's body is not valid HTTP.", status=400)
    if isinstance(fault, ConnectionError) and (request.transport is None or request.transport.is_closing()):
        message = "The connection ended before the request was complete or answered."
        return ServiceError("IncompleteBody", message, status=400)
    if isinstance(fault, StoreUnavailable):
        _log.error("request failed", reason=str(fault))
        state = _OF_STORE.get(fault.state, "unavailable")
        message = f"The server's store is {state}, so nothing was changed. Try again later."
        return ServiceError("ServiceUnavailable", message, status=_UNAVAILABLE)
    _log.error("request failed", exc_info=fault)
    message = "The server failed. Its log has the details under this request's id."
    return ServiceError("InternalServerError", message, status=500)


def _log_request(request: web.Request, status: int, error: str | None, seconds: float) -> None:
    """Log one line, without headers, body or query: they contain tokens and signatures."""
    call = request[CONTEXT].call
    log = _log.debug if request.path in _PROBES and error is None else _log.info
    log(
        "request",
        method=request.method,
        path=request.path[:200],
        service=call.service if call else None,
        operation=call.operation[:100] if call else None,
        status=status,
        error=error,
        milliseconds=round(seconds * 1000, 1),
        peer=request.remote,
    )
