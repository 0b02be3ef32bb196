"""Reads the audit trail from a given record on, while the server writes it. Blocking: call it in a thread."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from ferryman.audit.files import first_sequence, trail_files
from ferryman.core.audit.chain import ChainLink, link_of


@dataclass(frozen=True, slots=True)
class Batch:
    """Whole lines of the trail, at least one, in order, each with its newline, and the links that they are."""

    lines: list[bytes]
    links: list[ChainLink]

    @property
    def first(self) -> ChainLink:
        """The first record's link."""
        return self.links[0]

    @property
    def last(self) -> ChainLink:
        """The last record's link."""
        return self.links[-1]

    def half(self) -> "Batch | None":
        """Return the first half; None if there is only one record."""
        count = len(self.lines) // 2
        return Batch(self.lines[:count], self.links[:count]) if count else None


@dataclass(frozen=True, slots=True)
class _Place:
    """Where the record after number `after` begins."""

    after: int
    path: Path
    offset: int


class TrailFollower:
    """Follows the trail in a directory. Remembers its place, so that reading on costs only as much as is new."""

    def __init__(self, directory: Path) -> None:
        self._directory = directory
        self._place: _Place | None = None

    def read(self, after: int, up_to: int, most_bytes: int, most_records: int) -> Batch | None:
        """Return records after number `after` and up to `up_to`: at least one if there is any, else None.

        A batch that starts above `after` + 1 shows that the files between were deleted. Raises OSError.
        """
        batch = Batch([], [])
        size = 0
        for line, link, place in self._lines(after):
            size += len(line)
            if link.sequence > up_to or (batch.lines and size > most_bytes):
                break
            batch.lines.append(line)
            batch.links.append(link)
            self._place = place
            if len(batch.lines) == most_records:
                break
        return batch if batch.lines else None

    def find(self, sequence: int) -> ChainLink | None:
        """Return the link of a record; None if no file has it."""
        found = next(self._lines(sequence - 1), None)
        return found[1] if found is not None and found[1].sequence == sequence else None

    def _lines(self, after: int) -> Iterator[tuple[bytes, ChainLink, _Place]]:
        """Yield the records after `after` and where the next one begins; other lines are skipped."""
        reached = after
        for path, offset in self._files(after):
            try:
                file = path.open("rb")
            except FileNotFoundError:
                continue
            with file:
                position = file.seek(offset)
                for line in file:
                    position += len(line)
                    link = link_of(line)
                    if link is not None and link.sequence > reached:
                        reached = link.sequence
                        yield line, link, _Place(reached, path, position)

    def _files(self, after: int) -> Iterator[tuple[Path, int]]:
        files = trail_files(self._directory)
        if self._place is not None and self._place.after == after and self._place.path in files:
            start, offset = files.index(self._place.path), self._place.offset
        else:
            starts = [index for index, path in enumerate(files) if first_sequence(path) <= after + 1]
            start, offset = (starts[-1] if starts else 0), 0
        for path in files[start:]:
            yield path, offset
            offset = 0
