"""Reads a file of settings into a struct, and says in plain words which setting is wrong and which values are valid."""

import re
from collections.abc import Iterable
from typing import TypeVar

import msgspec
from msgspec import inspect

Settings = TypeVar("Settings", bound=msgspec.Struct)

_PLACE = re.compile(r"^(?P<what>.*?)(?: - at `\$\.(?P<place>[^`]*)`)?$", re.DOTALL)
_UNKNOWN = re.compile(r"Object contains unknown field `(?P<name>.*)`", re.DOTALL)
_MOST_LISTED = 40


class InvalidSetting(ValueError):
    """A setting is unknown or has a value that cannot be used; `advice` names valid ones, "" if it cannot."""

    def __init__(self, text: str, advice: str) -> None:
        super().__init__(text)
        self.advice = advice


def decode_settings(content: bytes, kind: type[Settings]) -> Settings:
    """Return the settings in a TOML file's content.

    Raises `InvalidSetting`, or msgspec.DecodeError, UnicodeDecodeError or RecursionError if it is not TOML.
    """
    try:
        return msgspec.toml.decode(content, type=kind)
    except msgspec.ValidationError as error:
        raise _explained(str(error), kind) from error


def _explained(text: str, kind: type[msgspec.Struct]) -> InvalidSetting:
    found = _PLACE.match(text)
    assert found is not None  # noqa: S101 it matches every text
    what, place = found["what"], found["place"] or ""
    unknown = _UNKNOWN.fullmatch(what)
    if unknown is None:
        allowed = _values(_at(kind, place))
        advice = f"{_similar(_quoted(what), allowed)}Use {' or '.join(allowed)}" if allowed else ""
        return InvalidSetting(f"{place}: {what[:1].lower()}{what[1:]}" if place else what, advice)
    name = f"{place}.{unknown['name']}" if place else unknown["name"]
    known = _names(_at(kind, place))
    where = f"[{place}] has" if place else "The tables are"
    listed = f"{where} {', '.join(sorted(known)[:_MOST_LISTED])}"
    close = _closest(unknown["name"], known)
    return InvalidSetting(f"there is no setting {name}", f"Did you mean {close}? {listed}" if close else listed)


def _quoted(what: str) -> str:
    found = re.search(r"'(.*)'", what, re.DOTALL)
    return found[1] if found else ""


def _similar(value: str, allowed: list[str]) -> str:
    close = _closest(f'"{value.lower()}"', allowed)
    return f"Did you mean {close}? " if close else ""


def _closest(word: str, known: Iterable[str]) -> str:
    import difflib  # agents and their session workers are spared its memory: their settings are mostly right

    return next(iter(difflib.get_close_matches(word, known, 1)), "")


def _at(kind: type[msgspec.Struct], place: str) -> list[inspect.Type]:
    """Return the types that a setting may have."""
    types: list[inspect.Type] = [inspect.type_info(kind)]
    for name in filter(None, place.split(".")):
        fields = [field for each in types if isinstance(each, inspect.StructType) for field in each.fields]
        found = [field.type for field in fields if field.encode_name == name]
        types = [single for each in found for single in (each.types if isinstance(each, inspect.UnionType) else [each])]
    return types


def _names(types: list[inspect.Type]) -> list[str]:
    return [field.encode_name for each in types if isinstance(each, inspect.StructType) for field in each.fields]


def _values(types: list[inspect.Type]) -> list[str]:
    """Return the values of a setting that has only a few, as TOML writes them."""
    return [f'"{value}"' for each in types if isinstance(each, inspect.LiteralType) for value in each.values]
