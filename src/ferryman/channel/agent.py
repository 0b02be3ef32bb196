"""The node's end of a data channel, without I/O (`protocol/agent.md` §4, `client.md` §7 to §8, §12).

The far end is Ferryman's client or AWS's. The server between them says whether a client is connected, and which one.
"""

from collections.abc import Mapping
from typing import Any

from ferryman.channel.agent_handshake import ClientRefused, HandshakeState, NodeHandshake
from ferryman.channel.events import (
    AgentEvent,
    ClientReady,
    ClientReplaced,
    FrameRejected,
    HandshakeRefused,
    InputReceived,
    OutputPresumed,
    PublicationPaused,
    PublicationStarted,
    SessionEnded,
)
from ferryman.channel.key_agreement import SEALED_BY_NODE, Encryption, Unopenable
from ferryman.channel.negotiation import AWS, agree
from ferryman.channel.peer_versions import is_aws_client
from ferryman.channel.publication import PublicationState, publication
from ferryman.channel.streams.outgoing import Clock, Entropy, Peer, unnumbered
from ferryman.channel.streams.stream import ReliableStream
from ferryman.channel.streams.window import Window
from ferryman.model.session_types import TERMINAL_TYPES, SessionType
from ferryman.model.values.versions import AGENT_VERSION
from ferryman.wire.agent_message import AgentMessage, MalformedFrame, MessageType, PayloadType, decode
from ferryman.wire.payloads import (
    AgentSessionState,
    Extensions,
    HandshakeResponse,
    MalformedPayload,
    Publication,
    closing,
    decode_payload,
    encode_payload,
)

QUIET = 0.1
"""Any message between HandshakeComplete and the end of its port set-up crashes AWS's client (client.md §12.2)."""
SILENCE = 15.0
"""Seconds that AWS's client may stay silent about a finished session; it never acknowledges duplicates."""


