"""Events of the data-channel engines for their driver. Past tense: an event has happened when the driver sees it."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from ferryman.channel.key_agreement import DataKeyRequested, DataKeySealed
from ferryman.channel.negotiation import AWS
from ferryman.wire.payloads import Extensions


@dataclass(frozen=True, slots=True)
class SessionStarted:
    """Client: the session is open, input may be sent; for shells the driver sends Size first.

    `properties` are those of the session document, None when there are none. `agent_version` is "" for a node that does
    not handshake, which peers treat as older than everything (`protocol/client.md` §8.4). `agreed` are the abilities
    beyond those of AWS's ends that may be used. `kms_key_id` is the key that the session is encrypted with, "" if it is
    not.
    """

    session_type: str
    properties: Mapping[str, Any] | None
    agent_version: str
    agreed: Extensions = AWS
    kms_key_id: str = ""

    @property
    def mux(self) -> int:
        """Return the version of smux that port sessions speak."""
        return self.agreed.mux

    @property
    def stdin(self) -> bool:
        """Return whether a non-interactive command reads its input, until the flag InputEnded."""
        return self.agreed.stdin


@dataclass(frozen=True, slots=True)
class OutputReceived:
    """Client: the next output, in order. `acknowledge(sequence_number, now)` once it is written out."""

    sequence_number: int
    payload_type: int
    payload: bytes


@dataclass(frozen=True, slots=True)
class CustomerMessageReceived:
    """Client: a text of the node's for the user."""

    text: str


@dataclass(frozen=True, slots=True)
class NoticeReceived:
    """Client: a text of the server's for the user, at any time."""

    text: str


@dataclass(frozen=True, slots=True)
class FarEndFellSilent:
    """Client: Ferryman's agent does not answer when asked, though the server does; once until FarEndAnswered."""


@dataclass(frozen=True, slots=True)
class FarEndAnswered:
    """Client: the agent answers again."""


@dataclass(frozen=True, slots=True)
class ClientNotAccepted:
    """Client: the session cannot run with this client, for this reason.

    Unless `ends`, it may continue with another one: Ferryman's agent has refused this one only.
    """

    reason: str
    ends: bool = False


@dataclass(frozen=True, slots=True)
class ClientReady:
    """Agent: the handshake is complete. It happens again after every ClientReplaced.

    `client_version` is empty for a client without a handshake.
    `agreed` are the abilities beyond those of AWS's ends that may be used; another client may agree to others.
    """

    client_version: str
    agreed: Extensions = AWS

    @property
    def mux(self) -> int:
        """Return the version of smux that port sessions speak."""
        return self.agreed.mux

    @property
    def stdin(self) -> bool:
        """Return whether the input of a non-interactive command is its standard input, until the flag InputEnded."""
        return self.agreed.stdin


@dataclass(frozen=True, slots=True)
class HandshakeRefused:
    """Agent: the session cannot continue with this client: it could not do what the handshake asked, or KMS refused.

    Unless `is_final`, the session continues with the next client: it has run with an earlier one, and this one has been
    told the reason.
    """

    reason: str
    is_final: bool = True


@dataclass(frozen=True, slots=True)
class InputReceived:
    """Agent: the next input, in order. `acknowledge(sequence_number, now)` once it is handed to the program.

    The number grows over the whole life of the engine, also when another client takes the session over.
    """

    sequence_number: int
    payload_type: int
    payload: bytes


@dataclass(frozen=True, slots=True)
class PublicationPaused:
    """Agent: no client is connected; nothing is sent until PublicationStarted or ClientReplaced."""


@dataclass(frozen=True, slots=True)
class PublicationStarted:
    """Agent: the client is connected, the first one or the same as before. None: the server named none."""

    client_id: str | None


@dataclass(frozen=True, slots=True)
class ClientReplaced:
    """Agent: another client process has taken over the session; ClientReady follows after its handshake.

    Input that was received and not acknowledged is gone; acknowledging it does nothing.
    """

    client_id: str


@dataclass(frozen=True, slots=True)
class OutputPresumed:
    """Agent: messages that AWS's client never acknowledged now count as delivered: `capacity` or `all_acknowledged` may
    have changed.

    `given_up` is how many messages count as delivered only because the client was silent for too long after `finish`.
    """

    given_up: int = 0


@dataclass(frozen=True, slots=True)
class SessionEnded:
    """Both: the server ended the session; `output` is the reason for the user, "" for a normal end.

    `lost`: it did not end by itself, but failed at its node, or a person or a limit ended it; only Ferryman's server
    says so.
    """

    output: str
    lost: bool = False


@dataclass(frozen=True, slots=True)
class FrameRejected:
    """Both: a frame was dropped without effect; it was malformed, or had no business here."""

    reason: str


ClientEvent = (
    SessionStarted
    | OutputReceived
    | CustomerMessageReceived
    | NoticeReceived
    | FarEndFellSilent
    | FarEndAnswered
    | DataKeyRequested
    | ClientNotAccepted
    | SessionEnded
    | FrameRejected
)
AgentEvent = (
    ClientReady
    | DataKeySealed
    | HandshakeRefused
    | InputReceived
    | PublicationPaused
    | PublicationStarted
    | ClientReplaced
    | OutputPresumed
    | SessionEnded
    | FrameRejected
)
Event = ClientEvent | AgentEvent
