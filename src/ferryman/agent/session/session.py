"""One session: connects engine, data channel and handler, from the first frame to the result."""

import asyncio
import contextlib
import math
import os
import time
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass

from ferryman.agent.channels import SessionOver
from ferryman.agent.logs import logger
from ferryman.agent.records import FAILED, SUCCESS, SessionResult, new_result
from ferryman.agent.session.data_link import DataLink, ServerLost
from ferryman.agent.session.session_handler import Plan
from ferryman.channel.agent import AgentChannel
from ferryman.channel.events import (
    AgentEvent,
    ClientReady,
    ClientReplaced,
    FrameRejected,
    HandshakeRefused,
    InputReceived,
    OutputPresumed,
    SessionEnded,
)
from ferryman.channel.key_agreement import DataKeySealed
from ferryman.channel.publication import PublicationState
from ferryman.transport.pump import Pump
from ferryman.transport.standby import UnopenedChannel
from ferryman.wire.agent_message import PayloadType

FAREWELL_SECONDS = 2.0
"""How long a finished session may take to report its end to the server."""
_LOG = logger("session")


@dataclass(frozen=True, slots=True)
class SessionLimits:
    """Seconds. The server enforces the same limits first; these apply when it cannot."""

    client_wait: float = 60.0
    """From start to the end of the handshake."""
    outage: float = 20 * 60.0
    """Without a connection to the server."""
    idle: float = 21 * 60.0
    duration: float | None = None


SERVER_GRACE = 60.0


def session_limits(inputs: Mapping[str, object], *, idles: bool = True) -> SessionLimits:
    """Return the limits that the session document's `inputs` set, a minute after those of the server.

    `idles`: without an idle timeout in the document the default holds, 20 minutes; otherwise there is none.
    """
    given = _minutes(inputs.get("idleSessionTimeout"))
    duration = _minutes(inputs.get("maxSessionDuration"))
    idle = given or 20
    return SessionLimits(
        outage=idle * 60.0,
        idle=idle * 60.0 + SERVER_GRACE if given or idles else math.inf,
        duration=duration * 60.0 + SERVER_GRACE if duration else None,
    )


Decrypt = Callable[[DataKeySealed], Awaitable[bytes | str]]
"""Decrypts a data key by KMS; returns its 64 bytes, or a sentence that says why there is none."""


