"""The bus of one process."""

from ferryman.core.ports import Handler, Subscription


class MemoryBus:
    """`core.ports.Bus` within one process and one event loop."""

    async def subscribe(self, subject: str, handler: Handler) -> Subscription:
        """Receive what is sent to `subject` from the moment this returns."""
        raise NotImplementedError

    async def request(self, subject: str, payload: bytes, *, timeout: float) -> bytes:
        """Send to the newest subscriber and return its reply."""
        raise NotImplementedError

    async def publish(self, subject: str, payload: bytes) -> None:
        """Send to every subscriber."""
        raise NotImplementedError

    async def close(self) -> None:
        """Cancel what is under way; idempotent."""
        raise NotImplementedError
