"""The node's side of the handshake, with one client after another (`protocol/client.md` §8, `agent.md` §4.9)."""

from collections.abc import Mapping
from enum import Enum, auto
from typing import Any

from ferryman.channel.ciphers import Cipher, Unopenable
from ferryman.channel.key_agreement import (
    ENCRYPTED,
    SEALED_BY_CLIENT,
    DataKeySealed,
    Encryption,
    Entropy,
    KeyRefused,
    NodeKeyAgreement,
)
from ferryman.channel.negotiation import OURS
from ferryman.wire.payloads import (
    ACTION_SUCCESS,
    KMS_ENCRYPTION_ACTION,
    Extensions,
    HandshakeComplete,
    HandshakeRequest,
    HandshakeResponse,
    ProcessedAction,
    encode_payload,
    session_type_action,
)


class HandshakeState(Enum):
    """Progress of the handshake with the current client."""

    DUE = auto()
    REQUESTED = auto()
    KEY_AWAITED = auto()
    """The client has answered with a data key, which KMS is to decrypt."""
    CHALLENGED = auto()
    """The client is to prove that it has the data key."""
    DONE = auto()
    REFUSED = auto()


class ClientRefused(Exception):
    """The session cannot be run with this client; the text is the reason."""


class NodeHandshake:
    """The handshake requested of each client, and how far the current one has got."""

    def __init__(
        self,
        session_type: str,
        properties: Mapping[str, Any] | None,
        agent_version: str,
        encryption: Encryption | None,
        entropy: Entropy,
    ) -> None:
        self._session_type = session_type
        self._properties = properties
        self._agent_version = agent_version
        self._encryption = encryption
        self._entropy = entropy
        self._began = 0.0
        self._attempts = 0
        self._keys: NodeKeyAgreement | None = None
        self.state = HandshakeState.DUE
        self.response: HandshakeResponse | None = None
        self.completed_once = False

    @property
    def encrypts(self) -> bool:
        """Whether nothing may be sent or accepted in the clear."""
        return self._encryption is not None

    @property
    def cipher(self) -> Cipher | None:
        """Opens the current client's input; None before there is a key."""
        return None if self._keys is None else self._keys.cipher

    def renew(self) -> None:
        """Prepare for another client."""
        self.state = HandshakeState.DUE
        self.response = None
        self._keys = None

    def skip(self) -> None:
        """Note that this client knows no handshake; raises ClientRefused if the session must be encrypted."""
        if self.encrypts:
            raise ClientRefused("it answered no handshake, so the session cannot be encrypted")
        self.state = HandshakeState.DONE

    def request(self, now: float) -> bytes:
        """Return the payload of the HandshakeRequest."""
        actions = [session_type_action(self._session_type, self._properties)]
        if self._encryption is not None:
            self._attempts += 1
            self._keys = NodeKeyAgreement(self._encryption, self._attempts, self._entropy)
            actions.append(self._keys.action())
        self.state = HandshakeState.REQUESTED
        self._began = now
        return encode_payload(HandshakeRequest(self._agent_version, actions, OURS))

    def answered(self, response: HandshakeResponse) -> DataKeySealed | None:
        """Accept the client's response; return the data key that KMS must decrypt first, None if there is none.

        Raises ClientRefused.
        """
        actions = response.processed_client_actions
        refused = next((action for action in actions if action.action_status != ACTION_SUCCESS), None)
        if refused is not None or not actions:
            raise ClientRefused((refused.error if refused else "") or "the client processed no action")
        self.response = response
        if self._keys is None:
            return None
        action = _kms_action(actions)
        if action is None:
            raise ClientRefused("the client cannot encrypt sessions; use a newer one")
        try:
            sealed = self._keys.sealed_key(action.action_result)
        except KeyRefused as error:
            raise ClientRefused(str(error)) from error
        self.state = HandshakeState.KEY_AWAITED
        return sealed

    def awaits(self, attempt: int) -> bool:
        """Whether the result of decrypting this attempt's data key is still of use."""
        return self.state is HandshakeState.KEY_AWAITED and self._keys is not None and self._keys.attempt == attempt

    def challenge(self, data_key: bytes) -> bytes:
        """Use the data key; return the payload of the EncChallengeRequest. Raises ClientRefused."""
        assert self._keys is not None  # noqa: S101 - the state says so
        try:
            payload = self._keys.begin(data_key)
        except KeyRefused as error:
            raise ClientRefused(str(error)) from error
        self.state = HandshakeState.CHALLENGED
        return payload

    def check(self, payload: bytes) -> HandshakeResponse | None:
        """Return the client's response if this EncChallengeResponse shows that it has the data key.

        None if none was asked for. Raises ClientRefused.
        """
        if self.state is not HandshakeState.CHALLENGED or self._keys is None:
            return None
        try:
            self._keys.check(payload)
        except KeyRefused as error:
            raise ClientRefused(str(error)) from error
        return self.response

    def opened(self, payload_type: int, payload: bytes) -> bytes:
        """Return what a client sent, decrypted if it is to be. Raises Unopenable."""
        if not self.encrypts:
            return payload
        if self.cipher is None or self.state is not HandshakeState.DONE:
            raise Unopenable("the client sent input before the session was encrypted")
        return self.cipher.open(payload) if payload_type in SEALED_BY_CLIENT else payload

    def refuse(self, response: HandshakeResponse | None) -> bool:
        """Refuse the present client, which has sent this, if anything; return whether the session may continue.

        It may if it has run with another client, and this one understands why it is refused: Ferryman's.
        """
        self.state = HandshakeState.REFUSED
        response = response or self.response
        return self.completed_once and response is not None and isinstance(response.ferryman, Extensions)

    def complete(self, now: float) -> bytes:
        """Return the payload of the HandshakeComplete."""
        self.state = HandshakeState.DONE
        self.completed_once = True
        text = ENCRYPTED if self.encrypts else ""
        return encode_payload(HandshakeComplete(int((now - self._began) * 1e9), text))


def _kms_action(actions: list[ProcessedAction]) -> ProcessedAction | None:
    return next((action for action in actions if action.action_type == KMS_ENCRYPTION_ACTION), None)
