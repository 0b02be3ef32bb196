"""The open channels of this server: relay slots by session, control channels by node, and how all of them close."""

import asyncio
from collections import Counter
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from functools import partial
from itertools import chain

from aiohttp import WSCloseCode

from ferryman.core.audit.records import node_changed
from ferryman.core.authorization.admission import AuthorizedSession, End
from ferryman.core.messages import (
    JoinRelay,
    JoinWatch,
    RelayYours,
    RenewRelay,
    SessionMessage,
    TaskStarted,
    control_subject,
    decode_session,
    encode,
    session_subject,
)
from ferryman.core.ports.bus import Subscription
from ferryman.core.ports.recordings.recorder import Unrecordable
from ferryman.core.service import Service
from ferryman.core.sessions.document import encryption_key, required_observers, type_of
from ferryman.model.identifiers import NodeId, SessionId
from ferryman.model.session_types import TERMINAL_TYPES, SessionType
from ferryman.model.sessions import Session, SessionStatus
from ferryman.server.channels.contention import Contention
from ferryman.server.channels.control_channel import ControlChannel
from ferryman.server.channels.draining import STOPPING, MovingSession, move_away
from ferryman.server.channels.relay.answers import answer
from ferryman.server.channels.relay.slot import RelaySlot
from ferryman.server.channels.remote.carrier import MOVED, Carrier
from ferryman.server.channels.remote.remote_ends import RemoteEnds
from ferryman.server.channels.remote.remote_socket import RemoteSocket
from ferryman.server.channels.sockets.heartbeat import Heartbeat
from ferryman.server.channels.sockets.peer_socket import PeerSocket
from ferryman.server.channels.sockets.turns import ReadTurns
from ferryman.server.channels.sockets.websocket import Socket
from ferryman.server.channels.traffic.session_traffic import SessionTraffic
from ferryman.server.channels.watching.observers import ObservedSession
from ferryman.server.channels.watching.watched_session import WatchedSession
from ferryman.server.timeouts import DEFAULT_TIMEOUTS, Timeouts

_MARKER = "m"
_ENCRYPTED = b"This session is encrypted end to end: what it shows and what is typed cannot be recorded."


@dataclass(slots=True, eq=False)
class _Occupied:
    slot: RelaySlot
    ends: int = 0
    complete: bool = False
    subscription: Subscription | None = None
    taps: int = 0
    """How many taps were requested from the recorder; each must be released."""
    traffic: SessionTraffic | None = None
    observing: asyncio.Task[None] | None = None
    waiting: set[PeerSocket] = field(default_factory=set)
    """The sockets of ends that join once the slot is complete."""
    changing: asyncio.Lock = field(default_factory=asyncio.Lock)


