"""The listening socket: which connections are accepted, with which certificate, and how stalled ones are closed.

aiohttp's own sites are not used: they do not count connections, give a stalled TLS handshake a minute, and keep one TLS
context forever.
"""

import asyncio
import socket
import ssl
from collections.abc import Sequence

import structlog
from aiohttp import web

from ferryman.server.listener.certificate import ServerCertificate
from ferryman.server.listener.connection import Connection
from ferryman.server.listener.connection_limits import ConnectionLimits
from ferryman.server.listener.pacing import Bursts
from ferryman.server.listener.request_memory import RequestMemories
from ferryman.server.timeouts import Timeouts
from ferryman.system.garbage import ConnectionTurnover

BACKLOG = 1024
SOCKET_BUFFER = 128 * 1024
"""Bytes of kernel buffer per connection and direction. A saturated session then delays other sessions' keystrokes by
2 ms instead of the default's 8 ms, and a stalled one hides little."""
_ACCEPTED_AT_ONCE = 8
"""Further ones wait for the event loop's next turn, so that a burst of connections delays no keystroke for long."""
_EVICTED_AT_ONCE = 16
_EVICTED_SHARE = 64
"""When the server is full, this many idle connections are closed together, but at most this share of all, as 1/n."""
_OUT_OF_FILES_SECONDS = 1.0
_ALL_BUSY_SECONDS = 0.1
"""How soon the server looks again for an idle connection."""
_QUIET_SECONDS = 60.0
"""Between two log lines about the same shortage."""

_log = structlog.get_logger("ferryman.server.listener.listener")


def listen(host: str, port: int) -> socket.socket:
    """Return a socket bound to an address; it does not accept connections yet. Raises OSError."""
    family, kind, protocol, _, address = socket.getaddrinfo(
        host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE
    )[0]
    listening = socket.socket(family, kind, protocol)
    try:
        listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        # Accepted sockets inherit both.
        listening.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, SOCKET_BUFFER)
        listening.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, SOCKET_BUFFER)
        listening.bind(address)
        listening.setblocking(False)
    except OSError:
        listening.close()
        raise
    return listening


class Listener:
    """Accepts connections for an aiohttp server: TLS with a `certificate`, plain HTTP without.

    At most `limits.most` connections are open at a time. Idle ones are closed to make room; while none is idle, new
    ones wait in the kernel until one ends. It may accept at several addresses.
    """

    def __init__(
        self,
        listening: Sequence[socket.socket],
        server: web.Server,
        limits: ConnectionLimits,
        memory: RequestMemories,
        timeouts: Timeouts,
        certificate: ServerCertificate | None = None,
    ) -> None:
        self._loop = asyncio.get_running_loop()
        self._listening = listening
        self._server = server
        self._limits = limits
        self._memory = memory
        self._timeouts = timeouts
        self._certificate = certificate
        self._bursts = Bursts()
        self._turnover = ConnectionTurnover()
        self._open: set[Connection] = set()
        self._arriving: set[asyncio.Task[None]] = set()
        self._accepting = False
        self._closed = False
        self._quiet_until: dict[str, float] = {}

    @property
    def connections(self) -> int:
        """How many connections are open, those still in their TLS handshake included."""
        return len(self._open)

    def open(self) -> None:
        """Start accepting connections."""
        for each in self._listening:
            each.listen(BACKLOG)
        self._resume()

    async def close(self) -> None:
        """Stop accepting, and drop connections without a complete request so far. Other connections continue."""
        self._closed = True
        self._pause()
        for each in self._listening:
            each.close()
        self._bursts.requests.hurry()
        arriving = list(self._arriving)
        for connection in [each for each in self._open if not each.begun]:
            connection.evict()
        if arriving:
            await asyncio.wait(arriving)

    def _resume(self) -> None:
        if not self._accepting and not self._closed:
            self._accepting = True
            for each in self._listening:
                self._loop.add_reader(each, self._accept, each)

    def _pause(self) -> None:
        if self._accepting:
            self._accepting = False
            for each in self._listening:
                self._loop.remove_reader(each)

    def _accept(self, listening: socket.socket) -> None:
        for number in range(_ACCEPTED_AT_ONCE):
            if len(self._open) >= self._limits.most:
                if not number:  # one is waiting; otherwise the next turn finds out
                    self._make_room()
                return
            try:
                accepted, address = listening.accept()
            except BlockingIOError:
                return
            except ConnectionError:
                continue  # the peer left again
            except OSError as error:  # no file descriptor or no memory: try again later
                self._warn_rarely("cannot accept", reason=error.strerror)
                self._pause()
                self._loop.call_later(_OUT_OF_FILES_SECONDS, self._resume)
                return
            accepted.setblocking(False)
            self._admit(accepted, str(address[0]))

    def _make_room(self) -> None:
        """Stop accepting until a connection ends, and close some that are idle."""
        self._pause()
        for number in range(max(1, min(_EVICTED_AT_ONCE, self._limits.most // _EVICTED_SHARE))):
            if not self._limits.evict_idlest():
                if not number:
                    self._warn_rarely("connection limit reached", limit=self._limits.most)
                    self._loop.call_later(_ALL_BUSY_SECONDS, self._resume)
                return
        self._warn_rarely("idle connections closed", limit=self._limits.most)

    def _admit(self, accepted: socket.socket, peer: str) -> None:
        origin = self._limits.unauthenticated.origin(peer)
        if self._limits.unauthenticated.is_full(origin):
            self._limits.evict_refused(origin)
        if not self._limits.unauthenticated.enter(origin):
            self._warn_rarely("too many unauthenticated connections", peer=str(origin))
            accepted.close()
            return
        self._turnover.note()
        connection = Connection(self._server, self._limits, self._memory, self._timeouts, self._bursts, self._left)
        self._open.add(connection)
        if self._limits.add(connection, origin):
            self._warn_rarely("idle connections closed", limit=self._limits.most)
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
                ssl_handshake_timeout=self._timeouts.request,
                ssl_shutdown_timeout=self._timeouts.close,
            )
        except OSError as error:  # includes ssl.SSLError and TimeoutError
            _log.info("tls handshake failed", peer=peer, reason=_reason(error))
        except asyncio.CancelledError:
            connection.end()  # uvloop then closes the transport without telling the connection
            raise
        finally:
            if connection.transport is None:
                connection.end()

    def _left(self, connection: Connection) -> None:
        self._open.discard(connection)
        if not self._accepting and len(self._open) < self._limits.most:
            self._resume()

    def _warn_rarely(self, event: str, **details: object) -> None:
        now = self._loop.time()
        if now >= self._quiet_until.get(event, 0.0):
            self._quiet_until[event] = now + _QUIET_SECONDS
            _log.warning(event, **details)


def _reason(error: OSError) -> str:
    """Return OpenSSL's name of an error in lower case, such as `tlsv1 alert unknown ca` or `http request`."""
    if isinstance(error, ssl.SSLError) and error.reason:
        return str(error.reason).lower().replace("_", " ")
    return str(error) or type(error).__name__
