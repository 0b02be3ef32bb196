"""The port through which use cases reach the server with a node's control channel or a session's relay.

What is promised, by every adapter:

- A message is delivered at most once, and may be lost: with a subscriber that is far behind, or with the connection
  between servers. Nothing is delivered again.
- A request notices a loss: it raises `TimeoutError` after its timeout, or sooner if the loss is already known. The
  handler may have run all the same, so a request that is sent again must be harmless.
- What one server publishes on one subject is handled in that order, without doubles. A gap is not noticed: whoever
  needs to know numbers the messages.
- `NoResponders` means that nobody subscribes, as far as is known. It can be wrong for a moment, after a connection
  between servers was lost and before every server is back.
"""

from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import Protocol

from ferryman.model.values.timing import Timing

MESSAGE_LIMIT = 1_000_000
"""Bytes of a payload or a reply."""


class NoResponders(Exception):
    """No one subscribes to the subject: no server has the node or the session's relay."""


class MessageTooLarge(ValueError):
    """A payload has more than `MESSAGE_LIMIT` bytes."""


Handler = Callable[[bytes], Awaitable[bytes]]
"""Gets a message's payload, returns the reply (empty for none)."""


Superseded = Callable[[], None]
"""Says that requests go to another server from now on."""


class Subscription(Protocol):
    """A subscription to one subject."""

    async def close(self) -> None:
        """Stop receiving; idempotent."""


class Bus(Protocol):
    """Messages between servers, by subject: any text. A handler gets one message at a time, and is not interrupted."""

    @property
    def is_connected(self) -> bool:
        """Whether other servers can be reached."""

    @property
    def timings(self) -> Mapping[str, Timing]:
        """How long those who made a `request` waited for the server that has the node or session."""

    async def subscribe(self, subject: str, handler: Handler, superseded: Superseded | None = None) -> Subscription:
        """Receive messages on `subject` from the moment this returns.

        Without a connection to other servers, only this one's, and the others' once there is a connection.
        `superseded` is called when another server has a newer subscriber, which answers requests from now on.
        """

    async def request(self, subject: str, payload: bytes, *, timeout: float) -> bytes:
        """Send to the newest subscriber, on whichever server, and return its reply.

        Raises `NoResponders` immediately if there is none, `TimeoutError` after `timeout` seconds, or sooner if the
        handler failed or the message is known to be lost; `MessageTooLarge`.
        """

    async def subscribed(self, subjects: Sequence[str], *, timeout: float) -> frozenset[str]:
        """Return which of the subjects have a subscriber; a request to any other raises `NoResponders`.

        A subject for which no server answers within `timeout` seconds counts as having none.
        """

    async def publish(self, subject: str, payload: bytes) -> None:
        """Send to every subscriber; it is not an error if there are none. Raises `MessageTooLarge`.

        Does not wait for the handlers. Lost, with a line in the log, if other servers cannot be reached for long.
        """