class AgentChannel:
    """One session's end on its node.

    Create it when the session's program is ready to accept input. `session_type` and `properties` (None, or for Port
    an object of JSON strings) go to the client. With `encryption`, nothing of the session is sent or accepted
    unencrypted, and each client must agree on a data key of its own. Nothing blocks; `now` is monotonic seconds,
    `wall_clock_ms` milliseconds since the epoch for CreatedDate, `entropy(n)` n random bytes. After any call, send what
    `frames_to_send` returns, and call it again at `next_timer`. One text frame, OpenDataChannel, must go out before: it
    is the driver's.
    """

    def __init__(
        self,
        *,
        session_id: str,
        session_type: str,
        properties: Mapping[str, Any] | None,
        entropy: Entropy,
        wall_clock_ms: Clock,
        agent_version: str = AGENT_VERSION,
        window: Window | None = None,
        encryption: Encryption | None = None,
    ) -> None:
        self._stream = ReliableStream(
            MessageType.OUTPUT_STREAM_DATA,
            syn=True,
            window=window or Window(),
            entropy=entropy,
            wall_clock_ms=wall_clock_ms,
        )
        self._session_id = session_id
        self._session_type = session_type
        self._entropy = entropy
        self._wall_clock_ms = wall_clock_ms
        self._publication = PublicationState.AWAITED
        self._handshake = NodeHandshake(session_type, properties, agent_version, encryption, entropy)
        self._digested = True
        self._client_id: str | None = None
        self._connected = False
        self._ended = self._finished = False
        self._announcements: list[bytes] = []
        self._agreed = AWS
        self._peer = Peer.AWS_CLIENT
        self._input_is_lost = self._quiet_due = False
        self._quiet_until: float | None = None
        self._delivered = 0
        self._silent_since = 0.0
        self._events: list[AgentEvent] = []

    @property
    def publication(self) -> PublicationState:
        """Return whether data may be sent."""
        return self._publication

    @property
    def handshake(self) -> HandshakeState:
        """Return where the handshake with the present client stands."""
        return self._handshake.state

    @property
    def all_acknowledged(self) -> bool:
        """Return whether a client has acknowledged everything that was given to `send`.

        With AWS's client, that may be inferred: then OutputPresumed is among the `events` after `frames_to_send`.
        """
        return self._stream.all_acknowledged()

    def connection_made(self, now: float) -> None:
        """Note that the channel is open, and announce the session's state; data waits for start_publication."""
        self._connected = True
        self._input_is_lost = self._handshake.state is HandshakeState.DONE and self._agreed is not AWS
        self._publication = PublicationState.AWAITED
        self._announcements = []
        self._announce("Connected", None)

    def connection_lost(self, now: float) -> None:
        """Note that the channel is gone: send nothing until `connection_made`, and keep data given to `send`."""
        self._connected = False

    def receive(self, frame: bytes, now: float) -> None:
        """Process one WebSocket message. Never raises: a bad frame becomes a FrameRejected event."""
        if self._ended:
            return
        try:
            self._receive(decode(frame, digested=self._digested), now)
        except (MalformedFrame, MalformedPayload) as error:
            self._reject(str(error))

    def frames_to_send(self, now: float) -> list[bytes]:
        """Return the frames to send now, in this order, and forget that they are due."""
        if not self._connected or self._ended:
            return []
        frames, self._announcements = self._announcements, []
        if self._publication is PublicationState.AWAITED:
            return frames
        if self._quiet_until is not None:
            if now < self._quiet_until:
                return frames
            self._quiet_until = None
            self._open_stream(self._peer)
        frames += self._stream.incoming.acknowledgements(now)
        if self._publication is PublicationState.STARTED:
            frames += self._output(now)
            if self._quiet_due:
                self._quiet_due = False
                self._quiet_until = now + QUIET
        return frames

    def next_timer(self) -> float | None:
        """Return when to call `frames_to_send` again if nothing happens before, None for never."""
        if not self._connected or self._ended or self._publication is PublicationState.AWAITED:
            return None
        if self._quiet_until is not None:
            return self._quiet_until
        if self._publication is PublicationState.PAUSED:  # acknowledgements are all that goes out
            return self._stream.next_acknowledgement()
        return self._stream.next_timer()

    def events(self) -> list[AgentEvent]:
        """Return the events since the last call, in order."""
        events, self._events = self._events, []
        return events

    def capacity(self) -> int:
        """Return how many bytes `send` may take now; 0 while the window is full."""
        return self._stream.capacity()

    def send(self, payload_type: PayloadType, payload: bytes, now: float) -> None:
        """Send user data, split as the client takes it; until the handshake is complete it is held.

        Never refused: output beyond `capacity()` only grows the memory held. Exit codes and flags may go beyond it.
        """
        self._stream.send(payload_type, payload)

    def finish(self, now: float) -> None:
        """Note that nothing further will be sent. AWS's client is given up after it was silent for SILENCE.

        Only time while it is connected counts. Ferryman's client acknowledges everything it gets, so it may be slow.
        """
        self._finished = True
        self._silent_since = now

    def acknowledge(self, sequence_number: int, now: float, *, delayed: bool = True) -> None:
        """Report that the InputReceived with this number, and all before it, reached the program.

        Unless `delayed`, the acknowledgement is sent immediately.
        """
        self._stream.consume(sequence_number, now)
        if not delayed:
            self._stream.incoming.release()
        self._deliver(now)

    def announce_termination(self) -> None:
        """Tell the server that the session's program ended by itself (agent.md §4.2)."""
        self._stream.incoming.release()
        self._announce("Terminating", None)

    def _receive(self, message: AgentMessage, now: float) -> None:
        match message.message_type:
            case MessageType.INPUT_STREAM_DATA:
                self._stream.incoming.offer(message, now)
                self._deliver(now)
            case MessageType.ACKNOWLEDGE:
                self._stream.acknowledged(message, now)
            case MessageType.START_PUBLICATION:
                self._start_publication(publication(message), now)
            case MessageType.PAUSE_PUBLICATION:
                self._publication = PublicationState.PAUSED
                self._events.append(PublicationPaused())
            case MessageType.CHANNEL_CLOSED:
                self._ended = True
                self._events.append(SessionEnded(*closing(message.payload)))
            case _:
                self._reject(f"a node takes no {message.message_type!r} messages on a data channel")

    def _output(self, now: float) -> list[bytes]:
        """Return the output's frames to send now; add an event if messages were presumed delivered or given up."""
        outgoing = self._stream.outgoing
        delivered, capacity = outgoing.delivered, outgoing.capacity()
        frames = outgoing.frames(now)
        if outgoing.delivered != delivered or outgoing.capacity() > capacity:
            self._events.append(OutputPresumed())
        if outgoing.delivered != self._delivered:
            self._delivered = outgoing.delivered
            self._silent_since = now
        elif self._finished and now - self._silent_since >= SILENCE and (given_up := outgoing.give_up()):
            self._events.append(OutputPresumed(given_up))
            return []
        return frames

    def _start_publication(self, started: Publication, now: float) -> None:
        client_id = started.client_id
        replaced = client_id is not None and self._client_id not in (None, client_id)
        self._client_id = client_id or self._client_id
        self._publication = PublicationState.STARTED
        self._silent_since = now
        if replaced:
            # Bytes of an earlier client's connections mean nothing to another client.
            self._stream.renew(keep=self._session_type != SessionType.PORT)
            self._handshake.renew()
            self._agreed = AWS
            self._digested = True
            self._quiet_due = False
            self._quiet_until = None
        if client_id is not None:
            self._announce("Connected", client_id)
        if replaced and client_id is not None:
            self._events.append(ClientReplaced(client_id))
        else:
            self._events.append(PublicationStarted(client_id))
        if self._input_is_lost and not replaced:
            self._stream.incoming.ask_for_the_rest()
        self._input_is_lost = False
        if self._handshake.state is HandshakeState.DUE:
            if started.handshake is False and self._session_type in TERMINAL_TYPES and not self._handshake.encrypts:
                self._begin_without_handshake()
            else:
                self._stream.outgoing.add(PayloadType.HANDSHAKE_REQUEST, self._handshake.request(now))
        self._stream.outgoing.restart()

    def use_data_key(self, attempt: int, data_key: bytes, now: float) -> None:
        """Continue the handshake of a DataKeySealed with the 64 bytes that KMS decrypted; too late, it does nothing."""
        if not self._handshake.awaits(attempt):
            return
        try:
            challenge = self._handshake.challenge(data_key)
        except ClientRefused as refused:
            self._refuse(str(refused))
            return
        if self._handshake.cipher is not None:
            self._stream.outgoing.seal(self._handshake.cipher, SEALED_BY_NODE)
        self._stream.outgoing.add(PayloadType.ENCRYPTION_CHALLENGE_REQUEST, challenge)

    def refuse_data_key(self, attempt: int, reason: str) -> None:
        """End the handshake of a DataKeySealed: KMS did not decrypt the key. Too late, it does nothing."""
        if self._handshake.awaits(attempt):
            self._refuse(reason)

    def _deliver(self, now: float) -> None:
        incoming = self._stream.incoming
        while (message := incoming.next_message()) is not None:
            try:
                self._process(message, now)
            except (MalformedPayload, Unopenable) as error:
                incoming.refuse()
                self._reject(str(error))
                return

    def _process(self, message: AgentMessage, now: float) -> None:
        """Process the next stream message and advance past it. Raises MalformedPayload, Unopenable."""
        incoming = self._stream.incoming
        if message.payload_type == PayloadType.HANDSHAKE_RESPONSE:
            response = decode_payload(message.payload, HandshakeResponse)
            incoming.advance(now, consumed=True)
            self._conclude_handshake(response, now)
        elif message.payload_type == PayloadType.ENCRYPTION_CHALLENGE_RESPONSE and self._handshake.encrypts:
            incoming.advance(now, consumed=True)
            self._check_proof(message.payload, now)
        else:
            self._go_without_handshake()
            payload = self._handshake.opened(message.payload_type, message.payload)
            number = self._stream.delivery_number(incoming.expected)
            incoming.advance(now, consumed=False)
            self._stream.outgoing.listening()
            self._events.append(InputReceived(number, message.payload_type, payload))

    def _go_without_handshake(self) -> None:
        """Open a shell to a client that sends input before it answers the handshake request: it will not answer.

        AWS's agents request no handshake for plain shells, so some clients do not know it. They check no digests
        either, so such clients may send wrong ones.
        """
        if self._handshake.state is HandshakeState.REQUESTED and self._session_type in TERMINAL_TYPES:
            self._open_without_handshake()

    def _begin_without_handshake(self) -> None:
        """Start a shell as AWS's agent does: empty output makes AWS's client start its shell and send its size."""
        self._stream.outgoing.add(PayloadType.OUTPUT, b"")
        self._open_without_handshake()

    def _open_without_handshake(self) -> None:
        try:
            self._handshake.skip()
        except ClientRefused as refused:
            self._refuse(str(refused))
            return
        self._digested = False
        self._open_stream(Peer.OTHER_CLIENT)
        self._events.append(ClientReady(""))

    def _conclude_handshake(self, response: HandshakeResponse, now: float) -> None:
        if self._handshake.state is not HandshakeState.REQUESTED:
            self._reject("a handshake response that was not asked for")
            return
        try:
            sealed = self._handshake.answered(response)
        except ClientRefused as refused:
            self._refuse(str(refused), response)
            return
        if sealed is not None:
            self._events.append(sealed)
        else:
            self._complete_handshake(response, now)

    def _check_proof(self, payload: bytes, now: float) -> None:
        try:
            response = self._handshake.check(payload)
        except ClientRefused as refused:
            self._refuse(str(refused))
            return
        if response is None:
            self._reject("an answer to an encryption challenge that was not asked for")
        else:
            self._complete_handshake(response, now)

    def _refuse(self, reason: str, response: HandshakeResponse | None = None) -> None:
        """Refuse the present client: the session ends, unless it has run with another and this one understands why."""
        if continues := self._handshake.refuse(response):
            self._stream.outgoing.add(PayloadType.ERROR, reason.encode())
        self._events.append(HandshakeRefused(reason, is_final=not continues))

    def _complete_handshake(self, response: HandshakeResponse, now: float) -> None:
        self._stream.outgoing.add(PayloadType.HANDSHAKE_COMPLETE, self._handshake.complete(now))
        self._agreed = AWS
        if isinstance(response.ferryman, Extensions):
            self._agreed = agree(response.ferryman)
            self._digested = not self._agreed.undigested
            self._open_stream(Peer.FERRYMAN)
        else:
            self._peer = Peer.AWS_CLIENT if is_aws_client(response.client_version) else Peer.OTHER_CLIENT
            if self._session_type == SessionType.PORT:
                self._quiet_due = True
            else:
                self._open_stream(self._peer)
        self._events.append(ClientReady(response.client_version, self._agreed))

    def _open_stream(self, peer: Peer) -> None:
        """Let data flow, without an exit code that was meant for an earlier client: AWS's clients would show it."""
        shown = self._session_type in TERMINAL_TYPES and not self._agreed.exit_code
        self._stream.open(self._agreed, peer, without={PayloadType.EXIT_CODE} if shown else ())

    def _announce(self, state: str, client_id: str | None) -> None:
        """Send the server a session state before everything else (agent.md §4.2)."""
        delivered = None if client_id is None else self._stream.delivered_output()
        payload = encode_payload(AgentSessionState(1, state, self._session_id, client_id, delivered))
        state_message = unnumbered(MessageType.AGENT_SESSION_STATE, payload, self._entropy, self._wall_clock_ms)
        self._announcements.append(state_message)

    def _reject(self, reason: str) -> None:
        self._events.append(FrameRejected(reason))
