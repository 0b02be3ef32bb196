"""Remembers what a client has acknowledged to AWS's agent, in case the agent missed it.

AWS's client acknowledges each message once (`protocol/client.md` §7.2), and AWS's agent resends only the oldest
unacknowledged message (`protocol/agent.md` §4.4). So a single lost acknowledgement would stop a session's output. It
can be lost with a socket, or because it arrived before the agent had noted what it sent.
"""

from ferryman.wire.agent_message import PayloadType
from ferryman.wire.payloads import Acknowledge, MalformedPayload, decode_payload

_PAYLOAD_TYPE = slice(112, 116)
_HANDSHAKE_COMPLETE = PayloadType.HANDSHAKE_COMPLETE.to_bytes(4, "big")
BEYOND = 10_000
"""How many messages after a gap are remembered, as many as AWS's client keeps."""


def completes_handshake(frame: bytes) -> bool:
    """Whether an output frame is HandshakeComplete."""
    return frame[_PAYLOAD_TYPE] == _HANDSHAKE_COMPLETE


class ClientAcknowledgements:
    """The sequence numbers of output that one client has acknowledged: all below a mark, and some beyond.

    `underway`: the session was Connected before, and what was acknowledged then is unknown.
    """

    __slots__ = ("_beyond", "_handshake", "_mark", "underway")

    def __init__(self, *, underway: bool) -> None:
        self.underway = underway
        self._mark = 0
        self._beyond: set[int] = set()
        self._handshake = -1

    def forget(self) -> None:
        """Start over, for another client."""
        self._mark = 0
        self._beyond.clear()

    def handshake_completed(self, sequence: int) -> None:
        """Note the number of HandshakeComplete; data follow it."""
        self._handshake = max(self._handshake, sequence)

    def acknowledged(self, payload: bytes) -> None:
        """Note a client's acknowledgement, from its payload; a malformed one is left for the agent to judge."""
        try:
            self.add(decode_payload(payload, Acknowledge).acknowledged_message_sequence_number)
        except MalformedPayload:
            return

    def add(self, sequence: int) -> None:
        """Note that the client has this message."""
        if sequence > self._mark and len(self._beyond) < BEYOND:
            self._beyond.add(sequence)
        elif sequence == self._mark:
            self._mark += 1
            while self._mark in self._beyond:
                self._beyond.discard(self._mark)
                self._mark += 1

    def __contains__(self, sequence: int) -> bool:
        return 0 <= sequence < self._mark or sequence in self._beyond

    @property
    def settled(self) -> bool:
        """Whether the client has read data: from then on it acknowledges whatever is new to it immediately.

        Before that, AWS's client may drop messages that its handlers are not ready for (`protocol/client.md` §7.2).
        """
        return self._mark > self._handshake + 1 or (self.underway and bool(self._beyond))
