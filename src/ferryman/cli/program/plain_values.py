"""Reads the values of ordinary parameters without pydantic, whose import takes longer than a call of the server.

Typer checks every parameter with it, also those that nobody set. Here texts, lists of texts and defaults that have the
parameter's type already are accepted as they are; Typer checks all other values. If Typer's inside changes, commands
only become slower.
"""

from collections.abc import Iterable
from typing import Any

_TEXTS = (str, list[str])


def read_plainly(parameters: Iterable[Any]) -> None:
    """Let each of Typer's parameters check its values this way."""
    for each in parameters:
        checked_by_typer = getattr(each, "get_runtime_param", None)
        if checked_by_typer is not None:
            each.get_runtime_param = _Plain(each, checked_by_typer).reader


class _Plain:
    """Stands in for a parameter's check: the object that `get_runtime_param` returns."""

    def __init__(self, parameter: Any, checked_by_typer: Any) -> None:
        self._kind = parameter.type_descriptor.annotation
        self._checked_by_typer = checked_by_typer

    def reader(self) -> "_Plain":
        return self

    def coerce(self, value: Any, param: Any, ctx: Any) -> Any:
        """Return the parameter's value, as Typer's own check does."""
        many = param.multiple or param.nargs == -1
        if value is None:
            return () if many else None
        if self._kind in _TEXTS and isinstance(value, str | list | tuple) and many is not isinstance(value, str):
            return list(value) if many else value
        if value == param.default and isinstance(self._kind, type):
            if isinstance(value, self._kind):
                return value
            if self._kind is float and isinstance(value, int):
                return float(value)
        return self._checked_by_typer().coerce(value, param=param, ctx=ctx)
