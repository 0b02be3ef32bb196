"""One WebSocket, as the ends and the relay see it: whole messages in and out, and backpressure.

The same three methods over aiohttp's client socket (`dial`) and its server socket. Compression is never negotiated.
Messages are sent unfragmented; fragmented ones are reassembled on receipt.
"""

import asyncio
import contextlib
import ssl
from collections.abc import Awaitable, Callable, Coroutine, Generator, Mapping
from functools import partial
from typing import TYPE_CHECKING, Any

import aiohttp
from aiohttp import ClientWebSocketResponse, ClientWSTimeout, WSMessage, WSMsgType
from yarl import URL

from ferryman.model.failures import said_by
from ferryman.transport.errors import ConnectionLost, UpgradeRefused
from ferryman.transport.trust import unreachable
from ferryman.wire.moving import MOVE_PING

if TYPE_CHECKING:  # clients do without aiohttp's server: 20 ms of their start
    from aiohttp import web

MAX_MESSAGE_BYTES = 4 * 1024 * 1024
"""The largest message read; a longer one ends the connection with 1009."""
DIAL_SECONDS = 15.0
CLOSE_SECONDS = 2.0
"""How long a closing handshake may take before the socket is dropped."""
TURN_FRAMES = 64
"""Frames of any type read before everything else in the process gets its turn."""
ABNORMAL = 1006


class WebSocket:
    """A connected WebSocket. One task may receive and another send at the same time.

    `socket` is aiohttp's; a server's response must be prepared already.
    """

    __slots__ = ("_moving", "_read", "_socket", "_time", "heard_at", "prepare_next", "unanswered_bytes")

    def __init__(self, socket: "ClientWebSocketResponse | web.WebSocketResponse") -> None:
        self._socket = socket
        self._read = 0
        self._moving: asyncio.Task[None] | None = None
        self._time = asyncio.get_running_loop().time
        self.heard_at = self._time()
        """When something was last received, by the event loop's clock."""
        self.unanswered_bytes = 0
        """Bytes sent since then."""
        self.prepare_next: Callable[[], Awaitable[bool]] | None = None
        """Makes another connection ready, to be used after this one; returns whether there is one."""

    @property
    def closed(self) -> bool:
        """True once either side has closed; sending is then an error."""
        return self._socket.closed

    async def send(self, data: bytes | str) -> None:
        """Send one message: bytes as a binary frame, text as a text frame.

        Returns when the message is with the kernel or in a write buffer of at most 64 KiB, so a peer that does not
        read stops the sender here. Raises `ConnectionLost`.
        """
        try:
            if isinstance(data, str):
                await self._socket.send_str(data)
            else:
                await self._socket.send_bytes(data)
        except (ConnectionError, aiohttp.ClientError) as error:
            raise ConnectionLost(ABNORMAL, said_by(error)) from error

    def begin_sending(self, data: bytes) -> Awaitable[None] | None:
        """Send one binary message as far as that goes without waiting: all of it, unless the peer does not read.

        Returns None when `send` would have returned, otherwise an awaitable that must finish before anything else is
        sent. Raises `ConnectionLost`.
        """
        self.unanswered_bytes += len(data)
        sending = self.send(data)
        try:
            awaited = sending.send(None)
        except StopIteration:
            return None
        return _Begun(sending, awaited)

    async def receive(self) -> bytes | str:
        """Return the next message; raises `ConnectionLost` with the peer's close code once there is none to come.

        Pings are answered and pongs swallowed inside. While nobody calls this, reading from the peer stops.
        """
        while True:
            self._read += 1
            if not self._read % TURN_FRAMES:
                await asyncio.sleep(0)
            try:
                message = await self._socket.receive()
                self.heard_at = self._time()
                self.unanswered_bytes = 0
                kind = message.type
                if kind is WSMsgType.BINARY or kind is WSMsgType.TEXT:
                    data: bytes | str = message.data
                    return data
                if kind is WSMsgType.PING:
                    if message.data == MOVE_PING and self.prepare_next is not None:
                        self._move()
                    else:
                        await self._socket.pong(message.data)
                elif kind is not WSMsgType.PONG:
                    raise self._lost(message)
            except (ConnectionError, RuntimeError, aiohttp.ClientError) as error:
                # RuntimeError: receive() called again after the close was delivered.
                raise ConnectionLost(self._socket.close_code or ABNORMAL, said_by(error)) from error

    async def close(self, code: int = 1000, reason: str = "") -> None:
        """Close with `code`, waiting at most 2 s for the peer's answer; idempotent."""
        if self._moving is not None:
            self._moving.cancel()
        try:
            await self._socket.close(code=code, message=reason.encode()[:123])
        except (ConnectionError, aiohttp.ClientError):
            return

    async def ping(self) -> None:
        """Ask the peer for a sign of life; `receive` raises if the connection is gone."""
        with contextlib.suppress(ConnectionError, RuntimeError, aiohttp.ClientError):
            await self._socket.ping()

    async def has_next(self) -> bool:
        """Make another connection ready, as `prepare_next` does; return whether there is one."""
        return self.prepare_next is not None and await self.prepare_next()

    def _move(self) -> None:
        """Answer the ping once another connection is ready; a second ping meanwhile changes nothing."""
        if self._moving is None or self._moving.done():
            self._moving = asyncio.create_task(self._answer_when_ready())

    async def _answer_when_ready(self) -> None:
        await self.has_next()
        with contextlib.suppress(ConnectionError, RuntimeError, aiohttp.ClientError):  # `receive` raises then
            await self._socket.pong(MOVE_PING)

    def _lost(self, message: WSMessage) -> ConnectionLost:
        if message.type is WSMsgType.ERROR:
            return ConnectionLost(self._socket.close_code or ABNORMAL, str(self._socket.exception() or message.data))
        code = self._socket.close_code or ABNORMAL
        return ConnectionLost(code, str(message.extra or ""))


