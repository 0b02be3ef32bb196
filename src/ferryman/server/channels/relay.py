"""The meeting point of a session's two ends on this server: whole frames in at one side, out at the other.

The ends number, acknowledge and resend between themselves, so what finds no taker may be dropped here and a relay may
die without losing a byte. The one exception are a client's acknowledgements: AWS's client sends each once only, so they
are kept for an agent that is away, and repeated to AWS's agent when it resends what the client has. What a client says
before the agent is there for the first time is kept, too: there are clients that resend nothing.

Backpressure: one frame is read, then sent; a sender whose receiver is behind is not read from. A receiver that takes
nothing for `Timing.stall` seconds counts as away until it reads again.
"""

import asyncio

import structlog
from aiohttp import WSCloseCode

from ferryman.core.audit.records import EndLeft, end_joined, end_left
from ferryman.core.authorization.admission import AuthorizedSession, End
from ferryman.core.messages import (
    Activity,
    ActivityProbe,
    EndSession,
    SessionEndAnswer,
    decode_session,
    encode,
)
from ferryman.core.service import Service
from ferryman.core.sessions import lifecycle as session_lifecycle
from ferryman.model.identifiers import Millis
from ferryman.model.sessions import SessionStatus
from ferryman.server.channels import frames
from ferryman.server.channels.acknowledgements import Receipts, completes_handshake
from ferryman.server.channels.handshakes import MOST_HANDSHAKES, objection
from ferryman.server.channels.relay_end import FROM_AGENT, FROM_CLIENT, Attached, KeptFrames
from ferryman.server.channels.websocket import Socket, Violation
from ferryman.server.timeouts import Timing
from ferryman.wire.agent_message import HEADER_SIZE, MalformedFrame, decode
from ferryman.wire.payloads import AgentSessionState, MalformedPayload, decode_payload

_log = structlog.get_logger("ferryman.server.channels.relay")


