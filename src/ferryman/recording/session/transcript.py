"""Turns the frames that a relay forwards into blocks of a recording: events in order, each once. No I/O."""

import struct
from collections import deque
from collections.abc import Callable, Sequence

import msgspec

from ferryman.recording.block_content import BLOCK_BYTES, BlockContent
from ferryman.recording.events import EventKind, TranscriptPosition
from ferryman.recording.session.message_order import MessageOrder
from ferryman.recording.session.recent_output import RecentOutput
from ferryman.wire.agent_message import HEADER_SIZE, PayloadType
from ferryman.wire.payloads import HandshakeComplete, MalformedPayload, Size, decode_payload

GAP_MILLIS = 30_000
"""A message that is missing for this long was lost; an agent resends within a second."""
_fields = struct.Struct(">48xq56x4s").unpack_from
"""Return a message's sequence number and payload type."""
_RUN_BYTES = 272 * 1024
"""Bytes of messages that are added to a block together; it may be larger than BLOCK_BYTES by this much."""
_PAYLOAD_TYPE = slice(112, 116)
_OUTPUT_KINDS = {
    PayloadType.OUTPUT.to_bytes(4, "big"): EventKind.OUTPUT,
    PayloadType.STD_ERR.to_bytes(4, "big"): EventKind.STANDARD_ERROR,
    PayloadType.EXIT_CODE.to_bytes(4, "big"): EventKind.EXIT,
}
_COUNTED_KINDS = {code: kind for code, kind in _OUTPUT_KINDS.items() if kind is not EventKind.EXIT}
"""The kinds that count as output when the agent says how much of it was delivered."""
_NOT_SHOWN = frozenset(
    each.to_bytes(4, "big") for each in (PayloadType.HANDSHAKE_REQUEST, PayloadType.ENCRYPTION_CHALLENGE_REQUEST)
)
"""AWS's client prints the payload of every other type (`protocol/client.md` §8.1)."""
_HANDSHAKE_COMPLETE = PayloadType.HANDSHAKE_COMPLETE.to_bytes(4, "big")
_LARGEST_COUNT = 2**62
"""Bytes of output; a node that claims more is not believed."""
_LONGEST_STATUS = 11
"""Characters of an exit status of 32 bits."""
_EXIT_PREFIX = b"EXIT_CODE: "
"""The text that AWS's agent, and so Ferryman's, writes before the number (`protocol/client.md` §5.2)."""
_SIZE = PayloadType.SIZE.to_bytes(4, "big")
_TYPED = PayloadType.OUTPUT.to_bytes(4, "big")
_LARGEST_SIZE = 65_535
_size_decoder = msgspec.json.Decoder(Size)


