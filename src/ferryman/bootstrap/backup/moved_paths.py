"""Changes paths in a configuration's text and leaves the rest, comments included, as people wrote it."""

import json
import re
import tomllib
from collections.abc import Mapping
from typing import Any

from ferryman.model.failures import Failure

_TABLE = re.compile(r"\s*\[\s*([A-Za-z0-9_.]+)\s*\]\s*(#.*)?$")
_SETTING = re.compile(r"(\s*([A-Za-z0-9_]+)\s*=\s*)(.*)$")


def with_settings(content: bytes, changes: Mapping[str, str]) -> bytes:
    """Return TOML with these settings, by dotted name, changed. Raises Failure if it is written in another way than one
    setting per line below its table."""
    try:
        text = content.decode()
        expected = tomllib.loads(text)
    except ValueError as error:
        raise Failure("The configuration cannot be moved", str(error), "Restore without --directory") from error
    lines, table = [], ""
    for line in text.splitlines():
        header, setting = _TABLE.match(line), _SETTING.match(line)
        if header:
            table = header[1]
        name = f"{table}.{setting[2]}" if setting and table else setting[2] if setting else ""
        lines.append(f"{setting[1]}{json.dumps(changes[name])}" if setting and name in changes else line)
    changed = "\n".join(lines) + "\n"
    for name, value in changes.items():
        _set(expected, name.split("."), value)
    try:
        found = tomllib.loads(changed)
    except tomllib.TOMLDecodeError:
        found = {}
    if found != expected:
        raise Failure(
            "The configuration cannot be moved",
            f"{', '.join(sorted(changes))} are not written as one setting per line",
            "Restore without --directory, on a machine where those paths can be used",
        )
    return changed.encode()


def _set(table: dict[str, Any], path: list[str], value: str) -> None:
    for part in path[:-1]:
        table = table.setdefault(part, {})
    table[path[-1]] = value