class RelaySlot:
    """One session's two ends. `join` takes an end in, for as long as it stays."""

    def __init__(self, service: Service, authorized: AuthorizedSession, timing: Timing) -> None:
        session = authorized.session
        self.session_id = session.session_id
        self._service = service
        self._timing = timing
        self._client: Attached | None = None
        self._agent: Attached | None = None
        self._client_id = ""
        self._open_to_client = False
        self._kept = KeptFrames()
        self._agent_came = False
        self._receipts = Receipts(underway=session.status is not SessionStatus.CONNECTING)
        self._ended: tuple[str, bool] | None = None
        self._over = asyncio.Event()
        self._agent_left = asyncio.Event()
        self._active_at: int | None = None
        """When a user was last active, by the clock as if it had never been set."""
        self._newest_input = self._newest_output = -1
        self._handshake = b""
        self._handshakes = 0
        self._recorded = session.status is SessionStatus.CONNECTED
        self._recording = asyncio.Lock()
        self._log = _log.bind(session_id=session.session_id)

    async def join(
        self, authorized: AuthorizedSession, socket: Socket, *, ferryman: bool = False, handshake: bool = True
    ) -> None:
        """Relay for one end until it leaves, is replaced or the session ends; then close its socket.

        The newest socket of an end wins. `ferryman`: the agent is Ferryman's, and marks where its frames for another
        client begin. `handshake`: the client expects one also in a shell.
        """
        name = authorized.client_id or authorized.caller_id
        end_joined(self._service, self.session_id, authorized.end.value, name, socket.peer_address)
        if authorized.end is End.CLIENT:
            await self._join_client(authorized, socket, handshake)
        else:
            await self._join_agent(authorized, socket, ferryman)

    async def on_message(self, payload: bytes) -> bytes:
        """Answer what the other servers and the use cases ask of `session.<id>`."""
        request = decode_session(payload)
        match request:
            case EndSession():
                return encode(SessionEndAnswer(self.end(request.output, lost=request.lost)))
            case ActivityProbe():
                return encode(Activity(self._last_activity()))

    def end(self, output: str, *, lost: bool = False) -> bool:
        """Tell both ends that the session is over and close them; True if the agent was here to be told."""
        if self._ended is None:
            self._ended = output, lost
        self._over.set()
        closed = frames.channel_closed(self._service, self.session_id, output, lost=lost)
        for end in (self._agent, self._client):
            if end is not None:
                end.socket.leave(WSCloseCode.OK, "the session has ended", closed)
        return self._agent is not None

    async def agent_left(self) -> None:
        """Wait until the agent's last output has been passed on and its socket is gone, in bounded time."""
        if self._agent is None:
            return
        try:
            async with asyncio.timeout(self._timing.drain):
                await self._agent_left.wait()
        except TimeoutError:
            return

    # The client's side

    async def _join_client(self, authorized: AuthorizedSession, socket: Socket, handshake: bool) -> None:
        client = Attached(socket, authorized.client_id, FROM_CLIENT, handshake=handshake)
        self._greet_client(client)
        try:
            await self._record()
            if (
                authorized.session.status is SessionStatus.CONNECTING
                and self._agent is None
                and not self._over.is_set()
            ):
                await session_lifecycle.dispatch_task(self._service, authorized.session)
            await socket.carry(lambda: self._from_client(client))
        except Exception:
            socket.leave(WSCloseCode.INTERNAL_ERROR, "the server failed")
            raise
        finally:
            if self._client is client:
                self._client = None
                self._open_to_client = False
                self._send_to_agent(frames.pause_publication(self._service))
            await self._farewell(client, End.CLIENT)

    def _greet_client(self, client: Attached) -> None:
        replaced, self._client = self._client, client
        if replaced is not None:
            self._dismiss_client(replaced, client)
        if client.name != self._client_id:
            self._client_id = client.name
            self._kept.clear()
            self._receipts.forget()
            self._newest_input = self._newest_output = -1
        self._touch()
        self._log.info("client attached", client_id=client.name)
        if self._ended is not None:
            output, lost = self._ended
            self.end(output, lost=lost)
        self._pair()

    def _dismiss_client(self, replaced: Attached, by: Attached) -> None:
        """Close the older socket. Another process's is told for good: if it came back, the two would fight for ever."""
        last = None
        if replaced.name != by.name:
            last = frames.channel_closed(self._service, self.session_id, "The session was resumed by another client.")
        replaced.socket.leave(WSCloseCode.OK, "replaced by a newer connection", last)

    async def _from_client(self, client: Attached) -> None:
        receive = client.socket.receive_frame
        outline = client.outline
        while True:
            frame = await receive()
            prefix, sequence = outline(frame)
            if not prefix or client is not self._client:  # replaced, and about to be told
                continue
            if prefix == frames.INPUT and sequence > self._newest_input:
                self._newest_input = sequence
                self._touch()
            agent = self._agent
            if prefix == frames.ACKNOWLEDGE and (agent is None or not agent.ferryman):
                self._receipts.acknowledged(frame[HEADER_SIZE:])
            if agent is not None and not agent.stalled:
                if agent.socket.send(frame):
                    await self._catch_up(agent)
            elif prefix == frames.ACKNOWLEDGE or not self._agent_came:
                self._kept.add(client.name, frame)
            else:
                client.dropped += 1

    # The agent's side

    async def _join_agent(self, authorized: AuthorizedSession, socket: Socket, ferryman: bool) -> None:
        started = authorized.session.status is not SessionStatus.CONNECTING
        agent = Attached(socket, authorized.caller_id, FROM_AGENT, ferryman, ready=started and not ferryman)
        replaced, self._agent = self._agent, agent
        self._agent_came = True
        if replaced is not None:
            replaced.socket.leave(WSCloseCode.OK, "replaced by a newer connection")
        self._agent_left.clear()
        self._log.info("agent attached", node_id=agent.name, ferryman=ferryman)
        if self._ended is not None:
            output, lost = self._ended
            self.end(output, lost=lost)
        self._pair()
        try:
            await self._record()
            await socket.carry(lambda: self._from_agent(agent))
        except Exception:
            socket.leave(WSCloseCode.INTERNAL_ERROR, "the server failed")
            raise
        finally:
            if self._agent is agent:
                self._agent = None
                self._open_to_client = False
                self._agent_left.set()
            await self._farewell(agent, End.AGENT)
        if agent.terminating and self._agent is None:
            await self._finish()

    async def _from_agent(self, agent: Attached) -> None:
        receive = agent.socket.receive_frame
        outline = agent.outline
        while True:
            frame = await receive()
            prefix, sequence = outline(frame)
            if not prefix or agent is not self._agent:
                continue
            if prefix == frames.AGENT_STATE:
                await self._agent_state(agent, frame)
                continue
            if prefix == frames.OUTPUT and frames.requests_handshake(frame) and not await self._is_as_asked(frame):
                continue
            client = self._client
            if client is None or client.stalled or not self._open_to_client:
                agent.dropped += 1
                continue
            new = sequence > self._newest_output
            if prefix == frames.OUTPUT and new:
                self._newest_output = sequence
                self._touch()
            if prefix == frames.OUTPUT and not agent.ferryman:
                await self._pass_output(agent, client, frame, sequence, new=new)
            elif client.socket.send(frame):
                await self._catch_up(client)

    async def _is_as_asked(self, frame: bytes) -> bool:
        """Whether a HandshakeRequest begins the session that was asked for. If not, the session ends."""
        request = frame[HEADER_SIZE:]
        if request == self._handshake:  # it is resent until it is acknowledged
            return True
        document = await self._service.store.sessions.document_content(self.session_id)
        if document is None:  # it has ended meanwhile
            return False
        self._handshakes += 1
        cause = objection(request, document) if self._handshakes <= MOST_HANDSHAKES else "the node began it too often"
        if not cause:
            self._handshake = request
            return True
        self._log.warning("handshake refused", reason=cause)
        text = f"The session was ended: {cause}."
        await session_lifecycle.session_finished(self._service, self.session_id, text)
        self.end(text, lost=True)
        return False

    async def _pass_output(self, agent: Attached, client: Attached, frame: bytes, sequence: int, *, new: bool) -> None:
        """Pass on an output frame of AWS's agent, and see to it that one that is resent gets its acknowledgement."""
        if not new and sequence in self._receipts:
            agent.socket.send(frames.acknowledge(self._service, frame))
            return
        behind = client.socket.send(frame)
        if completes_handshake(frame):
            self._receipts.handshake_completed(sequence)
            await asyncio.sleep(self._timing.handshake)
        if behind:
            await self._catch_up(client)
        elif not new and self._receipts.settled:
            client.socket.ask(lambda: self._client_has(client, frame, sequence))

    def _client_has(self, client: Attached, frame: bytes, sequence: int) -> None:
        """The client has read a frame that was resent. If it did not acknowledge it now, it had done so before."""
        if client is not self._client or sequence in self._receipts:
            return
        self._receipts.add(sequence)
        self._send_to_agent(frames.acknowledge(self._service, frame))

    async def _agent_state(self, agent: Attached, frame: bytes) -> None:
        try:
            state = decode_payload(decode(frame).payload, AgentSessionState)
        except (MalformedFrame, MalformedPayload) as error:
            raise Violation(WSCloseCode.PROTOCOL_ERROR, str(error)) from error
        if state.session_state == "Terminating":
            agent.terminating = True
        elif state.session_state == "Connected":
            agent.ready = True
            if agent is self._agent and self._client is not None and state.client_id == self._client.name:
                self._open_to_client = not self._client.stalled
            await self._record()

    async def _finish(self) -> None:
        """The agent said it is done and left; if its result does not come, the session ends without."""
        try:
            async with asyncio.timeout(self._timing.finish):
                await self._over.wait()
        except TimeoutError:
            if self._agent is None:
                await session_lifecycle.session_finished(self._service, self.session_id, "")
                self.end("")

    # Both

    def _pair(self) -> None:
        """If both ends are here, say so to the agent; what it sent for another client does not pass until it agrees."""
        agent, client = self._agent, self._client
        self._open_to_client = False
        if agent is None or agent.stalled:
            return
        if client is None or client.stalled:
            agent.socket.send(frames.pause_publication(self._service))
            return
        agent.socket.send(frames.start_publication(self._service, client.name, handshake=client.handshake))
        if self._kept.client_id == client.name:
            for frame in self._kept.frames:
                agent.socket.send(frame)
        self._kept.clear()
        self._open_to_client = not agent.ferryman

    async def _catch_up(self, receiver: Attached) -> None:
        """Wait until `receiver` reads on; if it takes nothing at all for a while, count it as away."""
        waiting = receiver.socket.waiting_bytes
        while True:
            try:
                async with asyncio.timeout(self._timing.stall):
                    await receiver.socket.drain()
                return
            except TimeoutError:
                if (left := receiver.socket.waiting_bytes) >= waiting:
                    break
                waiting = left
        if receiver.stalled or receiver not in (self._client, self._agent):
            return
        receiver.stalled = True
        self._log.warning("peer stalled", peer=receiver.name, waiting_bytes=waiting)
        self._pair()
        receiver.recovery = asyncio.create_task(self._recover(receiver))

    async def _recover(self, receiver: Attached) -> None:
        await receiver.socket.drain()
        if receiver not in (self._client, self._agent):
            return
        receiver.stalled = False
        self._log.info("peer reads again", peer=receiver.name)
        self._pair()

    def _send_to_agent(self, frame: bytes) -> None:
        if self._agent is not None and not self._agent.stalled:
            self._agent.socket.send(frame)

    async def _farewell(self, end: Attached, which: End) -> None:
        if end.recovery is not None:
            end.recovery.cancel()
        try:
            await self._record()
        finally:
            await end.socket.close()
            departure, gone = end.socket.departure, end.socket.gone
            code = departure.code if departure else gone.code if gone else None
            reason = departure.reason if departure else ""
            left = EndLeft(which.value, end.name, end.size, end.frames, code, reason)
            end_left(self._service, self.session_id, left)
            self._log.info(
                f"{which} detached",
                close_code=code,
                reason=reason,
                frames=end.frames,
                dropped=end.dropped,
                refused=end.refused,
            )

    async def _record(self) -> None:
        """Bring the session's status in line with who is here; the newest truth wins."""
        async with self._recording:
            if self._over.is_set():
                return
            here = self._client is not None and self._agent is not None and self._agent.ready
            if here and not self._recorded:
                self._recorded = True
                if await session_lifecycle.ends_attached(self._service, self.session_id) is None:
                    self.end("", lost=True)
            elif self._recorded and not here:
                self._recorded = False
                await session_lifecycle.end_lost(self._service, self.session_id, self._last_activity())

    def _touch(self) -> None:
        self._active_at = self._service.clock() - self._service.clock_steps.total

    def _last_activity(self) -> Millis | None:
        return None if self._active_at is None else Millis(self._active_at + self._service.clock_steps.total)
