"""Tunnels to ports that a node can reach: one session per destination, shared by all connections to it.

If a session has ended, by a limit or with its node's agent, the next connection starts another.
"""

import asyncio
import time
from collections.abc import Callable
from dataclasses import dataclass

from ferryman.channel.events import OutputReceived, SessionStarted
from ferryman.channel.peer_versions import agent_multiplexes, expects_keep_alive
from ferryman.client.calls.start_session import PORT_DOCUMENT, REMOTE_PORT_DOCUMENT
from ferryman.client.library.background_session import BackgroundSession
from ferryman.client.library.client import Client
from ferryman.client.session.far_end import FarEnd
from ferryman.client.session.tunnel import Tunnel
from ferryman.model.failures import Failure
from ferryman.model.session_types import LOCAL_PORT_FORWARDING, SessionType
from ferryman.wire.agent_message import Flag, PayloadType
from ferryman.wire.payloads import encode_flag
from ferryman.wire.smux import Command, SmuxFrame, encode

KEPT_IDLE = 16
"""Sessions without connections to keep; if there are more, those unused for longest are ended."""
KEEP_ALIVE_SECONDS = 10.0
_CONNECT_ERROR = encode_flag(Flag.CONNECT_TO_PORT_ERROR)


@dataclass(frozen=True, slots=True)
class Destination:
    """A port on the node, or on `host` as seen from the node."""

    port: int
    host: str | None = None

    def __str__(self) -> str:
        host = self.host or "localhost"
        return f"[{host}]:{self.port}" if ":" in host else f"{host}:{self.port}"

    @property
    def document(self) -> str:
        """The session document that leads there."""
        return REMOTE_PORT_DOCUMENT if self.host else PORT_DOCUMENT

    @property
    def parameters(self) -> dict[str, str]:
        """The document's parameters; the local port is not used."""
        parameters = {"portNumber": str(self.port), "localPortNumber": "0"}
        return parameters | ({"host": self.host} if self.host else {})


class PortHandler:
    """Handles one port session: its tunnel and streams. `on_problem` gets texts for people."""

    def __init__(self, destination: Destination, on_problem: Callable[[str], None]) -> None:
        self._destination = destination
        self._on_problem = on_problem
        self._far_end: FarEnd | None = None
        self._keep_alive: asyncio.TimerHandle | None = None
        self._tunnel: Tunnel | None = None
        self.failed = False

    @property
    def tunnel(self) -> Tunnel:
        """The tunnel, once the session has started."""
        if self._tunnel is None:
            raise RuntimeError("the session has not started")
        return self._tunnel

    def on_started(self, started: SessionStarted, far_end: FarEnd) -> None:
        """Open the tunnel."""
        if started.session_type != SessionType.PORT:
            raise Failure(
                f"{self._destination} cannot be forwarded", f"the node started a session of type {started.session_type}"
            )
        if (started.properties or {}).get("type") != LOCAL_PORT_FORWARDING or not agent_multiplexes(
            started.agent_version
        ):
            raise Failure(
                f"{self._destination} cannot be forwarded",
                "the node's agent is too old to carry several connections",
                "Use `aws ssm start-session` with a port forwarding document",
            )
        self._far_end = far_end
        self._tunnel = Tunnel(
            far_end,
            started.mux,
            started.agreed.max_payload,
            on_connected=lambda: None,
            on_refused=lambda reason: self._on_problem(f"{self._destination}: {reason}"),
            on_failed=self._broken,
        )
        if expects_keep_alive(started.agent_version):
            self._stay_alive()

    def on_output(self, event: OutputReceived) -> None:
        """Feed output to the tunnel."""
        if event.payload_type == PayloadType.FLAG and event.payload == _CONNECT_ERROR:
            self._on_problem(f"{self._destination}: the node cannot connect")
        self.tunnel.on_output(event)

    def flush(self) -> None:
        """Move waiting data."""
        self.tunnel.move()

    def on_ended(self) -> None:
        """Reset the remaining connections."""
        if self._keep_alive is not None:
            self._keep_alive.cancel()
        if self._tunnel is not None:
            self._tunnel.close()

    def _broken(self, reason: str) -> None:
        self.failed = True
        self._on_problem(f"{self._destination}: the node broke the protocol of port forwarding: {reason}")
        self.on_ended()

    def _stay_alive(self) -> None:
        self._keep_alive = asyncio.get_running_loop().call_later(KEEP_ALIVE_SECONDS, self._stay_alive)
        if self._far_end is not None:
            self._far_end.send(PayloadType.OUTPUT, encode(SmuxFrame(Command.NOP, 0)))


