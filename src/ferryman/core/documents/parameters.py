"""A document's parameters: their definitions, validation of values, and substitution of `{{ name }}`.

Substitution is textual and within one string of the document: a value never becomes another member, another item or a
placeholder. If a document's author puts a value into a command line, the shell there interprets it: restrict it with
allowedPattern and allowedValues.
"""

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from functools import lru_cache
from importlib.util import find_spec
from typing import TYPE_CHECKING, Any

from ferryman.core.documents.builtin_patterns import BUILTIN_PATTERNS
from ferryman.core.documents.text import RuleBroken
from ferryman.model.errors import ServiceError

if TYPE_CHECKING or find_spec("re2") is not None:
    import re2

    _MISSING = ""
else:  # it has no wheel for musl
    _MISSING = "needs the package google-re2, which is not installed on the server"

Value = str | bool | int | tuple[str, ...]

PLACEHOLDER = re.compile(r"\{\{\s*([a-zA-Z0-9]+)\s*\}\}")
PARAMETER_STORE = re.compile(r"\{\{\s*(?:ssm|ssm-secure|resolve):", re.IGNORECASE)
"""AWS's agents resolve these; Ferryman has no store of parameters."""
_NAME = re.compile(r"[a-zA-Z0-9]{1,128}")
_PATTERN_LIMIT = 1024
_PATTERN_MEMORY = 1 << 20
"""Bytes of a compiled pattern; matching takes time in proportion to the text (RE2, as in AWS's agent)."""
_INTEGER = re.compile(r"[+-]?[0-9]{1,18}")


class ParameterType(StrEnum):
    """The type of a value."""

    STRING = "String"
    STRING_LIST = "StringList"
    INTEGER = "Integer"
    BOOLEAN = "Boolean"


@dataclass(frozen=True, slots=True)
class Parameter:
    """A parameter's definition. Without a default (None), a value is required."""

    name: str
    type: ParameterType
    description: str | None = None
    default: Value | None = None
    allowed_values: tuple[str, ...] | None = None
    allowed_pattern: str | None = None
    min_chars: int | None = None
    max_chars: int | None = None
    min_items: int | None = None
    max_items: int | None = None

    def default_text(self) -> str | None:
        """Return the default as DescribeDocument shows it: a list as JSON."""
        if isinstance(self.default, tuple):
            return json.dumps(self.default, ensure_ascii=False)
        return None if self.default is None else _text(self.default)


_MEMBERS = {"type", "description", "displayType", "default", "allowedValues", "allowedPattern"}
_LIMITS = {"minChars": "min_chars", "maxChars": "max_chars", "minItems": "min_items", "maxItems": "max_items"}


def read_parameters(given: object, path: str) -> Mapping[str, Parameter]:
    """Return the definitions in a document's `parameters`; raises `RuleBroken`."""
    if not isinstance(given, dict):
        raise RuleBroken(path, "must be an object.")
    return {name: _read_parameter(name, each, f"{path}.{name}") for name, each in given.items()}


def _read_parameter(name: str, given: object, path: str) -> Parameter:
    if not _NAME.fullmatch(name):
        raise RuleBroken(path, "must have a name of 1 to 128 letters and digits.")
    if not isinstance(given, dict):
        raise RuleBroken(path, "must be an object.")
    for member in given:
        if member not in _MEMBERS and member not in _LIMITS:
            raise RuleBroken(f"{path}.{member}", "is unknown.")
    kind = given.get("type")
    if kind not in list(ParameterType):
        raise RuleBroken(f"{path}.type", f"must be one of {', '.join(ParameterType)}.")
    for member in ("description", "displayType"):
        if not isinstance(given.get(member, ""), str):
            raise RuleBroken(f"{path}.{member}", "must be a string.")
    bare = Parameter(
        name=name,
        type=ParameterType(kind),
        description=given.get("description"),
        allowed_values=_allowed_values(given.get("allowedValues"), f"{path}.allowedValues"),
        allowed_pattern=_allowed_pattern(given.get("allowedPattern"), f"{path}.allowedPattern"),
        **{ours: _limit(given.get(theirs), f"{path}.{theirs}") for theirs, ours in _LIMITS.items()},
    )
    if given.get("default") is None:
        return bare
    default = _default(bare, given["default"], f"{path}.default")
    return Parameter(**{field: getattr(bare, field) for field in Parameter.__slots__} | {"default": default})


def _allowed_values(given: object, path: str) -> tuple[str, ...] | None:
    if given is None:
        return None
    if not isinstance(given, list) or not given or not all(isinstance(each, str | int) for each in given):
        raise RuleBroken(path, "must be a list of at least one string.")
    return tuple(_text(each) for each in given)


def _allowed_pattern(given: object, path: str) -> str | None:
    if given is None:
        return None
    if not isinstance(given, str) or len(given) > _PATTERN_LIMIT:
        raise RuleBroken(path, f"must be a string of at most {_PATTERN_LIMIT} characters.")
    if _MISSING:
        if given in BUILTIN_PATTERNS:
            return given
        raise RuleBroken(path, f"{_MISSING}.")
    try:
        _compiled(given)
    except re2.error as error:
        cause = error.args[0].decode(errors="replace") if isinstance(error.args[0], bytes) else str(error)
        raise RuleBroken(path, f"must be a regular expression in RE2's syntax: {cause}.") from error
    return given


