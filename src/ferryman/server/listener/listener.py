"""The listening socket: who comes in, with which certificate, and what happens to those who do not get on.

Not aiohttp's own sites: those count nobody, give a stalled TLS handshake a minute, and keep one TLS context for ever.
"""

import asyncio
import socket
import ssl

import structlog
from aiohttp import web

from ferryman.server.listener.certificate import ServerCertificate
from ferryman.server.listener.connection import Connection, Memory
from ferryman.server.listener.connection_limits import ConnectionLimits
from ferryman.server.timeouts import Timing

BACKLOG = 1024
SOCKET_BUFFER = 128 * 1024
"""Bytes of kernel buffer a connection and direction: a saturated session delays others' keystrokes by 2 ms, not by the
8 ms of the defaults, and a stalled one hides little."""
_ACCEPTED_AT_ONCE = 8
"""More wait for the loop's next turn: a storm of newcomers delays nobody's keystroke for long."""
_EVICTED_AT_ONCE = 16
_EVICTED_SHARE = 64
"""When the house is full, so many idle connections are closed at once, and at most one in so many of all."""
_OUT_OF_FILES_SECONDS = 1.0
_ALL_BUSY_SECONDS = 0.1
"""Then it looks again whether a connection has become idle."""
_QUIET_SECONDS = 60.0
"""Between two lines of the log about the same shortage."""

_log = structlog.get_logger("ferryman.server.listener.listener")


def listen(host: str, port: int) -> socket.socket:
    """Return a socket bound to an address, accepting nobody yet. Raises OSError."""
    family, kind, protocol, _, address = socket.getaddrinfo(
        host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE
    )[0]
    listener = socket.socket(family, kind, protocol)
    try:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        # Accepted sockets inherit both.
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, SOCKET_BUFFER)
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, SOCKET_BUFFER)
        listener.bind(address)
        listener.setblocking(False)
    except OSError:
        listener.close()
        raise
    return listener


class FrontDoor:
    """Accepts connections for an aiohttp server. Without a `certificate` it is plain HTTP.

    At most `limits.most` connections are open at a time. Idle ones are closed to make room for others; while none is
    idle, further ones wait in the kernel until one ends.
    """

    def __init__(
        self,
        listener: socket.socket,
        server: web.Server,
        limits: ConnectionLimits,
        memory: Memory,
        timing: Timing,
        certificate: ServerCertificate | None = None,
    ) -> None:
        self._loop = asyncio.get_running_loop()
        self._listener = listener
        self._server = server
        self._limits = limits
        self._memory = memory
        self._timing = timing
        self._certificate = certificate
        self._open: set[Connection] = set()
        self._arriving: set[asyncio.Task[None]] = set()
        self._accepting = False
        self._closed = False
        self._complained: dict[str, float] = {}

    @property
    def connections(self) -> int:
        """How many connections are open, those still in their TLS handshake included."""
        return len(self._open)

    def open(self) -> None:
        """Accept from now on."""
        self._listener.listen(BACKLOG)
        self._resume()

    async def close(self) -> None:
        """Accept no more, and drop who is still arriving or has not asked for anything. Other connections go on."""
        self._closed = True
        self._pause()
        self._listener.close()
        arriving = list(self._arriving)
        for task in arriving:
            task.cancel()
        if arriving:
            await asyncio.wait(arriving)
        for connection in [each for each in self._open if not each.begun]:
            connection.evict()

    def _resume(self) -> None:
        if not self._accepting and not self._closed:
            self._accepting = True
            self._loop.add_reader(self._listener, self._accept)

    def _pause(self) -> None:
        if self._accepting:
            self._accepting = False
            self._loop.remove_reader(self._listener)

    def _accept(self) -> None:
        for number in range(_ACCEPTED_AT_ONCE):
            if len(self._open) >= self._limits.most:
                if not number:  # somebody waits; otherwise the next turn tells
                    self._make_room()
                return
            try:
                accepted, address = self._listener.accept()
            except BlockingIOError:
                return
            except ConnectionError:
                continue  # it left again
            except OSError as error:  # no file descriptor, no memory: not ours to mend, and no reason to spin
                self._complain("cannot accept", reason=error.strerror)
                self._pause()
                self._loop.call_later(_OUT_OF_FILES_SECONDS, self._resume)
                return
            accepted.setblocking(False)
            self._admit(accepted, str(address[0]))

    def _make_room(self) -> None:
        """Accept nobody until a connection ends, and have some end that are idle."""
        self._pause()
        for number in range(max(1, min(_EVICTED_AT_ONCE, self._limits.most // _EVICTED_SHARE))):
            if not self._limits.evict_idlest():
                if not number:
                    self._complain("connection limit reached", limit=self._limits.most)
                    self._loop.call_later(_ALL_BUSY_SECONDS, self._resume)
                return
        self._complain("idle connections closed", limit=self._limits.most)

    def _admit(self, accepted: socket.socket, peer: str) -> None:
        origin = self._limits.newcomers.origin(peer)
        if not self._limits.newcomers.enter(origin):
            self._complain("too many newcomers", peer=str(origin))
            accepted.close()
            return
        connection = Connection(self._server, self._limits, self._memory, self._timing, self._left)
        self._open.add(connection)
        if self._limits.enter(connection, origin):
            self._complain("idle connections closed", limit=self._limits.most)
        task = self._loop.create_task(self._arrive(accepted, peer, connection))
        connection.arriving(origin, task)
        self._arriving.add(task)
        task.add_done_callback(self._arriving.discard)

    async def _arrive(self, accepted: socket.socket, peer: str, connection: Connection) -> None:
        try:
            if self._certificate is None:
                await self._loop.connect_accepted_socket(lambda: connection, accepted)
                return
            await self._loop.connect_accepted_socket(
                lambda: connection,
                accepted,
                ssl=self._certificate.context,
                ssl_handshake_timeout=self._timing.request,
                ssl_shutdown_timeout=self._timing.close,
            )
        except OSError as error:  # ssl.SSLError and TimeoutError are
            _log.info("tls handshake failed", peer=peer, reason=_reason(error))
        finally:
            if connection.transport is None:
                connection.end()

    def _left(self, connection: Connection) -> None:
        self._open.discard(connection)
        if not self._accepting and len(self._open) < self._limits.most:
            self._resume()

    def _complain(self, event: str, **details: object) -> None:
        now = self._loop.time()
        if now >= self._complained.get(event, 0.0):
            self._complained[event] = now + _QUIET_SECONDS
            _log.warning(event, **details)


def _reason(error: OSError) -> str:
    """What OpenSSL calls it, in lower case: `tlsv1 alert unknown ca`, `http request`."""
    if isinstance(error, ssl.SSLError) and error.reason:
        return str(error.reason).lower().replace("_", " ")
    return str(error) or type(error).__name__
