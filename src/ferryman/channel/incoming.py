"""The receiving half of a stream: order, duplicates, acknowledgements.

Rules (`protocol/client.md` §7.2, `agent.md` §4.3): messages are handed on in order; each is acknowledged by itself,
ours only when consumed; a duplicate of a consumed message is acknowledged again, for its acknowledgement may be lost.
"""

from dataclasses import dataclass

from ferryman.channel.outgoing import Clock, Entropy, new_message_id
from ferryman.wire.agent_message import SYN_FIN, AgentMessage, MessageType, PayloadType, frame
from ferryman.wire.payloads import encode_acknowledge

AHEAD_MESSAGES = 10_000


@dataclass(frozen=True, slots=True)
class _Unconsumed:
    message_id: str
    message_type: str
    size: int


class IncomingStream:
    """Orders what arrives, hands it out one by one, and makes the acknowledgements.

    It holds at most `limit` payload bytes that arrived ahead of a gap and as many that were handed out and are not
    consumed. What does not fit is dropped unacknowledged: the peer sends it again.
    """

    def __init__(self, *, limit: int, entropy: Entropy, wall_clock_ms: Clock) -> None:
        self._limit = limit
        self._entropy = entropy
        self._wall_clock_ms = wall_clock_ms
        self._expected = 0
        self._consumed = 0
        self._ahead: dict[int, AgentMessage] = {}
        self._ahead_bytes = 0
        self._unconsumed: dict[int, _Unconsumed] = {}
        self._unconsumed_bytes = 0
        self._acknowledgements: list[bytes] = []

    @property
    def expected(self) -> int:
        """Return the sequence number that is handed out next."""
        return self._expected

    def offer(self, message: AgentMessage) -> None:
        """Take in a message of the stream: keep it, drop it, or acknowledge it again."""
        number = message.sequence_number
        if number < self._expected:
            if number >= 0 and number not in self._unconsumed:
                self._acknowledge(number, str(message.message_id), message.message_type)
            return
        if number in self._ahead:
            return
        size = len(message.payload)
        if number > self._expected and (len(self._ahead) >= AHEAD_MESSAGES or self._ahead_bytes + size > self._limit):
            return
        self._ahead[number] = message
        self._ahead_bytes += size

    def next_message(self) -> AgentMessage | None:
        """Return the message that is next in order, if it is here and the consumer is not too far behind."""
        if self._unconsumed_bytes >= self._limit:
            return None
        return self._ahead.get(self._expected)

    def take(self, *, consumed: bool) -> None:
        """Advance past `next_message`: acknowledge it now, or when it is consumed."""
        message = self._forget_next()
        number = self._expected
        self._expected += 1
        if consumed:
            self._acknowledge(number, str(message.message_id), message.message_type)
            return
        size = len(message.payload)
        self._unconsumed[number] = _Unconsumed(str(message.message_id), message.message_type, size)
        self._unconsumed_bytes += size

    def refuse(self) -> None:
        """Drop `next_message` unacknowledged; the same number is expected again, with better content."""
        self._forget_next()

    def consume(self, sequence_number: int) -> None:
        """Acknowledge every message up to and including `sequence_number` that was handed out and not consumed."""
        for number in range(self._consumed, min(sequence_number + 1, self._expected)):
            item = self._unconsumed.pop(number, None)
            if item is not None:
                self._unconsumed_bytes -= item.size
                self._acknowledge(number, item.message_id, item.message_type)
            self._consumed = number + 1

    def acknowledgements(self) -> list[bytes]:
        """Return the acknowledgements to send, and forget them."""
        frames, self._acknowledgements = self._acknowledgements, []
        return frames

    def _forget_next(self) -> AgentMessage:
        message = self._ahead.pop(self._expected)
        self._ahead_bytes -= len(message.payload)
        return message

    def _acknowledge(self, number: int, message_id: str, message_type: str) -> None:
        self._acknowledgements.append(
            frame(
                MessageType.ACKNOWLEDGE,
                0,
                SYN_FIN,
                new_message_id(self._entropy),
                self._wall_clock_ms(),
                PayloadType.NONE,
                encode_acknowledge(message_type, message_id, number),
            )
        )
