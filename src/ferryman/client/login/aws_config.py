"""AWS's configuration file: reads profiles, and changes settings without touching anything else in it."""

import os
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

from ferryman.model.failures import Failure
from ferryman.system.staged_files import StagedFiles

BACKUP = ".before-ferryman"
"""Suffix of the copy that is kept of the previous file."""
_NAME = re.compile(r"[A-Za-z0-9_.@+-]{1,64}")
_SECTION = re.compile(r"\s*\[\s*(?:(?P<kind>profile|services)\s+)?(?P<quote>[\"']?)(?P<name>[^\]\"']+?)(?P=quote)\s*\]")
_COMMENTS = ("#", ";")
_INDENTS = (" ", "\t")


@dataclass(frozen=True, slots=True)
class Section:
    """A section of the file. `kind` is `profile`, `services`, or empty for one that is named by its name alone."""

    kind: str
    name: str

    @property
    def head(self) -> str:
        """The line that begins it."""
        return "[default]" if self == Section("profile", "default") else f"[{f'{self.kind} {self.name}'.strip()}]"

    def has_head(self, line: str) -> bool:
        """Whether a line begins this section: without `profile` in front it is, in this file, the default's only."""
        found = _SECTION.match(line)
        if found is None or found["name"] != self.name:
            return False
        return (found["kind"] or "") == self.kind or (self == Section("profile", "default") and not found["kind"])


def config_file() -> Path:
    """Return where the file is, whether it exists or not."""
    return Path(os.environ.get("AWS_CONFIG_FILE") or "~/.aws/config").expanduser()


def check_name(profile: str) -> None:
    """Raise Failure for a profile's name that has other characters than letters, digits and `_.@+-`."""
    if not _NAME.fullmatch(profile):
        raise Failure(
            f"{profile!r} is not a valid profile name", "it has other characters", "Use letters, digits and _.@+-"
        )


def read_profile(text: str, profile: str, *, bare: bool = False) -> dict[str, str]:
    """Return the settings of a profile as written, without nested ones.

    `bare`: sections are named by the profile alone, as in the credentials file.
    """
    lines = text.splitlines()
    begin, end = _bounds(lines, Section("" if bare else "profile", profile))
    settings = (line.partition("=") for line in lines[begin:end] if line[:1] not in ("#", ";", " ", "\t", ""))
    return {name.strip(): value.strip() for name, separator, value in settings if separator}


def credentials_file() -> Path:
    """Return where AWS's credentials file is, whether it exists or not."""
    return Path(os.environ.get("AWS_SHARED_CREDENTIALS_FILE") or "~/.aws/credentials").expanduser()


def with_section_settings(text: str, section: Section, settings: Mapping[str, str]) -> str:
    """Return a file's text with a section's settings set, as `with_settings`."""
    return _with_section(text, section, settings, _set_line)


def with_settings(text: str, profile: str, settings: Mapping[str, str]) -> str:
    """Return the file's text with a profile's settings set; everything else stays as it was, comments too.

    Raises Failure for a value of several lines.
    """
    return with_section_settings(text, Section("profile", profile), settings)


def with_nested_settings(text: str, section: Section, name: str, values: Mapping[str, str]) -> str:
    """Return the file's text with `name` set within each group of a section that `values` names.

    A group is a setting without a value, followed by indented ones; one that is missing is appended. Raises Failure
    for a value of several lines.
    """

    def set_nested(lines: list[str], begin: int, end: int, group: str, value: str) -> bool:
        return _set_nested_line(lines, begin, end, group, name, value)

    return _with_section(text, section, values, set_nested, appended=f"{{name}} =\n  {name} = {{value}}\n")


def read_nested_settings(text: str, section: Section, name: str) -> dict[str, str]:
    """Return what `name` is in each group of a section that has it."""
    lines = text.splitlines()
    begin, end = _bounds(lines, section)
    found: dict[str, str] = {}
    group = ""
    for line in lines[begin:end]:
        key, separator, value = line.partition("=")
        if not separator or line.lstrip().startswith(_COMMENTS):
            continue
        if not line.startswith(_INDENTS):
            group = "" if value.strip() else key.strip()
        elif group and key.strip() == name:
            found[group] = value.strip()
    return found


