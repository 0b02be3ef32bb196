"""The sending half of a stream: numbering, what is unacknowledged, when to send it again.

Rules (`protocol/client.md` §7.1, `agent.md` §4.4): numbers start at 0; a resent message is the same bytes; an
acknowledgement frees exactly the message it names. Ours beyond that: any message whose own timer ran out is resent,
the timer doubles up to a second, and a tick resends a bounded number.

AWS's client needs two things more, once it listens (`listening`).

It acknowledges the message it expects after writing it out. If that acknowledgement fails to be sent, because the
connection is gone, it expects the same message again and writes it out again. What arrives ahead of a gap it
acknowledges first, keeps only if that worked, and writes out once. So every group of messages travels ahead of an
empty one of the lower number, its cover: only the cover is ever taken twice.

It is silent about duplicates. When nothing else is on its way, an empty message, the probe, asks for the one
acknowledgement that proves the others' delivery.
"""

import math
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from enum import Enum, auto

from ferryman.channel.round_trip import MAX_TIMEOUT, RoundTrip
from ferryman.wire.agent_message import HEADER_SIZE, FrameFlag, MessageType, PayloadType, frame

DEFAULT_WINDOW_BYTES = 1 << 20
DEFAULT_WINDOW_MESSAGES = 1024
"""AWS's client buffers 10,000 messages ahead of a gap and drops the rest (client.md §7.2)."""

RESEND_TICK = 0.1
RESEND_MESSAGES = 32
RESEND_BYTES = 128 * 1024
"""A peer that is alive but stalled acknowledges nothing: a tick must not flood it. One message is always resent."""

DOUBTFUL_SENDS = 3
PRESUMED_SENDS = 8
PRESUMED_SENDS_COVERED = 4
"""Enough if its cover, sent after it, has arrived."""
PROBE_SECONDS = 0.5
COVERED_MESSAGES = 64
"""A group's size: AWS's client shows nothing of it before its end is there."""

Entropy = Callable[[int], bytes]
Clock = Callable[[], int]


@dataclass(frozen=True, slots=True)
class Window:
    """How much may be unacknowledged: payload bytes and messages."""

    size: int = DEFAULT_WINDOW_BYTES
    messages: int = DEFAULT_WINDOW_MESSAGES


class Peer(Enum):
    """Whose receiver is at the far end: what its acknowledgements mean."""

    FERRYMAN = auto()
    """It acknowledges in order, when consumed, and acknowledges duplicates again: one stands for all before it too."""
    AWS_AGENT = auto()
    """It acknowledges each message by itself, also ahead of a gap, and duplicates again (agent.md §4.3)."""
    AWS_CLIENT = auto()
    """As AWS_AGENT, but it drops duplicates in silence (client.md §7.2)."""


def new_message_id(entropy: Entropy) -> bytes:
    """Return the 16 bytes of a random UUID (version 4), in RFC 4122 order."""
    value = bytearray(entropy(16))
    value[6] = value[6] & 0x0F | 0x40
    value[8] = value[8] & 0x3F | 0x80
    return bytes(value)


@dataclass(slots=True)
class _Outstanding:
    """One unacknowledged message. All but its content is about the present connection."""

    payload_type: int
    message_id: bytes
    frame: bytes
    sends: int = 0
    first_sent: float = 0.0
    first_place: int = 0
    presumable_from: int | None = None
    doubtful: bool = False
    due: float = math.inf
    cover: int | None = None

    @property
    def size(self) -> int:
        return len(self.frame) - HEADER_SIZE

    @property
    def waits_for_proof_after(self) -> int | None:
        """The place in the order of sending after which an acknowledged message would tell something of this one."""
        if self.presumable_from is not None:
            return self.presumable_from
        return self.first_place if self.doubtful and self.size else None


