"""Pages of IAM's listings: a walk along the unique index of names that starts after a name and reads one page."""

from collections.abc import Mapping
from functools import cache
from typing import Any

from sqlalchemy import Column, Integer, Select, String, Table, bindparam, func, select

from ferryman.store.tables import group_members, users


@cache
def _statement(table: Table, columns: tuple[Column[Any], ...], *, has_prefix: bool) -> Select[Any]:
    found = select(*columns).where(table.c.name > bindparam("after", type_=String))
    if has_prefix:
        start = func.substr(table.c.path, 1, bindparam("prefix_length", type_=Integer))
        found = found.where(start == bindparam("prefix", type_=String))
    return found.order_by(table.c.name).limit(bindparam("page_limit"))


def name_page(
    table: Table, columns: tuple[Column[Any], ...], path_prefix: str, after: str, limit: int
) -> tuple[Select[Any], Mapping[str, object]]:
    """Return the SELECT of up to `limit` rows by name, after the name `after`, whose path begins with `path_prefix`.

    Every path begins with a slash, so the prefix "/" filters nothing.
    """
    values: dict[str, object] = {"after": after, "page_limit": limit}
    has_prefix = path_prefix not in ("", "/")
    if has_prefix:
        values |= {"prefix": path_prefix, "prefix_length": len(path_prefix)}
    return _statement(table, columns, has_prefix=has_prefix), values


MEMBERS = (
    select(users.c.user_id, users.c.name, users.c.created_at, users.c.path, users.c.boundary_arn)
    .join(group_members, group_members.c.user_id == users.c.user_id)
    .where(group_members.c.group_id == bindparam("group_id"), users.c.name > bindparam("after"))
    .order_by(users.c.name)
    .limit(bindparam("page_limit"))
)
"""A page of a group's users by name: `group_id`, `after`, `page_limit`."""


def boundary_counts(table: Table) -> Select[Any]:
    """Return the SELECT of how many rows each permissions boundary bounds; rows without one are not read."""
    bounded = select(table.c.boundary_arn, func.count()).where(table.c.boundary_arn > "")
    return bounded.group_by(table.c.boundary_arn)


def count(table: Table) -> Select[Any]:
    """Return the SELECT of how many rows a table has."""
    return select(func.count()).select_from(table)
