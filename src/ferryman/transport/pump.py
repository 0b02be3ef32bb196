"""Runs a channel engine over WebSockets, one after another: bytes in, bytes out and timers, nothing else.

The engine decides; the pump only moves bytes. It has no buffer of its own: what is not sent yet stays in the engine,
bounded by its window.
"""

import asyncio
import math
import time
from collections.abc import Awaitable, Callable, Sequence
from typing import Generic, Protocol, TypeVar

from ferryman.system.malloc import keep_freed_memory
from ferryman.transport.errors import ConnectionLost
from ferryman.transport.server_watch import ServerWatch
from ferryman.transport.websocket import WebSocket

STALLED_FRAMES = 8192
"""Frames that may arrive while one write waits. A peer that sends this many and reads none is not alive; dropping the
connection keeps the acknowledgements that pile up for it bounded."""

SHORTEST_WAIT = 0.001
"""Seconds. Keeps a timer that is due but has nothing to send from spinning."""

_Event_co = TypeVar("_Event_co", covariant=True)
_Event = TypeVar("_Event")


class Engine(Protocol[_Event_co]):
    """The interface of `channel.client.ClientChannel` and `channel.agent.AgentChannel` that the pump uses."""

    def connection_made(self, now: float) -> None:
        """Note that a connection is up: resend everything unacknowledged."""

    def connection_lost(self, now: float) -> None:
        """Note that the connection is gone: send nothing until the next one."""

    def receive(self, frame: bytes, now: float) -> None:
        """Process one frame."""

    def frames_to_send(self, now: float) -> Sequence[bytes]:
        """Return the frames to send now."""

    def events(self) -> Sequence[_Event_co]:
        """Return the events since the last call."""

    def next_timer(self) -> float | None:
        """Return when `frames_to_send` is due again, by the pump's clock."""


