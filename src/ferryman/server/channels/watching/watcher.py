"""One who watches a session: from the bus to a WebSocket, as ALiS v1.

It joins the session wherever that is, sends the screen as it is and everything that follows. If it misses something, or
its peer reads too slowly, it sends the whole screen again. While no server has the session, it waits.
"""

import asyncio
from collections import deque

import structlog
from aiohttp import WSCloseCode

from ferryman.core.audit.watch_records import watching_began, watching_ended
from ferryman.core.messages import (
    DONE,
    JoinWatch,
    LeaveWatch,
    RenewWatch,
    WatchedEvents,
    WatchJoined,
    WatchRefused,
    decode_watch_answer,
    decode_watch_renewed,
    decode_watched_events,
    encode,
    session_subject,
    watched_subject,
)
from ferryman.core.ports.bus import NoResponders
from ferryman.core.service import Service
from ferryman.core.sessions.watching import AuthorizedWatcher, check_watcher
from ferryman.model.errors import ServiceError
from ferryman.model.identifiers import Millis
from ferryman.model.sessions import RESUMABLE, Session
from ferryman.server.channels.sockets.peer_socket import Violation
from ferryman.server.channels.sockets.websocket import Socket
from ferryman.server.channels.watching.limits import MOST_QUEUED, REJOIN_SECONDS, RENEWAL_SECONDS
from ferryman.wire import alis

ENDED, REFUSED = 4000, 4001
"""Close codes: the session has ended, or the watcher may not watch it. Players do not reconnect after either."""
TOO_SLOW = 4002
_WAIT = 5.0
_STALLED_SECONDS = 30.0
_ID_BYTES = 8

WAITING = "The session has no connection at present."
BEHIND = "Some output is left out: it came faster than it could be shown. This is the screen as it is now."
AGAIN = "This is the screen as it is now."
INCOMPLETE = "What was shown earlier is not known; the screen may be incomplete until it is drawn again."

_log = structlog.get_logger("ferryman.server.channels.watching")


