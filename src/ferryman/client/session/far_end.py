"""The far end of a session as handlers see it: room to send, what has arrived, what is acknowledged.

Knows no connections: while there is none, the engine keeps what is sent.
"""

import asyncio
import os
import time
from collections import deque
from collections.abc import Callable, Sequence

from ferryman.channel.client import ClientChannel
from ferryman.channel.events import ClientEvent, OutputReceived, SessionEnded
from ferryman.transport.pump import Pump
from ferryman.wire.agent_message import Flag, PayloadType
from ferryman.wire.payloads import encode_flag

ACKNOWLEDGE_SECONDS = 0.004
"""How long an acknowledgement may wait for others or for a frame to travel with; a sender resends after 200 ms."""
ACKNOWLEDGE_BYTES = 256 * 1024
ACKNOWLEDGE_MESSAGES = 64
"""This much output is acknowledged without waiting, so that the sender's window (at least 1 MiB) stays open."""


class FarEnd:
    """One session's engine and its pump. Made in a running loop.

    `on_events` is called with what happened after every frame, even if empty: there may be more room.
    """

    def __init__(self, on_events: Callable[[Sequence[ClientEvent]], None]) -> None:
        self._channel = ClientChannel(
            entropy=os.urandom,
            wall_clock_ms=lambda: time.time_ns() // 1_000_000,
            terminal_type=os.environ.get("TERM", ""),
        )
        self._on_events = on_events
        self._handling = False
        self._settled = asyncio.Event()
        self.is_over = False
        """Whether the server has said that the session is over."""
        self._written = -1
        self._acknowledged = -1
        self._unwritten: deque[tuple[int, int]] = deque()
        """Number and size of the output that was handed out and is not consumed."""
        self._unacknowledged_bytes = 0
        self._timer: asyncio.TimerHandle | None = None
        self._loop = asyncio.get_running_loop()
        self.pump: Pump[ClientEvent] = Pump(self._channel, self._handle)

    @property
    def all_acknowledged(self) -> bool:
        """Whether the far end has acknowledged everything that was sent."""
        return self._channel.all_acknowledged

    @property
    def is_settled(self) -> bool:
        """Whether the far end has acknowledged everything, or never will because the session is over."""
        return self._channel.all_acknowledged or self.is_over

    def capacity(self) -> int:
        """Return how many bytes `send` may take now."""
        return self._channel.capacity()

    def send(self, payload_type: PayloadType, payload: bytes) -> None:
        """Send `payload`; keep to `capacity`."""
        self._channel.send(payload_type, payload, time.monotonic())
        self._acknowledge_now()
        self._changed()

    def flag(self, flag: Flag) -> None:
        """Send a flag; it may go beyond the capacity."""
        self.send(PayloadType.FLAG, encode_flag(flag))

    def consumed(self, number: int) -> None:
        """Report that the output of this number, and all before it, is written or used."""
        self._written = max(self._written, number)
        while self._unwritten and self._unwritten[0][0] <= number:
            self._unacknowledged_bytes += self._unwritten.popleft()[1]
        many = self._written - self._acknowledged >= ACKNOWLEDGE_MESSAGES
        if many or self._unacknowledged_bytes >= ACKNOWLEDGE_BYTES:
            self._acknowledge_now()
            self._changed()
        elif self._timer is None:
            self._timer = self._loop.call_later(ACKNOWLEDGE_SECONDS, self._acknowledge_late)

    async def settled(self) -> None:
        """Wait until `is_settled`."""
        while not self.is_settled:
            self._settled.clear()
            await self._settled.wait()

    def remaining(self) -> bool:
        """Handle output that the engine had held back; return whether there was any."""
        self._acknowledge_now()
        events = self._channel.events()
        if events:
            self._handle(events)
        return bool(events)

    def close(self) -> None:
        """Stop the timer; idempotent."""
        if self._timer is not None:
            self._timer.cancel()

    def _acknowledge_late(self) -> None:
        self._timer = None
        self._acknowledge_now()
        self._changed()

    def _acknowledge_now(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        if self._written > self._acknowledged:
            self._acknowledged = self._written
            self._unacknowledged_bytes = 0
            self._channel.acknowledge(self._written, time.monotonic())

    def _changed(self) -> None:
        if self._handling:
            return  # the pump sends after handling events
        self.pump.wake()

    def _handle(self, events: Sequence[ClientEvent]) -> None:
        self._handling = True
        for event in events:
            if isinstance(event, OutputReceived):
                self._unwritten.append((event.sequence_number, len(event.payload)))
            self.is_over = self.is_over or isinstance(event, SessionEnded)
        try:
            self._on_events(events)
        finally:
            self._handling = False
        if self.is_settled:
            self._settled.set()
