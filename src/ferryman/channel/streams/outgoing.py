"""The sending half of a stream: numbering, unacknowledged messages, and what to send next.

Rules (`protocol/client.md` §7.1, `agent.md` §4.4): numbers start at 0; a resent message is the same bytes. When it is
resent, and what an acknowledgement frees, depends on whose receiver is at the far end: `resending`, `aws_client`.
"""

import math
from collections import deque
from collections.abc import Callable, Container
from enum import Enum, auto

from ferryman.channel.aws_client import AwsClient
from ferryman.channel.ciphers import Cipher
from ferryman.channel.streams.resending import OneByOne, Outstanding, WhenStuck
from ferryman.channel.streams.round_trip import RoundTrip
from ferryman.channel.streams.window import MeasuredWindow, Window
from ferryman.wire.agent_message import HEADER_SIZE, SYN_FIN, FrameFlag, MessageType, PayloadType, frame

BATCH_BYTES = 256 * 1024
"""Handed to the driver at a time, so that acknowledgements need not wait until a whole window is sent."""

ENTROPY_BYTES = 1024

Entropy = Callable[[int], bytes]
Clock = Callable[[], int]


class Peer(Enum):
    """Whose receiver is at the far end: what its acknowledgements mean."""

    FERRYMAN = auto()
    """It acknowledges in order, when consumed, and acknowledges duplicates again: one stands for all before it too."""
    AWS_AGENT = auto()
    """It acknowledges each message by itself, also ahead of a gap, and duplicates again (agent.md §4.3)."""
    AWS_CLIENT = auto()
    """As AWS_AGENT, but it drops duplicates in silence (client.md §7.2)."""
    OTHER_CLIENT = auto()
    """Not known to be AWS's: treated like it, but everything is sent in order, since it may not put it in order."""


def new_message_id(entropy: Entropy) -> bytes:
    """Return the 16 bytes of a random UUID (version 4), in RFC 4122 order."""
    value = bytearray(entropy(16))
    value[6] = value[6] & 0x0F | 0x40
    value[8] = value[8] & 0x3F | 0x80
    return bytes(value)


def unnumbered(message_type: MessageType, payload: bytes, entropy: Entropy, wall_clock_ms: Clock) -> bytes:
    """Return the frame of a message that is in no stream: an acknowledgement, or a word to the server."""
    return frame(message_type, 0, SYN_FIN, new_message_id(entropy), wall_clock_ms(), PayloadType.NONE, payload)


def pooled(entropy: Entropy) -> Entropy:
    """Return `entropy` that reads ENTROPY_BYTES at a time, to save a system call for every message."""
    block, used = b"", 0

    def draw(count: int) -> bytes:
        nonlocal block, used
        if used + count > len(block):
            block, used = entropy(max(count, ENTROPY_BYTES)), 0
        used += count
        return block[used - count : used]

    return draw


