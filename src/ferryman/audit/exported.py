"""Verifies a copy of an audit trail with the server's public keys alone: neither its secret key nor its configuration.

The copy is foreign: it is read line by line, and nothing in it is believed before its signature is checked.
"""

from collections import deque
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from hashlib import sha256
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, Any

import msgspec

from ferryman.audit.export import RECORDS
from ferryman.audit.files import trail_files
from ferryman.audit.reader import lines_of
from ferryman.core.audit.chain import FIRST_PREVIOUS, ChainLink, Problem, link_of, previous_of
from ferryman.core.audit.checkpoints import (
    CHECKPOINT,
    EXPORT,
    Checkpoint,
    PublicKey,
    Statement,
    Unsigned,
    checkpoint_of,
    in_order,
    verify_statement,
)

if TYPE_CHECKING:
    from hashlib import _Hash

MOST_PROBLEMS = 1000
"""After this many, the rest of a copy is not read."""
_MARK = b'{"export":'


@dataclass(frozen=True, slots=True)
class _Line:
    where: str
    number: int
    line: bytes


@dataclass(slots=True)
class _Range:
    """A checkpoint whose signature is valid, and what was read of its records so far."""

    checkpoint: Checkpoint
    at: _Line
    digest: "_Hash" = field(default_factory=sha256)
    records: int = 0
    damaged: bool = False


@dataclass(slots=True)
class ExportedTrail:
    """What a copy holds: its first and last record, how many, and the last one that a checkpoint vouches for.

    `times` are those of the first and last checkpoint that vouches for records, "" if none does. `statement` is the
    signed statement of the copy's extent; None if it has none. `key_ids` are the keys that signed, `servers` the names
    that their checkpoints give the server, none for one that has its store to itself.
    """

    first: int = 0
    last: ChainLink = field(default_factory=ChainLink)
    records: int = 0
    covered: int = 0
    times: tuple[str, str] = ("", "")
    statement: Statement | None = None
    key_ids: list[str] = field(default_factory=list)
    servers: list[str] = field(default_factory=list)


def export_files(path: Path) -> list[Path]:
    """Return the files of a copy: the file itself, what `audit export` wrote to a directory, or a trail's own files."""
    return (trail_files(path) or [path / RECORDS]) if path.is_dir() else [path]


def verify_export(path: Path, keys: Sequence[PublicKey], at_least: int = 0) -> tuple[ExportedTrail, list[Problem]]:
    """Check a copy, and return what it holds and what is wrong with it. Raises OSError.

    `at_least` is the number of a record that it must have reached. Without it, a copy must end with the statement of
    its extent.
    """
    found = ExportedTrail()
    ranges, problems = _signed_ranges(path, keys, found)
    if not ranges:
        problems.insert(0, Problem("", 0, _NO_CHECKPOINT))
    whole = sha256()
    problems += islice(_walk(path, ranges, found, whole), MOST_PROBLEMS)
    if len(problems) < MOST_PROBLEMS:
        problems += _coverage(ranges, found)
        problems += _extent(found, whole.hexdigest(), at_least)
    return found, sorted(problems, key=lambda each: (each.where == "", each.where, each.line))


_NO_CHECKPOINT = (
    "no checkpoint in it was signed with one of these public keys: it is another server's, the keys are, or the server "
    "had not written one yet"
)


def _signed_ranges(path: Path, keys: Sequence[PublicKey], found: ExportedTrail) -> tuple[list[_Range], list[Problem]]:
    """Return the checkpoints that are signed, in order, and a problem for each that is not."""
    ranges: list[_Range] = []
    problems: list[Problem] = []
    ages = {each.key_id: age for age, each in enumerate(in_order(keys))}
    newest = len(ages)
    for at in _lines(path):
        if at.line.startswith(_MARK):
            found.statement = _statement(at, keys, problems)
            continue
        checkpoint = checkpoint_of(at.line)
        if checkpoint is None:
            continue
        try:
            key = verify_statement(CHECKPOINT, checkpoint.statement, keys)
        except Unsigned as error:
            problems.append(Problem(at.where, at.number, f"this checkpoint cannot be trusted: {error}"))
            if len(problems) >= MOST_PROBLEMS:
                break
            continue
        if ages[key.key_id] > newest:
            problems.append(Problem(at.where, at.number, "it was signed with a key that had been replaced before"))
        newest = min(newest, ages[key.key_id])
        if key.key_id not in found.key_ids:
            found.key_ids.append(key.key_id)
        server = checkpoint.statement.get("serverName")
        if isinstance(server, str) and server not in found.servers:
            found.servers.append(server)
        ranges.append(_Range(checkpoint, at))
    return sorted(ranges, key=lambda each: each.checkpoint.first), problems


