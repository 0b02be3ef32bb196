"""The entry point of this package: request → call → parameters, and result or error → response.

Parameters and results are plain dicts in AWS's spelling; timestamps are aware datetimes (UTC), blobs bytes.
"""

from collections.abc import Iterable, Mapping
from typing import Any

from botocore.model import OperationModel

from ferryman.awsapi import channels, errors, forms, json11, query
from ferryman.awsapi.calls import ApiCall, ApiProtocol, Response
from ferryman.awsapi.errors import unidentified, unknown_operation
from ferryman.awsapi.models import operation_model, query_versions, service_model, target_prefixes
from ferryman.awsapi.validation import validate
from ferryman.model.errors import ServiceError

__all__ = [
    "ApiCall",
    "ApiProtocol",
    "Response",
    "identify",
    "parse",
    "protocol_of",
    "serialise",
    "serialise_error",
    "unknown_operation",
]

_FORM = "application/x-www-form-urlencoded"
_EC2_SCOPE = "/ec2/aws4_request"


def identify(method: str, target: str, headers: Iterable[tuple[str, str]], body: bytes) -> ApiCall:
    """Return the operation that a request names.

    `target` is the raw request target (path, and query if any); `headers` are (name, value) in any case (for aiohttp:
    `request.headers.items()`). JSON 1.1 calls are known by X-Amz-Target, Query calls by Action and Version in the form
    or query string, the agent's channel calls by their path. Raises `ServiceError` UnknownOperationException, or
    SerializationException for a form that cannot be read; `protocol_of` says how to write those.
    """
    path, _, query_string = target.partition("?")
    given = _first_of_each(headers)
    if method == "POST" and (located := channels.locate(path)) is not None:
        operation, channel_id = located
        return ApiCall("ssmmessages", operation, ApiProtocol.CHANNEL, (("ChannelId", channel_id),))
    if method == "POST" and path == "/" and "x-amz-target" in given:
        return _json_call(given["x-amz-target"])
    if path == "/" and method == "POST" and given.get("content-type", "").startswith(_FORM) and body:
        return _query_call(forms.named_fields(body, "Action", "Version"), ())
    if path == "/" and query_string and (method == "GET" or (method == "POST" and not body)):
        form = forms.fields(query_string.encode(errors="surrogateescape"))
        return _query_call(form, tuple(form.items()))
    raise unidentified(f"{method} {path[:100]} is not an operation of this service. Is this the right endpoint?")


def protocol_of(target: str, headers: Iterable[tuple[str, str]]) -> ApiProtocol:
    """Return the protocol that a request is written in, known before its operation is; arguments as `identify`.

    Errors that come that early are written in it. JSON if the request does not show any.
    """
    path, _, query_string = target.partition("?")
    given = _first_of_each(headers)
    if channels.is_below(path):
        return ApiProtocol.CHANNEL
    if "x-amz-target" in given:
        return ApiProtocol.JSON
    in_query = path == "/" and query_string
    if not in_query and not given.get("content-type", "").startswith(_FORM):
        return ApiProtocol.JSON
    return ApiProtocol.EC2 if _EC2_SCOPE in given.get("authorization", "") else ApiProtocol.QUERY


def _first_of_each(headers: Iterable[tuple[str, str]]) -> dict[str, str]:
    return {name.lower(): value for name, value in reversed(list(headers))}


def _json_call(target: str) -> ApiCall:
    prefix, _, operation = target.rpartition(".")
    service = target_prefixes().get(prefix)
    if service is None or operation_model(service, operation) is None:
        raise unidentified(f"The operation {target[:100]!r} is unknown.")
    return ApiCall(service, operation, ApiProtocol.JSON)


def _query_call(form: Mapping[str, str], located: tuple[tuple[str, str], ...]) -> ApiCall:
    action, version = form.get("Action", ""), form.get("Version", "NO_VERSION_SPECIFIED")
    service = query_versions().get(version)
    if service is None or operation_model(service, action) is None:
        raise unidentified(f"Could not find operation {action[:100]} for version {version[:100]}")
    return ApiCall(service, action, ApiProtocol.EC2 if service == "ec2" else ApiProtocol.QUERY, located)


def parse(call: ApiCall, body: bytes) -> dict[str, Any]:
    """Return the call's parameters, valid by the service's model; members the model does not know are left out.

    For the channel calls `ChannelId` is the path's last component, decoded. Raises `ServiceError`
    SerializationException (malformed, or a value of the wrong type) or ValidationException (every violated constraint
    of every member in one message).
    """
    shape = _model(call).input_shape
    if call.protocol in (ApiProtocol.QUERY, ApiProtocol.EC2):
        form = dict(call.located) or forms.fields(body)
        parameters = query.decode(form, shape, ec2=call.protocol is ApiProtocol.EC2)
    else:
        parameters = json11.decode(body, shape) | dict(call.located)
    if shape is not None:
        validate(shape, parameters)
    return parameters


def serialise(call: ApiCall, result: Mapping[str, Any], request_id: str) -> Response:
    """Return the answer to `call`. Members that are None are left out; a member the model lacks is a KeyError."""
    model = _model(call)
    match call.protocol:
        case ApiProtocol.JSON:
            content_type, body = errors.JSON_CONTENT_TYPE, json11.encode(result, model.output_shape)
        case ApiProtocol.QUERY:
            content_type, body = errors.QUERY_CONTENT_TYPE, query.encode(result, model, request_id)
        case ApiProtocol.EC2:
            content_type, body = errors.EC2_CONTENT_TYPE, query.encode_ec2(result, model, request_id)
        case ApiProtocol.CHANNEL:
            content_type, body = errors.CHANNEL_CONTENT_TYPE, channels.encode(result, model)
    status = model.http.get("responseCode", 200)
    return Response(status, {"Content-Type": content_type, "x-amzn-RequestId": request_id}, body)


def serialise_error(call: ApiCall | ApiProtocol, error: ServiceError, request_id: str) -> Response:
    """Return `error` in the call's protocol, with the code's spelling and status there.

    Where the call is not known, it is the protocol of the request, as `protocol_of` returns it.
    """
    protocol, service = (call.protocol, call.service) if isinstance(call, ApiCall) else (call, "sts")
    namespace = service_model(service).metadata.get("xmlNamespace", "") if protocol is ApiProtocol.QUERY else ""
    if isinstance(call, ApiCall) and _is_own(call, error.code):
        return errors.serialise_own_error(namespace, error, request_id)
    return errors.serialise_error(protocol, namespace, error, request_id)


def _is_own(call: ApiCall, code: str) -> bool:
    """Whether an operation that nobody signs declares `code`: it is about its parameters then, not a signature."""
    if call.protocol is not ApiProtocol.QUERY:
        return False
    model = _model(call)
    return model.auth_type == "none" and code in {shape.metadata["error"]["code"] for shape in model.error_shapes}


def _model(call: ApiCall) -> OperationModel:
    model = operation_model(call.service, call.operation)
    if model is None:
        raise unknown_operation(call.operation)
    return model
