"""Joins the two ends of a session on this server: whole frames in from one, out to the other.

The ends number, acknowledge and resend among themselves, so a frame without a receiver may be dropped here, and a relay
may die without losing a byte. The exception is a client's acknowledgements: AWS's client sends each only once, so they
are kept for an agent that is away, and repeated to AWS's agent when it resends what the client already has. What a
client sends before the agent first connects is kept, too, because some clients never resend.

Backpressure: one frame is read, then sent; a sender is not read from while its receiver is behind. A receiver that
reads nothing for `Timeouts.stall` seconds counts as away until it reads again.
"""

import asyncio
from functools import partial

import structlog
from aiohttp import WSCloseCode

from ferryman.core.audit.records import end_joined
from ferryman.core.audit.reports import exit_reported
from ferryman.core.authorization.admission import AuthorizedSession, End
from ferryman.core.service import Service
from ferryman.core.sessions import lifecycle as session_lifecycle
from ferryman.model.identifiers import Millis
from ferryman.model.sessions import SessionStatus
from ferryman.server.channels import frames
from ferryman.server.channels.relay.acknowledgements import ClientAcknowledgements
from ferryman.server.channels.relay.aws_output import AwsOutput
from ferryman.server.channels.relay.ends import (
    FROM_AGENT,
    FROM_CLIENT,
    KeptFrames,
    RelayEnd,
    Traffic,
    close_replaced_client,
    record_departure,
)
from ferryman.server.channels.relay.handshakes import HandshakeCheck
from ferryman.server.channels.relay.progress import Progress
from ferryman.server.channels.relay.recording_tap import RecordingTap
from ferryman.server.channels.relay.stalls import StallRecovery
from ferryman.server.channels.sockets.peer_socket import PeerSocket, Violation
from ferryman.server.channels.watching.announcements import Announcements
from ferryman.server.channels.watching.observers import ObservedSession, Observers, RelayControl
from ferryman.server.channels.watching.watched_session import WatchedSession
from ferryman.server.timeouts import Timeouts
from ferryman.wire.agent_message import HEADER_SIZE, MalformedFrame, decode
from ferryman.wire.payloads import AgentSessionState, MalformedPayload, decode_payload

_log = structlog.get_logger("ferryman.server.channels.relay.slot")