class OutgoingStream:
    """Numbers payloads, keeps them until acknowledged, says which frames to send.

    `message_type` is what its frames are; `syn` sets Flags to SYN on number 0, as AWS's agent does. With AWS's client
    at the far end (`peer`), a message whose acknowledgement was lost is never acknowledged, however often it is sent.
    So one that was sent DOUBTFUL_SENDS times over one connection no longer fills the window (up to one more window of
    them), and after PRESUMED_SENDS it counts as delivered once something first sent after that is acknowledged: but
    only since the owner has called `listening`, for it ignores what comes before it can show it, and expects it then.
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
        self._outstanding: dict[int, _Outstanding] = {}
        self._unsent: deque[int] = deque()
        self._bytes = 0
        self._doubtful = 0
        self._doubtful_bytes = 0
        self._places = 0
        self._proven_place = 0
        self._scan_at = math.inf
        self._proof_is_new = False
        self.round_trip = RoundTrip()
        self._probe_at = -math.inf
        self._open_cover: int | None = None
        self._covered = 0
        self.peer = Peer.AWS_AGENT
        self._peer_listens = False

    def __len__(self) -> int:
        """Return how many messages are unacknowledged."""
        return len(self._outstanding)

    @property
    def delivered(self) -> int:
        """Return how many messages were acknowledged, or count as delivered."""
        return self._next - len(self._outstanding)

    def capacity(self) -> int:
        """Return how many payload bytes fit the window now, 0 when it is full."""
        messages = len(self._outstanding) - min(self._doubtful, self._window.messages)
        if messages >= self._window.messages:
            return 0
        return max(0, self._window.size - (self._bytes - min(self._doubtful_bytes, self._window.size)))

    def add(self, payload_type: int, payload: bytes) -> None:
        """Take the next message; it is sent by the next `frames`, whatever the window says."""
        if not (self.peer is Peer.AWS_CLIENT and self._peer_listens):
            self._unsent.append(self._number(payload_type, payload))
            return
        if self._open_cover is None:
            self._open_cover = self._number(PayloadType.OUTPUT, b"")
        number = self._number(payload_type, payload)
        self._outstanding[number].cover = self._open_cover
        self._unsent.append(number)
        self._covered += 1
        if self._covered >= COVERED_MESSAGES:
            self._close_group()

    def listening(self) -> None:
        """Take in that the peer can show what it gets; that it was silent about earlier messages means nothing."""
        if self._peer_listens:
            return
        self._peer_listens = True
        for item in self._outstanding.values():
            item.sends = min(item.sends, 1)
            item.presumable_from = None
            item.doubtful = False
        self._doubtful = self._doubtful_bytes = 0

    def acknowledged(self, sequence_number: int, message_id: str, now: float) -> None:
        """Free the message that an acknowledgement names, and with Ferryman's peer all before it.

        Unknown numbers are ignored, and so is a known one with another message's id: it is about an earlier client's
        stream.
        """
        item = self._outstanding.get(sequence_number)
        if item is None or (message_id and message_id.replace("-", "").lower() != item.message_id.hex()):
            return
        if item.sends:
            self.round_trip.sample(now - item.first_sent)
            self._proven_place = max(self._proven_place, item.first_place)
            self._proof_is_new = True
        self._free(sequence_number, item)
        if self.peer is Peer.FERRYMAN:
            for number in range(self._oldest, sequence_number):
                earlier = self._outstanding.get(number)
                if earlier is not None:
                    self._free(number, earlier)
            self._oldest = max(self._oldest, sequence_number + 1)

    def frames(self, now: float) -> list[bytes]:
        """Return what to send now: everything new, in order, then what is due to be resent, bounded.

        With AWS's client, this may raise `delivered` and `capacity`.
        """
        self._close_group()
        if self._proof_is_new:
            self._proof_is_new = False
            self._presume()
        resend = now >= self._scan_at
        if resend:
            self._probe(now)
        frames = self._new_frames(now)
        if resend:
            frames += self._resends(now)
        return frames

    def restart(self) -> None:
        """Have every unacknowledged message sent again by the next `frames`, in order: the connection is a new one."""
        for item in self._outstanding.values():
            item.sends = 0
            item.due = math.inf
            item.doubtful = False
            item.presumable_from = None
        self._unsent = self._in_sending_order()
        self._open_cover = None
        self._covered = 0
        self._doubtful = self._doubtful_bytes = 0
        self._scan_at = math.inf

    def give_up(self) -> int:
        """Count every message as delivered if the peer is AWS's client; return how many did."""
        count = len(self._outstanding) if self.peer is Peer.AWS_CLIENT else 0
        for sequence_number, item in list(self._outstanding.items())[:count]:
            self._free(sequence_number, item)
        return count

    def next_timer(self) -> float | None:
        """Return when `frames` may have something to resend, None when nothing is on its way."""
        return None if self._scan_at == math.inf else self._scan_at

    def payloads(self) -> list[tuple[int, bytes]]:
        """Return type and payload of every unacknowledged message, in order."""
        return [(item.payload_type, item.frame[HEADER_SIZE:]) for item in self._outstanding.values()]

    def _number(self, payload_type: int, payload: bytes) -> int:
        sequence_number = self._next
        message_id = new_message_id(self._entropy)
        flags = FrameFlag.SYN if self._syn and sequence_number == 0 else FrameFlag.NONE
        data = frame(
            self._message_type, sequence_number, flags, message_id, self._wall_clock_ms(), payload_type, payload
        )
        self._outstanding[sequence_number] = _Outstanding(payload_type, message_id, data)
        self._bytes += len(payload)
        self._next += 1
        return sequence_number

    def _close_group(self) -> None:
        if self._open_cover is not None:
            self._unsent.append(self._open_cover)
            self._open_cover = None
            self._covered = 0

    def _in_sending_order(self) -> deque[int]:
        """Return the numbers of all messages, each cover behind those that it covers."""
        covers = {item.cover for item in self._outstanding.values() if item.cover is not None}
        order: deque[int] = deque()
        held: int | None = None
        for number, item in self._outstanding.items():
            if held is not None and item.cover != held:
                order.append(held)
                held = None
            if number in covers:
                held = number
            else:
                order.append(number)
        if held is not None:
            order.append(held)
        return order

    def _new_frames(self, now: float) -> list[bytes]:
        frames = []
        while self._unsent:
            item = self._outstanding.get(self._unsent.popleft())
            if item is not None:
                frames.append(self._sent(item, now))
        return frames

    def _sent(self, item: _Outstanding, now: float) -> bytes:
        self._places += 1
        if not item.sends:
            item.first_sent = now
            item.first_place = self._places
        item.sends += 1
        if item.sends >= DOUBTFUL_SENDS and not item.doubtful and self.peer is Peer.AWS_CLIENT:
            item.doubtful = True
            self._doubtful += 1
            self._doubtful_bytes += item.size
        if item.sends == (PRESUMED_SENDS if item.cover is None else PRESUMED_SENDS_COVERED):
            item.presumable_from = self._places
        peer_is_past_it = self.peer is Peer.AWS_CLIENT and item.first_place < self._proven_place
        growth = 1 if peer_is_past_it else 2 ** min(item.sends - 1, 8)
        patience = max(RESEND_TICK, self.round_trip.timeout) * growth
        item.due = now + min(MAX_TIMEOUT, patience)
        self._scan_at = min(self._scan_at, item.due)
        return item.frame

    def _resends(self, now: float) -> list[bytes]:
        frames: list[bytes] = []
        size = 0
        due = [item for item in self._outstanding.values() if item.due <= now]
        due.sort(key=lambda item: item.due)
        for item in due[:RESEND_MESSAGES]:
            size += len(item.frame)
            if frames and size > RESEND_BYTES:
                break
            frames.append(self._sent(item, now))
        earliest = min((item.due for item in self._outstanding.values()), default=math.inf)
        self._scan_at = max(earliest, now + RESEND_TICK)
        return frames

    def _probe(self, now: float) -> None:
        """Ask for proof of delivery, if messages wait for it and nothing that could bring it is on its way."""
        if not self._doubtful or not self._peer_listens or now < self._probe_at:
            return
        waiting = [place for item in self._outstanding.values() if (place := item.waits_for_proof_after) is not None]
        if waiting and not any(item.first_place > max(waiting) for item in self._outstanding.values()):
            self._unsent.append(self._number(PayloadType.OUTPUT, b""))
            self._probe_at = now + PROBE_SECONDS

    def _presume(self) -> None:
        if not self._doubtful or not self._peer_listens:
            return
        for sequence_number, item in list(self._outstanding.items()):
            sent_often = item.presumable_from is not None and item.presumable_from < self._proven_place
            if sent_often and item.cover not in self._outstanding:
                self._free(sequence_number, item)

    def _free(self, sequence_number: int, item: _Outstanding) -> None:
        del self._outstanding[sequence_number]
        self._bytes -= item.size
        if item.doubtful:
            self._doubtful -= 1
            self._doubtful_bytes -= item.size
        if not self._outstanding:
            self._scan_at = math.inf
