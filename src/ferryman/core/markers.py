"""Pages of IAM's listings: Marker, MaxItems, IsTruncated."""

from collections.abc import Awaitable, Callable, Sequence
from typing import TypeVar

from ferryman.core.paging import Member, Page, open_page_token, seal_page_token
from ferryman.core.service import Service
from ferryman.model.errors import ServiceError
from ferryman.model.identity.callers import Caller

DEFAULT_PAGE = 100
Item = TypeVar("Item")


def page_of(
    service: Service,
    caller: Caller,
    operation: str,
    members: Sequence[Member],
    items: Sequence[Item],
    name_of: Callable[[Item], str],
    marker: str | None,
    max_items: int | None,
    most: int | None = None,
) -> Page[Item]:
    """Return a page of `items`, in order of their names, from behind where `marker` says the last one ended.

    `most` may make pages smaller than `max_items` says, as on AWS. A marker is good for the same operation, caller and
    `members`, whatever the size of its page. Raises ValidationException for any other.
    """
    after = _position(service, caller, operation, members, marker)
    rest = sorted((item for item in items if name_of(item) > after), key=name_of)
    limit = max_items or DEFAULT_PAGE
    if most is not None:
        limit = min(limit, most)
    return _page(service, caller, operation, members, rest, name_of, limit)


async def read_page(
    service: Service,
    caller: Caller,
    operation: str,
    members: Sequence[Member],
    read: Callable[[str, int], Awaitable[Sequence[Item]]],
    name_of: Callable[[Item], str],
    marker: str | None,
    max_items: int | None,
) -> Page[Item]:
    """Return a page as `page_of` does, of what `read` returns: up to so many items, by name, from behind a name."""
    after = _position(service, caller, operation, members, marker)
    limit = max_items or DEFAULT_PAGE
    return _page(service, caller, operation, members, await read(after, limit + 1), name_of, limit)


def _position(service: Service, caller: Caller, operation: str, members: Sequence[Member], marker: str | None) -> str:
    if marker is None:
        return ""
    try:
        return str(open_page_token(service, caller, operation, members, marker)[0])
    except ServiceError as error:
        raise ServiceError("ValidationException", f"Invalid Marker. {error.message}") from error


def _page(
    service: Service,
    caller: Caller,
    operation: str,
    members: Sequence[Member],
    rest: Sequence[Item],
    name_of: Callable[[Item], str],
    limit: int,
) -> Page[Item]:
    if len(rest) <= limit:
        return Page(tuple(rest))
    last = name_of(rest[limit - 1])
    return Page(tuple(rest[:limit]), seal_page_token(service, caller, operation, members, [last]))