class Gateway:
    """The channels of one server."""

    def __init__(self, service: Service, timeouts: Timeouts = DEFAULT_TIMEOUTS) -> None:
        self.service = service
        self.timeouts = timeouts
        self.heartbeat = Heartbeat(timeouts)
        self.turns = ReadTurns()
        self.contention = Contention()
        self.closing = asyncio.Event()
        self.draining = False
        """Whether load balancers should send nothing new here."""
        self.simulations = asyncio.Lock()
        """Held by the one request that simulates policies."""
        self.watched_by: Counter[str] = Counter()
        """How many sessions each person watches through this server."""
        self._slots: dict[SessionId, _Occupied] = {}
        self._superseded: set[_Occupied] = set()
        """Slots whose sessions another server relays now, until their ends have left."""
        self._closing: set[asyncio.Task[None]] = set()
        """Close the sockets of ends that waited to join such a slot."""
        self._carried: set[str] = set()
        """The links of ends that are carried to another server, or are to be."""
        self._remote_ends = RemoteEnds(service, timeouts.close)
        self._controls: dict[NodeId, ControlChannel] = {}
        self._sent: Counter[End] = Counter()
        self._sockets: set[Socket] = set()
        self._empty = asyncio.Event()
        self._empty.set()

    @property
    def open_channels(self) -> int:
        """How many WebSockets are open."""
        return len(self._sockets)

    @property
    def connected_nodes(self) -> int:
        """How many nodes have their control channel on this server."""
        return len(self._controls)

    def control_channels(self) -> list[ControlChannel]:
        """Return the control channels on this server, one for each node."""
        return list(self._controls.values())

    def session_counts(self) -> dict[str, int]:
        """Return how many sessions this server relays, by which ends are connected: `both`, `client` or `agent`."""
        found = dict.fromkeys(("both", "client", "agent"), 0)
        for occupied in self._occupied():
            client, agent = occupied.slot.ends
            if client is not None or agent is not None:
                found["both" if client is not None and agent is not None else "client" if client else "agent"] += 1
        return found

    def relayed_bytes(self) -> dict[str, int]:
        """Return the bytes of frames that ends have sent since the server started, by which end."""
        sent = self._sent.copy()
        for occupied in self._occupied():
            sent.update(occupied.slot.traffic.sent())
        return {which.value: sent[which] for which in End}

    def _occupied(self) -> Iterator[_Occupied]:
        return chain(self._slots.values(), self._superseded)

    def add_socket(self, socket: Socket) -> None:
        """Ping a socket and close it when the server stops, until `remove_socket`."""
        self._sockets.add(socket)
        self._empty.clear()
        self.heartbeat.add(socket)
        if self.closing.is_set():
            socket.leave(WSCloseCode.GOING_AWAY, STOPPING)

    def remove_socket(self, socket: Socket) -> None:
        """Forget a closed socket."""
        self.heartbeat.discard(socket)
        self._sockets.discard(socket)
        if not self._sockets:
            self._empty.set()

    async def serve_end(
        self, authorized: AuthorizedSession, socket: Socket, *, ferryman: bool = False, handshake: bool = True
    ) -> None:
        """Relay for one end until it leaves: here, or on the server that already has the session's relay."""
        session_id = authorized.session.session_id
        if session_id not in self._slots:
            carrier = Carrier(self.service.bus, session_id, socket)
            self._carried.add(carrier.link_id)
            try:
                if await carrier.run(authorized, ferryman=ferryman, handshake=handshake):
                    return
            finally:
                self._carried.discard(carrier.link_id)
        await self._join(authorized, socket, ferryman=ferryman, handshake=handshake)

    async def _serve_remote_end(
        self, occupied: _Occupied, authorized: AuthorizedSession, socket: RemoteSocket, request: JoinRelay
    ) -> None:
        """Relay for an end on another server, which asked this slot: another one would take the relay back from it."""
        if self._slots.get(authorized.session.session_id) is occupied:
            await self._join(authorized, socket, ferryman=request.ferryman, handshake=request.handshake)
        else:
            socket.leave(WSCloseCode.GOING_AWAY, MOVED)

    async def _join(
        self, authorized: AuthorizedSession, socket: PeerSocket, *, ferryman: bool, handshake: bool
    ) -> None:
        async with self.slot(authorized, socket) as slot:
            if slot is self.slot_of(slot.session_id):
                await slot.join(authorized, socket, ferryman=ferryman, handshake=handshake)
            else:  # superseded before it was complete
                socket.leave(WSCloseCode.GOING_AWAY, MOVED)

    async def _on_message(self, occupied: _Occupied, payload: bytes) -> bytes:
        """Answer what is sent to `session.<id>`. Anything slow here delays the end of the session."""
        request: SessionMessage = decode_session(payload)
        match request:
            case JoinRelay(link_id):
                if link_id in self._carried or self.draining or self.closing.is_set():
                    return encode(RelayYours())
                serve = partial(self._serve_remote_end, occupied)
                return await self._remote_ends.join(occupied.slot.session_id, request, serve)
            case RenewRelay():
                return self._remote_ends.renew(request)
            case JoinWatch():
                async with occupied.changing:  # until then the slot does not know whether it can be watched
                    return await answer(occupied.slot, request)
            case _:
                return await answer(occupied.slot, request)

    def _supersede(self, occupied: _Occupied) -> None:
        """Close a slot's ends and let none join again: another server relays the session now."""
        if self._slots.get(occupied.slot.session_id) is occupied:
            del self._slots[occupied.slot.session_id]
            self._superseded.add(occupied)
        occupied.slot.superseded()
        for socket in occupied.waiting:  # maybe for the recording, which the other server has now
            socket.leave(WSCloseCode.GOING_AWAY, MOVED)
            closing = asyncio.create_task(socket.close())
            self._closing.add(closing)
            closing.add_done_callback(self._closing.discard)

    @asynccontextmanager
    async def slot(self, authorized: AuthorizedSession, socket: PeerSocket) -> AsyncIterator[RelaySlot]:
        """Yield the session's slot, the same for both ends; it answers on the bus while one of them is connected.

        `socket` is closed meanwhile if another server becomes the relay.
        """
        session_id = authorized.session.session_id
        occupied = self._slots.get(session_id)
        if occupied is None:
            occupied = self._slots[session_id] = _Occupied(RelaySlot(self.service, authorized, self.timeouts))
        occupied.ends += 1
        try:
            occupied.waiting.add(socket)
            try:
                async with occupied.changing:
                    if not occupied.complete:
                        await self._complete(occupied, authorized.session)
            finally:
                occupied.waiting.discard(socket)
            yield occupied.slot
        finally:
            occupied.ends -= 1
            if not occupied.ends:
                await self._vacate(occupied)

    async def _complete(self, occupied: _Occupied, session: Session) -> None:
        """Finish setting up a slot. If that fails, the next end tries again.

        It subscribes and waits for the recording at the same time: another server that has both hears of the
        subscription, and lets go of the recording.
        """
        slot = occupied.slot
        occupied.taps += 1
        *_, document = done = await asyncio.gather(
            self._subscribe(occupied),
            self._attach_recorder(slot),
            self.service.store.sessions.document_content(slot.session_id),
            return_exceptions=True,  # so that all of them have ended
        )
        for each in done:
            if isinstance(each, BaseException):
                raise each
        if isinstance(document, str):
            if encryption_key(document) and type_of(document) is not SessionType.PORT:
                _make_opaque(slot, session)
            else:
                await self._let_watch(occupied, session, document)
            if type_of(document) in TERMINAL_TYPES:
                slot.tap.on_typed = self.turns.typed
            occupied.traffic = SessionTraffic(self.service, session, document, slot.tap)
        occupied.complete = True

    async def _subscribe(self, occupied: _Occupied) -> None:
        if occupied.subscription is None:
            occupied.subscription = await self.service.bus.subscribe(
                session_subject(occupied.slot.session_id),
                partial(self._on_message, occupied),
                partial(self._supersede, occupied),
            )

    async def _vacate(self, occupied: _Occupied) -> None:
        """Forget a slot without ends."""
        slot = occupied.slot
        if self._slots.get(slot.session_id) is occupied:
            del self._slots[slot.session_id]
        self._superseded.discard(occupied)
        self._sent.update(slot.traffic.sent())
        if occupied.subscription is not None:
            await occupied.subscription.close()
        if occupied.traffic is not None:
            occupied.traffic.close()
        for _ in range(occupied.taps):
            await self.service.recorder.release(slot.session_id)
        if occupied.observing is not None:
            occupied.observing.cancel()
            await asyncio.wait([occupied.observing])
        if slot.tap.watched is not None:
            await slot.tap.watched.close()

    async def _attach_recorder(self, slot: RelaySlot) -> None:
        try:
            slot.tap.recorder = await self.service.recorder.tap(slot.session_id)
        except Unrecordable as error:
            await slot.end_because(f"it cannot be recorded ({error})")

    async def _let_watch(self, occupied: _Occupied, session: Session, document: str) -> None:
        """Make the session watchable unless it forwards a port; hold it until it has the observers it needs."""
        slot = occupied.slot
        if not self.service.settings.watching.enabled:
            return
        session_type = type_of(document)
        if session_type is SessionType.PORT:
            return
        observed = None
        if required := required_observers(document):
            person_id = await self.service.store.sessions.person_of(session.session_id)
            observed = ObservedSession(session.session_id, required, person_id, session.owner)
        plain = session_type is SessionType.NON_INTERACTIVE_COMMANDS
        slot.let_watch(WatchedSession(self.service, session, plain=plain), observed)
        if slot.observers is not None:
            occupied.observing = asyncio.create_task(slot.observers.run())

    def slot_of(self, session_id: SessionId) -> RelaySlot | None:
        """Return the slot of a session that has an end on this server; None if there is none."""
        occupied = self._slots.get(session_id)
        return occupied.slot if occupied is not None else None

    def add_control_channel(self, channel: ControlChannel) -> None:
        """Make this the node's control channel; an older one is closed."""
        channel.socket.joined()
        replaced = self._controls.get(channel.node_id)
        self._controls[channel.node_id] = channel
        if replaced is not None:
            self.supersede_control_channel(replaced)
        node_changed(self.service, channel.node_id, "Connected", sourceIPAddress=channel.socket.peer_address)

    def supersede_control_channel(self, channel: ControlChannel) -> None:
        """Close a control channel of which there is a newer one, here or on another server."""
        if channel.socket.departure is None:  # otherwise it is closing, and was counted if a newer one is why
            self.contention.replaced(channel.node_id, self.service.clock())
            channel.socket.leave(WSCloseCode.OK, "replaced by a newer control channel")

    def remove_control_channel(self, channel: ControlChannel) -> None:
        """Forget a control channel, unless another one has replaced it."""
        if self._controls.get(channel.node_id) is channel:
            del self._controls[channel.node_id]
            node_changed(self.service, channel.node_id, "Disconnected")

    async def session_started(self, node_id: NodeId, session_id: SessionId) -> None:
        """Note that the node started a session's task: its control channel, on any server, may get the next one."""
        channel = self._controls.get(node_id)
        if channel is not None:
            channel.starts.started(session_id)
        else:
            await self.service.bus.publish(control_subject(node_id), encode(TaskStarted(session_id)))

    async def move_away(self, seconds: float) -> None:
        """Have every peer move to another server within `seconds`."""
        sessions = [
            MovingSession(each.slot.session_id, partial(_sockets, each), partial(_hand_over, each))
            for each in self._occupied()
        ]
        together = {socket for session in sessions for socket in session.sockets()}
        await move_away(sessions, [each for each in self._sockets if each not in together], seconds)

    async def close(self) -> None:
        """Close every channel with 1001 and wait for the peers, in bounded time. Sessions continue."""
        self.closing.set()
        for socket in list(self._sockets):
            socket.leave(WSCloseCode.GOING_AWAY, STOPPING)
        try:
            async with asyncio.timeout(self.timeouts.shutdown):
                await self._remote_ends.leave(WSCloseCode.GOING_AWAY, STOPPING)
                await self._empty.wait()
        except TimeoutError:
            for socket in list(self._sockets):
                socket.abort()


def _sockets(occupied: _Occupied) -> list[PeerSocket]:
    return [end.socket for end in occupied.slot.ends if end is not None]


async def _hand_over(occupied: _Occupied) -> None:
    occupied.slot.progress.hand_over()
    if occupied.subscription is not None:
        await occupied.subscription.close()


def _make_opaque(slot: RelaySlot, session: Session) -> None:
    """Stop showing and recording a session that is encrypted end to end; its recording says why."""
    slot.tap.opaque = True
    if slot.tap.recorder is not None and session.status is SessionStatus.CONNECTING:
        slot.tap.recorder.note(_MARKER, _ENCRYPTED)
