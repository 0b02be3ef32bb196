"""From the frames that a relay forwards to the events of a recording, in order and each once. No I/O.

Frames are kept as they are until their events are taken: copying them would cost the relay time.
"""

from collections.abc import Callable
from typing import NamedTuple

import msgspec

from ferryman.recording.events import EventKind, Position
from ferryman.recording.message_order import MessageOrder
from ferryman.wire.agent_message import HEADER_SIZE, PayloadType
from ferryman.wire.payloads import Size

EVENT_BYTES = 64
"""Memory that an event takes in addition to its data."""
GAP_MILLIS = 30_000
"""A message that is missing for so long was lost; an agent resends within a second."""
_PAYLOAD_TYPE = slice(112, 116)
_OUTPUT_KINDS = {
    PayloadType.OUTPUT.to_bytes(4, "big"): EventKind.OUTPUT,
    PayloadType.STD_ERR.to_bytes(4, "big"): EventKind.STANDARD_ERROR,
    PayloadType.EXIT_CODE.to_bytes(4, "big"): EventKind.EXIT,
}
_EXIT_PREFIX = b"EXIT_CODE: "
"""What AWS's agent, and so Ferryman's, writes before the number (`protocol/client.md` §5.2)."""
_SIZE = PayloadType.SIZE.to_bytes(4, "big")
_TYPED = PayloadType.OUTPUT.to_bytes(4, "big")
_LARGEST_SIZE = 65_535
_size_decoder = msgspec.json.Decoder(Size)


class WaitingEvent(NamedTuple):
    """An event that is not written yet; its data are what follows in `data` behind `start`."""

    at: int
    kind: EventKind
    data: bytes
    start: int = 0

    @property
    def size(self) -> int:
        """Bytes of memory, about."""
        return len(self.data) + EVENT_BYTES


class Transcript:
    """The events of one session. `elapsed` returns milliseconds since the recording began.

    `position` is where an earlier process ended. `typed`: what people type is recorded, too.
    """

    def __init__(self, elapsed: Callable[[], int], position: Position | None = None, *, typed: bool = False) -> None:
        position = position or Position()
        self._elapsed = elapsed
        self._typed = typed
        self._output = MessageOrder(position.output)
        self._input = MessageOrder(position.input)
        self._output_client = position.output_client
        self._input_client = position.input_client
        self._output_bytes = position.output_bytes
        self._exited = position.exited
        self._repeated = position.repeated
        """Bytes of output that the agent sends again for another client, and that are recorded already."""
        self._resynchronise = False
        self._gap_since: int | None = None
        self._last_at = 0
        self._waiting: list[WaitingEvent] = []
        self.size = 0
        """Bytes of memory that waiting events use, about."""

    @property
    def position(self) -> Position:
        """Up to where the session was followed, the waiting events included."""
        return Position(
            self._output.expected,
            self._output_client,
            self._output_bytes,
            self._repeated,
            self._input.expected,
            self._input_client,
            self._exited,
        )

    @property
    def has_gap(self) -> bool:
        """Whether an output message is missing that later ones wait for."""
        return self._output.has_gap

    def take(self) -> list[WaitingEvent]:
        """Return the events that wait, and forget them."""
        events, self._waiting, self.size = self._waiting, [], 0
        return events

    def output(self, number: int, frame: bytes) -> None:
        """An output message of the node, header included."""
        order = self._output
        if self._resynchronise:
            self._resynchronise = False
            order.expected = max(order.expected, number)
        for message in order.add(number, frame):
            self._record_output(message)
        if order.has_gap:
            self._watch_gap()
        else:
            self._gap_since = None

    def input(self, number: int, frame: bytes) -> None:
        """An input message of the client, header included."""
        for message in self._input.add(number, frame):
            self._record_input(message)
        if self._input.is_full:
            for message in self._input.skip_gap()[1]:
                self._record_input(message)

    def acknowledged(self, number: int) -> None:
        """The client has acknowledged an output message, so it will not be sent again."""
        if number == self._output.expected:
            self.skip_gap()

    def client_attached(self, client_id: str) -> None:
        """A client has connected."""
        if client_id != self._input_client:
            self._input_client = client_id
            self._input.restart()
        self.mark("A client connected.")

    def client_left(self) -> None:
        """The client is gone."""
        self.mark("The client left.")

    def publication(self, client_id: str, delivered: int | None) -> None:
        """What the agent sends from now on is for this client, and begins behind `delivered` bytes of output.

        None if the agent does not say how many bytes that is. For another client, Ferryman's agent starts numbering
        from 0 and sends what no client has acknowledged.
        """
        if client_id != self._output_client:
            if self._output_client:
                self._output.restart()
                self._gap_since = None
                if delivered is None:
                    self.mark("Output that the former client had not acknowledged may be repeated.")
                else:
                    self._repeated = max(0, self._output_bytes - delivered)
            self._output_client = client_id
        if delivered is not None and delivered > self._output_bytes:
            self.mark(f"{delivered - self._output_bytes} bytes of output are missing.")
            self._output_bytes = delivered
            self._resynchronise = True

    def check_gap(self) -> None:
        """Give up a gap that is too old; call it once a second."""
        if self._gap_since is not None and self._elapsed() - self._gap_since > GAP_MILLIS:
            self.skip_gap()

    def skip_gap(self) -> None:
        """Give up the output messages that later ones wait for."""
        self._gap_since = None
        missing, messages = self._output.skip_gap()
        if missing:
            self.mark(f"{missing} messages of output are missing.")
        for message in messages:
            self._record_output(message)

    def mark(self, text: str) -> None:
        """Add a sentence about the recording itself."""
        self._add(EventKind.MARKER, text.encode())

    def _watch_gap(self) -> None:
        if self._output.is_full:
            self.skip_gap()
        elif self._gap_since is None:
            self._gap_since = self._elapsed()

    def _record_output(self, frame: bytes) -> None:
        kind = _OUTPUT_KINDS.get(frame[_PAYLOAD_TYPE])
        if kind is None:
            return
        if kind is EventKind.EXIT:
            if not self._exited:
                self._exited = True
                self._add(kind, frame[HEADER_SIZE:].removeprefix(_EXIT_PREFIX))
            return
        size, start = len(frame) - HEADER_SIZE, HEADER_SIZE
        if self._repeated:
            repeated = min(self._repeated, size)
            self._repeated -= repeated
            size, start = size - repeated, start + repeated
        if size:
            self._output_bytes += size
            self._add(kind, frame, start)

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

    def _add(self, kind: EventKind, data: bytes, start: int = 0) -> None:
        self._last_at = at = max(self._last_at, self._elapsed())
        event = WaitingEvent(at, kind, data, start)
        self._waiting.append(event)
        self.size += event.size
