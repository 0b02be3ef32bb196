"""The node's end of a data channel, without I/O (`protocol/agent.md` §4, `client.md` §7 to §8, §12).

The far end is Ferryman's client or AWS's. The server between them says whether a client is connected, and which one.
"""

from collections.abc import Mapping
from typing import Any

from ferryman.channel.agent_handshake import HandshakeState, NodeHandshake
from ferryman.channel.ciphers import Unopenable
from ferryman.channel.current_client import CurrentClient
from ferryman.channel.events import (
    AgentEvent,
    ClientReplaced,
    FrameRejected,
    InputReceived,
    OutputPresumed,
    PublicationPaused,
    PublicationStarted,
    SessionEnded,
)
from ferryman.channel.key_agreement import Encryption
from ferryman.channel.negotiation import AWS
from ferryman.channel.publication import PublicationState, publication
from ferryman.channel.streams.outgoing import Clock, Entropy, unnumbered
from ferryman.channel.streams.stream import ReliableStream
from ferryman.channel.streams.window import Window
from ferryman.model.session_types import SessionType
from ferryman.model.values.versions import AGENT_VERSION
from ferryman.wire.agent_message import AgentMessage, MalformedFrame, MessageType, PayloadType, decode
from ferryman.wire.payloads import (
    AgentSessionState,
    HandshakeResponse,
    MalformedPayload,
    Publication,
    closing,
    decode_payload,
    encode_payload,
)

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
        self._events: list[AgentEvent] = []
        self._client = CurrentClient(session_type, self._stream, self._handshake, self._events)
        self._client_id: str | None = None
        self._connected = False
        self._ended = self._finished = False
        self._announcements: list[bytes] = []
        self._input_is_lost = False
        self._delivered = 0
        self._silent_since = 0.0

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
        self._input_is_lost = self._handshake.state is HandshakeState.DONE and self._client.agreed is not AWS
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
            self._receive(decode(frame, digested=self._client.digested), now)
        except (MalformedFrame, MalformedPayload) as error:
            self._reject(str(error))

    def frames_to_send(self, now: float) -> list[bytes]:
        """Return the frames to send now, in this order, and forget that they are due."""
        if not self._connected or self._ended:
            return []
        frames, self._announcements = self._announcements, []
        if self._publication is PublicationState.AWAITED:
            return frames
        if self._client.quiet_until is not None:
            if now < self._client.quiet_until:
                return frames
            self._client.end_quiet()
        frames += self._stream.incoming.acknowledgements(now)
        if self._publication is PublicationState.STARTED:
            frames += self._output(now)
            if self._client.quiet_due:
                self._client.begin_quiet(now)
        return frames

    def next_timer(self) -> float | None:
        """Return when to call `frames_to_send` again if nothing happens before, None for never."""
        if not self._connected or self._ended or self._publication is PublicationState.AWAITED:
            return None
        if self._client.quiet_until is not None:
            return self._client.quiet_until
        if self._publication is PublicationState.PAUSED:  # acknowledgements are all that goes out
            return self._stream.next_acknowledgement()
        return self._stream.next_timer()

    def events(self) -> list[AgentEvent]:
        """Return the events since the last call, in order."""
        events = self._events.copy()
        self._events.clear()
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

    def use_data_key(self, attempt: int, data_key: bytes, now: float) -> None:
        """Continue the handshake of a DataKeySealed with the 64 bytes that KMS decrypted; too late, it does nothing."""
        self._client.use_data_key(attempt, data_key)

    def refuse_data_key(self, attempt: int, reason: str) -> None:
        """End the handshake of a DataKeySealed: KMS did not decrypt the key. Too late, it does nothing."""
        self._client.refuse_data_key(attempt, reason)

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
            self._client.renew()
        if client_id is not None:
            self._announce("Connected", client_id)
        if replaced and client_id is not None:
            self._events.append(ClientReplaced(client_id))
        else:
            self._events.append(PublicationStarted(client_id))
        if self._input_is_lost and not replaced:
            self._stream.incoming.ask_for_the_rest()
        self._input_is_lost = False
        self._client.greet(started, now)
        self._stream.outgoing.restart()

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
            self._client.answers(response, now)
        elif message.payload_type == PayloadType.ENCRYPTION_CHALLENGE_RESPONSE and self._handshake.encrypts:
            incoming.advance(now, consumed=True)
            self._client.proves_key(message.payload, now)
        else:
            self._client.sends_input()
            payload = self._handshake.opened(message.payload_type, message.payload)
            number = self._stream.delivery_number(incoming.expected)
            incoming.advance(now, consumed=False)
            self._stream.outgoing.listening()
            self._events.append(InputReceived(number, message.payload_type, payload))

    def _announce(self, state: str, client_id: str | None) -> None:
        """Send the server a session state before everything else (agent.md §4.2)."""
        delivered = None if client_id is None else self._stream.delivered_output()
        payload = encode_payload(AgentSessionState(1, state, self._session_id, client_id, delivered))
        state_message = unnumbered(MessageType.AGENT_SESSION_STATE, payload, self._entropy, self._wall_clock_ms)
        self._announcements.append(state_message)

    def _reject(self, reason: str) -> None:
        self._events.append(FrameRejected(reason))
