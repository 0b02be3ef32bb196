"""The bus of one process and one event loop.

It promises what a networked bus does and nothing else: delivery at most once, by subject, one message at a time per
handler. A subscriber with `PENDING_LIMIT` messages waiting loses further ones, as a slow consumer of such a bus does.
"""

import asyncio
from collections.abc import Sequence

import structlog

from ferryman.core.ports.bus import Handler, NoResponders, Subscription

PENDING_LIMIT = 1024

_log = structlog.get_logger("ferryman.bus")


class _Subscriber:
    """One handler on one subject. Messages wait for its lock in the order in which they arrived."""

    __slots__ = ("_bus", "_handler", "_turn", "pending", "subject")

    def __init__(self, bus: "MemoryBus", subject: str, handler: Handler) -> None:
        self._bus = bus
        self._handler = handler
        self._turn = asyncio.Lock()
        self.subject = subject
        self.pending = 0

    async def handle(self, payload: bytes) -> bytes:
        """Run the handler when its turn comes."""
        try:
            async with self._turn:
                return await self._handler(payload)
        finally:
            self.pending -= 1

    async def close(self) -> None:
        """Stop receiving; a handler that is running finishes. Idempotent."""
        self._bus._remove(self)


class MemoryBus:
    """`core.ports.bus.Bus` within one process. Close it when done."""

    def __init__(self) -> None:
        self._subscribers: dict[str, list[_Subscriber]] = {}
        self._tasks: set[asyncio.Task[bytes]] = set()

    async def subscribe(self, subject: str, handler: Handler) -> Subscription:
        """Receive what is sent to `subject` from the moment this returns."""
        subscriber = _Subscriber(self, subject, handler)
        self._subscribers.setdefault(subject, []).append(subscriber)
        return subscriber

    async def request(self, subject: str, payload: bytes, *, timeout: float) -> bytes:
        """Send to the newest subscriber and return its reply.

        Raises `NoResponders` immediately if there is none, `TimeoutError` after `timeout` seconds or when the handler
        failed. The handler is not interrupted by a requester that stops waiting.
        """
        subscribers = self._subscribers.get(subject)
        if not subscribers:
            raise NoResponders(subject)
        task = self._deliver(subscribers[-1], payload)
        if task is None:
            raise TimeoutError(f"{subject}: too many messages are waiting")
        done, _ = await asyncio.wait({task}, timeout=timeout)
        if not done:
            raise TimeoutError(f"{subject}: no reply within {timeout} s")
        if task.cancelled() or task.exception() is not None:
            raise TimeoutError(f"{subject}: the handler failed")
        return task.result()

    async def subscribed(self, subjects: Sequence[str], *, timeout: float) -> frozenset[str]:
        """Return which of the subjects have a subscriber."""
        return frozenset(subject for subject in subjects if subject in self._subscribers)

    async def publish(self, subject: str, payload: bytes) -> None:
        """Send to every subscriber; it is not an error if there is none."""
        for subscriber in self._subscribers.get(subject, ()):
            self._deliver(subscriber, payload)

    async def drain(self) -> None:
        """Wait until everything sent so far has been handled."""
        while self._tasks:
            await asyncio.wait(self._tasks)

    async def close(self) -> None:
        """Remove every subscriber and cancel running handlers; idempotent."""
        self._subscribers.clear()
        tasks = [task for task in self._tasks if task is not asyncio.current_task()]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    def _deliver(self, subscriber: _Subscriber, payload: bytes) -> asyncio.Task[bytes] | None:
        if subscriber.pending >= PENDING_LIMIT:
            _log.warning("message dropped", subject=subscriber.subject, waiting=subscriber.pending)
            return None
        subscriber.pending += 1
        task = asyncio.get_running_loop().create_task(subscriber.handle(payload))
        self._tasks.add(task)
        task.add_done_callback(self._finished)
        return task

    def _finished(self, task: asyncio.Task[bytes]) -> None:
        self._tasks.discard(task)
        if not task.cancelled() and (error := task.exception()) is not None:
            _log.error("handler failed", exc_info=error)

    def _remove(self, subscriber: _Subscriber) -> None:
        subscribers = self._subscribers.get(subscriber.subject)
        if subscribers and subscriber in subscribers:
            subscribers.remove(subscriber)
            if not subscribers:
                del self._subscribers[subscriber.subject]
