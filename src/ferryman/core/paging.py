"""NextToken: where a page ended, sealed, and bound to the operation, the caller and what is listed.

What is listed is every member of the request that selects rows (states, filters, names), but not the page size. The
caller is the person, so renewed credentials keep paging (`Caller.lasting_id`). All of it is the seal's context: a token
that does not fit cannot be opened.
"""

import base64
import binascii
import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Generic, TypeVar

import msgspec

from ferryman.core.service import Service
from ferryman.core.vault import Unsealable
from ferryman.model.errors import ServiceError
from ferryman.model.identifiers import Millis
from ferryman.model.identity.callers import Caller

_PURPOSE = "page-token"

Member = str | int | None | Sequence["Member"]
"""What a request's members are made of, for binding."""


class _Content(msgspec.Struct, frozen=True, array_like=True):
    expires_at: int
    position: list[str | int]


def seal_page_token(
    service: Service, caller: Caller, operation: str, members: Sequence[Member], position: Sequence[str | int]
) -> str:
    """Return the token that continues `operation` behind `position`; `members` are those that select what is listed."""
    expires_at = Millis(service.clock() + service.settings.limits.page_token_life * 1000)
    plaintext = msgspec.msgpack.encode(_Content(expires_at, list(position)))
    sealed = service.vault.seal(_PURPOSE, plaintext, _context(caller, operation, members))
    return base64.b64encode(sealed).decode()


def open_page_token(
    service: Service, caller: Caller, operation: str, members: Sequence[Member], token: str
) -> list[str | int]:
    """Return the position in a token; InvalidNextToken if it was made for another listing or caller, or has expired."""
    try:
        sealed = base64.b64decode(token.encode(), validate=True)
        plaintext = service.vault.open(_PURPOSE, sealed, _context(caller, operation, members))
        content = msgspec.msgpack.decode(plaintext, type=_Content)
    except (binascii.Error, UnicodeError, Unsealable, msgspec.DecodeError) as error:
        raise _invalid("it was not issued to this caller for this operation with these filters") from error
    if service.clock() >= content.expires_at:
        raise _invalid("it has expired")
    return content.position


def _context(caller: Caller, operation: str, members: Sequence[Member]) -> bytes:
    bound = msgspec.json.encode([operation, caller.account_id, caller.lasting_id, members])
    return hashlib.sha256(bound).digest()


def _invalid(cause: str) -> ServiceError:
    return ServiceError(
        "InvalidNextToken", f"The specified token is not valid: {cause}. Start again without NextToken."
    )


Item = TypeVar("Item")


@dataclass(frozen=True, slots=True)
class Page(Generic[Item]):
    """One page of a listing; `next_token` is None on the last."""

    items: tuple[Item, ...]
    next_token: str | None = None
