"""The ends of this server's sessions that other servers carry."""

import asyncio
from collections.abc import Awaitable, Callable

import structlog
from aiohttp import WSCloseCode

from ferryman.core.authorization.admission import AuthorizedSession, End, admit_from_server
from ferryman.core.messages import JoinRelay, RelayJoined, RelayRenewed, RenewRelay, encode
from ferryman.core.service import Service
from ferryman.model.identifiers import SessionId
from ferryman.server.channels.remote.remote_socket import RemoteSocket

Serve = Callable[[AuthorizedSession, RemoteSocket, JoinRelay], Awaitable[None]]
"""Relays for an end until it has left."""

_log = structlog.get_logger("ferryman.server.channels.remote")


class RemoteEnds:
    """Has the relay serve each end that another server hands over. `patience` is how many seconds a closing end has."""

    def __init__(self, service: Service, patience: float) -> None:
        self._service = service
        self._patience = patience
        self._sockets: dict[str, RemoteSocket] = {}
        self._tasks: set[asyncio.Task[None]] = set()

    async def join(self, session_id: SessionId, request: JoinRelay, serve: Serve) -> bytes:
        """Take over an end, and have `serve` relay for it; returns the reply.

        Does not wait for the store, because further messages wait for it.
        """
        socket = RemoteSocket(self._service.bus, request, self._patience)
        await socket.open()
        self._sockets[request.link_id] = socket
        task = asyncio.create_task(self._run(session_id, socket, request, serve))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        return encode(RelayJoined())

    def renew(self, request: RenewRelay) -> bytes:
        """Note that an end is still there; returns the reply."""
        socket = self._sockets.get(request.link_id)
        if socket is not None:
            socket.renew()
        return encode(RelayRenewed(socket is not None))

    async def leave(self, code: int, reason: str) -> None:
        """Close every end, and wait until they are closed, in bounded time."""
        for socket in self._sockets.values():
            socket.leave(code, reason)
        if self._tasks:
            await asyncio.wait(self._tasks, timeout=2 * self._patience)

    async def _run(self, session_id: SessionId, socket: RemoteSocket, request: JoinRelay, serve: Serve) -> None:
        end = End(request.end)
        try:
            authorized = await admit_from_server(self._service, session_id, end, request.caller_id, request.client_id)
            if authorized is None:
                socket.leave(WSCloseCode.TRY_AGAIN_LATER, "the session does not exist")
            else:
                await serve(authorized, socket, request)
        except Exception:  # noqa: BLE001 boundary: a fault of one session ends its channel, not the server
            _log.exception("channel failed", session_id=session_id)
            socket.leave(WSCloseCode.INTERNAL_ERROR, "the server failed")
        finally:
            await socket.close()
            if self._sockets.get(request.link_id) is socket:
                del self._sockets[request.link_id]
