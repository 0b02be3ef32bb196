"""One shell session: engine, connection and terminal brought together, from the first frame to the result."""

import asyncio
import contextlib
import os
import time
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass

from ferryman.agent.channels import SessionOver
from ferryman.agent.journal import logger
from ferryman.agent.launcher import DEFAULT_COLUMNS, DEFAULT_ROWS, Prepared
from ferryman.agent.link import DataLink, ServerLost
from ferryman.agent.records import FAILED, SUCCESS, SessionResult, new_result
from ferryman.agent.shell import Shell
from ferryman.channel.agent import AgentChannel, PublicationState
from ferryman.channel.events import (
    AgentEvent,
    ClientReady,
    FrameRejected,
    HandshakeRefused,
    InputReceived,
    SessionEnded,
)
from ferryman.transport.pump import Pump
from ferryman.transport.websocket import WebSocket
from ferryman.wire.agent_message import PayloadType
from ferryman.wire.payloads import MalformedPayload, Size, decode_payload

SESSION_TYPE = "Standard_Stream"
SIZE_SECONDS = 0.25
"""How long the shell waits for the client's first word, normally its window size, once the handshake is complete."""
ACKNOWLEDGE_SECONDS = 0.004
"""How long acknowledgements of input may wait; far below any sender's retransmission timeout (200 ms at first)."""
FAREWELL_SECONDS = 2.0
"""How long a finished session may take to say so to the server."""
LARGEST_TERMINAL = 0xFFFF
_LOG = logger("session")


@dataclass(frozen=True, slots=True)
class SessionLimits:
    """Seconds. The server holds the same limits and acts first; these are for when it cannot."""

    client_wait: float = 60.0
    """From start to the end of the handshake."""
    outage: float = 20 * 60.0
    """Without a connection to the server."""
    idle: float = 21 * 60.0
    duration: float | None = None


SERVER_GRACE = 60.0


def session_limits(inputs: Mapping[str, object]) -> SessionLimits:
    """Return the limits that the session document's `inputs` set, a minute after those of the server."""
    idle = _minutes(inputs.get("idleSessionTimeout")) or 20
    duration = _minutes(inputs.get("maxSessionDuration"))
    return SessionLimits(
        outage=idle * 60.0,
        idle=idle * 60.0 + SERVER_GRACE,
        duration=duration * 60.0 + SERVER_GRACE if duration else None,
    )