class Session:
    """Runs a planned session for whichever client the server connects. Created and used in a running loop.

    It is the `Client` of its handler.
    """

    def __init__(
        self,
        session_id: str,
        plan: Plan,
        dial: Callable[[], Awaitable[UnopenedChannel]],
        limits: SessionLimits,
        decrypt: Decrypt | None = None,
    ) -> None:
        self._limits = limits
        self._decrypt = decrypt
        self._decrypting: asyncio.Task[None] | None = None
        self._engine = AgentChannel(
            session_id=session_id,
            session_type=plan.session_type,
            properties=plan.properties,
            entropy=os.urandom,
            wall_clock_ms=lambda: time.time_ns() // 1_000_000,
            encryption=plan.encryption,
        )
        self._pump: Pump[AgentEvent] = Pump(self._engine, self._on_events)
        self._link = DataLink(dial, self._pump, first_limit=limits.client_wait, outage_limit=limits.outage)
        self._loop = asyncio.get_running_loop()
        self._outcome: asyncio.Future[SessionResult] = self._loop.create_future()
        self._delivered = asyncio.Event()
        self._client_ready = asyncio.Event()
        self._active_at = time.monotonic()
        self._handler = plan.make(self)

    def end(self, status: str = SUCCESS, output: str = "") -> None:
        """End the session with this result; the first to end it decides."""
        if not self._outcome.done():
            self._outcome.set_result(new_result(status, output))

    def capacity(self) -> int:
        """Return how many bytes of output may be sent now."""
        return 0 if self._engine.publication is PublicationState.PAUSED else self._engine.capacity()

    def send(self, payload_type: PayloadType, payload: bytes) -> None:
        """Send output to the client."""
        self._active_at = time.monotonic()
        self._engine.send(payload_type, payload, self._active_at)
        self._pump.wake()

    def consumed(self, number: int) -> None:
        """Acknowledge the input with this number and all before it; the engine decides when."""
        self._engine.acknowledge(number, time.monotonic())
        self._pump.wake()

    async def run(self) -> SessionResult:
        """Run the session to its end, clean up everything, and return the result."""
        tasks = [
            asyncio.create_task(step)
            for step in (self._carry(), self._await_result(), self._await_client(), self._watch_limits())
        ]
        for task in tasks:
            task.add_done_callback(self._fail_on_fault)
        try:
            return await asyncio.shield(self._outcome)
        finally:
            tasks += [] if self._decrypting is None else [self._decrypting]
            for task in tasks:
                task.cancel()
            await asyncio.wait(tasks)
            await self._handler.close()

    def _start_decrypting(self, sealed: DataKeySealed) -> None:
        """Start decrypting the newest client's data key; drop an earlier client's attempt."""
        if self._decrypting is not None:
            self._decrypting.cancel()
        self._decrypting = asyncio.create_task(self._use_data_key(sealed))
        self._decrypting.add_done_callback(self._fail_on_fault)

    async def _use_data_key(self, sealed: DataKeySealed) -> None:
        """Decrypt a client's data key by KMS, while the session continues."""
        assert self._decrypt is not None  # noqa: S101 - encrypted sessions have it
        key = await self._decrypt(sealed)
        if isinstance(key, str):
            self._engine.refuse_data_key(sealed.attempt, key)
        else:
            self._engine.use_data_key(sealed.attempt, key, time.monotonic())
        self._pump.wake()

    async def _carry(self) -> None:
        try:
            await self._link.run()
        except SessionOver:
            self.end()
        except ServerLost as error:
            self.end(FAILED, f"The session was ended because its node had {error}.")

    async def _await_result(self) -> None:
        """Wait for the handler's end, deliver all its output to the client, then report the end to the server."""
        result = await self._handler.ended()
        if result.status == FAILED:
            self.end(result.status, result.output)
            return
        self._engine.finish(time.monotonic())
        while not self._engine.all_acknowledged:
            self._delivered.clear()
            await self._delivered.wait()
        self._engine.announce_termination()
        self._pump.wake()
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(FAREWELL_SECONDS):
                await self._pump.flushed()
        self.end(result.status, result.output)

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
            over_in = started_at + self._limits.duration - now if self._limits.duration else math.inf
            if idle_in <= 0:
                self.end(FAILED, "The session was ended by its node because it was idle for too long.")
                return
            if over_in <= 0:
                self.end(FAILED, "The session was ended by its node because it reached its maximum duration.")
                return
            await asyncio.sleep(min(idle_in, over_in, 24 * 3600.0))

    def _fail_on_fault(self, task: "asyncio.Task[None]") -> None:
        if not task.cancelled() and (fault := task.exception()) is not None:
            _LOG.error("session failed", exc_info=fault)
            self.end(FAILED, "The session's process on the node failed; its log says why.")

    def _on_events(self, events: Sequence[AgentEvent]) -> None:
        for event in events:
            self._on_event(event)
        if self._engine.all_acknowledged:
            self._delivered.set()
        self._handler.resume()

    def _on_input(self, event: InputReceived) -> None:
        self._active_at = time.monotonic()
        if self._outcome.done():
            return
        self._handler.on_input(event)
        if self._outcome.done():  # the client ended it, and leaves once this is acknowledged
            self._engine.acknowledge(event.sequence_number, self._active_at, delayed=False)
            self._pump.wake()

    def _on_refused(self, refused: HandshakeRefused) -> None:
        _LOG.warning("client refused", reason=refused.reason)
        if refused.is_final:
            self.end(FAILED, f"The handshake failed: {refused.reason}")

    def _on_event(self, event: AgentEvent) -> None:
        match event:
            case InputReceived():
                self._on_input(event)
            case ClientReady():
                self._active_at = time.monotonic()
                self._client_ready.set()
                if not self._outcome.done():
                    self._handler.on_client_ready(event)
            case ClientReplaced():
                self._active_at = time.monotonic()
                self._handler.on_client_replaced()
            case DataKeySealed():
                self._active_at = time.monotonic()
                self._start_decrypting(event)
            case HandshakeRefused():
                self._on_refused(event)
            case SessionEnded():
                self.end()
            case FrameRejected(reason):
                _LOG.warning("frame rejected", reason=reason)
            case OutputPresumed(given_up):
                log = _LOG.warning if given_up else _LOG.debug
                log("output presumed", given_up=given_up)
            case _:
                self._active_at = time.monotonic()  # a client connected or disconnected
                _LOG.debug("channel event", happened=type(event).__name__)


def _minutes(value: object) -> int | None:
    """Return minutes as documents give them: text or a number, empty or 0 for none."""
    try:
        return int(str(value)) or None
    except ValueError:
        return None
