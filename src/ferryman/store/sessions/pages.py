"""The SELECT of a page of sessions; its cost does not grow with history, whichever filters are combined.

Each index of pages starts with what filters name (nothing, a target, an owner, or both), continues with status and
access type, and ends with the order of a page. A page takes one walk along an index for each status and access type
that may match, at most eight, which are merged in order until the page is full (`store.listings.walks`). So no filter
is applied to rows that another filter selected, and the planner has no index to choose (`docs/decisions/0036`).
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from itertools import product
from typing import Any

from sqlalchemy import (
    BindParameter,
    ColumnElement,
    CompoundSelect,
    Integer,
    Select,
    bindparam,
    column,
    literal_column,
    or_,
    select,
)

from ferryman.core.ports.sessions import SessionPosition, SessionQuery
from ferryman.model.sessions import ENDED, AccessType, SessionState, SessionStatus
from ferryman.store.listings.walks import merged_walks, walk_limit
from ferryman.store.sessions.rows import ACCESS_TYPE_CODES, SESSION_COLUMNS, STATUS_CODES
from ferryman.store.tables import sessions

_NAMED = ("target", "owner", "owner_name", "session_id")
"""Filters that compare a column of their name."""


@dataclass(frozen=True, slots=True)
class _Shape:
    """The shape of a page's statement; all else are its parameters."""

    statuses: tuple[int, ...]
    access_types: tuple[int, ...]
    named: tuple[str, ...]
    has_lower_bound: bool
    has_upper_bound: bool
    follows: bool
    has_window: bool
    merges: bool
    walk_limit: int
    """0 if walks are merged."""


def page_statement(
    query: SessionQuery, after: SessionPosition | None, limit: int, *, merges: bool = True
) -> tuple[Select[Any] | CompoundSelect[Any], Mapping[str, object]] | None:
    """Return the statement of one page and the values of its parameters, None if nothing can match.

    Statements are built once for each combination of filters. `merges`: see `store.listings.walks`.
    """
    statuses = _statuses(query)
    if not statuses:
        return None
    values = {name: getattr(query, name) for name in _NAMED if getattr(query, name) is not None}
    named = tuple(values)
    if query.invoked_after is not None:
        values["invoked_after"] = query.invoked_after
    before = query.invoked_before
    follows = after is not None and (before is None or before > after.started_at)
    if after is not None and follows:
        values |= {"last_started_at": after.started_at, "last_session_id": after.session_id}
    elif before is not None:
        values["invoked_before"] = before
    has_window = query.ended_since is not None and query.state is SessionState.HISTORY
    if has_window:
        values["ended_since"] = query.ended_since
    shape = _Shape(
        statuses,
        tuple(ACCESS_TYPE_CODES[each] for each in (AccessType if query.access_type is None else (query.access_type,))),
        named,
        query.invoked_after is not None,
        "invoked_before" in values,
        follows,
        has_window,
        merges,
        0 if merges else walk_limit(limit),
    )
    return _statement(shape), {**values, "page_limit": limit}


def _statuses(query: SessionQuery) -> tuple[int, ...]:
    found = ENDED if query.state is SessionState.HISTORY else frozenset(SessionStatus) - ENDED
    return tuple(sorted(STATUS_CODES[each] for each in found if query.status in (None, each)))


@lru_cache(maxsize=512)
def _statement(shape: _Shape) -> Select[Any] | CompoundSelect[Any]:
    conditions = list(_conditions(shape))
    if "session_id" in shape.named:  # one row at most: nothing to merge
        return _walk(shape.statuses, shape.access_types, conditions).limit(bindparam("page_limit"))
    walks = [_walk((status,), (access,), conditions) for status, access in product(shape.statuses, shape.access_types)]
    order: tuple[ColumnElement[Any], ...] = column("started_at").desc(), column("session_id")
    merged = merged_walks(walks, order, shape.walk_limit, merges=shape.merges)
    return merged.order_by(*order).limit(bindparam("page_limit"))


def _walk(
    statuses: Sequence[int], access_types: Sequence[int], conditions: Sequence[ColumnElement[bool]]
) -> Select[Any]:
    is_in_walk = _is_one_of(sessions.c.status, statuses), _is_one_of(sessions.c.access_type, access_types)
    return select(*SESSION_COLUMNS).where(*is_in_walk, *conditions)


def _is_one_of(compared: ColumnElement[int], codes: Sequence[int]) -> ColumnElement[bool]:
    # Literal numbers rather than parameters: PostgreSQL then plans each walk for how common its status is.
    written = [literal_column(str(code), Integer) for code in codes]
    return compared == written[0] if len(written) == 1 else compared.in_(written)


def _conditions(shape: _Shape) -> Iterator[ColumnElement[bool]]:
    """Yield the conditions of each walk. `ended_since` hides its column in an expression: no index should serve it."""
    for name in shape.named:
        yield sessions.c[name] == bindparam(name)
    if shape.has_lower_bound:
        yield sessions.c.started_at >= bindparam("invoked_after")
    if shape.has_upper_bound:
        yield sessions.c.started_at < bindparam("invoked_before")
    if shape.follows:
        last_started_at: BindParameter[int] = bindparam("last_started_at")
        yield sessions.c.started_at <= last_started_at
        yield or_(sessions.c.started_at < last_started_at, sessions.c.session_id > bindparam("last_session_id"))
    if shape.has_window:
        yield sessions.c.ended_at + 0 >= bindparam("ended_since")
