"""One connection that a local program has made to a forwarded port, with backpressure and half-close."""

import asyncio
import contextlib
import socket
import struct
from typing import Protocol, cast

WRITE_BUFFER_BYTES = 256 * 1024
_RESET = struct.pack("ii", 1, 0)


class Owner(Protocol):
    """What a connection tells, itself first."""

    def connected(self, connection: "LocalConnection") -> None:
        """It is there."""

    def received(self, connection: "LocalConnection", data: bytes) -> None:
        """Bytes have come; `pause` if there is no room for more."""

    def finished(self, connection: "LocalConnection") -> None:
        """The program sends no more; it may still read."""

    def written(self, connection: "LocalConnection", count: int) -> None:
        """So many more bytes given to `write` are with the kernel, or in a bounded buffer that moves."""

    def lost(self, connection: "LocalConnection", reason: str) -> None:
        """It is gone, and what was not written with it."""


class LocalConnection(asyncio.Protocol):
    """A local program's connection. Reading stops and goes on by `pause` and `resume`."""

    def __init__(self, owner: Owner) -> None:
        self._owner = owner
        self._transport: asyncio.Transport | None = None
        self._blocked = False
        self._blocked_bytes = 0
        self._reading = True
        self.stream_id = 0
        """For the owner's use."""
        self.closed = asyncio.get_running_loop().create_future()
        """Done when nothing of it is left."""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Take the transport."""
        self._transport = cast(asyncio.Transport, transport)
        self._transport.set_write_buffer_limits(high=WRITE_BUFFER_BYTES)
        self._owner.connected(self)

    def data_received(self, data: bytes) -> None:
        """Hand bytes on."""
        self._owner.received(self, data)

    def eof_received(self) -> bool:
        """Hand the end on; what is to be written still is."""
        self._owner.finished(self)
        return True

    def pause_writing(self) -> None:
        """The buffer is full: what is written from now on waits to be `written`."""
        self._blocked = True

    def resume_writing(self) -> None:
        """The buffer has room again."""
        self._blocked = False
        count, self._blocked_bytes = self._blocked_bytes, 0
        if count:
            self._owner.written(self, count)

    def connection_lost(self, exc: Exception | None) -> None:
        """Tell the owner."""
        self._transport = None
        if not self.closed.done():
            self.closed.set_result(None)
        self.resume_writing()  # nobody waits for the bytes any more
        self._owner.lost(self, str(exc) if exc else "")

    def write(self, data: bytes) -> None:
        """Write bytes; the owner bounds what is not `written`."""
        if self._transport is None or self._transport.is_closing():
            self._owner.written(self, len(data))
            return
        self._transport.write(data)
        if self._blocked:
            self._blocked_bytes += len(data)
        else:
            self._owner.written(self, len(data))

    def write_eof(self) -> None:
        """Say that no more will be written, after what was."""
        if self._transport is not None and not self._transport.is_closing():
            with contextlib.suppress(OSError, RuntimeError):  # the program has reset it; that is told by itself
                self._transport.write_eof()

    def pause(self) -> None:
        """Stop reading; idempotent."""
        if self._reading and self._transport is not None and not self._transport.is_closing():
            self._reading = False
            self._transport.pause_reading()

    def resume(self) -> None:
        """Read on; idempotent."""
        if not self._reading and self._transport is not None and not self._transport.is_closing():
            self._reading = True
            self._transport.resume_reading()

    def close(self) -> None:
        """Close once everything is written; idempotent."""
        if self._transport is not None:
            self._transport.close()

    def abort(self) -> None:
        """Reset it at once, so that the program sees a failure and not an end; idempotent."""
        if self._transport is None:
            return
        with contextlib.suppress(OSError):
            self._transport.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _RESET)
        self._transport.abort()
