"""The trails of several servers on one store: whose each is, all records in one order, and which trails are missing."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from heapq import merge
from pathlib import Path
from typing import Any

from ferryman.audit.files import trail_files
from ferryman.audit.reader import lines_backwards, newest_first, opens, verify
from ferryman.core.audit.chain import ChainLink, ChainVerification, Problem
from ferryman.core.audit.checkpoints import checkpoint_of

CLOCKS_DIFFER = timedelta(seconds=10)
"""The most that two servers' clocks differ: a server more than 5 s from the database's clock does not start."""
_RECENT_FILES = 2


@dataclass(frozen=True, slots=True)
class Trail:
    """A server's trail. `server` is "" for one that has the store to itself, None if nothing says whose it is."""

    directory: Path
    server: str | None

    @property
    def label(self) -> str:
        """The trail's name for people: its server's name, or else its directory."""
        return self.server or str(self.directory)


@dataclass(frozen=True, slots=True)
class CheckedTrail:
    """A trail, how much of it was checked, and what is wrong with it."""

    trail: Trail
    found: ChainVerification
    problems: list[Problem]


def server_of(directory: Path, keys: Sequence[bytes]) -> str | None:
    """Return whose trail it is by its newest checkpoint that one of `keys` authenticates; None without one.

    Raises OSError.
    """
    for path in reversed(trail_files(directory)):
        for line in lines_backwards(path):
            name = _server_in(line)
            if name is not None and any(opens(key, line) for key in keys):
                return name
    return None


def claimed_server_of(directory: Path) -> str | None:
    """Return whose trail it says it is in one of its newest checkpoints, unverified. Raises OSError."""
    for path in reversed(trail_files(directory)[-_RECENT_FILES:]):
        for line in lines_backwards(path):
            name = _server_in(line)
            if name is not None:
                return name
    return None


def merged_newest_first(trails: Sequence[Trail]) -> Iterator[tuple[str, dict[str, Any]]]:
    """Yield the records of several trails, each with its trail's label, by their times, newest first. Raises OSError.

    Records of one trail stay in its order, whatever its server's clock said.
    """
    timed = (_timed(trail) for trail in trails)
    for _, label, record in merge(*timed, key=lambda each: each[0], reverse=True):
        yield label, record


def verify_several(
    trails: Sequence[Trail], key: bytes, older: Sequence[bytes], heads: Mapping[str, ChainLink]
) -> tuple[list[CheckedTrail], list[str]]:
    """Check trails; return what was found of each, and the servers whose trails are not among them.

    `heads` has the record that each server's trail had reached, as the store remembers it. Raises OSError.
    """
    checked = []
    for trail in trails:
        known = None if trail.server is None else heads.get(trail.server)
        found, problems = verify(trail.directory, key, 0, older, known, heads.values())
        checked.append(CheckedTrail(trail, found, problems))
    reached = {link for each in checked for link in each.found.reached}  # also under a name that the server had before
    here = {each.trail.server for each in checked}
    return checked, [server for server, head in heads.items() if server not in here and head not in reached]


def _server_in(line: bytes) -> str | None:
    checkpoint = checkpoint_of(line)
    if checkpoint is None:
        return None
    name = checkpoint.statement.get("serverName", "")
    return name if isinstance(name, str) else None


def _timed(trail: Trail) -> Iterator[tuple[str, str, dict[str, Any]]]:
    """Yield a trail's records with their times; one without has that of the record after it."""
    time = "9999"
    for record in newest_first(trail.directory):
        time = str(record.get("eventTime") or record.get("time") or time)
        yield time, trail.label, record
