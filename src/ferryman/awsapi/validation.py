"""Parameters against the model: every violated constraint in one message, in AWS's words."""

from collections.abc import Iterable, Iterator, Mapping
from datetime import datetime
from itertools import islice
from typing import Any

from botocore.model import Shape

from ferryman.awsapi.patterns import matches
from ferryman.model.errors import ServiceError

_NOT_NULL = "Member must not be null"
_NUMBERS = ("integer", "long")
_REDACTED = "***Sensitive Data Redacted***"
_MOST_VIOLATIONS = 100
"""That a message lists; a request of a megabyte may have hundreds of thousands."""
_SHOWN_LENGTH = 2048
"""Characters of a refused value that a message repeats: more than any limit of the session operations' scalars."""


def validate(shape: Shape, parameters: Mapping[str, Any]) -> None:
    """Return if `parameters` fit the structure `shape`.

    Raises `ServiceError` ValidationException with all that do not, SerializationException if they are nested too deep.
    Types are right already: decoding saw to that. Members that the shape does not know are not looked at.
    """
    try:
        violations = list(islice(_structure(shape, parameters, ""), _MOST_VIOLATIONS))
    except RecursionError as error:  # newer Pythons decode deeper bodies than they can walk
        raise ServiceError("SerializationException", "The request body is nested too deep.") from error
    if violations:
        least = "At least " if len(violations) == _MOST_VIOLATIONS else ""
        count = f"{least}{len(violations)} validation error{'s' if len(violations) > 1 else ''} detected: "
        raise ServiceError("ValidationException", count + "; ".join(violations))


def _structure(shape: Shape, value: Mapping[str, Any], path: str) -> Iterator[str]:
    for name, member in shape.members.items():
        member_path = f"{path}.{_lower_first(name)}" if path else _lower_first(name)
        if value.get(name) is not None:
            yield from _member(member, value[name], member_path)
        elif name in shape.required_members:
            yield _violation(None, "null", member_path, _NOT_NULL)


def _member(shape: Shape, value: Any, path: str) -> Iterator[str]:
    if shape.type_name == "structure":
        yield from _structure(shape, value, path)
        return
    for constraint in _broken(shape, value):
        yield _violation(shape, _quoted(shape, value), path, constraint)
    if _is_too_many(shape, value):
        return
    if shape.type_name == "list":
        yield from _elements(shape, value, path)
    elif shape.type_name == "map":
        yield from _entries(shape, value, path)


def _is_too_many(shape: Shape, value: Any) -> bool:
    """Whether a list or map has more members than it may: then they are not looked at one by one."""
    return shape.type_name in ("list", "map") and len(value) > shape.metadata.get("max", len(value))


def _elements(shape: Shape, value: list[Any], path: str) -> Iterator[str]:
    present = [element for element in value if element is not None]
    yield from _whole(shape, value, path, shape.member, present, "Member must satisfy constraint: ")
    for position, element in enumerate(value, 1):
        if element is None:
            yield _violation(None, "null", f"{path}.{position}.member", _NOT_NULL)
        elif not _is_told_by_its_container(shape.member):
            yield from _member(shape.member, element, f"{path}.{position}.member")


def _entries(shape: Shape, value: dict[str, Any], path: str) -> Iterator[str]:
    present = [entry for entry in value.values() if entry is not None]
    yield from _whole(shape, value, path, shape.key, value.keys(), "Map keys must satisfy constraint: ")
    yield from _whole(shape, value, path, shape.value, present, "Map value must satisfy constraint: ")
    for key, entry in value.items():
        if entry is None:
            yield _violation(None, "null", f"{path}.{key}.member", _NOT_NULL)
        elif not _is_told_by_its_container(shape.value):
            yield from _member(shape.value, entry, f"{path}.{key}.member")


def _whole(container: Shape, value: Any, path: str, inner: Shape, inside: Iterable[Any], wording: str) -> Iterator[str]:
    """Yield one violation of the container if any scalar (or list of scalars) inside breaks its constraints."""
    if _is_told_by_its_container(inner) and any(not _fits(inner, element) for element in inside):
        constraint = f"{wording}[{', '.join(_constraints(inner))}]"
        yield _violation(container, _quoted(container, value), path, constraint)


