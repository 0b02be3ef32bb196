"""Hands messages to the handlers of one process: in order, one at a time for each handler, bounded."""

import asyncio

import structlog

from ferryman.core.ports.bus import MESSAGE_LIMIT, Handler, MessageTooLarge, Superseded
from ferryman.core.ports.tracing import NO_SPAN, Span

PENDING_LIMIT = 1024
"""Messages that may wait for one handler."""
PENDING_BYTES = 8 * 1024 * 1024
"""Their payloads together."""

_log = structlog.get_logger("ferryman.bus")


def check_size(payload: bytes) -> None:
    """Raise `MessageTooLarge` if a payload is not to be sent."""
    if len(payload) > MESSAGE_LIMIT:
        raise MessageTooLarge(f"the message has {len(payload)} bytes; the limit is {MESSAGE_LIMIT}")


class Subscriber:
    """One handler on one subject. Messages wait for its lock in the order in which they arrived."""

    __slots__ = ("_handler", "_superseded", "_turn", "pending", "pending_bytes", "subject")

    def __init__(self, subject: str, handler: Handler, superseded: Superseded | None = None) -> None:
        self._handler = handler
        self._superseded = superseded
        self._turn = asyncio.Lock()
        self.subject = subject
        self.pending = 0
        self.pending_bytes = 0

    def superseded(self) -> None:
        """Note that another server has a newer subscriber."""
        if self._superseded is not None:
            self._superseded()

    async def handle(self, payload: bytes, span: Span) -> bytes:
        """Run the handler when its turn comes; `span` ends with it."""
        try:
            with span:
                async with self._turn:
                    return await self._handler(payload)
        finally:
            self.pending -= 1
            self.pending_bytes -= len(payload)


class Deliveries:
    """The messages on their way to handlers."""

    def __init__(self) -> None:
        self._tasks: set[asyncio.Task[bytes]] = set()

    def start(self, subscriber: Subscriber, payload: bytes, span: Span = NO_SPAN) -> asyncio.Task[bytes] | None:
        """Have a subscriber handle a message; return None if the message is lost, because too many are waiting.

        `span` ends when the message is handled, or was lost.
        """
        if subscriber.pending >= PENDING_LIMIT or subscriber.pending_bytes + len(payload) > PENDING_BYTES:
            _log.warning("message dropped", subject=subscriber.subject, waiting=subscriber.pending)
            span.fail("lost")
            span.end()
            return None
        subscriber.pending += 1
        subscriber.pending_bytes += len(payload)
        task = asyncio.get_running_loop().create_task(subscriber.handle(payload, span))
        self._tasks.add(task)
        task.add_done_callback(self._finished)
        return task

    async def request(self, subscriber: Subscriber, payload: bytes, timeout: float) -> bytes:
        """Return a subscriber's reply; raises TimeoutError as `Bus.request` does."""
        subject = subscriber.subject
        task = self.start(subscriber, payload)
        if task is None:
            raise TimeoutError(f"{subject}: too many messages are waiting")
        done, _ = await asyncio.wait({task}, timeout=timeout)
        if not done:
            raise TimeoutError(f"{subject}: no reply within {timeout} s")
        if task.cancelled() or task.exception() is not None:
            raise TimeoutError(f"{subject}: the handler failed")
        return task.result()

    async def drain(self) -> None:
        """Wait until everything sent so far has been handled."""
        while self._tasks:
            await asyncio.wait(self._tasks)

    async def cancel(self) -> None:
        """Cancel running handlers, except one that calls this."""
        tasks = [task for task in self._tasks if task is not asyncio.current_task()]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    def _finished(self, task: asyncio.Task[bytes]) -> None:
        self._tasks.discard(task)
        if not task.cancelled() and (error := task.exception()) is not None:
            _log.error("handler failed", exc_info=error)
