"""The two halves of a data channel's numbered streams as one thing, with what waits for the handshake.

It knows numbers, acknowledgements and time; `client` and `agent` interpret payloads.
"""

import math
from collections import deque
from collections.abc import Container

from ferryman.channel.streams.incoming import IncomingStream
from ferryman.channel.streams.outgoing import Clock, Entropy, OutgoingStream, Peer, pooled
from ferryman.channel.streams.window import MAX_WINDOW_BYTES, Window
from ferryman.wire.agent_message import AgentMessage, MessageType, PayloadType
from ferryman.wire.payloads import Extensions, decode_acknowledge

_HANDSHAKE_TYPES = frozenset(
    {
        PayloadType.HANDSHAKE_REQUEST,
        PayloadType.HANDSHAKE_RESPONSE,
        PayloadType.HANDSHAKE_COMPLETE,
        PayloadType.ENCRYPTION_CHALLENGE_REQUEST,
        PayloadType.ENCRYPTION_CHALLENGE_RESPONSE,
    }
)

_OUTPUT_TYPES = frozenset({PayloadType.OUTPUT, PayloadType.STD_ERR})


class ReliableStream:
    """What one end sends and receives in numbered messages.

    User data given before `open` is held back. `renew` begins a new epoch: both directions number from 0 again, user
    data that was not acknowledged is held for the next `open`, or dropped.
    """

    def __init__(
        self, outgoing_type: MessageType, *, syn: bool, window: Window, entropy: Entropy, wall_clock_ms: Clock
    ) -> None:
        self._outgoing_type = outgoing_type
        self._syn = syn
        self._window = window
        self._entropy = pooled(entropy)
        self._wall_clock_ms = wall_clock_ms
        self._held: deque[tuple[int, bytes]] = deque()
        self._held_bytes = 0
        self._max_payload: int | None = None
        self._delivered_before = 0
        self._output = 0
        self.outgoing = self._new_outgoing()
        self.incoming = self._new_incoming()

    def open(self, agreed: Extensions, peer: Peer, *, without: Container[int] = ()) -> None:
        """Let user data flow to `peer`, as agreed with it, beginning with the data that was held back, but `without`
        these payload types."""
        self._max_payload = max_payload = agreed.max_payload
        self.outgoing.meet(peer, digested=not agreed.undigested)
        if peer is Peer.FERRYMAN:
            self.incoming.acknowledge_together(MAX_WINDOW_BYTES)
        while self._held:
            payload_type, payload = self._held.popleft()
            if payload_type not in without:
                self._add(payload_type, payload, max_payload)
        self._held_bytes = 0

    def renew(self, *, keep: bool) -> None:
        """Begin a new epoch, for another peer; `keep`: with the user data that the earlier one has not acknowledged."""
        if not keep:
            self._held.clear()
            self._held_bytes = 0
        again = [item for item in self.outgoing.payloads() if keep and item[1] and item[0] not in _HANDSHAKE_TYPES]
        self._held.extendleft(reversed(again))
        self._held_bytes += sum(len(payload) for _, payload in again)
        self._max_payload = None
        self._delivered_before += self.incoming.expected
        self.outgoing = self._new_outgoing()
        self.incoming = self._new_incoming()

    def send(self, payload_type: int, payload: bytes) -> None:
        """Accept user data of any size; it is split when it is numbered."""
        if payload_type in _OUTPUT_TYPES:
            self._output += len(payload)
        if self._max_payload is None:
            self._held.append((payload_type, payload))
            self._held_bytes += len(payload)
        else:
            self._add(payload_type, payload, self._max_payload)

    def capacity(self) -> int:
        """Return how many payload bytes may be given to `send` now."""
        if len(self._held) >= self._window.messages:
            return 0
        return max(0, self.outgoing.capacity() - self._held_bytes)

    def delivered_output(self) -> int:
        """Return how many bytes of output and standard error the peer has acknowledged, or counts as having got.

        What a client sends as output is what is typed.
        """
        waiting = sum(len(payload) for payload_type, payload in self._held if payload_type in _OUTPUT_TYPES)
        return self._output - waiting - self.outgoing.unacknowledged(_OUTPUT_TYPES)

    def all_acknowledged(self) -> bool:
        """Return whether nothing is held back or unacknowledged."""
        return not self._held and not self.outgoing

    def acknowledged(self, message: AgentMessage, now: float) -> None:
        """Process an acknowledge message. Raises MalformedPayload."""
        acknowledge = decode_acknowledge(message.payload)
        self.outgoing.acknowledged(
            acknowledge.acknowledged_message_sequence_number, acknowledge.acknowledged_message_id, now
        )
        if not acknowledge.is_sequential_message:
            self.outgoing.resume()

    def next_timer(self) -> float | None:
        """Return when there may be something to send if nothing happens before, None for never."""
        outgoing = self.outgoing.next_timer()
        acknowledgement = self.incoming.next_timer()
        if outgoing is None:
            return None if acknowledgement == math.inf else acknowledgement
        return min(outgoing, acknowledgement)

    def next_acknowledgement(self) -> float | None:
        """Return when an acknowledgement that is held back is to be sent, None if there is none."""
        due = self.incoming.next_timer()
        return None if due == math.inf else due

    def delivery_number(self, sequence_number: int) -> int:
        """Return the driver's number of an incoming message, which keeps growing when sequence numbers start again."""
        return self._delivered_before + sequence_number

    def consume(self, delivery_number: int, now: float) -> None:
        """Acknowledge what was delivered up to this driver's number; numbers of an earlier epoch do nothing."""
        self.incoming.consume(delivery_number - self._delivered_before, now)

    def _add(self, payload_type: int, payload: bytes, max_payload: int) -> None:
        for start in range(0, len(payload), max_payload):
            self.outgoing.add(payload_type, payload[start : start + max_payload])

    def _new_outgoing(self) -> OutgoingStream:
        return OutgoingStream(
            self._outgoing_type,
            syn=self._syn,
            window=self._window,
            entropy=self._entropy,
            wall_clock_ms=self._wall_clock_ms,
        )

    def _new_incoming(self) -> IncomingStream:
        return IncomingStream(limit=2 * self._window.size, entropy=self._entropy, wall_clock_ms=self._wall_clock_ms)