def profiles(text: str) -> list[str]:
    """Return the names of the profiles that the file has, in its order."""
    heads = (_SECTION.match(line) for line in text.splitlines())
    return [
        head["name"]
        for head in heads
        if head and (head["kind"] == "profile" or (not head["kind"] and head["name"] == "default"))
    ]


def stage_config(staged: StagedFiles, path: Path, text: str) -> None:
    """Stage the file, and beside it a copy of the previous version. Raises OSError."""
    target = path.resolve()
    if target.exists():
        before = target.read_bytes()
        if before != text.encode():
            staged.stage(target.with_name(target.name + BACKUP), before)
    staged.stage(path, text.encode())


def read_config(path: Path) -> str:
    """Return the file's text, empty if there is none."""
    try:
        return path.read_text()
    except FileNotFoundError:
        return ""


def _with_section(
    text: str,
    section: Section,
    values: Mapping[str, str],
    set_value: Callable[[list[str], int, int, str, str], bool],
    appended: str = "{name} = {value}\n",
) -> str:
    """Return the text with values set in a section; those that `set_value` does not find are appended to it."""
    for name, value in values.items():
        if not value.isprintable():
            raise Failure(f"The setting {name} cannot be written", "it has several lines or control characters")
    lines = text.splitlines(keepends=True)
    begin, end = _bounds(lines, section)
    if begin == end == len(lines) and not (lines and section.has_head(lines[-1])):
        if lines and not lines[-1].endswith("\n"):
            lines[-1] += "\n"
        lines += ["\n"] if lines else []
        lines += [f"{section.head}\n"]
        begin = len(lines)
    for name, value in values.items():
        _, end = _bounds(lines, section)
        if set_value(lines, begin, end, name, value):
            continue
        while end > begin and not lines[end - 1].strip():
            end -= 1
        if not lines[end - 1].endswith("\n"):
            lines[end - 1] += "\n"
        lines.insert(end, appended.format(name=name, value=value))
        lines[end : end + 1] = lines[end].splitlines(keepends=True)
    return "".join(lines)


def _set_line(lines: list[str], begin: int, end: int, name: str, value: str) -> bool:
    """Set a setting wherever its section has it; return whether it does."""
    places = [place for place in range(begin, end) if _is_setting(lines[place], name)]
    for place in places:
        lines[place] = f"{name} = {value}\n"
    return bool(places)


def _set_nested_line(lines: list[str], begin: int, end: int, group: str, name: str, value: str) -> bool:
    """Set a setting of a group; return whether the section has the group."""
    head = next((place for place in range(begin, end) if _is_setting(lines[place], group)), None)
    if head is None:
        return False
    lines[head] = f"{group} =\n"
    place = head + 1
    while place < end and (not lines[place].strip() or lines[place].startswith((*_INDENTS, *_COMMENTS))):
        if lines[place].startswith(_INDENTS) and _is_setting(lines[place].lstrip(" \t"), name):
            indent = lines[place][: len(lines[place]) - len(lines[place].lstrip(" \t"))]
            lines[place] = f"{indent}{name} = {value}\n"
            return True
        place += 1
    lines.insert(head + 1, f"  {name} = {value}\n")
    return True


def _is_setting(line: str, name: str) -> bool:
    before, separator, _ = line.partition("=")
    return bool(separator) and not line.startswith((*_INDENTS, *_COMMENTS)) and before.strip() == name


def _bounds(lines: list[str], section: Section) -> tuple[int, int]:
    """Return the range of a section's lines after its head; an empty one at the end of the file if it is not there."""
    begin = None
    for place, line in enumerate(lines):
        if _SECTION.match(line) is None:
            continue
        if begin is not None:
            return begin, place
        if section.has_head(line):
            begin = place + 1
    return (len(lines), len(lines)) if begin is None else (begin, len(lines))
