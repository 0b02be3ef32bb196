"""Decides when an unacknowledged message is sent again, which depends on the meaning of the peer's acknowledgements."""

import math
from dataclasses import dataclass

from ferryman.channel.streams.round_trip import MAX_TIMEOUT, RoundTrip

RESEND_TICK = 0.1
RESEND_MESSAGES = 32
RESEND_BYTES = 128 * 1024
"""A peer that is alive but stalled acknowledges nothing: a tick must not flood it. One message is always resent."""
MAX_WAIT = 5.0
"""Seconds for the next acknowledgement on the slowest path; on slower ones messages travel twice."""
_MAX_DOUBLINGS = 8


@dataclass(slots=True)
class Outstanding:
    """One unacknowledged message. All but its content is about the present connection.

    `size` is how many payload bytes it has, before encryption.
    """

    payload_type: int
    message_id: bytes
    frame: bytes
    size: int
    sends: int = 0
    first_sent: float = 0.0
    due: float = math.inf


Messages = dict[int, Outstanding]
"""The unacknowledged messages by number, in the order of numbers."""


class OneByOne:
    """With AWS's ends, which acknowledge each message by itself: each has a timer, which doubles up to a second."""

    def __init__(self, messages: Messages, round_trip: RoundTrip) -> None:
        self._messages = messages
        self._round_trip = round_trip
        self._scan_at = math.inf

    def sent(self, item: Outstanding, now: float, *, patient: bool = True) -> None:
        """Note that a message is sent, after its `sends` was raised; unless `patient`, its timer does not double."""
        doublings = min(item.sends - 1, _MAX_DOUBLINGS) if patient else 0
        patience = max(RESEND_TICK, self._round_trip.timeout) * 2**doublings
        item.due = now + min(MAX_TIMEOUT, patience)
        self._scan_at = min(self._scan_at, item.due)

    def acknowledged(self, item: Outstanding, now: float) -> None:
        """Note that a message was acknowledged and removed."""
        if not self._messages:
            self._scan_at = math.inf

    def is_due(self, now: float) -> bool:
        """Return whether `numbers_to_resend` should be called."""
        return now >= self._scan_at

    def numbers_to_resend(self, now: float) -> list[int]:
        """Return the numbers to send again now, the longest due first."""
        due = [number for number, item in self._messages.items() if item.due <= now]
        due.sort(key=lambda number: self._messages[number].due)
        size = 0
        taken: list[int] = []
        for number in due[:RESEND_MESSAGES]:
            size += len(self._messages[number].frame)
            if taken and size > RESEND_BYTES:
                break
            taken.append(number)
        left = set(due).difference(taken)
        later = (item.due for number, item in self._messages.items() if number in left or item.due > now)
        self._scan_at = max(min(later, default=math.inf), now + RESEND_TICK)
        return taken

    def next_timer(self) -> float:
        """Return when `numbers_to_resend` may have something, infinity for never."""
        return self._scan_at

    def restart(self) -> None:
        """Start over: everything will be sent again, over a new connection."""
        self._scan_at = math.inf


class WhenStuck:
    """With Ferryman's ends, whose acknowledgements stand for all before them.

    Connections keep the order, so while acknowledgements come nothing is lost, however long they take. When none has
    come for a while, the oldest message is sent again, more and more rarely: the peer may be stalled, or away. If that
    one is then acknowledged and still nothing else, the rest is lost, and all of it is sent again. An agent that is
    back says so, and need not be found out in this way (`OutgoingStream.resume`).
    """

    def __init__(self, messages: Messages, round_trip: RoundTrip) -> None:
        self._messages = messages
        self._round_trip = round_trip
        self._due = min((item.due for item in messages.values()), default=math.inf)
        self._doublings = 0
        self._rest_is_lost = False
        self._progress_at = math.inf
        self._last_wait = 0.0

    def sent(self, item: Outstanding, now: float) -> None:
        """Note that a message is sent."""
        if self._due == math.inf:
            self._progress_at = now
            self._due = now + self._patience()

    def acknowledged(self, item: Outstanding, now: float) -> None:
        """Note that a message was acknowledged and removed, with all before it."""
        self._rest_is_lost = item.sends > 1
        if item.sends == 1:  # otherwise nobody knows which of its copies was acknowledged
            self._doublings = 0
        self._last_wait = max(0.0, now - self._progress_at)
        self._progress_at = now
        self._due = now + self._patience() if self._messages else math.inf

    def is_due(self, now: float) -> bool:
        """Return whether `numbers_to_resend` should be called."""
        return now >= self._due

    def numbers_to_resend(self, now: float) -> list[int]:
        """Return the numbers to send again now, in order."""
        sent = [number for number, item in self._messages.items() if item.sends]
        taken = sent if self._rest_is_lost else sent[:1]
        self._rest_is_lost = False
        self._doublings = min(self._doublings + 1, _MAX_DOUBLINGS)
        self._due = now + self._patience() if taken else math.inf
        return taken

    def next_timer(self) -> float:
        """Return when `numbers_to_resend` may have something, infinity for never."""
        return self._due

    def restart(self) -> None:
        """Start over: everything will be sent again, over a new connection."""
        self._due = math.inf
        self._doublings = 0
        self._rest_is_lost = False
        self._last_wait = 0.0

    def _patience(self) -> float:
        once = max(RESEND_TICK, self._round_trip.timeout, min(MAX_WAIT, 2 * self._last_wait))
        return min(once * float(1 << self._doublings), max(MAX_TIMEOUT, once))
