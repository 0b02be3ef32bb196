"""Carries one end's frames to the server that has its session's relay."""

import asyncio
import secrets

import structlog
from aiohttp import WSCloseCode

from ferryman.core.authorization.admission import AuthorizedSession
from ferryman.core.messages import (
    JoinRelay,
    RelayYours,
    RenewRelay,
    decode_relay_answer,
    decode_relay_renewed,
    encode,
    session_subject,
)
from ferryman.core.ports.bus import Bus, NoResponders
from ferryman.model.identifiers import SessionId
from ferryman.server.channels.remote.link import AskRead, Gone, Leave, Link, Note, Read, Side
from ferryman.server.channels.sockets.peer_socket import ABNORMAL, PeerSocket

JOIN_SECONDS = 2.0
"""How long the relay's server has to accept an end; if it does not answer, this server takes over."""
RENEW_SECONDS = 1.0
"""How often this server tells the relay's server that the end is still there."""
_ANSWER_SECONDS = 1.0
_UNANSWERED = 2
"""After this many of them without an answer, the relay's server counts as gone."""
MOVED = "the session's relay has moved"
_log = structlog.get_logger("ferryman.server.channels.remote")


class Carrier:
    """One end on this server whose relay is on another."""

    def __init__(self, bus: Bus, session_id: SessionId, socket: PeerSocket) -> None:
        self._bus = bus
        self._subject = session_subject(session_id)
        self._socket = socket
        self.link_id = secrets.token_hex(16)
        self._link = Link(bus, self.link_id, Side.END, self._on_frame, self._on_note)
        self._reading: asyncio.Task[None] | None = None
        self._answering: asyncio.Task[None] | None = None

    async def run(self, authorized: AuthorizedSession, *, ferryman: bool, handshake: bool) -> bool:
        """Carry the end until it leaves or the relay is gone; return False if this server is to relay."""
        if not await self._has_relay():
            return False
        request = JoinRelay(
            self.link_id,
            authorized.end.value,
            authorized.caller_id,
            authorized.client_id,
            self._socket.peer_address,
            self._socket.own_end,
            ferryman,
            handshake,
        )
        try:
            await self._link.open()
            try:
                reply = await self._bus.request(self._subject, encode(request), timeout=JOIN_SECONDS)
            except (NoResponders, TimeoutError):
                return False
            if isinstance(decode_relay_answer(reply), RelayYours):
                return False
            await self._carry(authorized)
            return True
        finally:
            await self._link.close()

    async def _has_relay(self) -> bool:
        """Whether another server relays the session; asked first because it is cheap, and usually none does.

        Without a connection to other servers, this one relays. Once reconnected, they agree on the newest relay.
        """
        return self._bus.is_connected and bool(await self._bus.subscribed([self._subject], timeout=JOIN_SECONDS))

    async def _carry(self, authorized: AuthorizedSession) -> None:
        log = _log.bind(session_id=authorized.session.session_id)
        log.info(f"{authorized.end.value} carried to another server")
        self._socket.joined()
        renewing = asyncio.create_task(self._renew())
        try:
            await self._socket.carry(self._from_end)
        finally:
            renewing.cancel()
            if self._reading is not None:
                self._reading.cancel()
            departure, gone = self._socket.departure, self._socket.gone
            code = departure.code if departure else gone.code if gone else ABNORMAL
            await self._say_gone(int(code))
            log.info(
                f"{authorized.end.value} no longer carried",
                close_code=int(code),
                reason=departure.reason if departure else "",
            )

    async def _say_gone(self, code: int) -> None:
        """Tell the relay, unless it does not even read: it finds out when the end is not renewed."""
        try:
            async with asyncio.timeout(_ANSWER_SECONDS):
                await self._link.note(Gone(code))
        except TimeoutError:
            return

    async def _from_end(self) -> None:
        while True:
            await self._link.send(await self._socket.receive_frame())

    async def _on_frame(self, frame: bytes) -> None:
        if self._socket.send(frame):
            self._reading = asyncio.create_task(self._socket.drain())
            await asyncio.wait([self._reading])

    def _on_note(self, note: Note) -> None:
        match note:
            case Leave(code, reason):
                self._socket.leave(code, reason)
            case AskRead():
                self._socket.ask(self._has_read)
            case _:
                pass

    def _has_read(self) -> None:
        self._answering = asyncio.create_task(self._link.note(Read()))

    async def _renew(self) -> None:
        """Notice that the relay's server is gone, or has forgotten this end."""
        unanswered = 0
        while unanswered < _UNANSWERED:
            await asyncio.sleep(RENEW_SECONDS)
            try:
                reply = await self._bus.request(
                    self._subject, encode(RenewRelay(self.link_id)), timeout=_ANSWER_SECONDS
                )
            except NoResponders:
                break
            except TimeoutError:
                unanswered += 1
                continue
            if not decode_relay_renewed(reply).known:
                break
            unanswered = 0
        self._socket.leave(WSCloseCode.GOING_AWAY, MOVED)