class Transcript:
    """The events of one session. `elapsed` returns milliseconds since the recording began.

    `position` is where an earlier process ended. `typed`: what people type is recorded, too.
    """

    def __init__(
        self, elapsed: Callable[[], int], position: TranscriptPosition | None = None, *, typed: bool = False
    ) -> None:
        position = position or TranscriptPosition()
        self._elapsed = elapsed
        self._typed = typed
        self._output = MessageOrder(position.output, position.skipped)
        self._input = MessageOrder(position.input)
        self._output_client = position.output_client
        self._input_client = position.input_client
        self._output_bytes = position.output_bytes
        self._exited = position.exited
        self._repeated = position.repeated
        """Bytes of output that the agent sends again for another client, and that are recorded already."""
        self._known = b""
        """The last of those bytes, to compare them; those before were recorded by another process."""
        self._recent = RecentOutput()
        self._recent_from = position.output_bytes
        self._resynchronise = False
        self._gap_since: int | None = None
        self._last_at = 0
        self._content = BlockContent()
        self._closed: deque[BlockContent] = deque()
        """Blocks that wait before the one that is being filled."""
        self._closed_size = 0
        self._closed_at = position
        """The position behind the last closed block."""
        self.size = 0
        """Bytes that wait to be taken."""

    @property
    def position(self) -> TranscriptPosition:
        """How far the session was followed, including the waiting events."""
        return TranscriptPosition(
            self._output.expected,
            self._output_client,
            self._output_bytes,
            self._repeated,
            self._input.expected,
            self._input_client,
            self._exited,
            self._output.skipped,
        )

    @property
    def has_gap(self) -> bool:
        """Whether an output message is missing that later ones wait for."""
        return self._output.has_gap

    def next_block(self, at_least: int = 1) -> BlockContent | None:
        """Return the next block, and forget it; None if nothing waits.

        A block that is not closed yet must have `at_least` this many bytes.
        """
        if not self._closed and self._content.count and self._content.size >= at_least:
            self._close(self.position)
        if not self._closed:
            return None
        content = self._closed.popleft()
        self._closed_size -= content.size
        self.size -= content.size
        return content

    def close_block(self) -> None:
        """Close the block that is being filled if it is large enough."""
        if self._content.size >= BLOCK_BYTES:
            self._close(self.position)

    def output(self, number: int, frame: bytes) -> None:
        """Record an output message of the node, header included."""
        order = self._output
        if not self._resynchronise and order.passes(number):
            payload_type = frame[_PAYLOAD_TYPE]
            kind = _COUNTED_KINDS.get(payload_type)
            size = len(frame) - HEADER_SIZE
            content = self._content
            if kind is None or size <= 0 or self._repeated or content.size >= BLOCK_BYTES:
                self._record_output(number, frame)
                return
            # The rest does the same as `_record_output`, with fewer calls: a flood brings tens of thousands a second.
            begin = content.add(self._now(), kind, frame, HEADER_SIZE)
            self._output_bytes += size
            self._recent.add(number, payload_type, content, begin, begin + size, begin)
            self.size = self._closed_size + content.size
            return
        if self._resynchronise:
            self._resynchronise = False
            order.continue_at(number)
        expected = order.expected
        messages = order.add(number, frame)
        if number < expected:
            self._record_repeated(number, frame, late=bool(messages))
        else:
            self._record_messages(messages)
        if order.has_gap:
            self._watch_gap()
        else:
            self._gap_since = None

    def outputs(self, frames: Sequence[bytes]) -> None:
        """Record output messages of the node in the order in which they came, headers included; closes blocks."""
        if len(frames) > 1 and sum(map(len, frames)) > _RUN_BYTES:
            half = len(frames) // 2
            self.outputs(frames[:half])
            self.outputs(frames[half:])
        elif len(frames) < 2 or not self._record_run(frames):
            for frame in frames:
                self.output(_fields(frame)[0], frame)
                self.close_block()

    def _record_run(self, frames: Sequence[bytes]) -> bool:
        """Do what `output` does for messages that are all next in order, of one type and not empty; False for others.

        With calls that deal with all of them: a flood brings tens of thousands a second.
        """
        order = self._output
        if self._resynchronise or self._repeated or order.has_gap:
            return False
        fields = list(map(_fields, frames))
        number, payload_type = fields[0]
        kind = _COUNTED_KINDS.get(payload_type)
        sizes = list(map(len, frames))
        if kind is None or number != order.expected or min(sizes) <= HEADER_SIZE:
            return False
        if fields != [(each, payload_type) for each in range(number, number + len(frames))]:
            return False
        order.expected += len(frames)
        size = sum(sizes) - HEADER_SIZE * len(frames)
        self._output_bytes += size
        self._content.add_run(self._now(), kind, frames, HEADER_SIZE)
        self._recent.add_run(number, payload_type, frames, size)
        self.size = self._closed_size + self._content.size
        self.close_block()
        return True

    def input(self, number: int, frame: bytes) -> None:
        """Record an input message of the client, header included."""
        for message in self._input.add(number, frame):
            self._record_input(message)
        if self._input.is_full:
            for message in self._input.skip_gap()[1]:
                self._record_input(message)

    def acknowledged(self, number: int) -> None:
        """Note that the client has acknowledged an output message, so it will not be sent again."""
        if number == self._output.expected:
            self.skip_gap()

    def client_attached(self, client_id: str) -> None:
        """Note that a client has connected."""
        if client_id != self._input_client:
            self._input_client = client_id
            self._input.restart()
        self.mark("A client connected.")

    def client_left(self) -> None:
        """Note that the client is gone."""
        self.mark("The client left.")

    def publication(self, client_id: str, delivered: int | None) -> None:
        """Note that the agent now sends to this client, from behind `delivered` bytes of output.

        None if the agent does not say how many bytes that is. For another client, Ferryman's agent starts numbering
        from 0 and sends what no client has acknowledged.
        """
        if delivered is not None and not 0 <= delivered < _LARGEST_COUNT:
            delivered = None
        if client_id != self._output_client:
            if self._output_client:
                self._output.restart()
                self._recent.renumber()
                self._gap_since = None
                self._repeated = 0
                if delivered is None:
                    self.mark("Output that the former client had not acknowledged may be repeated.")
                else:
                    self._expect_repeated(max(0, self._output_bytes - delivered))
            self._output_client = client_id
        if delivered is not None and delivered > self._output_bytes:
            self.mark(f"{delivered - self._output_bytes} bytes of output are missing.")
            self._output_bytes = delivered
            self._resynchronise = True

    def resynchronise(self) -> None:
        """Treat the next output message that arrives as the next in order, whatever its number."""
        self._resynchronise = True

    def check_gap(self) -> None:
        """Give up on a gap that is too old; call it once a second."""
        if self._gap_since is not None and self._elapsed() - self._gap_since > GAP_MILLIS:
            self.skip_gap()

    def skip_gap(self) -> None:
        """Give up on the output messages that later ones wait for."""
        self._gap_since = None
        missing, messages = self._output.skip_gap()
        if missing:
            self.mark(f"{missing} messages of output are missing.")
        self._record_messages(messages)

    def mark(self, text: str) -> None:
        """Add a sentence about the recording itself."""
        self._add(EventKind.MARKER, text.encode())

    def note(self, kind: str, data: bytes) -> None:
        """Add an event that the server itself has observed; `kind` is one of EventKind."""
        self._add(EventKind(kind), data)

    def _watch_gap(self) -> None:
        if self._output.is_full:
            self.skip_gap()
        elif self._gap_since is None:
            self._gap_since = self._elapsed()

    def _record_messages(self, messages: list[bytes]) -> None:
        """Record messages that are next in order, the last of which was the one before the expected one."""
        for number, message in enumerate(messages, self._output.expected - len(messages)):
            self._record_output(number, message)

    def _record_repeated(self, number: int, frame: bytes, *, late: bool) -> None:
        """Record a message of a gap that was given up, or one that was recorded with another content."""
        if late:
            self.mark("A missing message arrived late.")
            self._record_output(number, frame)
        elif self._recent.contradicts(number, frame):
            self.mark("A message was sent again with different content; clients may show either.")
            self._record_other(frame)

    def _record_output(self, number: int, frame: bytes) -> None:
        payload_type = frame[_PAYLOAD_TYPE]
        kind = _COUNTED_KINDS.get(payload_type)
        size = len(frame)
        if kind is None:
            self._recent.add_frame(number, frame, size)
            self._record_other(frame)
        elif self._repeated:
            start = HEADER_SIZE + self._already_recorded(frame)
            self._recent.add_frame(number, frame, start)
            if start < size:
                self._output_bytes += size - start
                self._add(kind, frame, start)
        elif size > HEADER_SIZE:
            begin = self._add(kind, frame, HEADER_SIZE)
            size -= HEADER_SIZE
            self._output_bytes += size
            self._recent.add(number, payload_type, self._content, begin, begin + size, begin)
        else:
            self._recent.add_frame(number, frame, size)

    def _record_other(self, frame: bytes) -> None:
        """Record a message that does not count as output of the session, whatever a client would show of it."""
        payload_type, payload = frame[_PAYLOAD_TYPE], frame[HEADER_SIZE:]
        kind = _OUTPUT_KINDS.get(payload_type, EventKind.OUTPUT)
        if kind is EventKind.EXIT:
            status = payload.removeprefix(_EXIT_PREFIX)
            if not self._exited and len(status) <= _LONGEST_STATUS and status.removeprefix(b"-").isdigit():
                self._exited = True
                self._add(kind, status)
                return
            kind = EventKind.OUTPUT
        elif payload_type == _HANDSHAKE_COMPLETE:
            payload = _customer_message(payload)
        if payload and payload_type not in _NOT_SHOWN:
            self._add(kind, payload)

    def _expect_repeated(self, size: int) -> None:
        """Expect the node to send the last `size` bytes of output again, and leave them out if they are the same."""
        earlier = max(0, size - (self._output_bytes - self._recent_from))
        known = self._recent.last(size - earlier)
        if known is None:
            self.mark(f"The next {size} bytes of output may be repeated.")
            return
        if earlier:
            self.mark(f"{earlier} bytes that the node says it has sent before are left out.")
        self._repeated, self._known = size, known

    def _already_recorded(self, frame: bytes) -> int:
        """Return how many of the frame's bytes are recorded already; none if they are not what was recorded."""
        size = min(self._repeated, len(frame) - HEADER_SIZE)
        behind = self._repeated - len(self._known)
        repeated = frame[HEADER_SIZE + max(0, behind) : HEADER_SIZE + size]
        known = max(0, -behind)
        if self._known[known : known + len(repeated)] != repeated:
            self.mark("The node sends other output than before, although it says that it repeats it.")
            self._repeated = 0
            return 0
        self._repeated -= size
        return size

    def _record_input(self, frame: bytes) -> None:
        payload_type = frame[_PAYLOAD_TYPE]
        if payload_type == _SIZE:
            try:
                size = _size_decoder.decode(memoryview(frame)[HEADER_SIZE:])
            except msgspec.DecodeError:
                return
            if 0 < size.cols <= _LARGEST_SIZE and 0 < size.rows <= _LARGEST_SIZE:
                self._add(EventKind.RESIZE, b"%dx%d" % (size.cols, size.rows))
        elif self._typed and payload_type == _TYPED and len(frame) > HEADER_SIZE:
            self._add(EventKind.INPUT, frame, HEADER_SIZE)

    def _add(self, kind: EventKind, data: bytes, start: int = 0) -> int:
        """Add an event; return where its data begin in the data of `self._content`."""
        at = self._now()
        content = self._content
        if kind is EventKind.RESIZE:
            content.drop_last(kind)  # nothing was shown in that size
        elif content.size >= BLOCK_BYTES:
            # In the middle of messages that a gap held back, all of which `position` counts already: a server that
            # dies behind this block records some twice rather than not at all.
            self._close(self._closed_at)
            content = self._content
        begin = content.add(at, kind, data, start)
        self.size = self._closed_size + content.size
        return begin

    def _now(self) -> int:
        self._last_at = max(self._last_at, self._elapsed())
        return self._last_at

    def _close(self, position: TranscriptPosition) -> None:
        self._closed_at = position
        self._content.close(position)
        self._closed.append(self._content)
        self._closed_size += self._content.size
        self.size = self._closed_size
        self._content = BlockContent()


def _customer_message(payload: bytes) -> bytes:
    """Return what clients print of the end of a handshake."""
    try:
        text = decode_payload(payload, HandshakeComplete).customer_message
    except MalformedPayload:
        return b""
    return f"{text}\r\n".encode() if text else b""
