"""Local ports that lead through a node: listens, and gives every connection a tunnel."""

import asyncio
import contextlib
import os
import socket
import struct
from collections.abc import Awaitable, Callable

from ferryman.client.library.port_sessions import Destination, PortSessions
from ferryman.model.failures import Failure, said_by
from ferryman.transport.tcp_connection import TcpConnection

BACKLOG = 1024
LOOPBACK = "127.0.0.1"
MOST_OPENING = 256
"""Connections that may wait for a tunnel at the same time; more wait in the kernel."""
ACCEPT_AGAIN_SECONDS = 0.2
_RESET = struct.pack("ii", 1, 0)

Route = Callable[[socket.socket], Awaitable[Destination | None]]
"""Returns where a new connection wants to go, None if it has been answered and should be closed."""


class Forward:
    """A listening local port. `address` is its host and port, the chosen port if 0 was requested."""

    def __init__(
        self, sessions: PortSessions, listening: socket.socket, route: Route, on_problem: Callable[[str], None]
    ) -> None:
        self._sessions = sessions
        self._listening = listening
        self._route = route
        self._on_problem = on_problem
        self._reported: Failure | None = None
        self._places = asyncio.Semaphore(MOST_OPENING)
        self._joining: set[asyncio.Task[None]] = set()
        self._connections: set[TcpConnection] = set()
        self.address: tuple[str, int] = listening.getsockname()[:2]
        self._accepting = asyncio.create_task(self._accept())

    async def close(self) -> None:
        """Stop listening and reset open connections."""
        self._listening.close()
        tasks = [self._accepting, *self._joining]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        for connection in list(self._connections):
            connection.abort()

    async def _accept(self) -> None:
        loop = asyncio.get_running_loop()
        while True:
            await self._places.acquire()
            try:
                accepted, _ = await loop.sock_accept(self._listening)
            except OSError as error:  # EMFILE, ECONNABORTED: the next may succeed
                self._places.release()
                self._on_problem(f"a connection could not be accepted: {error.strerror}")
                await asyncio.sleep(ACCEPT_AGAIN_SECONDS)
                continue
            task = loop.create_task(self._join(accepted))
            self._joining.add(task)
            task.add_done_callback(self._joined)

    def _joined(self, task: "asyncio.Task[None]") -> None:
        self._joining.discard(task)
        self._places.release()
        if not task.cancelled() and (fault := task.exception()) is not None:
            self._on_problem(f"a connection failed: {said_by(fault)}")

    async def _join(self, accepted: socket.socket) -> None:
        """Connect an accepted socket to its tunnel."""
        try:
            accepted.setblocking(False)
            with contextlib.suppress(OSError):
                accepted.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            destination = await self._route(accepted)
            if destination is None:
                accepted.close()
                return
            tunnel = await self._sessions.tunnel(destination)
            connection = tunnel.connection()
            await asyncio.get_running_loop().connect_accepted_socket(lambda: connection, accepted)
        except Failure as failure:
            reset(accepted)
            if failure is not self._reported:  # several connections may have waited for the same one
                self._reported = failure
                self._on_problem(failure.line)
            return
        except OSError:  # the local program has disconnected
            accepted.close()
            return
        except BaseException:
            reset(accepted)
            raise
        self._connections.add(connection)
        connection.closed.add_done_callback(lambda _: self._connections.discard(connection))


def listen(host: str, port: int) -> socket.socket:
    """Listen on a local address, port 0 for any free one. Raises `Failure`."""
    name = f"[{host}]:{port}" if ":" in host else f"{host}:{port}"
    try:
        family, kind, protocol, _, address = socket.getaddrinfo(
            host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE
        )[0]
    except (OSError, UnicodeError) as error:
        raise Failure(f"Cannot listen on {name}", said_by(error), "Use an address of this machine") from error
    listening = socket.socket(family, kind, protocol)
    try:
        listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listening.bind(address)
        listening.listen(BACKLOG)
    except OSError as error:
        listening.close()
        cause = os.strerror(error.errno or 0).lower()
        raise Failure(
            f"Cannot listen on {name}", cause, "Choose another port, or stop the program that uses it"
        ) from error
    listening.setblocking(False)
    return listening


def reset(accepted: socket.socket) -> None:
    """Close a connection with RST, so that its program sees a failure instead of an end."""
    with contextlib.suppress(OSError):
        accepted.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _RESET)
    accepted.close()
