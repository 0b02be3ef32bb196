"""The objects that a recording in a bucket consists of, and which of them are fetched together."""

from collections.abc import Iterator, Sequence
from typing import NamedTuple

GROUP_OBJECTS = 64
GROUP_BYTES = 4 * 1024 * 1024
"""The most that is fetched ahead; a single object may be larger."""


class StoredObject(NamedTuple):
    """An object of a recording: the offset of its first byte, and of the one behind its last."""

    start: int
    end: int


def groups_of(objects: Sequence[StoredObject]) -> Iterator[list[StoredObject]]:
    """Yield objects that are fetched together."""
    group: list[StoredObject] = []
    size = 0
    for each in objects:
        length = each.end - each.start
        if group and (size + length > GROUP_BYTES or len(group) == GROUP_OBJECTS):
            yield group
            group, size = [], 0
        group.append(each)
        size += length
    if group:
        yield group
