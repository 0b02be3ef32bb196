"""The client's end of a data channel, without I/O (`protocol/client.md` §7 to §8).

The far end is Ferryman's agent, or AWS's: with a handshake, or, for its plain shells, without one.
"""

import math
from collections.abc import Mapping
from enum import Enum, auto
from typing import Any

import msgspec

from ferryman.channel.ciphers import Unopenable
from ferryman.channel.events import (
    ClientEvent,
    ClientNotAccepted,
    CustomerMessageReceived,
    FarEndAnswered,
    FarEndFellSilent,
    FrameRejected,
    NoticeReceived,
    OutputReceived,
    SessionEnded,
    SessionStarted,
)
from ferryman.channel.key_agreement import SEALED_BY_CLIENT, SEALED_BY_NODE, ClientKeyAgreement, KeyRefused
from ferryman.channel.liveness import Liveness
from ferryman.channel.negotiation import AWS, agree, offer
from ferryman.channel.streams.outgoing import Clock, Entropy, Peer
from ferryman.channel.streams.stream import ReliableStream
from ferryman.channel.streams.window import Window
from ferryman.model.session_types import SessionType
from ferryman.model.values.versions import CLIENT_VERSION
from ferryman.wire.agent_message import AgentMessage, MalformedFrame, MessageType, PayloadType, decode
from ferryman.wire.payloads import (
    ACTION_FAILED,
    ACTION_SUCCESS,
    ACTION_UNSUPPORTED,
    KMS_ENCRYPTION_ACTION,
    SESSION_TYPE_ACTION,
    Extensions,
    HandshakeComplete,
    HandshakeRequest,
    HandshakeResponse,
    KmsEncryptionParameters,
    MalformedPayload,
    Notice,
    ProcessedAction,
    RequestedAction,
    SessionTypeParameters,
    closing,
    decode_payload,
    encode_payload,
)

FAR_END = frozenset({MessageType.OUTPUT_STREAM_DATA, MessageType.ACKNOWLEDGE})
"""The message types that the node sends; all others come from the server."""


class ClientState(Enum):
    """Where a client stands. The handshake is done once; reconnecting changes nothing here."""

    WAITING = auto()
    """Nothing of the stream has arrived."""
    KEY_AWAITED = auto()
    """The node requested encryption, and KMS is to generate a data key."""
    SHAKING_HANDS = auto()
    """The handshake request is answered."""
    OPEN = auto()
    """SessionStarted has happened."""
    ENDED = auto()
    """The server closed the session."""


