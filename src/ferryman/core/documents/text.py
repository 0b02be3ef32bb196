"""Documents' text, JSON or YAML, to plain values and back. Knows the formats, not what documents mean."""

import json
import re
from collections import Counter
from collections.abc import Hashable
from typing import Any

import yaml

from ferryman.model.documents import DocumentFormat

SIZE_LIMIT = 64 * 1024
"""Bytes of UTF-8."""
LARGEST_NUMBER = 2**63 - 1
_CAUSE_LIMIT = 500
"""Characters of a parser's message that an error includes; the message may quote the text."""
_RARE_LINE_ENDS = re.compile("[\x85\u2028\u2029\ufeff]")


class RuleBroken(ValueError):
    """A document breaks a rule. `path` is the place (`properties.linux.commands`, empty for the whole document)."""

    def __init__(self, path: str, rule: str) -> None:
        super().__init__(f"{path}: {rule}" if path else f"The document {rule}")
        self.path = path
        self.rule = rule


def read_text(text: str, written: DocumentFormat) -> dict[str, Any]:
    """Return the object in `text`: str, int, float, bool, None, lists, and mappings with text keys.

    A large YAML document takes half a second. Raises `RuleBroken` for text that is not in its format, for a repeated
    key, for YAML aliases, tags and dates.
    """
    try:
        value = _read_json(text) if written is DocumentFormat.JSON else yaml.load(text, _Loader)  # noqa: S506 (safe)
        _check_plain(value, "")
    except RecursionError as error:
        raise RuleBroken("", "is nested too deep.") from error
    except yaml.YAMLError as error:
        raise RuleBroken("", f"is not valid YAML: {_one_line(error)}.") from error
    if not isinstance(value, dict):
        raise RuleBroken("", "must be an object.")
    return value


def write_text(value: object, written: DocumentFormat) -> str:
    """Return plain values as text, members in their order."""
    if written is DocumentFormat.YAML:
        # PyYAML drops Unicode line ends that it does not escape.
        readable = not _RARE_LINE_ENDS.search(json.dumps(value, ensure_ascii=False))
        return yaml.safe_dump(value, sort_keys=False, allow_unicode=readable, default_flow_style=False)
    return json.dumps(value, ensure_ascii=False, indent=2)


def _read_json(text: str) -> Any:
    try:
        return json.loads(text, object_pairs_hook=_unique, parse_constant=_no_constant)
    except RuleBroken:
        raise
    except ValueError as error:
        raise RuleBroken("", f"is not valid JSON: {error}.") from error


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    members = dict(pairs)
    if len(members) != len(pairs):
        counts = Counter(name for name, _ in pairs)
        repeated = counts.most_common(1)[0][0]
        raise RuleBroken("", f"has the member {_cut(repr(repeated))} twice in one object.")
    return members


def _no_constant(name: str) -> Any:
    raise RuleBroken("", f"is not valid JSON: {name} is not a number.")


class _Loader(yaml.SafeLoader):
    """YAML's safe types without aliases, which a small text could use to build a huge value."""

    def compose_node(self, parent: yaml.Node | None, index: Any) -> yaml.Node | None:
        if self.check_event(yaml.AliasEvent):
            raise yaml.YAMLError("aliases are not supported")
        return super().compose_node(parent, index)

    def construct_object(self, node: yaml.Node, deep: bool = False) -> Any:
        try:
            return super().construct_object(node, deep)
        except (ValueError, LookupError, AttributeError, TypeError, ArithmeticError) as error:
            # PyYAML recognizes numbers and dates by their first characters, and lets Python's own errors through.
            kind = node.tag.rpartition(":")[2]
            raise yaml.constructor.ConstructorError(
                None, None, f"a value that looks like YAML's {_cut(kind)} is not valid; quote it", node.start_mark
            ) from error

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Hashable, Any]:
        seen: set[str] = set()
        for key_node, _ in node.value if isinstance(node, yaml.MappingNode) else ():
            key = self.construct_object(key_node, deep=True)
            if not isinstance(key, str):
                raise yaml.YAMLError(f"the key {key!r} is not text, quote it")
            if key in seen:
                raise yaml.YAMLError(f"the key {key!r} is there twice")
            seen.add(key)
        return super().construct_mapping(node, deep)


def _check_plain(value: object, path: str) -> None:
    if isinstance(value, dict):
        for name, member in value.items():
            _check_plain(member, f"{path}.{name}" if path else name)
    elif isinstance(value, list):
        for position, member in enumerate(value):
            _check_plain(member, f"{path}[{position}]")
    elif isinstance(value, str):
        if "\0" in value or not _is_encodable(value):
            raise RuleBroken(path, "must not contain the character U+0000 or half a surrogate pair.")
    elif isinstance(value, int | float):
        if not abs(value) <= LARGEST_NUMBER:  # NaN neither
            raise RuleBroken(path, f"must be a finite number of at most {LARGEST_NUMBER}; quote it.")
    elif value is not None:
        raise RuleBroken(path, f"is a {type(value).__name__}, which JSON does not have; quote it.")


def _is_encodable(text: str) -> bool:
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True


def _one_line(error: yaml.YAMLError) -> str:
    return _cut(" ".join(str(error).split()))


def _cut(text: str) -> str:
    return text if len(text) <= _CAUSE_LIMIT else text[: _CAUSE_LIMIT - 1] + "…"
