"""Reading a request's body: bounded in size, in time, and in what the server holds of unanswered requests."""

import asyncio

from aiohttp import web

from ferryman.model.errors import ServiceError
from ferryman.server.http.app_keys import GATEWAY
from ferryman.server.listener.connection import Connection


async def whole_body(request: web.Request) -> bytes:
    """Return the whole body.

    Raises `ServiceError` with status 413 if it is larger than `Limits.body_bytes`, 408 if it does not arrive within
    `Timeouts.body`, and 503 if the server holds too much of other unanswered requests.
    """
    seconds = request.app[GATEWAY].timeouts.body
    connection = request.protocol if isinstance(request.protocol, Connection) else None
    try:
        async with asyncio.timeout(seconds) as patience:
            if connection is not None:
                connection.reading(patience)
            body = await request.read()
    except web.HTTPRequestEntityTooLarge as error:
        limit = request.app[GATEWAY].service.settings.limits.body_bytes
        message = f"The request's body is larger than {limit} bytes."
        raise ServiceError("RequestEntityTooLargeException", message, status=413) from error
    except TimeoutError as error:
        if connection is not None and connection.refused:
            raise _too_much_held() from error
        message = f"The request's body did not arrive within {seconds:g} seconds."
        raise ServiceError("RequestTimeoutException", message, status=408) from error
    if connection is not None and not connection.working():
        raise _too_much_held()
    return body


def _too_much_held() -> ServiceError:
    return ServiceError("SlowDown", "The server has too many unfinished requests. Try again later.", status=503)
