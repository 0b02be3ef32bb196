"""NextToken: where a page ended, sealed, and bound to the operation, the caller and the request's other members.

Bound to every other member, MaxResults included: a token is good for the request that it continues and for no other.
What it is bound to is the seal's context, so a token that does not fit cannot even be opened.
"""

import base64
import binascii
import hashlib
from collections.abc import Sequence

import msgspec

from ferryman.core.service import Service
from ferryman.core.vault import Unsealable
from ferryman.model.callers import Caller
from ferryman.model.errors import ServiceError
from ferryman.model.identifiers import Millis

_PURPOSE = "page-token"

Member = str | int | None | Sequence["Member"]
"""What a request's members are made of, for binding."""


class _Content(msgspec.Struct, frozen=True, array_like=True):
    expires_at: int
    position: list[str | int]


def seal_page_token(
    service: Service, caller: Caller, operation: str, members: Sequence[Member], position: Sequence[str | int]
) -> str:
    """Return the token that continues `operation` with `members` (all but NextToken) behind `position`."""
    expires_at = Millis(service.clock() + service.settings.limits.page_token_life * 1000)
    plaintext = msgspec.msgpack.encode(_Content(expires_at, list(position)))
    sealed = service.vault.seal(_PURPOSE, plaintext, _context(caller, operation, members))
    return base64.b64encode(sealed).decode()


def open_page_token(
    service: Service, caller: Caller, operation: str, members: Sequence[Member], token: str
) -> list[str | int]:
    """Return the position in a token; InvalidNextToken if it was not made for this very request, or has lapsed."""
    try:
        sealed = base64.b64decode(token.encode(), validate=True)
        plaintext = service.vault.open(_PURPOSE, sealed, _context(caller, operation, members))
        content = msgspec.msgpack.decode(plaintext, type=_Content)
    except (binascii.Error, UnicodeError, Unsealable, msgspec.DecodeError) as error:
        raise _invalid("it was not issued for this request by this caller") from error
    if service.clock() >= content.expires_at:
        raise _invalid("it has expired")
    return content.position


def _context(caller: Caller, operation: str, members: Sequence[Member]) -> bytes:
    bound = msgspec.json.encode([operation, caller.account_id, caller.user_id, members])
    return hashlib.sha256(bound).digest()


def _invalid(cause: str) -> ServiceError:
    return ServiceError(
        "InvalidNextToken", f"The specified token is not valid: {cause}. Start again without NextToken."
    )
