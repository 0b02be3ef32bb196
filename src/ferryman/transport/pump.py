"""Runs a channel engine on WebSockets, one after another: bytes in, bytes out, timers, nothing else.

The engine decides; the pump carries. It adds no buffer of its own: what waits to be sent stays in the engine, whose
window bounds it.
"""

import asyncio
import math
import time
from collections.abc import Callable, Sequence
from typing import Generic, Protocol, TypeVar

from ferryman.transport.errors import ConnectionLost
from ferryman.transport.memory import keep_freed_memory
from ferryman.transport.websocket import WebSocket

STALLED_FRAMES = 8192
"""Frames that may arrive while one write waits. A peer that sends this many and reads none is not alive; dropping the
connection keeps the acknowledgements that pile up for it bounded."""

SHORTEST_WAIT = 0.001
"""Seconds. A timer that is due but brings nothing to send must not spin."""

_Event_co = TypeVar("_Event_co", covariant=True)
_Event = TypeVar("_Event")


class Engine(Protocol[_Event_co]):
    """What the pump needs of `channel.client.ClientChannel` and `channel.agent.AgentChannel`."""

    def connection_made(self, now: float) -> None:
        """A connection is up; what is unacknowledged goes out again."""

    def connection_lost(self, now: float) -> None:
        """The connection is gone; nothing goes out until the next."""

    def receive(self, frame: bytes, now: float) -> None:
        """Take one frame."""

    def frames_to_send(self, now: float) -> Sequence[bytes]:
        """Hand over what may go out now."""

    def events(self) -> Sequence[_Event_co]:
        """Hand over what happened."""

    def next_timer(self) -> float | None:
        """When `frames_to_send` is due again, by the pump's clock."""


class Pump(Generic[_Event]):
    """Drives one engine for the life of a session, over as many connections as it takes.

    `on_events` is called, never awaited, after each received frame with what that brought about, which may be nothing
    but more capacity, and with what sending or time brought about. It may use the engine (send, acknowledge) and need
    not call `wake`. An exception from it ends `run`. The driver that uses the engine at any other moment calls `wake()`
    afterwards.
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
        self._work = asyncio.Event()
        self._idle = asyncio.Event()
        self._received_since_write = 0
        self._timer: asyncio.TimerHandle | None = None
        self._timer_due = math.inf

    def wake(self) -> None:
        """Let the writer look at the engine again. Cheap; call it after every use of the engine from outside."""
        self._idle.clear()
        self._work.set()

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
        self._engine.connection_made(self._clock())
        self.wake()
        self._received_since_write = 0
        reader = asyncio.create_task(self._read(websocket))
        writer = asyncio.create_task(self._write(websocket))
        try:
            await asyncio.wait({reader, writer}, return_when=asyncio.FIRST_COMPLETED)
            return await _outcome(reader, writer)
        finally:
            self._idle.clear()
            reader.cancel()
            writer.cancel()
            self._set_timer(math.inf)
            await asyncio.wait({reader, writer})
            self._engine.connection_lost(self._clock())
            self._deliver(self._engine.events())

    def _deliver(self, events: Sequence[_Event]) -> None:
        """Hand over events, and those that handling them sets free, until there are none."""
        while events:
            self._on_events(events)
            events = self._engine.events()

    async def _read(self, websocket: WebSocket) -> ConnectionLost:
        while True:
            try:
                data = await websocket.receive()
            except ConnectionLost as lost:
                return lost
            self._received_since_write += 1
            if self._received_since_write > STALLED_FRAMES:
                return ConnectionLost(1006, "the peer sends but does not read")
            self._engine.receive(data.encode() if isinstance(data, str) else data, self._clock())
            self._on_events(self._engine.events())
            self._deliver(self._engine.events())
            self.wake()

    async def _write(self, websocket: WebSocket) -> ConnectionLost:
        while True:
            self._work.clear()
            self._deliver(self._engine.events())
            frames = self._engine.frames_to_send(self._clock())
            happened = self._engine.events()
            self._deliver(happened)
            try:
                for frame in frames:
                    await websocket.send(frame)
            except ConnectionLost as lost:
                return lost
            self._received_since_write = 0
            if not frames and not happened:
                await self._wait_for_work()

    async def _wait_for_work(self) -> None:
        if self._work.is_set():
            return
        self._idle.set()
        due = self._engine.next_timer()
        # A timer that is early costs one look at the engine; to move it with every message costs more.
        if due is not None and due < self._timer_due:
            self._set_timer(due)
        await self._work.wait()

    def _set_timer(self, due: float) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        self._timer_due = due
        if due != math.inf:
            delay = max(SHORTEST_WAIT, due - self._clock())
            self._timer = asyncio.get_running_loop().call_later(delay, self._on_timer)

    def _on_timer(self) -> None:
        self._timer = None
        self._timer_due = math.inf
        self._work.set()


async def _outcome(reader: "asyncio.Task[ConnectionLost]", writer: "asyncio.Task[ConnectionLost]") -> ConnectionLost:
    """Return the reader's reason if it has one: it carries the peer's close code. A fault in either is raised."""
    reasons = [await task for task in (reader, writer) if task.done()]
    return reasons[0]
