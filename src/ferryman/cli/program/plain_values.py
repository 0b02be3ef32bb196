"""Reads the values of ordinary parameters without pydantic, whose import takes longer than a call of the server.

Typer checks every parameter with it, also those that nobody set. Here texts, lists of texts, defaults and choices are
read; Typer checks all other values. Choices may be typed in any case, and an unknown one is answered with those there
are. If Typer's inside changes, commands become slower and stricter, not wrong.
"""

from collections.abc import Iterable
from enum import Enum
from typing import Any

import typer

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
        self._choices = parameter.type_descriptor.choices or ()
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
        if value == param.default and isinstance(self._kind, type) and isinstance(value, self._kind):
            return value
        if self._choices and not many:
            return self._chosen(value, param, ctx)
        if self._kind in (int, float):
            value = self._number(value, param, ctx)
            if (param.min is None and param.max is None) or value == param.default:
                return value
        return self._checked_by_typer().coerce(value, param=param, ctx=ctx)

    def _chosen(self, value: Any, param: Any, ctx: Any) -> Any:
        known = [str(each.value if isinstance(each, Enum) else each) for each in self._choices]
        wanted = str(value.value if isinstance(value, Enum) else value)
        for text in known:
            if text.lower() == wanted.lower():
                is_enum = isinstance(self._kind, type) and issubclass(self._kind, Enum)
                return self._kind(text) if is_enum else text
        raise typer.BadParameter(f"{wanted!r} is not one of {', '.join(known)}", ctx=ctx, param=param)

    def _number(self, value: Any, param: Any, ctx: Any) -> Any:
        try:
            return self._kind(value)
        except (ValueError, OverflowError):
            raise typer.BadParameter(f"{value!r} is not a number", ctx=ctx, param=param) from None
