"""Pages that are merged from several walks along one index.

SQLite merges the ordered parts of a UNION ALL itself, a row at a time, and stops when the page is full. PostgreSQL does
not push the page's order into parts that have a WHERE: it would read and sort them whole. So there each walk is ordered
and limited by itself.
"""

from collections.abc import Sequence
from typing import Any

from sqlalchemy import ColumnElement, CompoundSelect, Integer, Select, literal_column, union_all

_LIMITS = (11, 51, 201, 1001)
"""The possible limits of a walk, of which the smallest that is enough is used. A literal, so that PostgreSQL knows how
short a walk is also when it plans without parameters; and one of few, so that statements can be reused."""


def merged_walks(
    walks: Sequence[Select[Any]], order: Sequence[ColumnElement[Any]], most: int, *, merges: bool
) -> Select[Any] | CompoundSelect[Any]:
    """Return the rows of all walks, to be ordered by `order` and limited to at most `most`.

    `merges`: whether the database merges walks without reading them whole.
    """
    if len(walks) == 1:
        return walks[0]
    if merges:
        return union_all(*walks)
    limit = literal_column(str(walk_limit(most)), Integer)
    return union_all(*(walk.order_by(*order).limit(limit) for walk in walks))


def walk_limit(most: int) -> int:
    """Return how many rows of a walk a page of `most` rows may need."""
    return next((each for each in _LIMITS if each >= most), most)
