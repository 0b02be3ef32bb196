"""One TCP connection of a port session: bytes both ways without copies, half-close, backpressure."""

import asyncio
import contextlib
import socket
import struct
from typing import Protocol, cast

WRITE_BUFFER_BYTES = 256 * 1024
_RESET = struct.pack("ii", 1, 0)


class Owner(Protocol):
    """What a connection tells, with the key that its owner gave it."""

    def connected(self, key: int) -> None:
        """It is up."""

    def received(self, key: int, data: bytes) -> None:
        """Bytes have come; `Connection.pause` if there is no room for more."""

    def written(self, key: int, count: int) -> None:
        """So many more bytes given to `write` are with the kernel, or in a bounded buffer that moves."""

    def finished(self, key: int) -> None:
        """The peer sends no more."""

    def lost(self, key: int, reason: str | None) -> None:
        """It is gone: None after a `close` or a proper end, otherwise why."""


class Connection(asyncio.Protocol):
    """A connection that can be written to before it is up: what is written then waits."""

    def __init__(self, owner: Owner, key: int) -> None:
        self._owner = owner
        self._key = key
        self._transport: asyncio.Transport | None = None
        self._early: list[bytes] = []
        self._early_end = False
        self._early_close = False
        self._blocked = False
        self._blocked_bytes = 0
        self._reading = True
        self._over = False

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Take the transport, write what has waited."""
        # A cast: uvloop's transports are none of asyncio's classes.
        self._transport = transport = cast(asyncio.Transport, transport)
        transport.set_write_buffer_limits(high=WRITE_BUFFER_BYTES)
        with contextlib.suppress(OSError):
            transport.get_extra_info("socket").setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        if self._over:
            self.abort()
            return
        self._owner.connected(self._key)
        early, self._early = self._early, []
        for data in early:
            self.write(data)
        if self._early_end:
            self.write_eof()
        if self._early_close:
            self.close()

    def data_received(self, data: bytes) -> None:
        """Hand bytes on."""
        self._owner.received(self._key, data)

    def eof_received(self) -> bool:
        """Hand the end on; what is to be written still is."""
        self._owner.finished(self._key)
        return True

    def pause_writing(self) -> None:
        """The buffer is full: what is written from now on is not `written`."""
        self._blocked = True

    def resume_writing(self) -> None:
        """The buffer has room again."""
        self._blocked = False
        count, self._blocked_bytes = self._blocked_bytes, 0
        if count:
            self._owner.written(self._key, count)

    def connection_lost(self, exc: Exception | None) -> None:
        """Tell the owner, unless it wanted this."""
        self._transport = None
        if not self._over:
            self._over = True
            self._owner.lost(self._key, None if exc is None else str(exc))

    def write(self, data: bytes) -> None:
        """Write bytes; the owner bounds what is not `written`."""
        if self._over:
            return
        if self._transport is None:
            self._early.append(data)
            return
        self._transport.write(data)
        if self._blocked:
            self._blocked_bytes += len(data)
        else:
            self._owner.written(self._key, len(data))

    def write_eof(self) -> None:
        """Say that no more will be written, after what was."""
        if self._transport is None:
            self._early_end = True
        elif not self._over and not self._transport.is_closing():
            with contextlib.suppress(OSError, RuntimeError):  # the peer has reset it; that is told by itself
                self._transport.write_eof()

    def pause(self) -> None:
        """Stop reading."""
        if self._reading and self._transport is not None:
            self._reading = False
            self._transport.pause_reading()

    def resume(self) -> None:
        """Read again."""
        if not self._reading and self._transport is not None:
            self._reading = True
            self._transport.resume_reading()

    def close(self) -> None:
        """Close when everything is written, also what waits for the connection. `lost` is not called."""
        if self._transport is None:
            self._early_close = True
            return
        self._over = True
        self._transport.close()

    def abort(self) -> None:
        """Reset the connection at once. `lost` is not called."""
        self._over = True
        if self._transport is not None:
            with contextlib.suppress(OSError):
                self._transport.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _RESET)
            self._transport.abort()
