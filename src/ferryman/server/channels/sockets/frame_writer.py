"""Writes frames to one peer: the first immediately, further ones of the same turn of the event loop together.

One read from a busy peer brings a hundred frames. Writing each by itself would cost a system call per frame, which is
most of a relay's work, so aiohttp's own writer is not used. But a keystroke must not wait for the event loop's next
turn, in which it may move a quarter of a megabyte for other sessions. A server's frames are not masked, so the framing
is two to ten bytes (RFC 6455 §5.2).
"""

import asyncio
import struct

from aiohttp.web_protocol import RequestHandler

from ferryman.server.listener.transports import unsent_bytes

BATCH_BYTES = 128 * 1024
"""This much is written immediately; less waits for the end of the event loop's turn."""

REASON_LIMIT = 123
"""Bytes of a close frame's reason (RFC 6455 §5.5)."""

_BINARY, _CLOSE, _PING, _PONG = 0x82, 0x88, 0x89, 0x8A
_CLOSE_CODE = struct.Struct(">H").pack
_SHORT, _MEDIUM = 126, 65536
_MEDIUM_HEADER = struct.Struct(">BBH").pack
_LONG_HEADER = struct.Struct(">BBQ").pack
_WORTH_GATHERING = 4096
"""Average bytes per piece from which the kernel gathers the pieces; shorter ones are cheaper to join first."""


class FrameWriter:
    """Writes to one peer. Once the transport is closing, nothing more is sent."""

    __slots__ = ("_gathering", "_loop", "_pieces", "_protocol", "_size", "_transport")

    def __init__(self, protocol: RequestHandler, transport: asyncio.Transport) -> None:
        self._loop = asyncio.get_running_loop()
        self._protocol = protocol
        self._transport = transport
        self._pieces: list[bytes] = []
        self._size = 0
        self._gathering = False

    @property
    def behind(self) -> bool:
        """Whether the peer should read before more is added."""
        return self._protocol.writing_paused

    @property
    def waiting_bytes(self) -> int:
        """How many bytes wait for the peer to read, not counting the kernel's buffers."""
        return self._size + unsent_bytes(self._transport)

    def add(self, frame: bytes) -> bool:
        """Send a whole binary message; return `behind`."""
        size = len(frame)
        if size < _SHORT:
            header = bytes((_BINARY, size))
        elif size < _MEDIUM:
            header = _MEDIUM_HEADER(_BINARY, 126, size)
        else:
            header = _LONG_HEADER(_BINARY, 127, size)
        self._pieces += (header, frame)
        self._size += size
        if not self._gathering:
            self._gathering = True
            self._loop.call_soon(self._on_next_turn)
            self.flush()
        elif self._size >= BATCH_BYTES:
            self.flush()
        return self._protocol.writing_paused

    def ping(self, payload: bytes = b"") -> bool:
        """Send a ping; False if the peer is behind and would not see it."""
        return self._control(_PING, payload)

    def pong(self, payload: bytes) -> None:
        """Answer a ping, unless the peer is behind: answers must not pile up for a peer that only sends pings."""
        self._control(_PONG, payload)

    def close(self, code: int, reason: str = "") -> bool:
        """Send the close frame after everything before it; False if the connection is gone. Nothing may follow."""
        self.flush()
        if self._transport.is_closing():
            return False
        said = _CLOSE_CODE(code) + reason.encode()[:REASON_LIMIT].decode(errors="ignore").encode()
        self._transport.write(bytes((_CLOSE, len(said))) + said)
        return True

    def _control(self, opcode: int, payload: bytes) -> bool:
        self.flush()
        if self._protocol.writing_paused or self._transport.is_closing():
            return False
        self._transport.write(bytes((opcode, len(payload))) + payload)
        return True

    def _on_next_turn(self) -> None:
        self._gathering = False
        self.flush()

    def flush(self) -> None:
        """Write what was gathered to the transport."""
        pieces, size = self._pieces, self._size
        if not pieces:
            return
        self._pieces = []
        self._size = 0
        if self._transport.is_closing():
            return
        if size > len(pieces) * _WORTH_GATHERING:
            self._transport.writelines(pieces)
        else:
            self._transport.write(b"".join(pieces))