class Pump(Generic[_Event]):
    """Drives one engine for the life of a session, over as many connections as it takes.

    `on_events` is called, never awaited, after each received frame, even if there are no events, since capacity may
    have grown; and with events of sending or of time, never from within `wake`. It may use the engine (send,
    acknowledge): frames that become due are sent when it returns, and `wake` does nothing until then. An exception from
    it ends `run`. The driver that uses the engine at any other moment calls `wake()` afterwards.
    """

    def __init__(
        self,
        engine: Engine[_Event],
        on_events: Callable[[Sequence[_Event]], None],
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._engine = engine
        self._clock = clock
        self._on_events = on_events
        self._connection: _Connection | None = None
        self._handling = False
        """Whether `on_events` is being called: frames that become due are sent when it returns."""
        self._idle = asyncio.Event()

    def wake(self) -> None:
        """Send the frames that are due. Call it after every use of the engine from outside, from anywhere.

        The first frames are with the socket when this returns, unless that is busy: a keystroke does not wait for the
        event loop's next turn.
        """
        if self._connection is not None:
            self._connection.watch.used()
        self._wake()

    def _wake(self) -> None:
        self._idle.clear()
        connection = self._connection
        if self._handling or connection is None or connection.lost.done():
            return
        if not connection.sending:
            self._send(connection)
        if connection.settling is None:
            connection.settling = connection.loop.call_soon(self._settle, connection)

    async def flushed(self) -> None:
        """Wait until everything the engine wants to send now has been handed to the socket.

        Returns only while a connection is up; the caller bounds the wait.
        """
        await self._idle.wait()

    async def run(self, websocket: WebSocket) -> ConnectionLost:
        """Carry frames until the connection ends, then return why. The opening text frame must have been sent.

        Cancelling it leaves no task behind. The socket is closed by the caller.
        """
        keep_freed_memory()
        connection = _Connection(websocket)
        self._engine.connection_made(self._clock())
        self._connection = connection
        self.wake()
        reader = asyncio.create_task(self._read(connection))
        try:
            await asyncio.wait({reader, connection.lost}, return_when=asyncio.FIRST_COMPLETED)
            # The reader's reason comes first: it carries the peer's close code. A fault in either is raised.
            return reader.result() if reader.done() else connection.lost.result()
        finally:
            self._connection = None
            self._idle.clear()
            reader.cancel()
            await connection.close()
            await asyncio.wait({reader})
            self._engine.connection_lost(self._clock())
            self._deliver(self._engine.events())

    def _deliver(self, events: Sequence[_Event]) -> bool:
        """Deliver events, and those that handling them causes, until there are none; return whether there were any."""
        any_events = bool(events)
        while events:
            self._handle(events)
            events = self._engine.events()
        return any_events

    def _handle(self, events: Sequence[_Event]) -> None:
        if events and self._connection is not None:
            self._connection.watch.used()
        self._handling = True
        try:
            self._on_events(events)
        finally:
            self._handling = False

    async def _read(self, connection: "_Connection") -> ConnectionLost:
        unread = 0
        while True:
            try:
                data = await connection.websocket.receive()
            except ConnectionLost as lost:
                return lost
            unread = unread + 1 if connection.rest is not None else 0
            if unread > STALLED_FRAMES:
                return ConnectionLost(1006, "the peer sends but does not read")
            self._engine.receive(data.encode() if isinstance(data, str) else data, self._clock())
            self._handle(self._engine.events())
            self._deliver(self._engine.events())
            self._wake()

    def _send(self, connection: "_Connection") -> bool:
        """Hand the next frames to the socket; return whether there may be more, which the socket can take."""
        if connection.rest is not None:
            return False
        connection.sending = True
        try:
            frames = self._engine.frames_to_send(self._clock())
            for number, frame in enumerate(frames, 1):
                rest = connection.websocket.begin_sending(frame)
                if rest is not None:
                    connection.rest = asyncio.create_task(self._finish_sending(connection, rest, frames[number:]))
                    return False
        except ConnectionLost as lost:
            connection.end(lost)
            return False
        finally:
            connection.sending = False
        return bool(frames)

    async def _finish_sending(self, connection: "_Connection", rest: Awaitable[None], frames: Sequence[bytes]) -> None:
        """Wait for a slow peer, and continue once it has caught up."""
        try:
            await rest
            for frame in frames:
                await connection.websocket.send(frame)
        except ConnectionLost as lost:
            connection.end(lost)
            return
        connection.rest = None
        self._wake()

    def _settle(self, connection: "_Connection") -> None:
        """In the next turn of the event loop: deliver events, send everything that is left, set the timer."""
        connection.settling = None
        try:
            while self._deliver(self._engine.events()) or self._send(connection):
                pass
        except Exception as fault:  # noqa: BLE001 boundary: a callback's fault ends the run, which raises it
            connection.end(fault)
        if connection.rest is not None or connection.lost.done():
            return
        self._idle.set()
        due = self._engine.next_timer()
        # A timer that is early costs one look at the engine; to move it with every message costs more.
        if due is not None and due < connection.timer_due:
            connection.set_timer(due, max(SHORTEST_WAIT, due - self._clock()), self._wake)


class _Connection:
    """The state of one connection: its socket, the frames that wait for it, and why it ended."""

    __slots__ = ("loop", "lost", "rest", "sending", "settling", "timer", "timer_due", "watch", "websocket")

    def __init__(self, websocket: WebSocket) -> None:
        self.websocket = websocket
        self.loop = asyncio.get_running_loop()
        self.lost: asyncio.Future[ConnectionLost] = self.loop.create_future()
        self.sending = False
        self.rest: asyncio.Task[None] | None = None
        """Finishes sending once the peer has read."""
        self.settling: asyncio.Handle | None = None
        self.timer: asyncio.TimerHandle | None = None
        self.timer_due = math.inf
        self.watch = ServerWatch(websocket, self.end)

    def end(self, why: Exception) -> None:
        """End the connection: because it was lost, or because of a fault."""
        if self.lost.done():
            return
        if isinstance(why, ConnectionLost):
            self.lost.set_result(why)
        else:
            self.lost.set_exception(why)

    def set_timer(self, due: float, delay: float, call: Callable[[], None]) -> None:
        """Call once at `due`, in `delay` seconds, replacing an earlier timer."""
        if self.timer is not None:
            self.timer.cancel()
        self.timer_due = due
        self.timer = self.loop.call_later(delay, self._on_timer, call)

    def _on_timer(self, call: Callable[[], None]) -> None:
        self.timer = None
        self.timer_due = math.inf
        call()

    async def close(self) -> None:
        """Cancel timers and tasks, and wait for them."""
        await self.watch.close()
        for handle in (self.timer, self.settling):
            if handle is not None:
                handle.cancel()
        if not self.lost.done():
            self.lost.cancel()
        elif not self.lost.cancelled():
            self.lost.exception()  # seen, even if the reader's reason came first
        if self.rest is not None:
            self.rest.cancel()
            await asyncio.wait({self.rest})
