"""Searches the trail's files for LookupEvents, newest first: a bounded amount at a time, in a thread.

Implements `core`'s port `RecordedEvents`.
"""

import asyncio
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path
from typing import Any

import msgspec

from ferryman.audit.files import first_sequence, trail_files
from ferryman.core.audit.chain import ChainVerification, link_of
from ferryman.core.ports.audit import FoundRecords, TrailCheck, TrailPosition, TrailSearch
from ferryman.model.values.timestamps import iso_millis, parse_iso

CHUNK_BYTES = 512 * 1024
MOST_BYTES = 16 * 1024 * 1024
"""The most that one call reads; its page then ends, with a token to continue."""
CHECKED_BYTES = 4 * 1024 * 1024
"""How many bytes of the newest records one call verifies."""
SET_BACK = timedelta(days=1)
"""How far the server's clock may have been set back: records are skipped only if their time is off by more."""


@dataclass(slots=True)
class _Search:
    wanted: TrailSearch
    most: int
    words: list[bytes]
    oldest: str
    newest: str
    records: list[Mapping[str, Any]] = field(default_factory=list)
    read: int = 0
    places: list[TrailPosition] = field(default_factory=list)
    """Before each of the records."""
    reached: str = ""
    """The time of the oldest record that was read."""


class TrailLookup:
    """Searches the trail in a directory, for one caller at a time."""

    def __init__(self, directory: Path, keys: Callable[[], Sequence[bytes]]) -> None:
        """`keys` returns those of the trail's codes, the current one first."""
        self._directory = directory
        self._keys = keys
        self._turn = asyncio.Lock()

    async def check_newest(self) -> TrailCheck:
        """Verify the chain of the newest `CHECKED_BYTES`, without what lies before them. Raises OSError."""
        async with self._turn:
            return await asyncio.to_thread(_check_newest, self._directory, self._keys())

    async def find(self, search: TrailSearch, behind: TrailPosition | None, most: int) -> FoundRecords:
        """Return at most `most` records behind a place, newest first. Raises OSError."""
        words = [word.encode() for word in search.words]
        oldest, newest = _moved(search.since, -SET_BACK), _moved(search.until, SET_BACK)
        under_way = _Search(search, most, words, oldest, newest)
        async with self._turn:
            place = await asyncio.to_thread(_start, self._directory, behind)
            while place is not None and len(under_way.records) < most and under_way.read < MOST_BYTES:
                place = await asyncio.to_thread(_search_chunk, self._directory, place, under_way)
        return FoundRecords(under_way.records, place, under_way.places, under_way.reached)


def _check_newest(directory: Path, keys: Sequence[bytes]) -> TrailCheck:
    key, *older = keys
    verification = ChainVerification(key, older)
    first, last, problem = 0, b"", None
    for path, lines in _newest_lines(directory):
        if lines and not first:
            link = link_of(lines[0])
            first = 0 if link is None else link.sequence
        for found in verification.problems(path.name, lines):
            problem = problem or f"{found.where}: {found.what}"
        last = lines[-1] if lines else last
    return TrailCheck(verification.records, first, verification.last.sequence, _time(_record(last)), problem)


def _newest_lines(directory: Path) -> Iterator[tuple[Path, list[bytes]]]:
    """Yield the files that have the newest `CHECKED_BYTES`, oldest first, with their lines that are whole."""
    chosen, left = list[tuple[Path, int]](), CHECKED_BYTES
    for path in reversed(trail_files(directory)):
        size = path.stat().st_size
        chosen.append((path, max(0, size - left)))
        left -= size
        if left <= 0:
            break
    for path, start in reversed(chosen):
        with path.open("rb") as file:
            file.seek(start)
            if start:
                file.readline()
            data = file.read(2 * CHECKED_BYTES)
        yield path, data[: data.rfind(b"\n") + 1].splitlines(keepends=True)  # the last may be on its way


def _start(directory: Path, behind: TrailPosition | None) -> TrailPosition | None:
    """Return the place to begin from; None if nothing is there."""
    files = {first_sequence(path): path for path in trail_files(directory)}
    if behind is not None:
        return behind if behind[0] in files else _before(directory, behind[0])
    return None if not files else _end_of(files[max(files)])


def _before(directory: Path, first: int) -> TrailPosition | None:
    """Return the end of the file before the one that begins with record `first`."""
    earlier = [path for path in trail_files(directory) if first_sequence(path) < first]
    return _end_of(earlier[-1]) if earlier else None


def _end_of(path: Path) -> TrailPosition:
    return first_sequence(path), path.stat().st_size


def _search_chunk(directory: Path, place: TrailPosition, search: _Search) -> TrailPosition | None:
    """Search up to `CHUNK_BYTES` before a place, and return where to continue; None if nothing older is wanted."""
    first, end = place
    chunk = _read_chunk(directory / f"audit-{first:012d}.jsonl", end, search)
    if chunk is None:
        return _before(directory, first)
    start, lines = chunk
    search.reached = _time(_record(lines[0])) or search.reached if lines else search.reached
    for line in reversed(lines):
        end -= len(line)
        record = None if any(word not in line for word in search.words) else _record(line)
        if record is None:
            continue
        time = _time(record)
        if time < search.oldest:
            return None
        if _is_wanted(record, time, search.wanted):
            search.records.append(record)
            search.places.append((first, end))
            if len(search.records) == search.most:
                start, search.reached = end, time
                break
    return (first, start) if start else _before(directory, first)


def _read_chunk(path: Path, end: int, search: _Search) -> tuple[int, list[bytes]] | None:
    """Return the lines before `end`, and where they begin; None if the file is gone or has nothing that is wanted."""
    start = max(0, end - CHUNK_BYTES)
    try:
        with path.open("rb") as file:
            if search.newest and _time(_record(file.readline(CHUNK_BYTES))) > search.newest:
                return None
            file.seek(start)
            data = file.read(end - start)
    except FileNotFoundError:
        return None
    search.read += CHUNK_BYTES
    cut = data.find(b"\n") + 1 if start else 0
    if cut < len(data):  # else it has no whole line, so no record
        start, data = start + cut, data[cut:]  # the line before is read whole with the next chunk
    return start, data.splitlines(keepends=True)


def _record(line: bytes) -> Mapping[str, Any] | None:
    """Return the record in a line, None for anything else."""
    if not line.endswith(b"\n"):
        return None
    try:
        record = msgspec.json.decode(line)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return None
    return record if isinstance(record, dict) else None


def _time(record: Mapping[str, Any] | None) -> str:
    return "" if record is None else str(record.get("eventTime") or record.get("time") or "")


def _is_wanted(record: Mapping[str, Any], time: str, wanted: TrailSearch) -> bool:
    in_time = time >= wanted.since and (not wanted.until or time <= wanted.until)
    return in_time and bool(wanted.matches(record))


def _moved(time: str, by: timedelta) -> str:
    return iso_millis(parse_iso(time) + by) if time else ""
