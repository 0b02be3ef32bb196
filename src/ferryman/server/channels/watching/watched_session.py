"""The relay's side of watching one session: who watches, and what is published to them.

Events are published together, at most 50 times a second, on one subject for all watchers. If more is shown than can be
published, it is left out: whoever misses a message asks for the screen as it is. So watchers never slow a session.
"""

import asyncio
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass

import msgspec

from ferryman.core.messages import (
    JoinWatch,
    WatchedEvents,
    Watcher,
    Watchers,
    WatchJoined,
    WatchRefused,
    encode,
    watched_subject,
)
from ferryman.core.service import Service
from ferryman.model.sessions import Session, SessionStatus
from ferryman.recording.session.live_output import LiveEvent, LiveOutput
from ferryman.server.channels.watching.limits import (
    MOST_PENDING,
    PUBLISH_SECONDS,
    RENEWAL_SECONDS,
    TICK_SECONDS,
    WATCHES_PER_PERSON,
)
from ferryman.wire.agent_message import HEADER_SIZE, PayloadType
from ferryman.wire.payloads import Size

_PAYLOAD_TYPE = slice(112, 116)
_SIZE = PayloadType.SIZE.to_bytes(4, "big")
_LARGEST = 10_000
"""Columns or rows."""
_FORGOTTEN_SECONDS = 3 * RENEWAL_SECONDS
_size_decoder = msgspec.json.Decoder(Size)


@dataclass(slots=True)
class Watching:
    """One who watches. `renewed_at` is by the event loop's clock."""

    request: JoinWatch
    renewed_at: float


