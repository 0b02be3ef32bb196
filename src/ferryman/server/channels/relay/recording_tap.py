"""Where a relay hands frames to a session's recording, its watchers and its list of connections."""

from collections.abc import Awaitable, Callable

from ferryman.core.ports.recordings.recorder import SessionTap, Unrecordable
from ferryman.server.channels.frames import ACKNOWLEDGE, INPUT, OUTPUT, acknowledged_number, exit_code
from ferryman.server.channels.traffic.port_traffic import PortTraffic
from ferryman.server.channels.watching.watched_session import WatchedSession
from ferryman.wire.payloads import AgentSessionState


class RecordingTap:
    """The tap of one session; `recorder` is None if it is not recorded, `watched` if it cannot be watched.

    `traffic` is None unless the session forwards a port; what goes through it then is not recorded, only what
    `traffic` reports. `opaque`: the session is encrypted end to end, so its messages are not inspected. `on_exit` gets
    the first exit code that the agent reports, which is kept as `exit_code`.
    """

    __slots__ = ("_on_exit", "exit_code", "on_typed", "opaque", "recorder", "traffic", "watched")

    def __init__(self, on_exit: Callable[[int], None]) -> None:
        self.recorder: SessionTap | None = None
        self._on_exit = on_exit
        self.exit_code: int | None = None
        self.watched: WatchedSession | None = None
        self.traffic: PortTraffic | None = None
        self.opaque = False
        self.on_typed: Callable[[], None] | None = None
        """Called for each input, if the session has a terminal."""

    def from_client(self, prefix: bytes, number: int, frame: bytes) -> bool:
        """Record a frame of the client; True if `caught_up` must be awaited before it is forwarded."""
        if prefix == INPUT and self.on_typed is not None:
            self.on_typed()
        recorder = self.recorder
        if self.opaque:
            return recorder is not None and recorder.is_full
        if self.traffic is not None:
            if prefix == INPUT:
                self.traffic.from_client(number, frame)
            return recorder is not None and recorder.is_full
        if prefix == INPUT and self.watched is not None:
            self.watched.input(frame)
        if recorder is None:
            return False
        if prefix == INPUT:
            recorder.input(number, frame)
        elif prefix == ACKNOWLEDGE and recorder.has_gap:
            recorder.acknowledged(acknowledged_number(frame))
        return recorder.is_full

    def from_agent(self, prefix: bytes, number: int, frame: bytes) -> bool:
        """Record a frame of the agent; True if `caught_up` must be awaited before it is forwarded."""
        if prefix != OUTPUT:
            return False
        if self.opaque:
            return self.recorder is not None and self.recorder.is_behind
        if self.exit_code is None and (code := exit_code(frame)) is not None:
            self.exit_code = code
            self._on_exit(code)
        recorder = self.recorder
        if self.traffic is not None:
            self.traffic.from_node(number, frame)
            return recorder is not None and recorder.is_behind
        if self.watched is not None:
            self.watched.output(frame)
        if recorder is None:
            return False
        recorder.output(number, frame)
        return recorder.is_behind

    async def caught_up(self, end_because: Callable[[str], Awaitable[None]]) -> None:
        """Return when the recording has caught up; end a session that must be recorded and cannot be."""
        if self.recorder is None:
            return
        try:
            await self.recorder.caught_up()
        except Unrecordable as error:
            await end_because(f"it cannot be recorded ({error})")

    def client_attached(self, client_id: str) -> None:
        """Note that a client has connected."""
        if self.traffic is not None:
            self.traffic.client_attached(client_id)
        if self.watched is not None:
            self.watched.mark("The person is connected.")
        if self.recorder is not None:
            self.recorder.client_attached(client_id)

    def client_left(self) -> None:
        """Note that the client is gone."""
        if self.watched is not None:
            self.watched.mark("The person's connection is lost.")
        if self.recorder is not None:
            self.recorder.client_left()

    def publication(self, state: AgentSessionState) -> bool:
        """Note for which client the agent's next frames are, and where in the output they begin.

        True if `caught_up` must be awaited before anything else of the agent is read.
        """
        if state.client_id is None:
            return False
        if self.traffic is not None:
            self.traffic.publication(state.client_id)
            return False
        if self.watched is not None:
            self.watched.publication(state.client_id, state.delivered_output)
        if self.recorder is None or self.opaque:
            return False
        self.recorder.publication(state.client_id, state.delivered_output)
        return self.recorder.is_behind
