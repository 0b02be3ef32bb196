"""The far end of a session as handlers see it: room to send, arrived output, and acknowledgements.

Knows no connections: while there is none, the engine keeps what is sent.
"""

import asyncio
import os
import time
from collections.abc import Callable, Sequence

from ferryman.channel.client import ClientChannel
from ferryman.channel.events import ClientEvent, SessionEnded
from ferryman.transport.pump import Pump
from ferryman.wire.agent_message import Flag, PayloadType
from ferryman.wire.payloads import encode_flag


class FarEnd:
    """One session's engine and its pump. Made in a running loop.

    `on_events` is called with the engine's events after every frame, even if there are none: there may be more room.
    """

    def __init__(self, on_events: Callable[[Sequence[ClientEvent]], None]) -> None:
        self._channel = ClientChannel(
            entropy=os.urandom,
            wall_clock_ms=lambda: time.time_ns() // 1_000_000,
            terminal_type=os.environ.get("TERM", ""),
            encrypts=True,
        )
        self._on_events = on_events
        self._settled = asyncio.Event()
        self.is_over = False
        """Whether the server has said that the session is over."""
        self.pump: Pump[ClientEvent] = Pump(self._channel, self._handle)

    @property
    def all_acknowledged(self) -> bool:
        """Whether the far end has acknowledged everything that was sent."""
        return self._channel.all_acknowledged

    @property
    def is_settled(self) -> bool:
        """Whether the far end has acknowledged everything, or never will because the session is over."""
        return self._channel.all_acknowledged or self.is_over

    @property
    def delivered_input(self) -> int:
        """How many typed bytes the node has acknowledged."""
        return self._channel.delivered_input

    @property
    def round_trip(self) -> float | None:
        """The present round trip to the node in seconds, smoothed; None before the first measurement."""
        return self._channel.round_trip

    def capacity(self) -> int:
        """Return how many bytes `send` may take now."""
        return self._channel.capacity()

    def send(self, payload_type: PayloadType, payload: bytes) -> None:
        """Send `payload`; keep to `capacity`."""
        self._channel.send(payload_type, payload, time.monotonic())
        self.pump.wake()

    def flag(self, flag: Flag) -> None:
        """Send a flag; it may go beyond the capacity."""
        self.send(PayloadType.FLAG, encode_flag(flag))

    def consumed(self, number: int) -> None:
        """Report that the output of this number, and all before it, is written or used."""
        self._channel.acknowledge(number, time.monotonic())
        self.pump.wake()

    def use_data_key(self, data_key: bytes, ciphertext: bytes) -> None:
        """Encrypt with the data key that was requested."""
        self._channel.use_data_key(data_key, ciphertext, time.monotonic())
        self.pump.wake()

    def refuse_data_key(self, reason: str) -> None:
        """Tell the far end why there is no data key."""
        self._channel.refuse_data_key(reason)
        self.pump.wake()

    async def settled(self) -> None:
        """Wait until `is_settled`."""
        while not self.is_settled:
            self._settled.clear()
            await self._settled.wait()

    def remaining(self) -> bool:
        """Handle output that the engine had held back; return whether there was any."""
        events = self._channel.events()
        if events:
            self._handle(events)
        return bool(events)

    def _handle(self, events: Sequence[ClientEvent]) -> None:
        self.is_over = self.is_over or any(isinstance(event, SessionEnded) for event in events)
        self._on_events(events)
        if self.is_settled:
            self._settled.set()