class OutgoingStream:
    """Numbers payloads, keeps them until acknowledged, says which frames to send.

    `message_type` is what its frames are; `syn` sets Flags to SYN on number 0, as AWS's agent does. Until `meet` says
    who is at the far end, AWS's agent is.
    """

    def __init__(
        self, message_type: MessageType, *, syn: bool, window: Window, entropy: Entropy, wall_clock_ms: Clock
    ) -> None:
        self._message_type = message_type
        self._syn = syn
        self._window = window
        self._entropy = entropy
        self._wall_clock_ms = wall_clock_ms
        self._next = 0
        self._oldest = 0
        self._outstanding: dict[int, Outstanding] = {}
        self._unsent: deque[int] = deque()
        self._bytes = 0
        self._listens = False
        self.round_trip = RoundTrip()
        self._resending: OneByOne | WhenStuck = OneByOne(self._outstanding, self.round_trip)
        self._measured: MeasuredWindow | None = None
        self._aws_client: AwsClient | None = None
        self._digested = True
        self._cipher: Cipher | None = None
        self._sealed: Container[int] = ()

    def seal(self, cipher: Cipher, payload_types: Container[int]) -> None:
        """Encrypt messages of these types from now on; sizes remain those before encryption."""
        self._cipher = cipher
        self._sealed = payload_types

    def meet(self, peer: Peer, *, digested: bool = True) -> None:
        """Set whose receiver is at the far end, and whether it wants digests. Call it once."""
        self._digested = digested
        if peer is Peer.FERRYMAN:
            self._resending = WhenStuck(self._outstanding, self.round_trip)
            self._measured = MeasuredWindow(self._window, self.round_trip)
        elif peer in (Peer.AWS_CLIENT, Peer.OTHER_CLIENT):
            covers = peer is Peer.AWS_CLIENT
            self._aws_client = AwsClient(self._outstanding, self._window, listens=self._listens, covers=covers)

    def __len__(self) -> int:
        """Return how many messages are unacknowledged."""
        return len(self._outstanding)

    @property
    def delivered(self) -> int:
        """Return how many messages were acknowledged, or count as delivered."""
        return self._next - len(self._outstanding)

    def capacity(self) -> int:
        """Return how many payload bytes fit the window now, 0 when it is full."""
        messages, size = len(self._outstanding), self._bytes
        if self._aws_client is not None:
            forgiven_messages, forgiven_bytes = self._aws_client.forgiven
            messages -= forgiven_messages
            size -= forgiven_bytes
        if messages >= self._window.messages:
            return 0
        return max(0, (self._measured or self._window).size - size)

    def add(self, payload_type: int, payload: bytes) -> bytes:
        """Add the next message and return its frame; the next `frames` sends it, whatever the window says."""
        aws_client = self._aws_client
        if aws_client is not None and aws_client.needs_cover:
            aws_client.cover(self._number(PayloadType.OUTPUT, b""))
        number = self._number(payload_type, payload)
        self._unsent.append(number)
        if aws_client is not None:
            self._unsent.extend(aws_client.covered(number))
        return self._outstanding[number].frame

    def listening(self) -> None:
        """Note that the peer can now show output; its silence about earlier messages meant nothing."""
        if self._listens:
            return
        self._listens = True
        for item in self._outstanding.values():
            item.sends = min(item.sends, 1)
        if self._aws_client is not None:
            self._aws_client.listening()

    def acknowledged(self, sequence_number: int, message_id: str, now: float) -> None:
        """Free the message that an acknowledgement names, and with Ferryman's peer all before it.

        Unknown numbers are ignored, and so is a known one with another message's id: it is about an earlier client's
        stream.
        """
        item = self._outstanding.get(sequence_number)
        if item is None or (message_id and message_id.replace("-", "").lower() != item.message_id.hex()):
            return
        if item.sends:
            if item.sends == 1 or self._measured is None:
                self.round_trip.sample(now - item.first_sent)
            if self._aws_client is not None:
                self._aws_client.acknowledged(sequence_number)
        before = self._bytes
        self._free(sequence_number, item)
        if self._measured is not None:
            for number in range(self._oldest, sequence_number):
                earlier = self._outstanding.get(number)
                if earlier is not None:
                    self._free(number, earlier)
            self._oldest = max(self._oldest, sequence_number + 1)
            self._measured.acknowledged(before - self._bytes, now)
        self._resending.acknowledged(item, now)

    def resume(self) -> None:
        """Resend everything immediately: Ferryman's agent lost it, and is back."""
        if self._measured is not None:
            self.restart()

    def frames(self, now: float) -> list[bytes]:
        """Return what to send now: what is new, in order, then what is due to be resent, both bounded.

        When there was something new, call again: there may be more. With AWS's client, this may raise `delivered` and
        `capacity`.
        """
        resend = self._resending.is_due(now)
        if self._aws_client is not None:
            self._consult(self._aws_client, now, resend=resend)
        frames = self._new_frames(now)
        if resend and not self._unsent:
            frames += [
                self._sent(number, self._outstanding[number], now) for number in self._resending.numbers_to_resend(now)
            ]
        return frames

    def restart(self) -> None:
        """Resend every unacknowledged message with the next `frames`, in order: the connection is new."""
        for item in self._outstanding.values():
            item.sends = 0
            item.due = math.inf
        self._unsent = deque(self._outstanding) if self._aws_client is None else self._aws_client.restart()
        self._resending.restart()

    def give_up(self) -> int:
        """Count every message as delivered if the peer is AWS's client; return how many did."""
        count = len(self._outstanding) if self._aws_client is not None else 0
        for number, item in list(self._outstanding.items())[:count]:
            self._free(number, item)
        return count

    def next_timer(self) -> float | None:
        """Return when `frames` may have something, None when nothing is on its way."""
        if self._unsent:
            return 0.0
        due = self._resending.next_timer()
        return None if due == math.inf else due

    def payloads(self) -> list[tuple[int, bytes]]:
        """Return type and payload, before encryption, of every unacknowledged message, in order."""
        return [(item.payload_type, self._opened(item)) for item in self._outstanding.values()]

    def unacknowledged(self, payload_types: Container[int]) -> int:
        """Return how many payload bytes of messages of these types are unacknowledged."""
        return sum(item.size for item in self._outstanding.values() if item.payload_type in payload_types)

    def _consult(self, aws_client: AwsClient, now: float, *, resend: bool) -> None:
        self._unsent.extend(aws_client.close_group())
        for number in aws_client.presumed():
            self._free(number, self._outstanding[number])
        if resend and aws_client.probe_is_due(now):
            self._unsent.append(self._number(PayloadType.OUTPUT, b""))

    def _opened(self, item: Outstanding) -> bytes:
        payload = item.frame[HEADER_SIZE:]
        if self._cipher is None or item.payload_type not in self._sealed:
            return payload
        return self._cipher.reopen(payload)

    def _number(self, payload_type: int, payload: bytes) -> int:
        sequence_number = self._next
        size = len(payload)
        if self._cipher is not None and payload_type in self._sealed:
            payload = self._cipher.seal(payload)
        message_id = new_message_id(self._entropy)
        flags = FrameFlag.SYN if self._syn and sequence_number == 0 else FrameFlag.NONE
        data = frame(
            self._message_type,
            sequence_number,
            flags,
            message_id,
            self._wall_clock_ms(),
            payload_type,
            payload,
            digested=self._digested,
        )
        self._outstanding[sequence_number] = Outstanding(payload_type, message_id, data, size)
        self._bytes += size
        self._next += 1
        return sequence_number

    def _new_frames(self, now: float) -> list[bytes]:
        frames = []
        size = 0
        while self._unsent and size < BATCH_BYTES:
            number = self._unsent.popleft()
            item = self._outstanding.get(number)
            if item is not None:
                frames.append(self._sent(number, item, now))
                size += len(item.frame)
        return frames

    def _sent(self, number: int, item: Outstanding, now: float) -> bytes:
        if not item.sends:
            item.first_sent = now
        item.sends += 1
        resending = self._resending
        if isinstance(resending, WhenStuck):
            resending.sent(item, now)
        else:
            past_it = self._aws_client is not None and self._aws_client.sent(number, item)
            resending.sent(item, now, patient=not past_it)
        return item.frame

    def _free(self, number: int, item: Outstanding) -> None:
        del self._outstanding[number]
        self._bytes -= item.size
        if self._aws_client is not None:
            self._aws_client.freed(number, item)
