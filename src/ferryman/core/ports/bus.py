"""The port through which use cases reach whoever holds a node's control channel or one end of a session."""

from collections.abc import Awaitable, Callable, Sequence
from typing import Protocol


class NoResponders(Exception):
    """Nobody is subscribed to the subject: the node or the session's relay is on no server."""


Handler = Callable[[bytes], Awaitable[bytes]]
"""Gets a message's payload, returns the reply (empty for none)."""


class Subscription(Protocol):
    """One subscriber of one subject."""

    async def close(self) -> None:
        """Stop receiving; idempotent."""


class Bus(Protocol):
    """Messages between servers, by subject. At most once; a handler runs for one message at a time."""

    async def subscribe(self, subject: str, handler: Handler) -> Subscription:
        """Receive what is sent to `subject` from the moment this returns."""

    async def request(self, subject: str, payload: bytes, *, timeout: float) -> bytes:
        """Send to the newest subscriber and return its reply. `NoResponders` at once when there is none, `TimeoutError`
        after `timeout` seconds."""

    async def subscribed(self, subjects: Sequence[str], *, timeout: float) -> frozenset[str]:
        """Return which of the subjects have a subscriber: a request to any other meets `NoResponders`.

        What no server has answered for after `timeout` seconds counts as having none.
        """

    async def publish(self, subject: str, payload: bytes) -> None:
        """Send to every subscriber; nobody listening is no error."""
