"""Bodies of the console's own requests and responses: JSON, bounded, and only from its own pages."""

from typing import Any, TypeVar

import msgspec
from aiohttp import web

from ferryman.model.errors import ServiceError
from ferryman.server.http.admission.own_origin import ForbiddenOrigin, require_own_origin
from ferryman.server.http.app_keys import GATEWAY
from ferryman.server.http.request_body import whole_body

HEADER = "X-Ferryman-Console"
"""A header that a page of another site cannot send without a CORS preflight, which is always refused."""
CONTENT_TYPE = "application/json"
MOST_BYTES = 16 * 1024
"""Bytes of a body that signs in."""
Body = TypeVar("Body")


def require_console_request(request: web.Request) -> None:
    """Raise `ForbiddenOrigin`, or ValidationException for its form, unless a page of the console sent a POST."""
    require_own_origin(request, request.app[GATEWAY].service.settings, may_lack=False)
    if request.headers.get(HEADER) != "1":
        raise ForbiddenOrigin(f"Requests of the console have the header {HEADER}: 1.")
    if request.content_type != CONTENT_TYPE:
        raise ServiceError("ValidationException", f"The request's Content-Type must be {CONTENT_TYPE}.", status=415)


async def read_json(request: web.Request, kind: type[Body]) -> Body:
    """Return a body of this kind. Raises `ServiceError` as `require_console_request` and `whole_body`, and
    SerializationException."""
    require_console_request(request)
    body = await whole_body(request)
    if len(body) > MOST_BYTES:
        message = f"The request's body is larger than {MOST_BYTES} bytes."
        raise ServiceError("RequestEntityTooLargeException", message, status=413)
    return decode_json(body, kind)


def decode_json(body: bytes, kind: type[Body]) -> Body:
    """Return a body of this kind; raises `ServiceError` SerializationException."""
    try:
        return msgspec.json.decode(body, type=kind)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError) as error:
        raise ServiceError("SerializationException", f"The request body is not valid: {_reason(error)}") from None


def json_response(value: Any) -> web.Response:
    """Return a value as JSON."""
    return web.Response(body=msgspec.json.encode(value), content_type=CONTENT_TYPE)


def _reason(error: Exception) -> str:
    return str(error)[:200] if isinstance(error, msgspec.ValidationError) else "it is not JSON"