class RelaySlot:
    """The two ends of one session. `join` serves one end for as long as it stays connected."""

    def __init__(self, service: Service, authorized: AuthorizedSession, timeouts: Timeouts) -> None:
        session = authorized.session
        self.session_id = session.session_id
        self.tap = RecordingTap(partial(exit_reported, service, session.session_id))
        self._session = session
        self._is_connecting = session.status is SessionStatus.CONNECTING
        self._service = service
        self._timeouts = timeouts
        self._client: RelayEnd | None = None
        self._agent: RelayEnd | None = None
        self._client_id = ""
        self._open_to_client = False
        self._kept = KeptFrames()
        self.traffic = Traffic()
        self._agent_came = False
        self._acknowledgements = ClientAcknowledgements(underway=session.status is not SessionStatus.CONNECTING)
        self._log = _log.bind(session_id=session.session_id)
        self._stalls = StallRecovery(timeouts.stall, lambda end: end in self.ends, self._pair, self._log)
        self._aws_output = AwsOutput(
            service, timeouts, self._acknowledgements, self._send_to_agent, self._stalls.catch_up
        )
        self._ended: tuple[str, bool] | None = None
        self._over = asyncio.Event()
        self._agent_left = asyncio.Event()
        self.progress = Progress(service, session, self._is_connected, partial(self.end, "", lost=True))
        self._newest_input = self._newest_output = -1
        self._announcements: Announcements | None = None
        self.observers: Observers | None = None
        self._handshakes = HandshakeCheck(service, session.session_id)

    async def join(
        self, authorized: AuthorizedSession, socket: PeerSocket, *, ferryman: bool = False, handshake: bool = True
    ) -> None:
        """Relay for one end until it leaves, is replaced or the session ends; then close its socket.

        The newest socket of an end wins. `ferryman`: the agent is Ferryman's, and marks where its frames for another
        client begin. `handshake`: the client expects one even in a shell.
        """
        name = authorized.client_id or authorized.caller_id
        end_joined(self._service, self.session_id, authorized.end.value, name, socket.peer_address)
        if authorized.end is End.CLIENT:
            await self._join_client(authorized, socket, handshake)
        else:
            await self._join_agent(authorized, socket, ferryman)

    def superseded(self) -> None:
        """Close both ends because another server relays the session now; they reconnect to that one."""
        self._log.warning("another server relays the session")
        for end in filter(None, self.ends):
            end.socket.leave(WSCloseCode.GOING_AWAY, "another server relays the session")

    @property
    def ends(self) -> tuple[RelayEnd | None, RelayEnd | None]:
        """The client and the agent, those that are connected."""
        return self._client, self._agent

    @property
    def last_activity(self) -> Millis | None:
        """When the user last typed, resized or got output; None if the relay has seen none."""
        return self.progress.last_activity

    def end(self, output: str, *, lost: bool = False) -> bool:
        """Tell both ends that the session is over, and close them; True if the agent was connected."""
        if self._ended is None:
            self._ended = output, lost
            if self.tap.watched is not None:
                self.tap.watched.end(output)
        self._over.set()
        closed = frames.channel_closed(self._service, self.session_id, output, lost=lost)
        for end in (self._agent, self._client):
            if end is not None:
                end.socket.leave(WSCloseCode.OK, "the session has ended", closed)
        return self._agent is not None

    def let_watch(self, watched: WatchedSession, observed: ObservedSession | None) -> None:
        """Let others watch the session, and notify the person at the client; hold it while it lacks observers."""
        self.tap.watched = watched
        if observed is not None:
            self.observers = Observers(
                self._service, observed, RelayControl(self._pair, self._release, self.end_because)
            )
        self._announcements = Announcements(self._service, watched, self.observers)

    @property
    def _is_held(self) -> bool:
        """Whether nothing may reach either end."""
        return self.observers is not None and self.observers.is_holding

    async def _release(self) -> None:
        """Let the session run: start it if its client is waiting for that, or let both ends continue."""
        self._pair()
        if self._client is not None:
            await self._start()

    async def agent_left(self) -> None:
        """Wait, in bounded time, until the agent's last output was forwarded and its socket is gone."""
        if self._agent is None:
            return
        try:
            async with asyncio.timeout(self._timeouts.drain):
                await self._agent_left.wait()
        except TimeoutError:
            return

    # The client's side

    async def _join_client(self, authorized: AuthorizedSession, socket: PeerSocket, handshake: bool) -> None:
        client = RelayEnd(socket, authorized.client_id, FROM_CLIENT, handshake=handshake)
        self.traffic.ends[client] = End.CLIENT
        self._is_connecting = authorized.session.status is SessionStatus.CONNECTING
        self._attach_client(client)
        try:
            await self.progress.gained()
            await self._start()
            await socket.carry(lambda: self._from_client(client))
        except Exception:
            socket.leave(WSCloseCode.INTERNAL_ERROR, "the server failed")
            raise
        finally:
            if self._client is client:
                self._client = None
                self._open_to_client = False
                self._send_to_agent(frames.pause_publication(self._service))
                self.tap.client_left()
            await self._detach(client, End.CLIENT)

    async def _start(self) -> None:
        """Send the session's task to its node, unless it was started before or must wait."""
        if not self._is_connecting or self._agent is not None or self._over.is_set():
            return
        if self.observers is not None and self.observers.is_holding:
            await self.observers.postpone()
        else:
            await session_lifecycle.dispatch_task(self._service, self._session)

    def _attach_client(self, client: RelayEnd) -> None:
        replaced, self._client = self._client, client
        if replaced is not None:
            close_replaced_client(self._service, self.session_id, replaced, client)
        if client.name != self._client_id:
            self._client_id = client.name
            self._kept.clear()
            self._acknowledgements.forget()
            self._newest_input = self._newest_output = -1
        self.tap.client_attached(client.name)
        self.progress.note_activity()
        self._log.info("client attached", client_id=client.name)
        if self._announcements is not None:
            self._announcements.client_attached(client.socket)
        if self._ended is not None:
            self.end(self._ended[0], lost=self._ended[1])
        self._pair()

    async def _from_client(self, client: RelayEnd) -> None:
        receive = client.socket.receive_frame
        peek = client.peek_header
        while True:
            frame = await receive()
            prefix, sequence = peek(frame)
            if not prefix or client is not self._client:  # replaced, and about to be closed
                continue
            if is_new_input := prefix == frames.INPUT and sequence > self._newest_input:
                self._newest_input = sequence
                self.progress.note_activity()
            if self.tap.from_client(prefix, sequence, frame):
                await self.tap.caught_up(self.end_because)
            agent = self._agent
            if prefix == frames.ACKNOWLEDGE and (agent is None or not agent.ferryman):
                self._acknowledgements.acknowledged(frame[HEADER_SIZE:])
            if agent is None or agent.stalled or self._is_held:
                self._keep(client, prefix, frame, is_new=is_new_input)
            elif agent.socket.send(frame):
                await self._stalls.catch_up(agent)

    def _keep(self, client: RelayEnd, prefix: bytes, frame: bytes, *, is_new: bool) -> None:
        """Keep a client's frame for an agent that is away or held back, if the client may send it only once."""
        if prefix == frames.ACKNOWLEDGE or (is_new if self._is_held else not self._agent_came):
            self._kept.add(client.name, frame)
        else:
            client.dropped += 1

    # The agent's side

    async def _join_agent(self, authorized: AuthorizedSession, socket: PeerSocket, ferryman: bool) -> None:
        started = authorized.session.status is not SessionStatus.CONNECTING
        agent = RelayEnd(socket, authorized.caller_id, FROM_AGENT, ferryman, ready=started and not ferryman)
        self.traffic.ends[agent] = End.AGENT
        replaced, self._agent = self._agent, agent
        self._agent_came = True
        if replaced is not None:
            replaced.socket.leave(WSCloseCode.OK, "replaced by a newer connection")
        self._agent_left.clear()
        self._log.info("agent attached", node_id=agent.name, ferryman=ferryman)
        if self._ended is not None:
            self.end(self._ended[0], lost=self._ended[1])
        self._pair()
        try:
            await self.progress.gained()
            await socket.carry(lambda: self._from_agent(agent))
        except Exception:
            socket.leave(WSCloseCode.INTERNAL_ERROR, "the server failed")
            raise
        finally:
            if self._agent is agent:
                self._agent = None
                self._open_to_client = False
                self._agent_left.set()
            await self._detach(agent, End.AGENT)
        if agent.terminating and self._agent is None:
            await self._await_result()

    async def _from_agent(self, agent: RelayEnd) -> None:
        receive = agent.socket.receive_frame
        peek = agent.peek_header
        while True:
            frame = await receive()
            prefix, sequence = peek(frame)
            if not prefix or agent is not self._agent:
                continue
            if prefix == frames.AGENT_STATE:
                await self._agent_state(agent, frame)
                continue
            if (
                prefix == frames.OUTPUT
                and self._handshakes.concerns(sequence, frame)
                and not await self._is_requested_handshake(frame)
            ):
                continue
            client = self._client
            if client is None or client.stalled or not self._open_to_client:
                agent.dropped += 1
                continue
            new = sequence > self._newest_output
            if prefix == frames.OUTPUT and new:
                self._newest_output = sequence
                self.progress.note_activity()
            if self.tap.from_agent(prefix, sequence, frame):
                await self.tap.caught_up(self.end_because)
            if prefix == frames.OUTPUT and not agent.ferryman:
                await self._aws_output.forward(agent, client, frame, sequence, new=new)
            elif client.socket.send(frame):
                await self._stalls.catch_up(client)

    async def _is_requested_handshake(self, frame: bytes) -> bool:
        """Whether the node starts the session that was requested. If not, the session ends."""
        cause = await self._handshakes.refusal(frame)
        if cause:
            self._log.warning("handshake refused", reason=cause)
            await self.end_because(cause)
        return cause == ""

    async def end_because(self, cause: str) -> None:
        """End the session; `cause` is a clause, for the person at the client."""
        text = f"The session was ended: {cause}."
        await session_lifecycle.session_finished(self._service, self.session_id, text)
        self.end(text, lost=True)

    async def _agent_state(self, agent: RelayEnd, frame: bytes) -> None:
        try:
            state = decode_payload(decode(frame).payload, AgentSessionState)
        except (MalformedFrame, MalformedPayload) as error:
            raise Violation(WSCloseCode.PROTOCOL_ERROR, str(error)) from error
        if state.session_state == "Terminating":
            agent.terminating = True
        elif state.session_state == "Connected":
            agent.ready = True
            if agent is self._agent and self._client is not None and state.client_id == self._client.name:
                self._open_to_client = not self._client.stalled and not self._is_held
                if self.tap.publication(state):
                    await self.tap.caught_up(self.end_because)
            await self.progress.gained()

    async def _await_result(self) -> None:
        """End the session if the agent has said that it is done and left, and no result arrives in time."""
        try:
            async with asyncio.timeout(self._timeouts.finish):
                await self._over.wait()
        except TimeoutError:
            if self._agent is None:
                await session_lifecycle.session_finished(self._service, self.session_id, "")
                self.end("")

    # Both

    def _pair(self) -> None:
        """Tell the agent whether a client is connected; its older frames for another client are not forwarded."""
        agent, client = self._agent, self._client
        self._open_to_client = False
        if agent is None or agent.stalled:
            return
        if client is None or client.stalled or self._is_held:
            agent.socket.send(frames.pause_publication(self._service))
            return
        agent.socket.send(frames.start_publication(self._service, client.name, handshake=client.handshake))
        if self._kept.client_id == client.name:
            for frame in self._kept.frames:
                agent.socket.send(frame)
        self._kept.clear()
        self._open_to_client = not agent.ferryman

    def _send_to_agent(self, frame: bytes) -> None:
        if self._agent is not None and not self._agent.stalled and not self._is_held:
            self._agent.socket.send(frame)

    async def _detach(self, end: RelayEnd, which: End) -> None:
        if end.recovery is not None:
            end.recovery.cancel()
        try:
            await self.progress.update()
        finally:
            await end.socket.close()
            self.traffic.left(which, end)
            record_departure(self._service, self.session_id, which.value, end, self._log)

    def _is_connected(self) -> bool | None:
        if self._over.is_set():
            return None
        return self._client is not None and self._agent is not None and self._agent.ready
