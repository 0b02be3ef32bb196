"""AWS's configuration file: what a profile says, and setting some of it without touching anything else."""

import os
import re
from collections.abc import Mapping
from pathlib import Path

from ferryman.cli.private_files import write_private
from ferryman.model.failures import Failure

BACKUP = ".before-ferryman"
"""What is appended to the file's name for the copy of what it was."""
_NAME = re.compile(r"[A-Za-z0-9_.@+-]{1,64}")
_SECTION = re.compile(r"\s*\[\s*(?P<prefix>profile\s+)?(?P<quote>[\"']?)(?P<name>[^\]\"']+?)(?P=quote)\s*\]")


def config_file() -> Path:
    """Return where the file is, whether it exists or not."""
    return Path(os.environ.get("AWS_CONFIG_FILE") or "~/.aws/config").expanduser()


def check_name(profile: str) -> None:
    """Raise Failure for a profile's name that is no plain one."""
    if not _NAME.fullmatch(profile):
        raise Failure(
            f"{profile!r} is no name for a profile", "it has other characters", "Use letters, digits and _.@+-"
        )


def read_profile(text: str, profile: str, *, bare: bool = False) -> dict[str, str]:
    """Return the settings of a profile, as they are written; nested ones are left out.

    `bare`: sections are named by the profile alone, as in the credentials file.
    """
    lines = text.splitlines()
    begin, end = _bounds(lines, profile, bare=bare)
    settings = (line.partition("=") for line in lines[begin:end] if line[:1] not in ("#", ";", " ", "\t", ""))
    return {name.strip(): value.strip() for name, separator, value in settings if separator}


def with_settings(text: str, profile: str, settings: Mapping[str, str]) -> str:
    """Return the file's text with a profile's settings set; everything else stays as it was, comments too.

    Raises Failure for a value of several lines.
    """
    for name, value in settings.items():
        if not value.isprintable():
            raise Failure(f"The setting {name} cannot be written", "it has several lines, or what no text has")
    lines = text.splitlines(keepends=True)
    begin, end = _bounds(lines, profile)
    if begin == end == len(lines) and not _is_last(lines, profile):
        if lines and not lines[-1].endswith("\n"):
            lines[-1] += "\n"
        lines += ["\n"] if lines else []
        lines += ["[default]\n" if profile == "default" else f"[profile {profile}]\n"]
        begin = end = len(lines)
    missing = dict(settings)
    for place in range(begin, end):
        name = lines[place].partition("=")[0].strip()
        if lines[place][:1] not in (" ", "\t", "#", ";") and name in settings and "=" in lines[place]:
            lines[place] = f"{name} = {settings[name]}\n"
            missing.pop(name, None)
    while end > begin and not lines[end - 1].strip():
        end -= 1
    if end and not lines[end - 1].endswith("\n"):
        lines[end - 1] += "\n"
    lines[end:end] = [f"{name} = {value}\n" for name, value in missing.items()]
    return "".join(lines)


def write_config(path: Path, text: str) -> None:
    """Write the file at one stroke, mode 0600; what it was before is kept beside it. A link stays a link."""
    target = path.resolve()
    target.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    if target.exists():
        before = target.read_bytes()
        if before == text.encode():
            return
        write_private(target.with_name(target.name + BACKUP), before)
    partial = target.with_name(f".{target.name}.partial")
    write_private(partial, text.encode())
    partial.replace(target)


def read_config(path: Path) -> str:
    """Return the file's text, empty if there is none."""
    try:
        return path.read_text()
    except FileNotFoundError:
        return ""


def _bounds(lines: list[str], profile: str, *, bare: bool = False) -> tuple[int, int]:
    """Return the lines of a profile's section behind its head, both the end of the file if there is none."""
    begin = None
    for place, line in enumerate(lines):
        found = _SECTION.match(line)
        if found is None:
            continue
        if begin is not None:
            return begin, place
        if _names(found, profile, bare=bare):
            begin = place + 1
    return (len(lines), len(lines)) if begin is None else (begin, len(lines))


def _is_last(lines: list[str], profile: str) -> bool:
    """Whether the file ends with the profile's head, which has no settings then."""
    found = _SECTION.match(lines[-1]) if lines else None
    return found is not None and _names(found, profile, bare=False)


def _names(head: re.Match[str], profile: str, *, bare: bool) -> bool:
    """Whether a section's head is the profile's: without `profile` in front it is, in this file, the default's only."""
    return head["name"] == profile and (bare or head["prefix"] is not None or profile == "default")
