"""Wildcards: `*` is any run of characters, also none; `?` is any one character.

A pattern is its segments between the `*`s. The first and last are anchored; each one between is taken at its leftmost
place, which never has to be taken back, so a match costs at most text × segment and no pattern is exponential.
"""

import re
from dataclasses import dataclass
from enum import Enum
from functools import lru_cache
from typing import Final

from ferryman.policy.work import CHARACTERS, PER_COMPILED, PER_PATTERN, PER_PLACE, PER_SEGMENT, Work

_TRIES = 64
"""Places of a segment with `?` that are looked at one by one; for the rest an expression is made, which costs as much
and then is a hundred times as fast."""
_EXPRESSIONS = 1024


class Wildcard(Enum):
    """The parts of a pattern that are not literal characters."""

    MANY = "*"
    ONE = "?"


MANY: Final = Wildcard.MANY
ONE: Final = Wildcard.ONE


@dataclass(frozen=True, slots=True)
class Gapped:
    """A segment with `?`: `runs` are its literals at their offsets, the longest first; the rest is any character."""

    length: int
    runs: tuple[tuple[int, str], ...]

    def __len__(self) -> int:
        return self.length


Segment = str | Gapped
Segments = tuple[Segment, ...]
"""At least one segment; one alone is a pattern without `*`."""


def matches(segments: Segments, text: str, work: Work) -> bool:
    """Return whether the whole of `text` fits the pattern; case counts. Raises EvaluationTooLarge."""
    work.spend(PER_PATTERN + len(segments) * (PER_SEGMENT + len(text) // CHARACTERS))
    first = segments[0]
    if len(segments) == 1:
        return text == first if isinstance(first, str) else len(text) == first.length and _stands(first, text, 0)
    last = segments[-1]
    start, end = len(first), len(text) - len(last)
    if start > end or not _stands(first, text, 0) or not _stands(last, text, end):
        return False
    for segment in segments[1:-1]:
        found = _find(segment, text, start, end, work)
        if found < 0:
            return False
        start = found + len(segment)
    return True


def segment_of(parts: list[str | Wildcard]) -> Segment:
    """Join literals and `?`s to one segment."""
    if ONE not in parts:
        return "".join(part for part in parts if isinstance(part, str))
    runs: list[tuple[int, str]] = []
    length = 0
    for part in parts:
        if not isinstance(part, str):
            length += 1
        elif part:
            if runs and runs[-1][0] + len(runs[-1][1]) == length:
                runs[-1] = (runs[-1][0], runs[-1][1] + part)
            else:
                runs.append((length, part))
            length += len(part)
    return Gapped(length, tuple(sorted(runs, key=lambda run: -len(run[1]))))


def _stands(segment: Segment, text: str, at: int) -> bool:
    """Return whether the segment stands at a place of the text; there is room for it."""
    if isinstance(segment, str):
        return text.startswith(segment, at)
    return all(text.startswith(run, at + offset) for offset, run in segment.runs)


def _find(segment: Segment, text: str, start: int, end: int, work: Work) -> int:
    """Return the leftmost place of the segment that lies within `start` and `end`, or -1."""
    if isinstance(segment, str):
        return text.find(segment, start, end)
    if start + segment.length > end:  # also keeps the ends below from being negative, which count from the end
        return -1
    if not segment.runs:
        return start
    offset, run = segment.runs[0]
    after = segment.length - offset - len(run)
    for _ in range(_TRIES):
        work.spend(PER_PLACE + len(segment.runs))
        found = text.find(run, start + offset, end - after)
        if found < 0:
            return -1
        start = found - offset
        if _stands(segment, text, start):
            return start
        start += 1
    work.spend(segment.length * (PER_COMPILED + (end - start) // CHARACTERS))
    there = _expression(segment).search(text, start, end)
    return -1 if there is None else there.start()


@lru_cache(_EXPRESSIONS)
def _expression(segment: Gapped) -> re.Pattern[str]:
    """Return the segment as an expression of one length, which `re` tries at each place without going back."""
    characters = ["."] * segment.length
    for offset, run in segment.runs:
        characters[offset : offset + len(run)] = map(re.escape, run)
    return re.compile("".join(characters), re.DOTALL)
