"""Reading the audit trail: its records newest first, and whether it is whole."""

import os
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import msgspec

from ferryman.core.audit_chain import Link, Problem, Verification, link_of
from ferryman.recording.trail_files import trail_files

_BLOCK = 256 * 1024


def newest_first(directory: Path) -> Iterator[dict[str, Any]]:
    """Yield the trail's records, newest first; lines that are no JSON object are passed over. Raises OSError."""
    for path in reversed(trail_files(directory)):
        for line in _lines_backwards(path):
            try:
                record = msgspec.json.decode(line)
            except msgspec.DecodeError:
                continue
            if isinstance(record, dict):
                yield record


def last_link(directory: Path) -> Link:
    """Return the newest record's link, unverified; number 0 for an empty trail. Raises OSError."""
    lines = (line for path in reversed(trail_files(directory)) for line in _lines_backwards(path))
    return next((link for line in lines if (link := link_of(line + b"\n")) is not None), Link())


def verify(
    directory: Path, key: bytes, at_least: int = 0, older: Sequence[bytes] = ()
) -> tuple[Verification, list[Problem]]:
    """Check the whole trail, which ends under `key`; return what was gone over and every problem. Raises OSError."""
    verification = Verification(key, older)
    problems: list[Problem] = []
    for path in trail_files(directory):
        with path.open("rb") as file:
            problems.extend(verification.problems(path.name, file))
    problems.extend(verification.conclude(at_least))
    return verification, problems


def _lines_backwards(path: Path) -> Iterator[bytes]:
    with path.open("rb") as file:
        position = file.seek(0, os.SEEK_END)
        rest = b""
        while position > 0:
            step = min(_BLOCK, position)
            position -= step
            file.seek(position)
            lines = (file.read(step) + rest).split(b"\n")
            rest = lines[0]
            yield from (line for line in reversed(lines[1:]) if line)
        if rest:
            yield rest
