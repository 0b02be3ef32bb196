"""AWS JSON 1.1: bodies to parameters and results to bodies, by shape."""

from base64 import b64decode, b64encode
from collections.abc import Mapping, Sized
from datetime import UTC, datetime
from typing import Any

import msgspec
from botocore.model import Shape

from ferryman.model.errors import ServiceError

MOST_MEMBERS = 5000
"""The most members that all lists and maps of a request may have together. AWS's model has lower limits for most."""


def decode(body: bytes, shape: Shape | None) -> dict[str, Any]:
    """Return a body's members that `shape` knows, each of its type; an empty body means no members.

    A member that is null is left out; nulls in lists and maps stay None, for validation to refuse. Raises
    `ServiceError` SerializationException, in AWS's words for a wrong type, and ValidationException for more than
    `MOST_MEMBERS`.
    """
    try:
        document = msgspec.json.decode(body) if body.strip() else {}
        if not isinstance(document, dict):
            raise _unreadable("The request body must be a JSON object.")
        return {} if shape is None else _structure(shape, document, "", _Members())
    except (msgspec.MsgspecError, UnicodeDecodeError) as error:
        raise _unreadable(f"The request body is not valid JSON: {error}") from error
    except RecursionError as error:
        raise _unreadable("The request body is nested too deep.") from error


class _Members:
    """Counts the members of lists and maps before they are read."""

    __slots__ = ("_left",)

    def __init__(self) -> None:
        self._left = MOST_MEMBERS

    def count(self, members: Sized) -> None:
        self._left -= len(members)
        if self._left < 0:
            message = f"The lists and maps of the request have more than {MOST_MEMBERS} members; send fewer."
            raise ServiceError("ValidationException", message)


def _structure(shape: Shape, value: dict[str, Any], path: str, counted: _Members) -> dict[str, Any]:
    members: dict[str, Any] = {}
    for name, member in shape.members.items():
        given = value.get(name)
        if given is not None:
            members[name] = _value(member, given, f"{path}.{name}" if path else name, counted)
    return members


def _value(shape: Shape, value: Any, path: str, counted: _Members) -> Any:
    match shape.type_name:
        case "structure":
            if not isinstance(value, dict):
                raise _unexpected("structure", value, path)
            return _structure(shape, value, path, counted)
        case "list":
            if not isinstance(value, list):
                raise _unexpected("list", value, path)
            counted.count(value)
            return [None if each is None else _value(shape.member, each, path, counted) for each in value]
        case "map":
            if not isinstance(value, dict):
                raise _unexpected("map", value, path)
            counted.count(value)
            inner = shape.value
            return {key: None if each is None else _value(inner, each, path, counted) for key, each in value.items()}
        case _:
            return _scalar(shape, value, path)


def _scalar(shape: Shape, value: Any, path: str) -> Any:
    kind = shape.type_name
    number = isinstance(value, int | float) and not isinstance(value, bool)
    if kind == "string" and isinstance(value, str):
        return value
    if kind == "boolean" and isinstance(value, bool):
        return value
    if kind in ("integer", "long") and number and value == int(value):
        return int(value)
    if kind == "timestamp" and number:
        return _moment(value, path)
    if kind == "blob" and isinstance(value, str):
        return _bytes(value, path)
    raise _unexpected(kind, value, path)


def _moment(seconds: float, path: str) -> datetime:
    try:
        return datetime.fromtimestamp(seconds, UTC)
    except (ValueError, OverflowError, OSError) as error:
        raise _unreadable(f"The number of seconds at '{path}' is out of the range of timestamps.") from error


def _bytes(text: str, path: str) -> bytes:
    try:
        return b64decode(text, validate=True)
    except ValueError as error:
        raise _unreadable(f"The text at '{path}' is not Base64.") from error


_TARGETS = {
    "string": "a String",
    "boolean": "a Boolean",
    "integer": "an Integer",
    "long": "a Long",
    "timestamp": "milliseconds since epoch",
    "blob": "a Blob",
}


def _unexpected(kind: str, value: Any, path: str) -> ServiceError:
    if kind not in _TARGETS:
        return _unreadable(f"Expected {kind} or null at '{path}'")
    if isinstance(value, list):
        return _unreadable(f"Start of list found where not expected at '{path}'")
    if isinstance(value, dict):
        return _unreadable(f"Start of structure or map found where not expected at '{path}'")
    if isinstance(value, bool):
        token = "TRUE_VALUE" if value else "FALSE_VALUE"
    else:
        token = "STRING_VALUE" if isinstance(value, str) else "NUMBER_VALUE"
    return _unreadable(f"{token} can not be converted to {_TARGETS[kind]} at '{path}'")


def _unreadable(message: str) -> ServiceError:
    return ServiceError("SerializationException", message)


def encode(result: Mapping[str, Any], shape: Shape | None) -> bytes:
    """Return a result as a body. Members that are None are left out; one that `shape` lacks is a KeyError."""
    return msgspec.json.encode({} if shape is None else _written(shape, result))


def _written(shape: Shape, value: Any) -> Any:
    match shape.type_name:
        case "structure":
            written = {}
            for name, given in value.items():
                member = shape.members[name]
                if given is not None:
                    written[name] = _written(member, given)
            return written
        case "list":
            return [_written(shape.member, element) for element in value]
        case "map":
            return {key: _written(shape.value, entry) for key, entry in value.items()}
        case "timestamp":
            return round(value.timestamp() * 1000) / 1000
        case "blob":
            return b64encode(value).decode()
        case _:
            return value
