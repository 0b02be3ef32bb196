"""A smux session without I/O: many byte streams over one (`protocol/client.md` §10.4).

Version 1 is AWS's: one bucket of received bytes for all streams, and a FIN ends both directions. Version 2, between
Ferryman's ends, gives each stream a window of its own, so that one that stalls never stops the others, and keeps
half-closed streams open. Nothing here knows of sockets, or of the data channel that carries the bytes.
"""

from collections import deque
from enum import IntEnum

from ferryman.channel.mux.events import (
    MuxEvent,
    MuxFailed,
    StreamClosed,
    StreamData,
    StreamFinished,
    StreamOpened,
    StreamWritable,
)
from ferryman.channel.mux.stream import SEND_BUFFER, MuxStream
from ferryman.wire.smux import (
    HEADER_SIZE,
    MAX_SENT,
    VERSION,
    WINDOWED_VERSION,
    Command,
    MalformedSmux,
    SmuxFrame,
    SmuxReader,
    decode_update,
    encode,
    encode_update,
    header,
)

BUCKET = 4 << 20
"""Version 1: received bytes that all streams together may hold before the session is `saturated`."""
GRANTED_WINDOWS = 64 << 20
"""Version 2: windows grow beyond the first 256 KiB only while all together stay under this."""
MAX_STREAMS = 1024
"""The reference's accept backlog."""
CONTROL_BYTES = 64 * 1024
"""Bytes of answers that may wait for a peer that sends but does not read, before the session is `saturated`."""
REASON_BYTES = 200


class Role(IntEnum):
    """Which end of the session this is; the value is the first id of the streams that it opens."""

    CLIENT = 3
    SERVER = 2


