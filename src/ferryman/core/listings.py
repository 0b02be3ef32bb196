"""Slow listings: the person they are counted for, the error, and the filters that make them faster."""

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar

from ferryman.model.errors import ServiceError

CODE = "ThrottlingException"
"""SDKs retry it after a pause."""


_person: ContextVar[str] = ContextVar("listing_person", default="")


@contextmanager
def listing_for(person_id: str) -> Iterator[None]:
    """Count the listings inside as this person's: the store shares its readers between people."""
    token = _person.set(person_id)
    try:
        yield
    finally:
        _person.reset(token)


def listing_person() -> str:
    """Return the person whose listing this is; "" for the server's own."""
    return _person.get()


class ListingTooSlow(ServiceError):
    """The store stopped a listing: it took too long, or too many others were queued. `cause` is a clause."""

    def __init__(self, cause: str) -> None:
        super().__init__(CODE, f"The listing was stopped: {cause}. Ask for less, or try again later.")
        self.cause = cause


@contextmanager
def narrowed_by(*filters: str) -> Iterator[None]:
    """Name, in the error of a listing that is too slow, the filters that make it faster."""
    try:
        yield
    except ListingTooSlow as error:
        message = f"The listing was stopped: {error.cause}. Add filters ({', '.join(filters)}), or try again later."
        raise ServiceError(CODE, message) from error