class ClientChannel:
    """One client process's end of one session.

    Nothing blocks and nothing is read from a clock but `wall_clock_ms` (milliseconds since the epoch, for CreatedDate);
    `now` is monotonic seconds. `entropy(n)` returns n random bytes. `terminal_type` is TERM of the client's terminal.
    `encrypts`: the driver handles DataKeyRequested; otherwise encrypted sessions are refused. After any call, send what
    `frames_to_send` returns, and call it again at `next_timer`. One text frame, OpenDataChannel, must go out before: it
    is the driver's.
    """

    def __init__(
        self,
        *,
        entropy: Entropy,
        wall_clock_ms: Clock,
        client_version: str = CLIENT_VERSION,
        window: Window | None = None,
        terminal_type: str = "",
        encrypts: bool = False,
    ) -> None:
        self._stream = ReliableStream(
            MessageType.INPUT_STREAM_DATA,
            syn=False,
            window=window or Window(),
            entropy=entropy,
            wall_clock_ms=wall_clock_ms,
        )
        self._client_version = client_version
        self._ours = offer(terminal_type)
        self._state = ClientState.WAITING
        self._connected = False
        self._events: list[ClientEvent] = []
        self._session: SessionTypeParameters | None = None
        self._agent_version = ""
        self._agreed = AWS
        self._peer = Peer.AWS_AGENT
        self._liveness = Liveness()
        self._paused = False
        self._entropy = entropy
        self._encrypts = encrypts
        self._keys: ClientKeyAgreement | None = None
        self._request: HandshakeRequest | None = None
        self._processed: list[ProcessedAction] = []
        self._question = b""
        """A message that the far end has had: the handshake response."""

    @property
    def state(self) -> ClientState:
        """Return where the client stands."""
        return self._state

    @property
    def all_acknowledged(self) -> bool:
        """Return whether the node has acknowledged everything that was given to `send`."""
        return self._stream.all_acknowledged()

    @property
    def delivered_input(self) -> int:
        """Return how many bytes of what was typed, given to `send` as output, the node has acknowledged."""
        return self._stream.delivered_output()

    @property
    def round_trip(self) -> float | None:
        """Return the present round trip to the node in seconds, smoothed; None before the first measurement."""
        return self._stream.outgoing.round_trip.recent

    def connection_made(self, now: float) -> None:
        """Note that the channel is open, and resend everything unacknowledged immediately, in order."""
        self._connected = True
        self._stream.outgoing.restart()

    def connection_lost(self, now: float) -> None:
        """Note that the channel is gone: send nothing until `connection_made`, and keep data given to `send`."""
        self._connected = False
        self._liveness.stop()

    def receive(self, frame: bytes, now: float) -> None:
        """Process one WebSocket message. Never raises: a bad frame becomes a FrameRejected event."""
        if self._state is ClientState.ENDED:
            return
        try:
            self._receive(decode(frame, digested=not self._agreed.undigested), now)
        except (MalformedFrame, MalformedPayload) as error:
            self._reject(str(error))

    def frames_to_send(self, now: float) -> list[bytes]:
        """Return the frames to send now, in this order, and forget that they are due."""
        if not self._connected or self._state is ClientState.ENDED:
            return []
        frames = self._stream.incoming.acknowledgements(now) + self._stream.outgoing.frames(now)
        if self._state is ClientState.OPEN and self._peer is Peer.FERRYMAN:
            frames += self._questions(now)
        return frames

    def next_timer(self) -> float | None:
        """Return when to call `frames_to_send` again if nothing happens before, None for never."""
        if not self._connected or self._state is ClientState.ENDED:
            return None
        timer = self._stream.next_timer()
        question = self._liveness.next_timer
        if timer is None:
            return None if question == math.inf else question
        return min(timer, question)

    def events(self) -> list[ClientEvent]:
        """Return the events since the last call, in order."""
        events, self._events = self._events, []
        return events

    def capacity(self) -> int:
        """Return how many bytes `send` may take now; 0 before SessionStarted and while the window is full."""
        return self._stream.capacity() if self._state is ClientState.OPEN else 0

    def send(self, payload_type: PayloadType, payload: bytes, now: float) -> None:
        """Send user data, split as the node takes it; before SessionStarted it is held.

        Never refused: output beyond `capacity()` only grows the memory held. Sizes and flags may go beyond it.
        """
        self._stream.send(payload_type, payload)

    def acknowledge(self, sequence_number: int, now: float) -> None:
        """Report that the OutputReceived with this number, and all before it, are written out."""
        self._stream.consume(sequence_number, now)
        self._deliver(now)

    def _questions(self, now: float) -> list[bytes]:
        """Return the frames that ask a long silent far end whether it is still there."""
        if self._paused:
            return []
        self._liveness.start(now)
        was_silent = self._liveness.silent
        if not self._liveness.is_due(now):
            return []
        if self._liveness.silent and not was_silent:
            self._events.append(FarEndFellSilent())
        return [self._question]

    def _receive(self, message: AgentMessage, now: float) -> None:
        if message.message_type in FAR_END and self._liveness.heard(now):
            self._events.append(FarEndAnswered())
        match message.message_type:
            case MessageType.OUTPUT_STREAM_DATA:
                self._stream.incoming.offer(message, now)
                self._deliver(now)
            case MessageType.ACKNOWLEDGE:
                self._stream.acknowledged(message, now)
            case MessageType.CHANNEL_CLOSED:
                self._state = ClientState.ENDED
                self._events.append(SessionEnded(*closing(message.payload)))
            case MessageType.NOTICE:
                self._notice(decode_payload(message.payload, Notice), now)
            case MessageType.START_PUBLICATION | MessageType.PAUSE_PUBLICATION:
                pass  # for nodes; a service may send them to both ends
            case _:
                self._reject(f"a client takes no {message.message_type!r} messages")

    def _notice(self, notice: Notice, now: float) -> None:
        """Pass on the server's notice; while it holds the session back, the node's silence means nothing."""
        if notice.paused is not None:
            self._paused = notice.paused
            self._liveness.stop()
            if self._liveness.silent and self._liveness.heard(now):
                self._events.append(FarEndAnswered())
        self._events.append(NoticeReceived(notice.text))

    def _deliver(self, now: float) -> None:
        incoming = self._stream.incoming
        while (message := incoming.next_message()) is not None:
            try:
                delivered = self._process(message)
            except (MalformedPayload, Unopenable) as error:
                incoming.refuse()
                self._reject(str(error))
                return
            incoming.advance(now, consumed=not delivered)

    def _process(self, message: AgentMessage) -> bool:
        """Process the next stream message; return whether it went to the driver. Raises MalformedPayload."""
        match message.payload_type:
            case PayloadType.HANDSHAKE_REQUEST:
                self._answer_handshake(decode_payload(message.payload, HandshakeRequest))
            case PayloadType.HANDSHAKE_COMPLETE:
                self._complete_handshake(decode_payload(message.payload, HandshakeComplete))
            case PayloadType.ENCRYPTION_CHALLENGE_REQUEST:
                self._answer_challenge(message.payload)
            case PayloadType.ERROR if self._state in (ClientState.KEY_AWAITED, ClientState.SHAKING_HANDS):
                self._events.append(ClientNotAccepted(message.payload.decode(errors="replace")))
            case _:
                if self._state is ClientState.WAITING:
                    self._start(SessionType.STANDARD_STREAM, None)
                payload = self._opened(message)
                number = self._stream.delivery_number(self._stream.incoming.expected)
                self._events.append(OutputReceived(number, message.payload_type, payload))
                return True
        return False

    def _opened(self, message: AgentMessage) -> bytes:
        """Return what the node sent, decrypted if it is to be. Raises Unopenable."""
        if self._keys is None:
            return message.payload
        if self._state is not ClientState.OPEN or self._keys.cipher is None:
            raise Unopenable("the node sent output before the session was encrypted")
        return self._keys.cipher.open(message.payload) if message.payload_type in SEALED_BY_NODE else message.payload

    def use_data_key(self, data_key: bytes, ciphertext: bytes, now: float) -> None:
        """Answer a DataKeyRequested with the key that KMS generated: its 64 bytes, and its ciphertext."""
        if self._state is not ClientState.KEY_AWAITED or self._keys is None:
            return
        try:
            result = self._keys.begin(data_key, ciphertext)
        except KeyRefused as error:
            self.refuse_data_key(str(error))
            return
        if self._keys.cipher is not None:
            self._stream.outgoing.seal(self._keys.cipher, SEALED_BY_CLIENT)
        self._respond(ProcessedAction(KMS_ENCRYPTION_ACTION, ACTION_SUCCESS, result))

    def refuse_data_key(self, reason: str) -> None:
        """Answer a DataKeyRequested without a data key, for this reason; the node then refuses the session."""
        if self._state is ClientState.KEY_AWAITED:
            error = f"Failed to process action {KMS_ENCRYPTION_ACTION}: {reason}"
            self._respond(ProcessedAction(KMS_ENCRYPTION_ACTION, ACTION_FAILED, error=error))

    def _answer_handshake(self, request: HandshakeRequest) -> None:
        if self._state is not ClientState.WAITING:
            self._reject("a second handshake request")
            return
        actions = request.requested_client_actions
        self._processed = [self._process_action(action) for action in actions]
        self._request = request
        encryption = next((action for action in actions if action.action_type == KMS_ENCRYPTION_ACTION), None)
        if encryption is None or not self._encrypts or self._session is None:
            self._respond()
            return
        parameters = decode_payload(bytes(encryption.action_parameters), KmsEncryptionParameters)
        self._keys = ClientKeyAgreement(parameters, self._entropy)
        self._state = ClientState.KEY_AWAITED
        self._events.append(self._keys.requested)

    def _respond(self, encryption: ProcessedAction | None = None) -> None:
        """Answer the handshake request; `encryption` is the result of that action, if it is known by now."""
        request = self._request
        assert request is not None  # noqa: S101 - the state says so
        actions = [
            encryption if encryption and action.action_type == KMS_ENCRYPTION_ACTION else action
            for action in self._processed
        ]
        errors = [action.error for action in actions if action.error]
        ours: Extensions | msgspec.UnsetType = msgspec.UNSET
        if request.ferryman is not None:
            self._peer = Peer.FERRYMAN
            ours = self._ours
            self._agreed = agree(request.ferryman)
        self._agent_version = request.agent_version
        self._state = ClientState.SHAKING_HANDS
        response = HandshakeResponse(self._client_version, actions, errors or None, ours)
        self._question = self._stream.outgoing.add(PayloadType.HANDSHAKE_RESPONSE, encode_payload(response))

    def _answer_challenge(self, payload: bytes) -> None:
        try:
            if self._keys is None:
                raise KeyRefused("an encryption challenge came without encryption")
            answer = self._keys.answer(payload)
        except KeyRefused as error:
            self._reject(str(error))
            return
        self._stream.outgoing.add(PayloadType.ENCRYPTION_CHALLENGE_RESPONSE, answer)

    def _process_action(self, action: RequestedAction) -> ProcessedAction:
        if action.action_type != SESSION_TYPE_ACTION:
            error = f"Unsupported action {action.action_type}"
            return ProcessedAction(action.action_type, ACTION_UNSUPPORTED, error=error)
        session = decode_payload(bytes(action.action_parameters), SessionTypeParameters)
        if session.session_type not in list(SessionType):
            error = f"Failed to process action {action.action_type}: Unknown session type {session.session_type}"
            return ProcessedAction(action.action_type, ACTION_FAILED, error=error)
        self._session = session
        return ProcessedAction(action.action_type, ACTION_SUCCESS)

    def _complete_handshake(self, complete: HandshakeComplete) -> None:
        if self._state is not ClientState.SHAKING_HANDS or self._session is None:
            self._reject("the handshake was completed before a session type was agreed")
            return
        if self._keys is not None and not self._keys.proven:
            self._reject("the handshake was completed before the node showed that it has the data key")
            return
        if complete.customer_message:
            self._events.append(CustomerMessageReceived(complete.customer_message))
        properties = self._session.properties
        self._start(self._session.session_type, properties if isinstance(properties, Mapping) else None)

    def _start(self, session_type: str, properties: Mapping[str, Any] | None) -> None:
        self._state = ClientState.OPEN
        self._stream.open(self._agreed, self._peer)
        key = "" if self._keys is None else self._keys.requested.kms_key_id
        self._events.append(SessionStarted(session_type, properties, self._agent_version, self._agreed, key))

    def _reject(self, reason: str) -> None:
        self._events.append(FrameRejected(reason))
