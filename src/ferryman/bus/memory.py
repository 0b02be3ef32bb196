"""The bus of one process and one event loop.

It promises what a networked bus does and nothing else: delivery at most once, by subject, one message at a time per
handler. A subscriber that is far behind loses further messages, as a slow consumer of such a bus does.
"""

import time
from collections.abc import Mapping, Sequence

from ferryman.bus.delivery import Deliveries, Subscriber, check_size
from ferryman.bus.spans import span_of_request
from ferryman.core.ports.bus import Handler, NoResponders, Subscription, Superseded
from ferryman.core.ports.tracing import NO_TRACING, Tracing
from ferryman.model.values.timing import Timing


class _Subscription:
    """A subscriber until it is closed."""

    __slots__ = ("_bus", "_subscriber")

    def __init__(self, bus: "MemoryBus", subscriber: Subscriber) -> None:
        self._bus = bus
        self._subscriber = subscriber

    async def close(self) -> None:
        """Stop receiving; a handler that is running finishes. Idempotent."""
        self._bus._remove(self._subscriber)


class MemoryBus:
    """`core.ports.bus.Bus` within one process. Close it when done."""

    def __init__(self, tracing: Tracing = NO_TRACING) -> None:
        self._tracing = tracing
        self._subscribers: dict[str, list[Subscriber]] = {}
        self._deliveries = Deliveries()
        self._requests = Timing()

    @property
    def is_connected(self) -> bool:
        """Return True: this server is alone, and needs no connection."""
        return True

    @property
    def timings(self) -> Mapping[str, Timing]:
        """How long requests took, as `request`."""
        return {"request": self._requests}

    async def subscribe(self, subject: str, handler: Handler, superseded: Superseded | None = None) -> Subscription:
        """Receive what is sent to `subject` from the moment this returns. No other server can supersede it."""
        subscriber = Subscriber(subject, handler)
        self._subscribers.setdefault(subject, []).append(subscriber)
        return _Subscription(self, subscriber)

    async def request(self, subject: str, payload: bytes, *, timeout: float) -> bytes:
        """Send to the newest subscriber and return its reply.

        Raises `NoResponders` immediately if there is none, `TimeoutError` after `timeout` seconds or when the handler
        failed. The handler is not interrupted by a requester that stops waiting.
        """
        check_size(payload)
        subscribers = self._subscribers.get(subject)
        if not subscribers:
            raise NoResponders(subject)
        began = time.monotonic()
        self._requests.begin()
        try:
            with self._tracing.child(*span_of_request(subject, "memory")):
                return await self._deliveries.request(subscribers[-1], payload, timeout)
        finally:
            self._requests.end(time.monotonic() - began)

    async def subscribed(self, subjects: Sequence[str], *, timeout: float) -> frozenset[str]:
        """Return which of the subjects have a subscriber."""
        return frozenset(subject for subject in subjects if subject in self._subscribers)

    async def publish(self, subject: str, payload: bytes) -> None:
        """Send to every subscriber; it is not an error if there is none."""
        check_size(payload)
        for subscriber in self._subscribers.get(subject, ()):
            self._deliveries.start(subscriber, payload)

    async def drain(self) -> None:
        """Wait until everything sent so far has been handled."""
        await self._deliveries.drain()

    async def close(self) -> None:
        """Remove every subscriber and cancel running handlers; idempotent."""
        self._subscribers.clear()
        await self._deliveries.cancel()

    def _remove(self, subscriber: Subscriber) -> None:
        subscribers = self._subscribers.get(subscriber.subject)
        if subscribers and subscriber in subscribers:
            subscribers.remove(subscriber)
            if not subscribers:
                del self._subscribers[subscriber.subject]