@lru_cache(maxsize=256)
def _compiled(pattern: str) -> Any:
    if _MISSING:
        return re.compile(pattern)
    options = re2.Options()
    options.max_mem = _PATTERN_MEMORY
    options.log_errors = False
    return re2.compile(pattern, options)


def _limit(given: object, path: str) -> int | None:
    if given is None:
        return None
    if isinstance(given, str) and given.isascii() and given.isdigit() and len(given) < 10:
        return int(given)
    if isinstance(given, bool) or not isinstance(given, int) or given < 0:
        raise RuleBroken(path, "must be a number, 0 or more.")
    return given


def _default(parameter: Parameter, given: object, path: str) -> Value:
    if parameter.type is ParameterType.STRING_LIST:
        fits = isinstance(given, list) and all(isinstance(each, str) for each in given)
    elif parameter.type is ParameterType.STRING:
        fits = isinstance(given, str)
    else:
        fits = isinstance(given, str | bool | int)
    if not fits:
        raise RuleBroken(path, f"must be a {parameter.type}; quote it if it is text.")
    values = tuple(given) if isinstance(given, list) else (_text(given),)
    try:
        return _value(parameter, values)
    except ValueError as error:
        raise RuleBroken(path, f"{error}.") from error


def _text(given: object) -> str:
    return str(given).lower() if isinstance(given, bool) else str(given)


def check_values(
    document: str, parameters: Mapping[str, Parameter], given: Mapping[str, Sequence[str]]
) -> Mapping[str, Value]:
    """Return the value of every parameter, with defaults.

    Raises ServiceError ValidationException naming a parameter that is unknown, missing, or does not match its
    definition.
    """
    for name in sorted(given):
        if name not in parameters:
            raise ServiceError("ValidationException", f"Parameter {name!r} is not defined in the document {document}.")
    values: dict[str, Value] = {}
    for name, parameter in parameters.items():
        if name in given:
            try:
                values[name] = _value(parameter, given[name])
            except ValueError as error:
                raise ServiceError(
                    "ValidationException", f"Parameter {name!r} of the document {document} {error}."
                ) from error
        elif parameter.default is not None:
            values[name] = parameter.default
        else:
            raise ServiceError(
                "ValidationException", f"Parameter {name!r} of the document {document} is required and was not given."
            )
    return values


def _value(parameter: Parameter, given: Sequence[str]) -> Value:
    """Return the typed value; raises ValueError with the rule that it breaks."""
    if parameter.type is ParameterType.STRING_LIST:
        _check_size(len(given), parameter.min_items, parameter.max_items, "items")
    elif len(given) != 1:
        raise ValueError(f"takes exactly one value, not {len(given)}")
    for each in given:
        _check_text(parameter, each)
    if parameter.type is ParameterType.STRING_LIST:
        return tuple(given)
    (text,) = given
    if parameter.type is ParameterType.INTEGER:
        if not _INTEGER.fullmatch(text):
            raise ValueError("must be a whole number")
        return int(text)
    if parameter.type is ParameterType.BOOLEAN:
        if text not in ("true", "false"):
            raise ValueError("must be true or false")
        return text == "true"
    return text


def _check_text(parameter: Parameter, text: str) -> None:
    if "\0" in text:
        raise ValueError("must not contain the character U+0000")
    if PARAMETER_STORE.search(text):
        raise ValueError("must not refer to the parameter store")
    if parameter.allowed_values is not None and text not in parameter.allowed_values:
        raise ValueError(f"must be one of {', '.join(parameter.allowed_values)}")
    _check_size(len(text), parameter.min_chars, parameter.max_chars, "characters")
    pattern = parameter.allowed_pattern
    if pattern is not None and _MISSING and pattern not in BUILTIN_PATTERNS:
        raise ValueError(f"has a pattern, which {_MISSING}")
    if pattern is not None and _compiled(pattern).fullmatch(text) is None:
        raise ValueError(f"must match the pattern {pattern}")


def _check_size(size: int, least: int | None, most: int | None, what: str) -> None:
    if least is not None and size < least:
        raise ValueError(f"must have at least {least} {what}, it has {size}")
    if most is not None and size > most:
        raise ValueError(f"must have at most {most} {what}, it has {size}")


def undefined(text: str, parameters: Mapping[str, Parameter]) -> str | None:
    """Return the first placeholder in `text` that names no parameter, or None."""
    return next((name for name in PLACEHOLDER.findall(text) if name not in parameters), None)


def substitute(value: Any, values: Mapping[str, Value]) -> Any:
    """Return plain values with every placeholder replaced, each once: placeholders in values are not replaced.

    A StringList is joined by spaces.
    """
    if isinstance(value, dict):
        return {name: substitute(member, values) for name, member in value.items()}
    if not isinstance(value, str):
        return value
    return PLACEHOLDER.sub(lambda match: _written(values[match[1]]), value)


def substituted_size(value: Any, values: Mapping[str, Value]) -> int:
    """Return how many characters `substitute` adds for placeholders; a short document may repeat a long value."""
    return _size(value, {name: len(_written(each)) for name, each in values.items()})


def _size(value: Any, sizes: Mapping[str, int]) -> int:
    if isinstance(value, dict):
        return sum(_size(member, sizes) for member in value.values())
    return sum(sizes[name] for name in PLACEHOLDER.findall(value)) if isinstance(value, str) else 0


def _written(value: Value) -> str:
    return " ".join(value) if isinstance(value, tuple) else _text(value)