class MuxSession:
    """One end of a smux session.

    `version` is 1 or 2, the same at both ends; `max_frame` is the most data in a frame sent (AWS's limit is 32768).
    After any call that takes something in, the driver handles `events()` and sends what `data_to_send` returns. It must
    not pass on more input while `saturated`. Nothing blocks or raises but where it says so.
    """

    def __init__(self, role: Role, version: int = VERSION, max_frame: int = MAX_SENT) -> None:
        self._version = version
        self._windowed = version == WINDOWED_VERSION
        self._max_frame = max_frame
        self._next_id = int(role)
        self._peer_parity = 1 - role % 2
        self._reader = SmuxReader(version)
        self._streams: dict[int, MuxStream] = {}
        self._ready: deque[MuxStream] = deque()
        self._updates: dict[int, MuxStream] = {}
        self._control: deque[bytes] = deque()
        self._control_bytes = 0
        self._unconsumed = 0
        self._granted = 0
        self._events: list[MuxEvent] = []
        self._failed = False

    def __len__(self) -> int:
        """Return how many streams are open."""
        return len(self._streams)

    @property
    def saturated(self) -> bool:
        """Return whether to stop passing on input, and acknowledging it, until `consumed` or `data_to_send` helped."""
        full = not self._windowed and self._unconsumed >= BUCKET
        return full or self._control_bytes >= CONTROL_BYTES

    @property
    def pending(self) -> bool:
        """Return whether `data_to_send` has something to return."""
        return bool(self._control or self._ready or self._updates)

    def open(self) -> int:
        """Open a stream and return its id; the peer hears of it before any data."""
        stream_id = self._next_id
        self._next_id += 2
        self._add(stream_id)
        self._send_control(SmuxFrame(Command.SYN, stream_id))
        return stream_id

    def writable(self, stream_id: int) -> int:
        """Return how many bytes `write` takes now. After 0 a StreamWritable event says when to ask again."""
        stream = self._streams.get(stream_id)
        if stream is None:
            return 0
        room = stream.writable
        stream.starved = stream.starved or not room
        return room

    def write(self, stream_id: int, data: bytes) -> None:
        """Send `data` on a stream; what is written to a closed or finished one is dropped.

        Keep to `writable`: more is not refused, but only grows the memory held.
        """
        stream = self._streams.get(stream_id)
        if stream is None or stream.finishing:
            return
        was_ready = stream.ready
        stream.add(data)
        stream.starved = stream.starved or not stream.writable
        self._schedule(stream, was_ready)

    def finish(self, stream_id: int) -> None:
        """Say that nothing more will be written: a FIN follows the data. What the peer sends still arrives.

        A peer of version 1 ends the other direction when it sees the FIN; what it had sent before then still arrives.
        """
        stream = self._streams.get(stream_id)
        if stream is None or stream.finishing:
            return
        was_ready = stream.ready
        stream.finishing = True
        self._schedule(stream, was_ready)

    def reset(self, stream_id: int, reason: str = "") -> None:
        """Close a stream in both directions immediately, without an event. `reason` is for the peer's log."""
        stream = self._streams.get(stream_id)
        if stream is None:
            return
        if self._windowed:
            data = reason.encode()[:REASON_BYTES]
            self._send_control(SmuxFrame(Command.RST, stream_id, data))
        elif not stream.fin_sent:
            self._send_control(SmuxFrame(Command.FIN, stream_id))
        self._forget(stream)

    def consumed(self, stream_id: int, count: int) -> None:
        """Say that `count` bytes of a stream's StreamData events are written out: the peer may send as many again."""
        stream = self._streams.get(stream_id)
        if stream is None:
            return
        before = stream.unconsumed
        if stream.consume(count):
            self._updates[stream_id] = stream
        self._unconsumed -= before - stream.unconsumed
        self._settle(stream)

    def receive(self, data: bytes) -> None:
        """Process bytes of the carrying stream, split anywhere."""
        if self._failed:
            return
        try:
            for frame in self._reader.feed(data):
                self._receive_frame(frame)
        except MalformedSmux as error:
            self._failed = True
            self._streams.clear()
            self._ready.clear()
            self._updates.clear()
            self._control.clear()
            self._control_bytes = self._unconsumed = 0
            self._events.append(MuxFailed(str(error)))

    def data_to_send(self, limit: int) -> bytes:
        """Return at most `limit` bytes for the carrying stream, whole frames; b"" when there is nothing.

        Streams take turns, a frame each. With a `limit` under 256 there may be nothing although something is pending.
        """
        parts: list[bytes | memoryview] = []
        left = self._take_control(parts, limit)
        while self._ready and left > HEADER_SIZE:
            left -= self._take_turn(self._ready.popleft(), parts, left - HEADER_SIZE)
        return b"".join(parts)

    def events(self) -> list[MuxEvent]:
        """Return the events since the last call, in order."""
        events, self._events = self._events, []
        return events

    def _add(self, stream_id: int) -> MuxStream:
        stream = self._streams[stream_id] = MuxStream(stream_id, windowed=self._windowed)
        self._granted += stream.window
        return stream

    def _schedule(self, stream: MuxStream, was_ready: bool) -> None:
        if stream.ready and not was_ready:
            self._ready.append(stream)

    def _send_control(self, frame: SmuxFrame) -> None:
        data = encode(frame, self._version)
        self._control.append(data)
        self._control_bytes += len(data)

    def _take_control(self, parts: list[bytes | memoryview], limit: int) -> int:
        while self._updates and self._control_bytes < CONTROL_BYTES:
            stream_id, stream = self._updates.popitem()
            window = stream.window
            update = encode_update(*stream.update(GRANTED_WINDOWS - self._granted))
            self._granted += stream.window - window
            self._send_control(SmuxFrame(Command.UPD, stream_id, update))
        while self._control and len(self._control[0]) <= limit:
            data = self._control.popleft()
            self._control_bytes -= len(data)
            limit -= len(data)
            parts.append(data)
        return 0 if self._control else limit

    def _take_turn(self, stream: MuxStream, parts: list[bytes | memoryview], limit: int) -> int:
        """Send one frame of a stream; return how many bytes it has with its header."""
        size = min(stream.sendable, self._max_frame, limit)
        if size > 0:
            parts.append(header(Command.PSH, stream.stream_id, size, self._version))
            parts += stream.pop_pieces(size)
            if stream.starved and stream.queued <= SEND_BUFFER // 2 and not stream.finishing:
                stream.starved = False
                self._events.append(StreamWritable(stream.stream_id))
        else:
            parts.append(header(Command.FIN, stream.stream_id, 0, self._version))
            stream.fin_sent = True
            self._close_if_over(stream)
        if stream.ready:
            self._ready.append(stream)
        return HEADER_SIZE + max(0, size)

    def _receive_frame(self, frame: SmuxFrame) -> None:
        if frame.command is Command.SYN:
            self._opened(frame.stream_id)
            return
        stream = self._streams.get(frame.stream_id)
        if stream is None:
            return  # for a stream that is over; the peer does not know yet
        match frame.command:
            case Command.PSH:
                self._receive_data(stream, frame.data)
            case Command.FIN:
                self._finished(stream)
            case Command.UPD:
                self._updated(stream, frame.data)
            case Command.RST:
                self._forget(stream)
                self._events.append(StreamClosed(stream.stream_id, frame.data.decode(errors="replace")))

    def _opened(self, stream_id: int) -> None:
        if stream_id % 2 != self._peer_parity or stream_id in self._streams:
            raise MalformedSmux(f"the peer cannot open stream {stream_id}")
        if len(self._streams) >= MAX_STREAMS:
            refusal = SmuxFrame(Command.RST, stream_id, b"too many streams") if self._windowed else None
            self._send_control(refusal or SmuxFrame(Command.FIN, stream_id))
            return
        self._add(stream_id)
        self._events.append(StreamOpened(stream_id))

    def _receive_data(self, stream: MuxStream, data: bytes) -> None:
        if stream.fin_received:
            raise MalformedSmux(f"stream {stream.stream_id} continues after its end")
        if not data:
            return
        stream.received += len(data)
        self._unconsumed += len(data)
        if self._windowed and stream.received > stream.announced + stream.window:
            raise MalformedSmux(f"stream {stream.stream_id} has more than its window")
        self._events.append(StreamData(stream.stream_id, data))

    def _finished(self, stream: MuxStream) -> None:
        if stream.fin_received:
            return
        stream.fin_received = True
        self._events.append(StreamFinished(stream.stream_id))
        if not self._windowed and not stream.fin_sent:
            # A version 1 peer that has sent its FIN throws away what it receives.
            self._unschedule(stream)
            stream.finishing = stream.fin_sent = True
            self._send_control(SmuxFrame(Command.FIN, stream.stream_id))
        self._close_if_over(stream)

    def _updated(self, stream: MuxStream, data: bytes) -> None:
        was_ready = stream.ready
        if not stream.updated(*decode_update(data)):
            raise MalformedSmux(f"stream {stream.stream_id} acknowledges what was never sent")
        self._schedule(stream, was_ready)
        if not stream.ready and was_ready:
            self._ready.remove(stream)

    def _close_if_over(self, stream: MuxStream) -> None:
        if stream.fin_sent and stream.fin_received:
            self._events.append(StreamClosed(stream.stream_id))
            self._settle(stream)

    def _settle(self, stream: MuxStream) -> None:
        """Forget a stream that is closed once its last byte is consumed."""
        if stream.fin_sent and stream.fin_received and not stream.unconsumed:
            self._forget(stream)

    def _forget(self, stream: MuxStream) -> None:
        self._unschedule(stream)
        self._updates.pop(stream.stream_id, None)
        self._unconsumed -= stream.unconsumed
        self._granted -= stream.window
        del self._streams[stream.stream_id]

    def _unschedule(self, stream: MuxStream) -> None:
        if stream.ready:
            self._ready.remove(stream)
        stream.drop()
