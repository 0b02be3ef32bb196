"""The client that a node's end of a session has now: its handshake, what the two agreed, and when data may flow."""

from ferryman.channel.agent_handshake import ClientRefused, HandshakeState, NodeHandshake
from ferryman.channel.events import AgentEvent, ClientReady, FrameRejected, HandshakeRefused
from ferryman.channel.key_agreement import SEALED_BY_NODE
from ferryman.channel.negotiation import AWS, agree
from ferryman.channel.peer_versions import is_aws_client
from ferryman.channel.streams.outgoing import Peer
from ferryman.channel.streams.stream import ReliableStream
from ferryman.model.session_types import TERMINAL_TYPES, SessionType
from ferryman.wire.agent_message import PayloadType
from ferryman.wire.payloads import Extensions, HandshakeResponse, Publication

QUIET = 0.1
"""Any message between HandshakeComplete and the end of its port set-up crashes AWS's client (client.md §12.2)."""


class CurrentClient:
    """The client of one session, and after it the next. Events are appended to `events`.

    `agreed` is what the two can do, `digested` whether the client's frames must have right digests. Until
    `quiet_until`, if it is set, the client is sent nothing; `quiet_due` says that this begins with the next frames.
    """

    def __init__(
        self,
        session_type: str,
        stream: ReliableStream,
        handshake: NodeHandshake,
        events: list[AgentEvent],
    ) -> None:
        self.handshake = handshake
        self.agreed = AWS
        self.digested = True
        self.quiet_due = False
        self.quiet_until: float | None = None
        self._session_type = session_type
        self._stream = stream
        self._events = events
        self._peer = Peer.AWS_CLIENT

    def renew(self) -> None:
        """Prepare for another client."""
        self.handshake.renew()
        self.agreed = AWS
        self.digested = True
        self.quiet_due = False
        self.quiet_until = None

    def greet(self, started: Publication, now: float) -> None:
        """Request the handshake, unless that was done or this client expects none."""
        if self.handshake.state is not HandshakeState.DUE:
            return
        if started.handshake is False and self._session_type in TERMINAL_TYPES and not self.handshake.encrypts:
            # As AWS's agent does: empty output makes AWS's client start its shell and send its size.
            self._stream.outgoing.add(PayloadType.OUTPUT, b"")
            self._open_without_handshake()
        else:
            self._stream.outgoing.add(PayloadType.HANDSHAKE_REQUEST, self.handshake.request(now))

    def sends_input(self) -> None:
        """Open a shell to a client that sends input before it answers the handshake request: it will not answer.

        AWS's agents request no handshake for plain shells, so some clients do not know it. They check no digests
        either, so such clients may send wrong ones.
        """
        if self.handshake.state is HandshakeState.REQUESTED and self._session_type in TERMINAL_TYPES:
            self._open_without_handshake()

    def answers(self, response: HandshakeResponse, now: float) -> None:
        """Conclude the handshake with the client's response, or wait for KMS to decrypt the data key in it."""
        if self.handshake.state is not HandshakeState.REQUESTED:
            self._events.append(FrameRejected("a handshake response that was not asked for"))
            return
        try:
            sealed = self.handshake.answered(response)
        except ClientRefused as refused:
            self._refuse(str(refused), response)
            return
        if sealed is not None:
            self._events.append(sealed)
        else:
            self._complete(response, now)

    def use_data_key(self, attempt: int, data_key: bytes) -> None:
        """Challenge the client to prove that it has the data key. Too late, it does nothing."""
        if not self.handshake.awaits(attempt):
            return
        try:
            challenge = self.handshake.challenge(data_key)
        except ClientRefused as refused:
            self._refuse(str(refused))
            return
        if self.handshake.cipher is not None:
            self._stream.outgoing.seal(self.handshake.cipher, SEALED_BY_NODE)
        self._stream.outgoing.add(PayloadType.ENCRYPTION_CHALLENGE_REQUEST, challenge)

    def refuse_data_key(self, attempt: int, reason: str) -> None:
        """Refuse the client because KMS did not decrypt its data key. Too late, it does nothing."""
        if self.handshake.awaits(attempt):
            self._refuse(reason)

    def proves_key(self, payload: bytes, now: float) -> None:
        """Conclude the handshake with the client's EncChallengeResponse."""
        try:
            response = self.handshake.check(payload)
        except ClientRefused as refused:
            self._refuse(str(refused))
            return
        if response is None:
            self._events.append(FrameRejected("an answer to an encryption challenge that was not asked for"))
        else:
            self._complete(response, now)

    def begin_quiet(self, now: float) -> None:
        """Send nothing for QUIET seconds: HandshakeComplete has just gone out."""
        self.quiet_due = False
        self.quiet_until = now + QUIET

    def end_quiet(self) -> None:
        """Let data flow."""
        self.quiet_until = None
        self._open_stream(self._peer)

    def _open_without_handshake(self) -> None:
        try:
            self.handshake.skip()
        except ClientRefused as refused:
            self._refuse(str(refused))
            return
        self.digested = False
        self._open_stream(Peer.OTHER_CLIENT)
        self._events.append(ClientReady(""))

    def _complete(self, response: HandshakeResponse, now: float) -> None:
        self._stream.outgoing.add(PayloadType.HANDSHAKE_COMPLETE, self.handshake.complete(now))
        self.agreed = AWS
        if isinstance(response.ferryman, Extensions):
            self.agreed = agree(response.ferryman)
            self.digested = not self.agreed.undigested
            self._open_stream(Peer.FERRYMAN)
        else:
            self._peer = Peer.AWS_CLIENT if is_aws_client(response.client_version) else Peer.OTHER_CLIENT
            if self._session_type == SessionType.PORT:
                self.quiet_due = True
            else:
                self._open_stream(self._peer)
        self._events.append(ClientReady(response.client_version, self.agreed))

    def _refuse(self, reason: str, response: HandshakeResponse | None = None) -> None:
        """Refuse the client: the session ends, unless it has run with another and this one understands why."""
        if continues := self.handshake.refuse(response):
            self._stream.outgoing.add(PayloadType.ERROR, reason.encode())
        self._events.append(HandshakeRefused(reason, is_final=not continues))

    def _open_stream(self, peer: Peer) -> None:
        """Let data flow, without an exit code that was meant for an earlier client: AWS's clients would show it."""
        shown = self._session_type in TERMINAL_TYPES and not self.agreed.exit_code
        self._stream.open(self.agreed, peer, without={PayloadType.EXIT_CODE} if shown else ())