def _statement(at: _Line, keys: Sequence[PublicKey], problems: list[Problem]) -> Statement | None:
    try:
        statement: Any = msgspec.json.decode(at.line)["export"]
        verify_statement(EXPORT, statement, keys)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError, AttributeError):
        problems.append(Problem(at.where, at.number, "the statement of what was exported is incomplete"))
        return None
    except Unsigned as error:
        problems.append(Problem(at.where, at.number, f"the statement of what was exported cannot be trusted: {error}"))
        return None
    checked: Statement = statement
    return checked


def _walk(path: Path, ranges: Sequence[_Range], found: ExportedTrail, whole: "_Hash") -> Iterator[Problem]:
    """Check that records follow one another, and each range against its checkpoint, when its last record was read."""
    waiting, active = deque(ranges), list[_Range]()
    for at in _lines(path):
        if at.line.startswith(_MARK):
            continue
        whole.update(at.line)
        found.records += 1
        link = link_of(at.line)
        problem = _misplaced(at.line, link, found)
        if problem:
            yield Problem(at.where, at.number, problem)
        if link is not None:
            found.first = found.first or link.sequence
            found.last = link
        here = found.last.sequence
        while waiting and waiting[0].checkpoint.first <= here:
            active.append(waiting.popleft())
        for each in active:
            each.damaged = each.damaged or bool(problem)
        active = [each for each in active if here <= each.checkpoint.last.sequence]
        for each in active:
            each.digest.update(at.line)
            each.records += 1


def _misplaced(line: bytes, link: ChainLink | None, found: ExportedTrail) -> str:
    """Return why a line is not the next record; "" if it is."""
    if link is None:
        return "it is incomplete: the copy was cut" if not line.endswith(b"\n") else "it is not a record"
    if found.last.sequence == 0:
        fits = link.sequence > 1 or previous_of(line) == FIRST_PREVIOUS
        return "" if fits else "it cannot be the first record"
    expected = found.last.sequence + 1
    if link.sequence > expected:
        return f"records {expected} to {link.sequence - 1} before it are missing"
    if link.sequence < expected:
        return f"it is record {link.sequence}, out of its place or there twice"
    if previous_of(line) != found.last.mac:
        return f"it does not follow record {found.last.sequence}: one of the two was altered or replaced"
    return ""


def _coverage(ranges: Sequence[_Range], found: ExportedTrail) -> Iterator[Problem]:
    """Yield contradictions between checkpoints and records; note how far the checkpoints reach."""
    reached, times = found.first - 1, list[str]()
    for each in ranges:
        first, last = each.checkpoint.first, each.checkpoint.last.sequence
        if first < found.first or not each.records:
            continue  # it vouches for records before this copy
        at = each.at
        if each.damaged or each.records != last - first + 1:
            yield Problem(at.where, at.number, f"records {first} to {last} are not all here as they were written")
        elif each.digest.hexdigest() != each.checkpoint.digest:
            yield Problem(at.where, at.number, f"one or more of the records {first} to {last} were altered")
        if first > reached + 1:
            yield Problem(at.where, at.number, f"no checkpoint covers records {reached + 1} to {first - 1}")
        reached = max(reached, last)
        times.append(str(each.checkpoint.statement["time"]))
    found.covered = max(reached, 0) if times else 0
    if times:
        found.times = (min(times), max(times))


def _extent(found: ExportedTrail, digest: str, at_least: int) -> Iterator[Problem]:
    """Yield what is missing at the copy's ends."""
    if found.last.sequence < at_least:
        yield Problem("", 0, f"the copy ends with record {found.last.sequence}, it had to reach {at_least}")
    statement = found.statement
    if statement is None:
        if not at_least:
            yield Problem(
                "",
                0,
                "it has no valid statement of what was exported, so records may be missing at its ends; if it is a "
                "plain copy of a trail, say with --at-least how far it must reach",
            )
        return
    first, last = statement.get("firstSequence"), statement.get("lastSequence")
    if (first, last) != (found.first, found.last.sequence):
        yield Problem(
            "", 0, f"records {first} to {last} were exported, here are {found.first} to {found.last.sequence}"
        )
    elif statement.get("sha256") != digest:
        yield Problem("", 0, "the records are not those that were exported: something was altered since")


def _lines(path: Path) -> Iterator[_Line]:
    for each in export_files(path):
        with each.open("rb") as file:
            for number, line in enumerate(lines_of(file), 1):
                yield _Line(each.name, number, line)
