"""The port through which use cases reach the server with a node's control channel or a session's relay."""

from collections.abc import Awaitable, Callable, Sequence
from typing import Protocol


class NoResponders(Exception):
    """No one subscribes to the subject: no server has the node or the session's relay."""


Handler = Callable[[bytes], Awaitable[bytes]]
"""Gets a message's payload, returns the reply (empty for none)."""


class Subscription(Protocol):
    """A subscription to one subject."""

    async def close(self) -> None:
        """Stop receiving; idempotent."""


class Bus(Protocol):
    """Messages between servers, by subject. At most once; a handler gets one message at a time."""

    async def subscribe(self, subject: str, handler: Handler) -> Subscription:
        """Receive messages on `subject` from the moment this returns."""

    async def request(self, subject: str, payload: bytes, *, timeout: float) -> bytes:
        """Send to the newest subscriber and return its reply.

        Raises `NoResponders` immediately if there is none, `TimeoutError` after `timeout` seconds.
        """

    async def subscribed(self, subjects: Sequence[str], *, timeout: float) -> frozenset[str]:
        """Return which of the subjects have a subscriber; a request to any other raises `NoResponders`.

        A subject for which no server answers within `timeout` seconds counts as having none.
        """

    async def publish(self, subject: str, payload: bytes) -> None:
        """Send to every subscriber; it is not an error if there are none."""
