"""Decides when acknowledgements are sent: most wait a moment, so that an echo goes first and one frame covers many.

This is the only place that holds an acknowledgement back; drivers report what is consumed as soon as it is. An
acknowledgement is sent when one of these is true:

- the first that waits has waited for WAIT seconds;
- the waiting acknowledgements cover WAITING_BYTES or WAITING_MESSAGES;
- one that must not wait was added, or `release` was called: then all that waits goes with it.
"""

import math

from ferryman.channel.streams.outgoing import Clock, Entropy, unnumbered
from ferryman.wire.agent_message import MessageType
from ferryman.wire.payloads import encode_acknowledge

WAIT = 0.008
"""Seconds. AWS's ends resend as early as 10 ms after they expected an acknowledgement (`protocol/client.md` §13)."""
WAITING_BYTES = 256 * 1024
WAITING_MESSAGES = 256
"""Each is a quarter of the smallest window, so the sender's stays open."""

_Acknowledged = tuple[int, str, str]
"""Number, id and type of a message."""


class Acknowledgements:
    """Makes the acknowledge messages of one stream and decides when they are sent."""

    def __init__(self, *, entropy: Entropy, wall_clock_ms: Clock) -> None:
        self._entropy = entropy
        self._wall_clock_ms = wall_clock_ms
        self._cumulative = False
        self._newest: _Acknowledged = (-1, "", "")
        self._waiting: list[_Acknowledged] = []
        self._waiting_bytes = 0
        self._waiting_messages = 0
        self._due = math.inf
        self._ready: list[bytes] = []

    @property
    def cumulative(self) -> bool:
        """Return whether one acknowledgement stands for all messages before it."""
        return self._cumulative

    def become_cumulative(self) -> None:
        """Make one acknowledgement for many messages from now on: the peer understands it."""
        self._cumulative = True

    def add(self, number: int, message_id: str, message_type: str, size: int, now: float) -> None:
        """Acknowledge a message of `size` payload bytes that was consumed at `now`."""
        acknowledged = (number, message_id, message_type)
        if self._cumulative:
            self._newest = max(self._newest, acknowledged)
            self._waiting = [self._newest]
        else:
            self._waiting.append(acknowledged)
        self._waiting_bytes += size
        self._waiting_messages += 1
        if self._waiting_bytes >= WAITING_BYTES or self._waiting_messages >= WAITING_MESSAGES:
            self._due = -math.inf
        else:
            self._due = min(self._due, now + WAIT)

    def add_urgent(self, number: int, message_id: str, message_type: str, now: float) -> None:
        """Acknowledge a message of the handshake, or a duplicate.

        A peer that needs an acknowledgement for each message may be waiting for this one. A Ferryman peer is not.
        """
        self.add(number, message_id, message_type, 0, now)
        if not self._cumulative:
            self.release()

    def ask_for_the_rest(self) -> None:
        """Tell a Ferryman peer what is consumed, and that what it sent after that was lost with a connection."""
        self._ready.append(self._frame(self._newest, sequential=False))

    def release(self) -> None:
        """Send what waits with the next `frames`."""
        if self._waiting:
            self._due = -math.inf

    def frames(self, now: float) -> list[bytes]:
        """Return the acknowledge messages to send now, and forget them."""
        if now >= self._due:
            self._ready += [self._frame(each) for each in self._waiting]
            self._waiting = []
            self._waiting_bytes = self._waiting_messages = 0
            self._due = math.inf
        frames, self._ready = self._ready, []
        return frames

    def next_timer(self) -> float:
        """Return when `frames` has something that waits now, infinity for never."""
        return self._due

    def _frame(self, acknowledged: _Acknowledged, *, sequential: bool = True) -> bytes:
        number, message_id, message_type = acknowledged
        payload = encode_acknowledge(message_type, message_id, number, sequential=sequential)
        return unnumbered(MessageType.ACKNOWLEDGE, payload, self._entropy, self._wall_clock_ms)
