"""How much a sender may have unacknowledged."""

from dataclasses import dataclass

from ferryman.channel.streams.round_trip import RoundTrip

DEFAULT_WINDOW_BYTES = 1 << 20
DEFAULT_WINDOW_MESSAGES = 1024
"""AWS's client buffers 10,000 messages ahead of a gap and drops the rest (client.md §7.2)."""
MAX_WINDOW_BYTES = 16 << 20
"""Between Ferryman's ends; each holds at most this much for the other, and as much again ahead of a gap."""

GAIN = 2
SCHEDULING = 0.01
"""Seconds that three processes may wait for a processor, in addition to the network's round trip."""
INTERVAL = 0.02
"""Seconds over which a rate is measured, or a round trip if that is longer."""
_FORGETTING = 0.95


@dataclass(frozen=True, slots=True)
class Window:
    """How much may be unacknowledged: payload bytes and messages."""

    size: int = DEFAULT_WINDOW_BYTES
    messages: int = DEFAULT_WINDOW_MESSAGES


class MeasuredWindow:
    """A window that grows to what the path can carry: the measured rate times the shortest round trip, and a margin.

    `size` is in bytes, from that of the given window to MAX_WINDOW_BYTES. Time spent in queues does not enlarge it:
    further data would only wait there.
    """

    __slots__ = ("_acknowledged", "_began", "_least", "_rate", "_round_trip", "size")

    def __init__(self, window: Window, round_trip: RoundTrip) -> None:
        self._least = window.size
        self._round_trip = round_trip
        self._acknowledged = 0
        self._began: float | None = None
        self._rate = 0.0
        self.size = window.size

    def acknowledged(self, size: int, now: float) -> None:
        """Count `size` bytes as acknowledged at `now`."""
        self._acknowledged += size
        if self._began is None:
            self._began = now
            self._acknowledged = 0
            return
        seconds = now - self._began
        if seconds < max(INTERVAL, min(self._round_trip.round_trip, 1.0)):
            return
        self._rate = max(self._acknowledged / seconds, self._rate * _FORGETTING)
        self._acknowledged = 0
        self._began = now
        product = self._rate * (self._round_trip.shortest + SCHEDULING) * GAIN
        self.size = int(max(self._least, min(MAX_WINDOW_BYTES, product)))