@dataclass(slots=True)
class _Kept:
    session: BackgroundSession
    handler: PortHandler
    used_at: float

    @property
    def usable(self) -> bool:
        return not (self.session.is_over or self.handler.failed)

    @property
    def idle(self) -> bool:
        return not len(self.handler.tunnel)


class PortSessions:
    """The port sessions to one node. `on_problem` gets texts for people; `close` ends them all."""

    def __init__(self, client: Client, node_id: str, on_problem: Callable[[str], None]) -> None:
        self._client = client
        self._node_id = node_id
        self._on_problem = on_problem
        self._kept: dict[Destination, _Kept] = {}
        self._opening: dict[Destination, asyncio.Task[_Kept]] = {}
        self._closing: set[asyncio.Task[None]] = set()
        self._watching: set[asyncio.Task[None]] = set()

    async def tunnel(self, destination: Destination) -> Tunnel:
        """Return the open tunnel to `destination`, through a new session if there is none. Raises `Failure`."""
        kept = self._kept.get(destination)
        if kept is None or not kept.usable:
            # One session, however many connections wait for it and whichever of them give up.
            opening = self._opening.get(destination)
            if opening is None:
                opening = asyncio.create_task(self._open(destination))
                self._opening[destination] = opening
                opening.add_done_callback(lambda task: self._opened(destination, task))
            kept = await asyncio.shield(opening)
        kept.used_at = time.monotonic()
        self._end_unused(but=kept)
        return kept.handler.tunnel

    async def close(self) -> None:
        """End all sessions."""
        opening = list(self._opening.values())
        for task in opening:
            task.cancel()
        await asyncio.gather(*opening, return_exceptions=True)
        kept, self._kept = list(self._kept.values()), {}
        await asyncio.gather(*(each.session.close() for each in kept), *self._closing)
        if self._watching:
            await asyncio.wait(self._watching)  # they end with their sessions

    async def _open(self, destination: Destination) -> _Kept:
        if old := self._kept.pop(destination, None):
            await old.session.close()
        handler = PortHandler(destination, self._on_problem)
        session = await self._client.start(self._node_id, destination.document, destination.parameters, handler)
        kept = self._kept[destination] = _Kept(session, handler, time.monotonic())
        watching = asyncio.create_task(self._watch(destination, kept))
        self._watching.add(watching)
        watching.add_done_callback(self._watching.discard)
        return kept

    async def _watch(self, destination: Destination, kept: _Kept) -> None:
        """Report why a session ended that this program did not close: its connections are lost."""
        try:
            await kept.session.ended()
            reason = f"Session {kept.session.session_id} was ended."
        except Failure as failure:
            reason = failure.line
        if self._kept.get(destination) is kept:
            self._on_problem(f"{destination}: {reason} The next connection starts another.")

    def _opened(self, destination: Destination, task: "asyncio.Task[_Kept]") -> None:
        self._opening.pop(destination, None)
        if not task.cancelled():
            task.exception()  # those who wait for it get it

    def _end_unused(self, but: _Kept) -> None:
        idle = sorted(
            (each.used_at, destination.port, str(destination), destination)
            for destination, each in self._kept.items()
            if each.idle and each is not but
        )
        for *_, destination in idle[: max(0, len(idle) - KEPT_IDLE)]:
            task = asyncio.create_task(self._kept.pop(destination).session.close())
            self._closing.add(task)
            task.add_done_callback(self._closing.discard)