class WatchedSession:
    """One session that may be watched. `on_change` is called when someone begins or ceases to watch it.

    `plain`: it has no terminal.
    """

    def __init__(self, service: Service, session: Session, *, plain: bool = False) -> None:
        self._service = service
        self._session = session
        self._subject = watched_subject(session.session_id)
        underway = session.status is not SessionStatus.CONNECTING
        self._live = LiveOutput(self._elapsed, underway=underway, plain=plain)
        self._watching: dict[str, Watching] = {}
        self._joining = asyncio.Lock()
        self._number = 0
        self._pending: list[LiveEvent] = []
        self._pending_size = 0
        self._sealed: deque[WatchedEvents] = deque()
        self._publishing: asyncio.Task[None] | None = None
        self._ticking: asyncio.Task[None] | None = None
        self.on_change: Callable[[JoinWatch, bool], None] = lambda request, begins: None

    @property
    def watchers(self) -> tuple[JoinWatch, ...]:
        """Who watches at present, the first to come first."""
        return tuple(watching.request for watching in self._watching.values())

    # What the relay forwards

    def output(self, frame: bytes) -> None:
        """Publish an output message of the node."""
        if self._live.output(frame):
            self._publish(self._live.new_events())

    def input(self, frame: bytes) -> None:
        """Read an input message of the client, of which only the terminal's sizes matter."""
        if frame[_PAYLOAD_TYPE] != _SIZE:
            return
        try:
            size = _size_decoder.decode(memoryview(frame)[HEADER_SIZE:])
        except msgspec.DecodeError:
            return
        if 0 < size.cols <= _LARGEST and 0 < size.rows <= _LARGEST:
            resized = self._live.resized(size.cols, size.rows)
            if resized is not None:
                self._publish([resized])

    def publication(self, client_id: str, delivered: int | None) -> None:
        """Note that the output that follows is for this client."""
        self._live.publication(client_id, delivered)

    def mark(self, text: str) -> None:
        """Tell watchers something about the session itself, a sentence."""
        self._publish([(self._elapsed(), "m", text)])

    def end(self, reason: str) -> None:
        """Tell watchers that the session has ended."""
        self._publish([(self._elapsed(), "end", reason)])

    async def close(self) -> None:
        """Stop publishing, because the session has ended or both its ends are gone."""
        self._publish([(self._elapsed(), "gone", "")])
        if self._ticking is not None:
            self._ticking.cancel()
            await asyncio.wait([self._ticking])
        if self._publishing is not None:
            await asyncio.wait([self._publishing])
        for watching in list(self._watching.values()):
            self.leave(watching.request.watcher_id)

    # Requests of watchers' servers

    async def join(self, request: JoinWatch) -> WatchJoined | WatchRefused:
        """Let someone watch, from the screen as it is."""
        async with self._joining:
            if (reason := self._refusal(request)) is not None:
                return WatchRefused(reason)
            began = request.watcher_id not in self._watching
            self._watching[request.watcher_id] = Watching(request, asyncio.get_running_loop().time())
            await self._live.follow()
            if self._ticking is None:
                self._ticking = asyncio.create_task(self._tick())
            self._publish(self._live.new_events())
            self._seal()  # it is on the screen already, so it is not for whoever joins now
            screen, is_whole = self._live.screen()
            joined = WatchJoined(self._number, self._elapsed(), *self._live.size, screen, is_whole)
        if began:
            self.on_change(request, True)
        return joined

    def renew(self, watcher_id: str) -> bool:
        """Note that a watcher is still there; False if it must join again."""
        watching = self._watching.get(watcher_id)
        if watching is None:
            return False
        watching.renewed_at = asyncio.get_running_loop().time()
        return True

    def leave(self, watcher_id: str) -> None:
        """Remove a watcher; idempotent."""
        watching = self._watching.pop(watcher_id, None)
        if watching is None:
            return
        if not self._watching:
            self._live.unfollow()
            self._pending.clear()
            self._pending_size = 0
        self.on_change(watching.request, False)

    def listed(self) -> Watchers:
        """Return who watches, as ListWatchers shows it."""
        return Watchers([Watcher(each.arn, each.source_ip, each.since) for each in self.watchers])

    def _refusal(self, request: JoinWatch) -> str | None:
        if request.watcher_id in self._watching:
            return None
        most = self._service.settings.watching.watchers_per_session
        if len(self._watching) >= most:
            return f"The session is watched by {most} already, the maximum."
        if sum(each.person_id == request.person_id for each in self.watchers) >= WATCHES_PER_PERSON:
            return f"You watch the session {WATCHES_PER_PERSON} times already, the maximum."
        return None

    # Publishing

    def _publish(self, events: list[LiveEvent]) -> None:
        if not events or not self._watching:
            return
        self._pending += events
        self._pending_size += sum(len(text) for _, _, text in events)
        if self._pending_size > MOST_PENDING:
            self._drop_pending()
        if self._publishing is None:
            self._publishing = asyncio.create_task(self._publish_pending())

    def _drop_pending(self) -> None:
        """Leave out output that cannot be published in time. The missing number tells watchers to join again."""
        self._pending = [event for event in self._pending if event[1] in ("end", "gone")]
        self._pending_size = 0
        self._number += 1

    def _seal(self) -> None:
        """Turn what is pending into a message."""
        if self._pending:
            self._sealed.append(WatchedEvents(self._number, self._pending))
            self._number += 1
            self._pending, self._pending_size = [], 0

    async def _publish_pending(self) -> None:
        try:
            while self._pending or self._sealed:
                self._seal()
                while self._sealed:
                    await self._service.bus.publish(self._subject, encode(self._sealed.popleft()))
                await asyncio.sleep(PUBLISH_SECONDS)
        finally:
            self._publishing = None

    async def _tick(self) -> None:
        """Stop waiting for missing messages, and forget watchers whose server is gone."""
        while True:
            await asyncio.sleep(TICK_SECONDS)
            self._live.tick()
            self._publish(self._live.new_events())
            now = asyncio.get_running_loop().time()
            for watcher_id, watching in list(self._watching.items()):
                if now - watching.renewed_at > _FORGOTTEN_SECONDS:
                    self.leave(watcher_id)

    def _elapsed(self) -> int:
        return max(0, self._service.clock() - self._session.started_at)
