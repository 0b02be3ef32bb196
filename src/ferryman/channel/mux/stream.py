"""One stream of a smux session: its window in each direction and what waits to be sent."""

from collections import deque

INITIAL_WINDOW = 262144
"""Bytes that a peer of version 2 may send before the first window update, by the reference."""
MAX_WINDOW = 4 << 20
SEND_BUFFER = 256 * 1024
_MODULUS = 1 << 32


class MuxStream:
    """The state of one stream; `windowed` in version 2.

    Receiving: at most `window` bytes are here unconsumed. The window doubles, up to MAX_WINDOW, whenever a full one has
    been consumed, so one that stalls holds little and one that flows gets what the round trip needs. Sending: at most
    At most SEND_BUFFER bytes wait here, and at most the peer's window is sent.
    """

    __slots__ = (
        "_chunks",
        "_peer_consumed",
        "_peer_window",
        "_sent",
        "_windowed",
        "announced",
        "consumed",
        "fin_received",
        "fin_sent",
        "finishing",
        "queued",
        "received",
        "starved",
        "stream_id",
        "window",
    )

    def __init__(self, stream_id: int, *, windowed: bool) -> None:
        self.stream_id = stream_id
        self._windowed = windowed
        self._chunks: deque[memoryview] = deque()
        self._sent = 0
        self._peer_consumed = 0
        self._peer_window = INITIAL_WINDOW
        self.queued = 0
        self.finishing = False
        self.fin_sent = False
        self.fin_received = False
        self.starved = False
        self.received = 0
        self.consumed = 0
        self.announced = 0
        self.window = INITIAL_WINDOW

    @property
    def unconsumed(self) -> int:
        """Return how many received bytes are not consumed."""
        return self.received - self.consumed

    @property
    def sendable(self) -> int:
        """Return how many bytes of data may go out now."""
        if not self._windowed:
            return self.queued
        return min(self.queued, self._peer_window - (self._sent - self._peer_consumed))

    @property
    def ready(self) -> bool:
        """Return whether data or the FIN may go out now."""
        if self.queued:
            return self.sendable > 0
        return self.finishing and not self.fin_sent

    @property
    def writable(self) -> int:
        """Return how many bytes `add` may take."""
        return 0 if self.finishing else max(0, SEND_BUFFER - self.queued)

    def add(self, data: bytes) -> None:
        """Queue data for sending."""
        if data:
            self._chunks.append(memoryview(data))
            self.queued += len(data)

    def pop_pieces(self, limit: int) -> list[memoryview]:
        """Return the next pieces to send, together at most `limit` bytes; the caller respects `sendable`."""
        pieces = []
        left = limit
        while left and self._chunks:
            chunk = self._chunks[0]
            if len(chunk) <= left:
                self._chunks.popleft()
            else:
                self._chunks[0] = chunk[left:]
                chunk = chunk[:left]
            pieces.append(chunk)
            left -= len(chunk)
        taken = limit - left
        self.queued -= taken
        self._sent += taken
        return pieces

    def drop(self) -> None:
        """Forget what waits to be sent."""
        self._chunks.clear()
        self.queued = 0

    def consume(self, count: int) -> bool:
        """Count `count` more bytes as consumed; return whether a window update is due."""
        self.consumed = min(self.received, self.consumed + count)
        if not self._windowed or self.fin_received:
            return False
        return self.consumed - self.announced >= self.window // 2

    def update(self, growth: int) -> tuple[int, int]:
        """Return the numbers of the window update that goes out now, the window being larger by up to `growth`."""
        if self.consumed >= self.window:
            self.window = min(MAX_WINDOW, self.window * 2, self.window + max(0, growth))
        self.announced = self.consumed
        return self.consumed, self.window

    def updated(self, consumed: int, window: int) -> bool:
        """Apply the peer's window update, modulo 2^32; return False if it claims bytes that were never sent."""
        progress = (consumed - self._peer_consumed) % _MODULUS
        if progress > self._sent - self._peer_consumed:
            return False
        self._peer_consumed += progress
        self._peer_window = window
        return True
