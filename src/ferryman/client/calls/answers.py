"""Checks a server's answers against the service's model: botocore checks no types, and fails on anything but JSON.

The answer may come from another server or version, or from something in between.
"""

from collections.abc import Mapping
from datetime import datetime
from typing import TYPE_CHECKING, Any

from ferryman.model.failures import Failure

if TYPE_CHECKING:
    from botocore.model import Shape

UNREADABLE = (ArithmeticError, AttributeError, LookupError, RuntimeError, TypeError, ValueError)
"""Errors other than its own that botocore raises while it parses an answer of another form."""
_TYPES: Mapping[str, type | tuple[type, ...]] = {
    "blob": bytes,
    "boolean": bool,
    "double": (int, float),
    "float": (int, float),
    "integer": int,
    "list": list,
    "long": int,
    "map": dict,
    "string": str,
    "structure": dict,
    "timestamp": datetime,
}


class Members(dict[str, Any]):
    """The members of an object in an answer; looking up one that the server left out raises Failure."""

    def __init__(self, operation: str, members: Mapping[str, Any]) -> None:
        super().__init__(members)
        self._operation = operation

    def __missing__(self, name: str) -> Any:
        raise unreadable(self._operation, f"it has no {name}")


def unreadable(operation: str, cause: str) -> Failure:
    """Return the Failure for an answer that cannot be parsed."""
    return Failure(
        f"The answer to {operation} cannot be read", cause, "Check that the endpoint is a Session Manager server"
    )


def checked(operation: str, shape: "Shape | None", answer: Mapping[str, Any]) -> Mapping[str, Any]:
    """Return the answer after checking each member's type; members that the model does not know are left alone.

    Raises `Failure` for a member of another type; looking up a missing member later raises it too.
    """
    if shape is None:
        return answer
    found: Mapping[str, Any] = _checked(operation, shape, answer, "it")
    return found


def _checked(operation: str, shape: "Shape", value: Any, path: str) -> Any:
    kind = shape.type_name
    fits = isinstance(value, _TYPES[kind]) and (kind == "boolean" or not isinstance(value, bool))
    if not fits or (kind == "string" and not value.isascii() and value.encode(errors="replace").decode() != value):
        raise unreadable(operation, f"{path} is not a {kind}")
    if kind == "structure":
        members = shape.members
        return Members(
            operation,
            {
                name: _checked(operation, members[name], each, name) if name in members and each is not None else each
                for name, each in value.items()
            },
        )
    if kind == "list":
        return [_checked(operation, shape.member, each, f"an element of {path}") for each in value]
    if kind == "map":
        return {key: _checked(operation, shape.value, each, f"an entry of {path}") for key, each in value.items()}
    return value