def _is_told_by_its_container(shape: Shape) -> bool:
    """AWS names the container of a faulty scalar, and lists all that a scalar in it must satisfy."""
    if shape.type_name == "list":
        return _is_told_by_its_container(shape.member)
    return shape.type_name not in ("structure", "map")


def _fits(shape: Shape, value: Any) -> bool:
    if shape.type_name == "list" and not all(element is not None and _fits(shape.member, element) for element in value):
        return False
    return not any(_broken(shape, value))


def _constraints(shape: Shape) -> Iterator[str]:
    """Yield all that a scalar or a list of scalars must satisfy."""
    for name in ("max", "min", "pattern", "enum"):
        if shape.metadata.get(name) is not None:
            yield _wording(shape, name)
    if shape.type_name == "list":
        yield _NOT_NULL
        inner = ", ".join(_constraints(shape.member))
        if inner:
            yield f"Member must satisfy constraint: [{inner}]"


def _broken(shape: Shape, value: Any) -> Iterator[str]:
    """Yield the constraints of `shape` itself, not of what is in it, that `value` breaks."""
    size = value if shape.type_name in _NUMBERS else _length(value)
    limits = shape.metadata
    if "max" in limits and size is not None and size > limits["max"]:
        yield _wording(shape, "max")
    if "min" in limits and size is not None and size < limits["min"]:
        yield _wording(shape, "min")
    if "pattern" in limits and isinstance(value, str) and not matches(limits["pattern"], value):
        yield _wording(shape, "pattern")
    if limits.get("enum") and value not in limits["enum"]:
        yield _wording(shape, "enum")


def _length(value: Any) -> int | None:
    return len(value) if isinstance(value, str | bytes | list | dict) else None


def _wording(shape: Shape, constraint: str) -> str:
    limit = shape.metadata[constraint]
    if constraint == "pattern":
        return f"Member must satisfy regular expression pattern: {limit}"
    if constraint == "enum":
        return f"Member must satisfy enum value set: [{', '.join(limit)}]"
    quantity = "value" if shape.type_name in _NUMBERS else "length"
    return f"Member must have {quantity} {'less' if constraint == 'max' else 'greater'} than or equal to {limit}"


def _violation(shape: Shape | None, value: str, path: str, constraint: str) -> str:
    shown = "" if shape is not None and shape.metadata.get("sensitive") else f" {value}"
    return f"Value{shown} at '{path}' failed to satisfy constraint: {constraint}"


def _quoted(shape: Shape, value: Any) -> str:
    """Return a value in quotes, cut to the length that a message repeats; the rest is never read."""
    text = ""
    for piece in _shown(shape, value):
        text += piece
        if len(text) > _SHOWN_LENGTH:
            return f"'{text[:_SHOWN_LENGTH]}…'"
    return f"'{text}'"


def _shown(shape: Shape, value: Any) -> Iterator[str]:
    if value is None:
        yield "null"
    elif shape.metadata.get("sensitive"):
        yield _REDACTED
    elif shape.type_name == "list":
        yield from _joined("[", (_shown(shape.member, element) for element in value), "]")
    elif shape.type_name == "map":
        yield from _joined("{", (_named(key, shape.value, entry) for key, entry in value.items()), "}")
    elif shape.type_name == "structure":
        members = (_named(name, member, value.get(name)) for name, member in shape.members.items())
        yield from _joined(f"{shape.name}(", members, ")")
    else:
        yield _scalar(value)


def _joined(opening: str, parts: Iterable[Iterator[str]], closing: str) -> Iterator[str]:
    yield opening
    for position, part in enumerate(parts):
        if position:
            yield ", "
        yield from part
    yield closing


def _named(name: str, shape: Shape, value: Any) -> Iterator[str]:
    yield f"{name}="
    yield from _shown(shape, value)


def _scalar(value: Any) -> str:
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, datetime):
        return value.isoformat()
    return f"{len(value)} bytes" if isinstance(value, bytes) else str(value)


def _lower_first(name: str) -> str:
    return name[:1].lower() + name[1:]
