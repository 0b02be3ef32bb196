"""Errors in each protocol's spelling: code, status and body."""

from collections.abc import Mapping
from xml.etree.ElementTree import Element, SubElement

import msgspec

from ferryman.awsapi.calls import ApiProtocol, Response
from ferryman.awsapi.markup import document
from ferryman.model.errors import ServiceError

JSON_CONTENT_TYPE = "application/x-amz-json-1.1"
QUERY_CONTENT_TYPE = "text/xml"
EC2_CONTENT_TYPE = "text/xml;charset=UTF-8"
CHANNEL_CONTENT_TYPE = "application/xml; charset=utf-8"

_FAULTS: Mapping[str, int] = {"InternalServerError": 500, "ServiceUnavailable": 503}
"""Codes that are the server's fault, with the least status they may have."""

_QUERY_SPELLING: Mapping[str, tuple[str, int]] = {
    "AccessDeniedException": ("AccessDenied", 403),
    "ExpiredTokenException": ("ExpiredToken", 403),
    "IncompleteSignatureException": ("IncompleteSignature", 400),
    "InternalServerError": ("InternalFailure", 500),
    "InvalidSignatureException": ("SignatureDoesNotMatch", 403),
    "MissingAuthenticationTokenException": ("MissingAuthenticationToken", 403),
    "SerializationException": ("MalformedInput", 400),
    "ThrottlingException": ("Throttling", 400),
    "UnknownOperationException": ("InvalidAction", 400),
    "UnrecognizedClientException": ("InvalidClientTokenId", 403),
    "ValidationException": ("ValidationError", 400),
}
"""The Query services' own codes for the errors that all services share."""

_EC2_SPELLING: Mapping[str, tuple[str, int]] = {
    "AccessDeniedException": ("UnauthorizedOperation", 403),
    "ExpiredTokenException": ("RequestExpired", 400),
    "IncompleteSignatureException": ("IncompleteSignature", 400),
    "InternalServerError": ("InternalError", 500),
    "InvalidSignatureException": ("AuthFailure", 401),
    "MissingAuthenticationTokenException": ("MissingAuthenticationToken", 403),
    "SerializationException": ("InvalidParameterValue", 400),
    "ThrottlingException": ("RequestLimitExceeded", 503),
    "UnknownOperationException": ("InvalidAction", 400),
    "UnrecognizedClientException": ("AuthFailure", 401),
    "ValidationException": ("InvalidParameterValue", 400),
}
"""EC2's codes for the same errors; its clients decide by them whether to retry."""

_CHANNEL_STATUS: Mapping[str, int] = {
    "AccessDeniedException": 403,
    "ExpiredTokenException": 403,
    "IncompleteSignatureException": 403,
    "InvalidSignatureException": 403,
    "MissingAuthenticationTokenException": 403,
    "UnrecognizedClientException": 403,
}


def unidentified(message: str) -> ServiceError:
    """Return the error for a request that does not name an operation."""
    return ServiceError("UnknownOperationException", message)


def unknown_operation(operation: str) -> ServiceError:
    """Return the error for an operation that is in the model but that this server does not have."""
    return ServiceError("UnknownOperationException", f"The operation {operation} is not supported by this service.")


def serialise_error(protocol: ApiProtocol, namespace: str, error: ServiceError, request_id: str) -> Response:
    """Return `error` as `protocol` writes it; `namespace` is that of the service's XML, "" for JSON services."""
    message = error.message.encode(errors="replace").decode()  # a message may quote bytes that were not UTF-8
    if protocol is ApiProtocol.QUERY:
        return _query_error(namespace, error, message, request_id)
    if protocol is ApiProtocol.EC2:
        return _ec2_error(error, message, request_id)
    status = max(error.status, _FAULTS.get(error.code, 400))
    headers = {"x-amzn-RequestId": request_id, "x-amzn-ErrorType": error.code}
    if protocol is ApiProtocol.CHANNEL:
        root = Element(error.code)
        SubElement(root, "message").text = message
        status = max(status, _CHANNEL_STATUS.get(error.code, 400))
        return Response(status, {"Content-Type": CHANNEL_CONTENT_TYPE, **headers}, document(root))
    body = msgspec.json.encode({"__type": error.code, "message": message})
    return Response(status, {"Content-Type": JSON_CONTENT_TYPE, **headers}, body)


def serialise_own_error(namespace: str, error: ServiceError, request_id: str) -> Response:
    """Return an error of a Query operation's own, under the code that its model gives it."""
    return _query_error(namespace, error, error.message, request_id, spelling={})


def _query_error(
    namespace: str,
    error: ServiceError,
    message: str,
    request_id: str,
    spelling: Mapping[str, tuple[str, int]] = _QUERY_SPELLING,
) -> Response:
    code, status = spelling.get(error.code, (error.code, error.status))
    status = max(status, error.status, _FAULTS.get(error.code, 400))
    root = Element("ErrorResponse", {"xmlns": namespace} if namespace else {})
    detail = SubElement(root, "Error")
    for name, text in (
        ("Type", "Receiver" if status >= 500 else "Sender"),
        ("Code", code),
        ("Message", message),
    ):
        SubElement(detail, name).text = text
    SubElement(root, "RequestId").text = request_id
    return Response(status, {"Content-Type": QUERY_CONTENT_TYPE, "x-amzn-RequestId": request_id}, document(root))


def _ec2_error(error: ServiceError, message: str, request_id: str) -> Response:
    code, status = _EC2_SPELLING.get(error.code, (error.code, error.status))
    root = Element("Response")
    detail = SubElement(SubElement(root, "Errors"), "Error")
    SubElement(detail, "Code").text = code
    SubElement(detail, "Message").text = message
    SubElement(root, "RequestID").text = request_id
    headers = {"Content-Type": EC2_CONTENT_TYPE, "x-amzn-RequestId": request_id}
    return Response(max(status, error.status, _FAULTS.get(error.code, 400)), headers, document(root))
