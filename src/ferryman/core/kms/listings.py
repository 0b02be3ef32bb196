"""Pages of KMS's listings: Marker and Truncated."""

from collections.abc import Awaitable, Callable, Sequence
from typing import TypeVar

from ferryman.core.paging import InvalidPageToken, Listing, Page
from ferryman.model.errors import ServiceError

Item = TypeVar("Item")


async def read_marked_page(
    listing: Listing,
    read: Callable[[str, int], Awaitable[Sequence[Item]]],
    name_of: Callable[[Item], str],
    marker: str | None,
    limit: int,
) -> Page[Item]:
    """Return a page of a listing that is ordered by name.

    `read` gets the name that the page begins behind, "" for the first page, and the most items to return. Raises
    InvalidMarkerException for a marker of another listing or caller, or one that has expired.
    """
    try:
        position = listing.position(marker)
    except InvalidPageToken as error:
        message = error.message.replace("NextToken", "Marker").replace("token", "marker")
        raise ServiceError("InvalidMarkerException", message) from error
    after = "" if position is None else str(position[0])
    return listing.cut(await read(after, limit + 1), limit, lambda item: [name_of(item)])


async def marked_page(
    listing: Listing, items: Sequence[Item], name_of: Callable[[Item], str], marker: str | None, limit: int
) -> Page[Item]:
    """Return a page of `items`, which are in order of their names, as `read_marked_page` does."""

    async def read(after: str, most: int) -> Sequence[Item]:
        return [item for item in items if name_of(item) > after][:most]

    return await read_marked_page(listing, read, name_of, marker, limit)
