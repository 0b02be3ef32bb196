"""Reads the audit trail: its records newest first, and whether it is complete."""

import os
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any, BinaryIO

import msgspec

from ferryman.audit.files import trail_files
from ferryman.core.audit.chain import BrokenChain, ChainLink, ChainVerification, Problem, link_of, open_line
from ferryman.core.audit.extent import Extent, extent_of

_BLOCK = 256 * 1024
_LONGEST_LINE = 1024 * 1024
"""Bytes, more than any record has. A longer line is not a record and is not kept in memory."""


def lines_newest_first(directory: Path) -> Iterator[bytes]:
    """Yield the trail's lines, newest first, without newlines. Raises OSError."""
    for path in reversed(trail_files(directory)):
        yield from lines_backwards(path)


def newest_first(directory: Path) -> Iterator[dict[str, Any]]:
    """Yield the trail's records, newest first; lines that are not JSON objects are skipped. Raises OSError."""
    for line in lines_newest_first(directory):
        try:
            record = msgspec.json.decode(line)
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
            continue
        if isinstance(record, dict):
            yield record


def last_link(directory: Path) -> ChainLink:
    """Return the newest record's link, unverified; number 0 for an empty trail. Raises OSError."""
    links = (last_link_in(path) for path in reversed(trail_files(directory)))
    return next((link for link in links if link is not None), ChainLink())


def last_line(directory: Path) -> bytes:
    """Return the newest whole line, without its newline; b"" for an empty trail. Raises OSError."""
    for path in reversed(trail_files(directory)):
        with path.open("rb") as file:
            size = file.seek(0, os.SEEK_END)
            file.seek(max(0, size - _LONGEST_LINE))
            whole, newline, _torn = file.read().rpartition(b"\n")
        if newline:
            return whole.rpartition(b"\n")[2]
    return b""


def last_link_in(path: Path) -> ChainLink | None:
    """Return the link of a file's last record, unverified; None if there is none. Raises OSError."""
    return next((link for line in lines_backwards(path) if (link := link_of(line + b"\n")) is not None), None)


def extent_in(directory: Path, keys: Sequence[bytes]) -> Extent | None:
    """Return where the trail begins by the newest record that says so; None if the newest file has none.

    Every file begins with one, but for those of older servers. A record that none of `keys` opens says nothing. Raises
    OSError.
    """
    for path in trail_files(directory)[-1:]:
        for line in lines_backwards(path):
            extent = extent_of(line)
            if extent is not None and any(opens(key, line) for key in keys):
                return extent
    return None


def opens(key: bytes, line: bytes) -> bool:
    """Return whether a line without its newline is a record that this key authenticates."""
    try:
        open_line(key, line)
    except BrokenChain:
        return False
    return True


def verify(
    directory: Path,
    key: bytes,
    at_least: int = 0,
    older: Sequence[bytes] = (),
    known: ChainLink | None = None,
    heads: Iterable[ChainLink] = (),
) -> tuple[ChainVerification, list[Problem]]:
    """Check the whole trail, which ends under `key`; return what was checked and every problem. Raises OSError.

    `known` is a record that the trail had reached, as the server's store remembers it; `heads` are those of every trail
    that the store knows.
    """
    verification = ChainVerification(key, older, known, heads)
    problems: list[Problem] = []
    for path in trail_files(directory):
        with path.open("rb") as file:
            problems.extend(verification.problems(path.name, lines_of(file)))
    problems.extend(verification.conclude(at_least))
    return verification, problems


def lines_of(file: BinaryIO) -> Iterator[bytes]:
    """Yield a file's lines with their newlines; of one that is too long only the beginning, and its newline if any."""
    while line := file.readline(_LONGEST_LINE):
        if len(line) == _LONGEST_LINE and not line.endswith(b"\n"):
            rest = line
            while rest and not rest.endswith(b"\n"):
                rest = file.readline(_LONGEST_LINE)
            line += rest[-1:]
        yield line


def lines_backwards(path: Path) -> Iterator[bytes]:
    """Yield a file's lines, last first, without newlines; empty ones and those that are too long are left out."""
    with path.open("rb") as file:
        position = file.seek(0, os.SEEK_END)
        rest, too_long = b"", False
        while position > 0:
            step = min(_BLOCK, position)
            position -= step
            file.seek(position)
            first, *others = file.read(step).split(b"\n")
            if others:
                others[-1] = b"" if too_long else others[-1] + rest
                yield from (line for line in reversed(others) if line)
                rest, too_long = first, False
            elif not too_long:
                rest = first + rest
            if len(rest) > _LONGEST_LINE:
                rest, too_long = b"", True
        if rest:
            yield rest
