"""Pages of listings: NextToken of most services, Marker of IAM.

A token is the sealed position where a page ended. It is bound to the operation, the caller and every member of the
request that selects rows (states, filters, names), but not to the page size: the next page may have another. The caller
is the person, so renewed credentials keep paging (`Caller.lasting_id`). All of these are the seal's context: a token
used for anything else cannot be opened.
"""

import base64
import binascii
import hashlib
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from typing import Generic, TypeVar

import msgspec

from ferryman.core.service import Service
from ferryman.core.vault import Unsealable
from ferryman.model.errors import ServiceError
from ferryman.model.identifiers import Millis
from ferryman.model.identity.callers import Caller

DEFAULT_IAM_PAGE = 100
_PURPOSE = "page-token"

Item = TypeVar("Item")
Member = str | int | None | Sequence["Member"]
"""A value of a request's member that a page token is bound to."""
Position = Sequence[str | int]
"""Where a page ended: the columns that its last row is ordered by."""


class _Content(msgspec.Struct, frozen=True, array_like=True):
    expires_at: int
    position: list[str | int]


class InvalidPageToken(ServiceError):
    """InvalidNextToken: the token was made for another listing or caller, was altered, or has expired."""

    def __init__(self, cause: str) -> None:
        message = f"The specified token is not valid: {cause}. Start again without NextToken."
        super().__init__("InvalidNextToken", message)


@dataclass(frozen=True, slots=True)
class Page(Generic[Item]):
    """One page of a listing; `next_token` is None on the last."""

    items: tuple[Item, ...]
    next_token: str | None = None


@dataclass(frozen=True, slots=True)
class Listing:
    """One caller's listing: what its page tokens are bound to. `members` are those that select rows."""

    service: Service
    caller: Caller
    operation: str
    members: Sequence[Member]

    async def page(
        self,
        token: str | None,
        limit: int,
        read: Callable[[Position | None, int], Awaitable[Sequence[Item]]],
        position_of: Callable[[Item], Position],
    ) -> Page[Item]:
        """Return up to `limit` rows that follow the page that `token` ended.

        `read` gets that page's last position (None for the first page) and the most rows to return, one more than fit
        on the page. Raises InvalidPageToken.
        """
        return self.cut(await read(self.position(token), limit + 1), limit, position_of)

    def position(self, token: str | None) -> Position | None:
        """Return the position in a token, None if there is no token. Raises InvalidPageToken."""
        if token is None:
            return None
        return open_page_token(self.service, self.caller, self.operation, self.members, token)

    def cut(self, rows: Sequence[Item], limit: int, position_of: Callable[[Item], Position]) -> Page[Item]:
        """Return the first `limit` rows as a page, with a token if there are more."""
        return self.ending_at(rows[:limit], position_of(rows[limit - 1]) if len(rows) > limit else None)

    def ending_at(self, items: Sequence[Item], position: Position | None) -> Page[Item]:
        """Return a page that ends at `position`, where the next one continues; None if it is the last."""
        if position is None:
            return Page(tuple(items))
        token = seal_page_token(self.service, self.caller, self.operation, self.members, position)
        return Page(tuple(items), token)


async def read_page(
    listing: Listing,
    read: Callable[[str, int], Awaitable[Sequence[Item]]],
    name_of: Callable[[Item], str],
    marker: str | None,
    max_items: int | None,
) -> Page[Item]:
    """Return a page of a listing of IAM, which is ordered by name.

    `read` gets the name that the page begins after, empty for the first page, and the most items to return. Raises
    ValidationException for a marker of another listing or caller, or one that has expired.
    """
    limit = max_items or DEFAULT_IAM_PAGE
    items = await read(_marked_name(listing, marker), limit + 1)
    return listing.cut(items, limit, lambda item: [name_of(item)])


def page_of(
    listing: Listing,
    items: Sequence[Item],
    name_of: Callable[[Item], str],
    marker: str | None,
    max_items: int | None,
    most: int | None = None,
) -> Page[Item]:
    """Return a page of `items`, in any order, as `read_page` does.

    `most` may make pages smaller than `max_items` says, as on AWS.
    """
    after = _marked_name(listing, marker)
    rest = sorted((item for item in items if name_of(item) > after), key=name_of)
    limit = max_items or DEFAULT_IAM_PAGE
    return listing.cut(rest, limit if most is None else min(limit, most), lambda item: [name_of(item)])


def seal_page_token(
    service: Service, caller: Caller, operation: str, members: Sequence[Member], position: Position
) -> str:
    """Return the token that continues `operation` after `position`, valid for `Limits.page_token_life`."""
    expires_at = Millis(service.clock() + service.settings.limits.page_token_life * 1000)
    plaintext = msgspec.msgpack.encode(_Content(expires_at, list(position)))
    sealed = service.vault.seal(_PURPOSE, plaintext, _context(caller, operation, members))
    return base64.b64encode(sealed).decode()


def open_page_token(
    service: Service, caller: Caller, operation: str, members: Sequence[Member], token: str
) -> list[str | int]:
    """Return the position in a token. Raises InvalidPageToken."""
    try:
        sealed = base64.b64decode(token.encode(), validate=True)
        plaintext = service.vault.open(_PURPOSE, sealed, _context(caller, operation, members))
        content = msgspec.msgpack.decode(plaintext, type=_Content)
    except (binascii.Error, UnicodeError, Unsealable, msgspec.DecodeError) as error:
        raise InvalidPageToken("it was not issued to this caller for this operation with these filters") from error
    if service.clock() >= content.expires_at:
        raise InvalidPageToken("it has expired")
    return content.position


def _marked_name(listing: Listing, marker: str | None) -> str:
    try:
        position = listing.position(marker)
    except InvalidPageToken as error:
        raise ServiceError("ValidationException", f"Invalid Marker. {error.message}") from error
    return "" if position is None else str(position[0])


def _context(caller: Caller, operation: str, members: Sequence[Member]) -> bytes:
    bound = msgspec.json.encode([operation, caller.account_id, caller.lasting_id, members])
    return hashlib.sha256(bound).digest()