class Watcher:
    """One watcher of a session. `run` serves it until it leaves or the session ends."""

    def __init__(self, service: Service, authorized: AuthorizedWatcher, socket: Socket) -> None:
        self._service = service
        self._authorized = authorized
        self._socket = socket
        caller, self._session_id = authorized.caller, authorized.session.session_id
        self._join_request = JoinWatch(
            service.entropy(_ID_BYTES).hex(), caller.person_id, caller.arn, socket.peer_address or "", service.clock()
        )
        self._queue: deque[WatchedEvents] = deque()
        self._queued = 0
        self._missed = False
        self._arrived = asyncio.Event()
        self._event_id = 0
        self._sent_at = 0
        self._shown = False

    async def run(self) -> None:
        """Serve the watcher; its socket is left, not closed."""
        self._socket.joined()
        bus = self._service.bus
        subscription = await bus.subscribe(watched_subject(self._session_id), self._on_message)
        session, caller, since = self._authorized.session, self._authorized.caller, Millis(self._join_request.since)
        watching_began(self._service, session, caller, self._socket.peer_address)
        try:
            await self._socket.carry(self._serve)
        finally:
            departure = self._socket.departure
            watching_ended(self._service, session, caller, since, departure.reason if departure else "")
            await subscription.close()
            await bus.publish(session_subject(self._session_id), encode(LeaveWatch(self._join_request.watcher_id)))

    async def _on_message(self, payload: bytes) -> bytes:
        message = decode_watched_events(payload)
        self._queue.append(message)
        self._queued += sum(len(text) for _, _, text in message.events)
        if self._queued > MOST_QUEUED:
            self._queue.clear()
            self._queued = 0
            self._missed = True
        self._arrived.set()
        return DONE

    async def _serve(self) -> None:
        tasks = [asyncio.create_task(step) for step in (self._read(), self._stay_allowed(), self._stream())]
        try:
            done, _ = await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
            for task in done:
                task.result()
        finally:
            for task in tasks:
                task.cancel()
            await asyncio.wait(tasks)

    async def _read(self) -> None:
        await self._socket.receive_frame()
        raise Violation(WSCloseCode.POLICY_VIOLATION, "watchers send nothing")

    async def _stay_allowed(self) -> None:
        """Check every few seconds that the watcher may still watch, and that the session's server knows it."""
        renewal = encode(RenewWatch(self._join_request.watcher_id))
        while True:
            await asyncio.sleep(RENEWAL_SECONDS)
            if await self._session() is None:
                return
            try:
                reply = await self._service.bus.request(session_subject(self._session_id), renewal, timeout=_WAIT)
                known = decode_watch_renewed(reply).known
            except (NoResponders, TimeoutError):
                known = False
            if not known:
                self._missed = True
                self._arrived.set()

    async def _session(self) -> Session | None:
        """Return the session if it may still be watched; leave and return None if it has ended, or may not."""
        try:
            session = await check_watcher(self._service, self._authorized)
        except ServiceError as error:
            _log.info("watcher refused", session_id=self._session_id, error=error.code)
            self._socket.leave(REFUSED, error.code)
            return None
        if session.status in RESUMABLE:
            return session
        self._end(session.details or "")
        return None

    async def _stream(self) -> None:
        loop = asyncio.get_running_loop()
        self._socket.send(alis.MAGIC)
        note = ""
        while True:
            self._queue.clear()
            self._queued = 0
            self._missed = False
            joined = await self._join()
            if joined is None:
                return
            joined_at = loop.time()
            self._reset(joined, note)
            note = await self._follow(joined.number)
            if not note:
                return
            await asyncio.sleep(joined_at + REJOIN_SECONDS - loop.time())

    async def _join(self) -> WatchJoined | None:
        while await self._session() is not None:
            try:
                reply = await self._service.bus.request(
                    session_subject(self._session_id), encode(self._join_request), timeout=_WAIT
                )
            except (NoResponders, TimeoutError):
                if not self._shown:
                    self._reset(WatchJoined(0, 0, 80, 24, "", True), WAITING)
                await asyncio.sleep(REJOIN_SECONDS)
                continue
            answer = decode_watch_answer(reply)
            if isinstance(answer, WatchRefused):
                self._socket.leave(REFUSED, answer.reason)
                return None
            return answer
        return None

    def _reset(self, joined: WatchJoined, note: str) -> None:
        self._shown = True
        self._sent_at = joined.at
        reset = alis.Reset(self._event_id, joined.at * 1000, joined.columns, joined.rows, joined.screen)
        self._socket.send(alis.encode_reset(reset))
        if note:
            self._send(joined.at, "m", note)
        if not joined.is_whole:
            self._send(joined.at, "m", INCOMPLETE)

    async def _follow(self, number: int) -> str:
        """Send what follows, from the message of this number on; return why to join again, "" if it is over."""
        while True:
            await self._arrived.wait()
            self._arrived.clear()
            while self._queue:
                message = self._queue.popleft()
                self._queued -= sum(len(text) for _, _, text in message.events)
                if message.number > number:
                    return BEHIND
                if message.number < number:
                    continue
                number += 1
                for at, kind, text in message.events:
                    if kind == "end":
                        self._end(text)
                        return ""
                    if kind == "gone":
                        return AGAIN
                    self._send(at, kind, text)
                if self._socket.behind and not await self._caught_up():
                    return ""
            if self._missed:
                return BEHIND

    async def _caught_up(self) -> bool:
        """Wait until the peer has read what was sent; False if it does not read at all."""
        try:
            async with asyncio.timeout(_STALLED_SECONDS):
                await self._socket.drain()
        except TimeoutError:
            self._socket.leave(TOO_SLOW, "the watcher does not read")
            return False
        return True

    def _send(self, at: int, kind: str, text: str) -> None:
        after = max(0, at - self._sent_at)
        self._sent_at += after
        self._event_id += 1
        self._socket.send(alis.encode_event(alis.Event(self._event_id, after * 1000, kind, text)))

    def _end(self, reason: str) -> None:
        if not self._shown:
            self._reset(WatchJoined(0, 0, 80, 24, "", True), "")
        if reason:
            self._send(self._sent_at, "m", reason)
        self._event_id += 1
        self._socket.leave(ENDED, reason or "the session has ended", alis.encode_end(self._event_id, 0))
