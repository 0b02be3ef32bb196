"""The door of the room: request → call → parameters, result or error → response.

Parameters and results are plain dicts in AWS's spelling; timestamps are aware datetimes (UTC), blobs bytes.
"""

from collections.abc import Iterable, Mapping
from typing import Any

from ferryman.awsapi.calls import ApiCall, ApiProtocol, Response
from ferryman.model.errors import ServiceError

__all__ = ["ApiCall", "ApiProtocol", "Response", "identify", "parse", "serialise", "serialise_error"]


def identify(method: str, target: str, headers: Iterable[tuple[str, str]], body: bytes) -> ApiCall:
    """Return which operation a request means.

    `target` is the raw request target (path, and query if any); `headers` are (name, value) in any case (for aiohttp:
    `request.headers.items()`). JSON 1.1 calls are known by X-Amz-Target, Query calls by Action and Version in the form
    or query string, the agent's channel calls by their path. Raises `ServiceError` UnknownOperationException.
    """
    raise NotImplementedError


def parse(call: ApiCall, body: bytes) -> dict[str, Any]:
    """Return the call's parameters, valid by the service's model; members the model does not know are left out.

    For the channel calls `ChannelId` is the path's last component, decoded. Raises `ServiceError`
    SerializationException (malformed, or a value of the wrong type) or ValidationException (every violated constraint
    of every member in one message).
    """
    raise NotImplementedError


def serialise(call: ApiCall, result: Mapping[str, Any], request_id: str) -> Response:
    """Return the answer to `call`. Members that are None are left out; a member the model lacks is a KeyError."""
    raise NotImplementedError


def serialise_error(call: ApiCall | None, error: ServiceError, request_id: str) -> Response:
    """Return `error` in the call's protocol, with the code's spelling and status there; JSON for no call at all."""
    raise NotImplementedError