class ShellSession:
    """Runs a prepared shell for whoever the server connects; made and used in a running loop."""

    def __init__(
        self,
        session_id: str,
        prepared: Prepared,
        open_socket: Callable[[], Awaitable[WebSocket]],
        limits: SessionLimits,
        typed_first: bytes = b"",
    ) -> None:
        self._limits = limits
        self._typed_first = typed_first
        self._engine = AgentChannel(
            session_id=session_id,
            session_type=SESSION_TYPE,
            properties=None,
            entropy=os.urandom,
            wall_clock_ms=lambda: time.time_ns() // 1_000_000,
        )
        self._pump: Pump[AgentEvent] = Pump(self._engine, self._on_events)
        self._link = DataLink(open_socket, self._pump, first_limit=limits.client_wait, outage_limit=limits.outage)
        self._shell = Shell(prepared, self._capacity, self._on_output, self._on_consumed)
        self._loop = asyncio.get_running_loop()
        self._outcome: asyncio.Future[SessionResult] = self._loop.create_future()
        self._delivered = asyncio.Event()
        self._client_ready = asyncio.Event()
        self._active_at = time.monotonic()
        self._consumed = -1
        self._acknowledging: asyncio.TimerHandle | None = None

    def end(self, status: str = SUCCESS, output: str = "") -> None:
        """End the session with this result; the first to end it decides."""
        if not self._outcome.done():
            self._outcome.set_result(new_result(status, output))

    async def run(self) -> SessionResult:
        """Run to the end and return how it ended. Nothing of the session is left then."""
        tasks = [
            asyncio.create_task(step)
            for step in (self._carry(), self._follow_shell(), self._await_client(), self._watch_limits())
        ]
        for task in tasks:
            task.add_done_callback(self._fail_on_fault)
        try:
            return await asyncio.shield(self._outcome)
        finally:
            for task in tasks:
                task.cancel()
            await asyncio.wait(tasks)
            if self._acknowledging is not None:
                self._acknowledging.cancel()
            await self._shell.end()

    async def _carry(self) -> None:
        try:
            await self._link.run()
        except SessionOver:
            self.end()
        except ServerLost as error:
            self.end(FAILED, f"The session was ended because its node had {error}.")

    async def _follow_shell(self) -> None:
        """When the shell has ended: everything it wrote to the client, then the word to the server."""
        code = await self._shell.drained()
        if self._shell.fault():
            self.end(FAILED, f"Unable to start command: {self._shell.fault()}")
            return
        _LOG.info("shell ended", exit_code=code)
        while not self._engine.all_acknowledged:
            self._delivered.clear()
            await self._delivered.wait()
        self._acknowledge()
        self._engine.announce_termination()
        self._pump.wake()
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(FAREWELL_SECONDS):
                await self._pump.flushed()
        self.end()

    async def _await_client(self) -> None:
        try:
            async with asyncio.timeout(self._limits.client_wait):
                await self._client_ready.wait()
        except TimeoutError:
            self.end(FAILED, "No client completed the handshake in time.")

    async def _watch_limits(self) -> None:
        started_at = time.monotonic()
        while True:
            now = time.monotonic()
            idle_in = self._active_at + self._limits.idle - now
            over_in = started_at + self._limits.duration - now if self._limits.duration else idle_in
            if idle_in <= 0:
                self.end(SUCCESS, "The session was ended by its node because it was idle for too long.")
                return
            if self._limits.duration and over_in <= 0:
                self.end(SUCCESS, "The session was ended by its node because it reached its maximum duration.")
                return
            await asyncio.sleep(min(idle_in, over_in))

    def _fail_on_fault(self, task: "asyncio.Task[None]") -> None:
        if not task.cancelled() and (fault := task.exception()) is not None:
            _LOG.error("session failed", exc_info=fault)
            self.end(FAILED, "The session's process on the node failed; its log says why.")

    def _capacity(self) -> int:
        return 0 if self._engine.publication is PublicationState.PAUSED else self._engine.capacity()

    def _on_output(self, data: bytes) -> None:
        self._active_at = time.monotonic()
        self._engine.send(PayloadType.OUTPUT, data, self._active_at)
        self._pump.wake()

    def _on_consumed(self, sequence_number: int) -> None:
        """Acknowledge soon: the echo goes first, on every hop, and one round of acknowledgements serves many keys."""
        if sequence_number >= 0:
            self._consumed = sequence_number
            if self._acknowledging is None:
                self._acknowledging = self._loop.call_later(ACKNOWLEDGE_SECONDS, self._acknowledge)

    def _acknowledge(self) -> None:
        if self._acknowledging is None:
            return
        self._acknowledging.cancel()
        self._acknowledging = None
        self._engine.acknowledge(self._consumed, time.monotonic())
        self._pump.wake()

    def _on_events(self, events: Sequence[AgentEvent]) -> None:
        for event in events:
            self._on_event(event)
        if self._engine.all_acknowledged:
            self._delivered.set()
        self._shell.resume()

    def _on_event(self, event: AgentEvent) -> None:
        match event:
            case InputReceived():
                self._take_input(event)
            case ClientReady():
                self._client_ready.set()
                self._loop.call_later(SIZE_SECONDS, self._start_shell)
            case HandshakeRefused(reason):
                self.end(FAILED, f"The client refused the handshake: {reason}")
            case SessionEnded():
                self.end()
            case FrameRejected(reason):
                _LOG.warning("frame rejected", reason=reason)
            case _:
                self._active_at = time.monotonic()  # a client came or went
                _LOG.debug("channel event", happened=type(event).__name__)

    def _take_input(self, event: InputReceived) -> None:
        """Give input to the terminal. What is not typed takes its turn in the queue too: acknowledged in order."""
        self._active_at = time.monotonic()
        data = b""
        if event.payload_type == PayloadType.SIZE:
            self._resize(event.payload)
        elif event.payload_type == PayloadType.OUTPUT:
            data = event.payload
        self._start_shell()
        self._shell.write(event.sequence_number, data)

    def _resize(self, payload: bytes) -> None:
        try:
            size = decode_payload(payload, Size)
        except MalformedPayload as error:
            _LOG.warning("size ignored", reason=str(error))
            return
        columns, rows = (
            value if 0 < value <= LARGEST_TERMINAL else fallback
            for value, fallback in ((size.cols, DEFAULT_COLUMNS), (size.rows, DEFAULT_ROWS))
        )
        self._shell.resize(columns, rows)

    def _start_shell(self) -> None:
        if self._shell.started or self._outcome.done():
            return
        self._shell.start()
        if self._typed_first:
            self._shell.write(-1, self._typed_first)


def _minutes(value: object) -> int | None:
    """Return minutes as documents give them: text or a number, empty or 0 for none."""
    try:
        return int(str(value)) or None
    except ValueError:
        return None
