"""One TCP or unix connection of a port session: bytes both ways, half-close, backpressure."""

import asyncio
import contextlib
import socket
import struct
from typing import Protocol, cast

WRITE_BUFFER_BYTES = 256 * 1024
_RESET = struct.pack("ii", 1, 0)


class Owner(Protocol):
    """The owner of a connection, which gets its events; each call passes the connection first."""

    def connected(self, connection: "TcpConnection") -> None:
        """Note that the connection is open."""

    def received(self, connection: "TcpConnection", data: bytes) -> None:
        """Process bytes that have arrived; call `pause` if there is no room for more."""

    def written(self, connection: "TcpConnection", count: int) -> None:
        """Note that `count` more bytes passed to `write` have reached the kernel or a bounded buffer, or are lost."""

    def finished(self, connection: "TcpConnection") -> None:
        """Note that the peer has stopped sending; it may still read."""

    def lost(self, connection: "TcpConnection", reason: str) -> None:
        """Note that it is closed, and unwritten bytes are lost; `reason` is "" after a proper end and after `close`."""


class TcpConnection(asyncio.Protocol):
    """A connection that can be written to before it is up: bytes then wait.

    `pause` and `resume` stop and continue reading. Create it in a running loop.
    """

    def __init__(self, owner: Owner) -> None:
        self._owner = owner
        self._transport: asyncio.Transport | None = None
        self._early: list[bytes] = []
        self._early_end = False
        self._early_close = False
        self._aborted = False
        self._blocked = False
        self._blocked_bytes = 0
        self._reading = True
        self.stream_id = 0
        """The owner may store anything here."""
        self.closed = asyncio.get_running_loop().create_future()
        """Done when the connection is closed completely."""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Keep the transport, and write the waiting bytes."""
        # A cast: uvloop's transports are not instances of asyncio's classes.
        self._transport = transport = cast(asyncio.Transport, transport)
        transport.set_write_buffer_limits(high=WRITE_BUFFER_BYTES)
        with contextlib.suppress(OSError):  # a unix socket
            transport.get_extra_info("socket").setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        if self._aborted:
            self.abort()
            return
        self._owner.connected(self)
        early, self._early = self._early, []
        for data in early:
            self.write(data)
        if self._early_end:
            self.write_eof()
        if self._early_close:
            self.close()

    def data_received(self, data: bytes) -> None:
        """Pass bytes to the owner."""
        self._owner.received(self, data)

    def eof_received(self) -> bool:
        """Pass the end of input to the owner; waiting output is still written."""
        self._owner.finished(self)
        return True

    def pause_writing(self) -> None:
        """Note that the buffer is full: further bytes wait to be `written`."""
        self._blocked = True

    def resume_writing(self) -> None:
        """Note that the buffer has room again."""
        self._blocked = False
        count, self._blocked_bytes = self._blocked_bytes, 0
        if count:
            self._owner.written(self, count)

    def connection_lost(self, exc: Exception | None) -> None:
        """Report the end to the owner."""
        if not self.closed.done():
            self.closed.set_result(None)
        self.resume_writing()  # no one is waiting for the bytes now
        self._owner.lost(self, str(exc) if exc else "")

    def write(self, data: bytes) -> None:
        """Write bytes; the owner bounds what is not yet `written`. Does nothing once the connection is closing."""
        if self._transport is None and not self._aborted:
            self._early.append(data)
            return
        if self._transport is None or self._transport.is_closing():
            self._owner.written(self, len(data))
            return
        self._transport.write(data)
        if self._blocked:
            self._blocked_bytes += len(data)
        else:
            self._owner.written(self, len(data))

    def write_eof(self) -> None:
        """End this side's output, after everything written before."""
        if self._transport is None:
            self._early_end = True
        elif not self._transport.is_closing():
            with contextlib.suppress(OSError, RuntimeError):  # the peer has reset it, which connection_lost reports
                self._transport.write_eof()

    def pause(self) -> None:
        """Stop reading; idempotent."""
        if self._reading and self._transport is not None and not self._transport.is_closing():
            self._reading = False
            self._transport.pause_reading()

    def resume(self) -> None:
        """Continue reading; idempotent."""
        if not self._reading and self._transport is not None and not self._transport.is_closing():
            self._reading = True
            self._transport.resume_reading()

    def close(self) -> None:
        """Close once everything is written, including bytes that wait for the connection; idempotent."""
        if self._transport is None:
            self._early_close = True
        else:
            self._transport.close()

    def abort(self) -> None:
        """Reset it immediately, so that the peer sees a failure rather than an end; idempotent."""
        self._aborted = True
        if self._transport is None:
            return
        with contextlib.suppress(OSError):
            self._transport.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _RESET)
        self._transport.abort()
