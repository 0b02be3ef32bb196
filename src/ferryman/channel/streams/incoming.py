"""The receiving half of a stream: order, duplicates, acknowledgements.

Rules (`protocol/client.md` §7.2, `agent.md` §4.3): messages are handed on in order; each is acknowledged by itself,
ours only when consumed; a duplicate of a consumed message is acknowledged again, because its acknowledgement may be
lost. When acknowledgements are sent is decided in `acknowledgements`.

AWS's client counts without a lock (`client.md` §7.1): a signal and a keystroke may carry the same number, and the next
number is skipped. The id and content distinguish the second from a retransmission; it fills the skipped place, for
which the stream would otherwise wait forever.
"""

from collections import deque
from dataclasses import dataclass

from ferryman.channel.streams.acknowledgements import Acknowledgements
from ferryman.channel.streams.outgoing import Clock, Entropy
from ferryman.wire.agent_message import AgentMessage

AHEAD_MESSAGES = 10_000
REMEMBERED = 32
"""How many of the newest messages are compared with one that has the number of an earlier one."""
REMEMBERED_BYTES = 1024
"""AWS's client sends no larger payloads; a larger message is not compared."""


@dataclass(frozen=True, slots=True)
class _Unconsumed:
    number: int
    message_id: str
    message_type: str
    size: int


@dataclass(frozen=True, slots=True)
class _Accepted:
    place: int
    """Its place in the stream: `message.sequence_number`, unless that number was used twice."""
    message: AgentMessage

    def is_another(self, message: AgentMessage) -> bool:
        mine = self.message
        return mine.message_id != message.message_id and (mine.payload_type, mine.payload) != (
            message.payload_type,
            message.payload,
        )


class IncomingStream:
    """Orders what arrives, hands it out one by one, and acknowledges what is consumed.

    It holds at most `limit` payload bytes that arrived ahead of a gap and as many that were handed out and are not
    consumed. What does not fit is dropped unacknowledged: the peer sends it again.
    """

    def __init__(self, *, limit: int, entropy: Entropy, wall_clock_ms: Clock) -> None:
        self._limit = limit
        self._acknowledgements = Acknowledgements(entropy=entropy, wall_clock_ms=wall_clock_ms)
        self._expected = 0
        self._consumed = 0
        self._ahead: dict[int, AgentMessage] = {}
        self._ahead_bytes = 0
        self._accepted: deque[_Accepted] = deque(maxlen=REMEMBERED)
        self._unconsumed: dict[int, _Unconsumed] = {}
        self._unconsumed_bytes = 0

    def acknowledge_together(self, limit: int) -> None:
        """Acknowledge many messages with one from now on; the peer may send up to `limit` bytes ahead."""
        self._acknowledgements.become_cumulative()
        self._limit = max(self._limit, limit)

    @property
    def expected(self) -> int:
        """Return the sequence number that is handed out next."""
        return self._expected

    def offer(self, message: AgentMessage, now: float) -> None:
        """Process a message of the stream: keep it, drop it, or acknowledge it again."""
        number = message.sequence_number
        if self._used_twice(message):
            number = self._free_place(number)
        if number < self._expected:
            if number >= 0 and number not in self._unconsumed:
                self._acknowledgements.add_urgent(number, str(message.message_id), message.message_type, now)
            return
        if number in self._ahead:
            return
        size = len(message.payload)
        if number > self._expected and (len(self._ahead) >= AHEAD_MESSAGES or self._ahead_bytes + size > self._limit):
            return
        self._ahead[number] = message
        self._ahead_bytes += size
        if not self._acknowledgements.cumulative and size <= REMEMBERED_BYTES:
            self._accepted.append(_Accepted(number, message))

    def _used_twice(self, message: AgentMessage) -> bool:
        """Whether this is a new message with the number of a recently accepted one."""
        number = message.sequence_number
        if self._acknowledgements.cumulative or (number >= self._expected and number not in self._ahead):
            return False
        if any(each.message.message_id == message.message_id for each in self._accepted):
            return False
        same = [each for each in self._accepted if number in (each.place, each.message.sequence_number)]
        return bool(same) and all(each.is_another(message) for each in same)

    def _free_place(self, number: int) -> int:
        """Return the first place at or after `number` that holds nothing, or a taken one if none is near."""
        first = max(number, self._expected)
        return next((place for place in range(first, first + REMEMBERED) if place not in self._ahead), number)

    def next_message(self) -> AgentMessage | None:
        """Return the message that is next in order, if it is here and the consumer is not too far behind."""
        if self._unconsumed_bytes >= self._limit:
            return None
        return self._ahead.get(self._expected)

    def advance(self, now: float, *, consumed: bool) -> None:
        """Advance past `next_message`: acknowledge it now if `consumed`, otherwise once it is consumed."""
        place, message = self._expected, self._forget_next()
        number, message_id = message.sequence_number, str(message.message_id)
        self._expected += 1
        if consumed:
            self._acknowledgements.add_urgent(number, message_id, message.message_type, now)
            return
        size = len(message.payload)
        self._unconsumed[place] = _Unconsumed(number, message_id, message.message_type, size)
        self._unconsumed_bytes += size

    def refuse(self) -> None:
        """Drop `next_message` unacknowledged; the same number is expected again, with better content."""
        self._forget_next()

    def consume(self, sequence_number: int, now: float) -> None:
        """Acknowledge every message up to and including place `sequence_number` that was handed out, not consumed."""
        for place in range(self._consumed, min(sequence_number + 1, self._expected)):
            item = self._unconsumed.pop(place, None)
            if item is not None:
                self._unconsumed_bytes -= item.size
                self._acknowledgements.add(item.number, item.message_id, item.message_type, item.size, now)
            self._consumed = place + 1

    def acknowledgements(self, now: float) -> list[bytes]:
        """Return the acknowledgements to send now, and forget them."""
        return self._acknowledgements.frames(now)

    def ask_for_the_rest(self) -> None:
        """Tell the peer what is consumed, and that what it sent after that was lost with a connection."""
        self._acknowledgements.ask_for_the_rest()

    def release(self) -> None:
        """Send the acknowledgements that wait now."""
        self._acknowledgements.release()

    def next_timer(self) -> float:
        """Return when `acknowledgements` has something that waits now, infinity for never."""
        return self._acknowledgements.next_timer()

    def _forget_next(self) -> AgentMessage:
        message = self._ahead.pop(self._expected)
        self._ahead_bytes -= len(message.payload)
        return message