class _Begun:
    """The rest of a coroutine that was started without a task and waits for `awaited`."""

    __slots__ = ("_awaited", "_coroutine")

    def __init__(self, coroutine: Coroutine[Any, Any, None], awaited: Any) -> None:
        self._coroutine = coroutine
        self._awaited = awaited

    def __await__(self) -> Generator[Any, Any, None]:
        awaited = self._awaited
        while True:
            try:
                sent = yield awaited
            except BaseException as error:  # noqa: BLE001 whatever it is, cancellation too, is for the coroutine
                step: Callable[[], Any] = partial(self._coroutine.throw, error)
            else:
                step = partial(self._coroutine.send, sent)
            try:
                awaited = step()
            except StopIteration:
                return


async def dial(
    session: aiohttp.ClientSession,
    url: str,
    headers: Mapping[str, str] | None = None,
    *,
    heartbeat: float = 20.0,
    max_message_bytes: int = MAX_MESSAGE_BYTES,
    verified_by: ssl.SSLContext | bool = True,
    proxy: str | None = None,
) -> WebSocket:
    """Open a WebSocket to `url`, which is used exactly as given, percent-encoding included.

    After `heartbeat` seconds without a byte from the peer a ping goes out; no answer within half of that again loses
    the connection. Redirects are not followed. `verified_by` True: what the session's connector says; `proxy` likewise.
    Raises `UpgradeRefused` when the server answers with an error, `Unreachable` when it does not answer.
    """
    try:
        async with asyncio.timeout(DIAL_SECONDS):
            socket = await session.ws_connect(
                URL(url, encoded=True),
                headers=headers,
                heartbeat=heartbeat,
                autoping=False,  # aiohttp's answers a flood of pings without giving anything else a turn
                max_msg_size=max_message_bytes,
                ssl=verified_by,
                proxy=proxy,
                timeout=ClientWSTimeout(ws_close=CLOSE_SECONDS),
            )
    except aiohttp.WSServerHandshakeError as error:
        raise UpgradeRefused(error.status, f"{url} answered {error.status} {error.message}") from error
    except (aiohttp.ClientError, OSError, TimeoutError, UnicodeError) as error:
        raise unreachable(url, error) from error
    return WebSocket(socket)
